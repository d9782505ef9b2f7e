import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import type { Spawn } from "./threads.js";

/** The worker's file in the build, also where the sources run as they are. */
function workerFile(): URL {
  const built = createRequire(import.meta.url).resolve("quadlane/kernels.simd.wasm");
  return new URL("lib/threads_worker.node.js", pathToFileURL(built));
}

/** Starts a worker thread of Node. */
export const spawnWorker: Spawn = (start, events) => {
  // The flags of this process may be meant for its own script.
  const worker = new Worker(workerFile(), { workerData: start, execArgv: [] });
  worker.once("message", () => events.ready());
  worker.once("error", (error) => events.ended(error.message));
  worker.once("exit", (code) => events.ended(`it exited with code ${code}`));
  return { unref: () => worker.unref(), terminate: () => void worker.terminate() };
};
