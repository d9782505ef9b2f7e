import type { Spawn } from "../runtime/threads.js";
import { spawnWebWorker } from "../runtime/threads_web.js";
import type { Binary } from "./probe.js";

/** What a platform can do beside what every engine offers. */
export interface Platform {
  /** The bytes of one of this package's kernel binaries, without fetching; null where they must be fetched. */
  readonly read: ((binary: Binary) => Uint8Array<ArrayBuffer>) | null;
  /** The bytes at an address of a file; null where there are no files. */
  readonly open: ((file: URL) => Uint8Array<ArrayBuffer>) | null;
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
  read: null,
  open: null,
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
