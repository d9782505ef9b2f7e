import type { Spawn } from "./threads.js";

/** Starts a Web Worker. It ends with its page, so that there is nothing to unref. */
export const spawnWebWorker: Spawn = (start, events) => {
  const worker = new Worker(new URL("./threads_worker.js", import.meta.url), { type: "module" });
  worker.onmessage = () => events.ready();
  worker.onerror = (event) => events.ended(event.message || "its script could not be loaded");
  worker.postMessage(start);
  return { unref: () => {}, terminate: () => worker.terminate() };
};
