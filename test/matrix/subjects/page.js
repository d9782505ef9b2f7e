// The subject in a page that finds the package's files by itself, with Vite or with no bundler at all.
import { checkOps } from "../../../build/tools/test/matrix/ops.js";
import { tasksOf } from "../../../build/tools/test/matrix/tasks.js";
import { answer } from "./answer.js";

const tasks = { ...tasksOf(), ops: (step) => checkOps(step) };
window.call = (request) => answer(tasks, request);
