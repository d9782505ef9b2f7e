import type { Tensor } from "../tensor.js";
import type { Storage } from "./storage.js";

/** Is told what happens to tensors outside of ops: what a trace must know and the list of ops does not show. */
export interface HostWatcher {
  /** Values were copied out to JavaScript. */
  read(tensor: Tensor, values: ArrayLike<number>): void;
  /** A block is overwritten in place. */
  wrote(storage: Storage): void;
  /** Numbers are taken from a random stream. */
  drew(): void;
}

/** Null, so that a check for it is all that is paid, unless somebody watches. */
export let hostWatcher: HostWatcher | null = null;

/** Runs `fn` with everything told to `watcher`, and to nobody else. */
export function watchHost<R>(watcher: HostWatcher, fn: () => R): R {
  const outer = hostWatcher;
  hostWatcher = watcher;
  try {
    return fn();
  } finally {
    hostWatcher = outer;
  }
}
