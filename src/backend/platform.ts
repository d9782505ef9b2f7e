import type { Spawn } from "../runtime/threads.js";
import { spawnWebWorker } from "../runtime/threads_web.js";

/** What a platform can do beside what every engine offers. */
export interface Platform {
  /**
   * Makes the engine fuse neighbouring 128-bit operations into 256-bit ones, in all that it compiles from now on. Returns why it cannot,
   * and then has changed nothing, or null.
   */
  readonly widen: () => string | null;
  /** Processors that threads could run on. */
  readonly processors: () => number;
  /** Why no threads can share the memory; null if they can. */
  readonly threadless: () => string | null;
  readonly spawn: Spawn;
}

/** Whatever has the interfaces of the web. */
const web: Platform = {
  widen: () => "only Node can turn them on",
  processors: () => (typeof navigator === "object" ? navigator.hardwareConcurrency : 1),
  threadless: () => {
    if (typeof Worker !== "function") return "this platform has no workers";
    if (typeof SharedArrayBuffer !== "function" || globalThis.crossOriginIsolated === false) {
      return "the page is not cross-origin isolated, so that there is no shared memory";
    }
    return null;
  },
  spawn: spawnWebWorker,
};

/** Replaced by the entry for Node. */
export let platform = web;

export function setPlatform(own: Platform): void {
  platform = own;
}
