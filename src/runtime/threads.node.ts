import { builtin, packageFile } from "./system.node.js";
import type { Spawn } from "./threads.js";

/** Starts a worker thread of Node. */
export const spawnWorker: Spawn = (start, events) => {
  const { Worker } = builtin("node:worker_threads");
  // The flags of this process may be meant for its own script.
  const worker = new Worker(packageFile("lib/threads_worker.node.js"), { workerData: start, execArgv: [] });
  worker.once("message", () => events.ready());
  worker.once("error", (error) => events.ended(error.message));
  worker.once("exit", (code) => events.ended(`it exited with code ${code}`));
  return { unref: () => worker.unref(), terminate: () => void worker.terminate() };
};
