// The subject in a bundle whose maker does not follow `new URL(…, import.meta.url)`: the kernels are imported as addresses of files.
import relaxed from "quadlane/kernels.relaxed.wasm";
import simd from "quadlane/kernels.simd.wasm";
import { checkOps } from "../../../build/tools/test/matrix/ops.js";
import { tasksOf } from "../../../build/tools/test/matrix/tasks.js";
import { answer } from "./answer.js";

const kernels = (binary) => ({ relaxed, simd })[binary];
const tasks = { ...tasksOf(kernels), ops: (step) => checkOps(step, kernels) };
window.call = (request) => answer(tasks, request);
