// The script of a worker thread in Node.
import { parentPort, workerData } from "node:worker_threads";
import type { ThreadStart } from "./threads_protocol.js";
import { kernelsOf, serve } from "./threads_serve.js";

const start = workerData as ThreadStart;
const kernels = kernelsOf(start);
parentPort!.postMessage("ready");
serve(kernels, start);
