// The subject in workerd: kernels are imported as compiled modules, and calls come as requests.
import relaxed from "quadlane/kernels.relaxed.wasm";
import simd from "quadlane/kernels.simd.wasm";
import { checkOps } from "../../../build/tools/test/matrix/ops.js";
import { tasksOf } from "../../../build/tools/test/matrix/tasks.js";
import { answer } from "./answer.js";

const kernels = (binary) => ({ relaxed, simd })[binary];
const tasks = { ...tasksOf(kernels), ops: (step) => checkOps(step, kernels) };

export default {
  fetch: async (request) => Response.json(await answer(tasks, await request.json())),
};
