import type { Binary } from "./probe.js";

/** What a platform can do beside what every engine offers. */
export interface Platform {
  /** The bytes of one of this package's kernel binaries, without fetching; null where they must be fetched. */
  readonly read: ((binary: Binary) => Uint8Array<ArrayBuffer>) | null;
  /**
   * Makes the engine fuse neighbouring 128-bit operations into 256-bit ones, in all that it compiles from now on. Returns why it cannot,
   * and then has changed nothing, or null.
   */
  readonly widen: () => string | null;
}

/** Replaced by the entry for Node. */
export let platform: Platform = { read: null, widen: () => "only Node can turn them on" };

export function setPlatform(own: Platform): void {
  platform = own;
}
