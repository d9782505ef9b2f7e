import { DataLoader } from "../data/loader.js";
import { ArgumentError } from "../errors.js";
import { Tensor } from "../tensor.js";

/**
 * Where batches come from: a DataLoader, an array, anything that can be iterated. One pass is an epoch. Whatever its batches are made
 * of must live until the next one is asked for; it frees them itself, as a DataLoader does, or leaves that to whoever made it.
 */
export type Loader<B> = (Iterable<B> | AsyncIterable<B>) & { readonly length?: number };

/** Batches of an epoch; undefined if the loader does not know. */
export function lengthOf<B>(loader: Loader<B>): number | undefined {
  return loader instanceof DataLoader && !loader.sized ? undefined : loader.length;
}

/** One pass over a loader. */
export class Batches<B> {
  private readonly source: Iterator<B> | AsyncIterator<B>;

  constructor(loader: Loader<B>) {
    this.source = Symbol.asyncIterator in loader ? loader[Symbol.asyncIterator]() : loader[Symbol.iterator]();
  }

  /** The next batch, at once from a synchronous loader: awaiting would let others run while the loader's scope is open. */
  next(): IteratorResult<B> | Promise<IteratorResult<B>> {
    return this.source.next();
  }

  /** Ends the pass, which frees the last batch. */
  async close(): Promise<void> {
    const closed = this.source.return?.();
    if (closed instanceof Promise) await closed;
  }
}

/** Throws unless it is a loader. */
export function checkLoader(op: string, what: string, loader: unknown): void {
  if (
    typeof loader === "object" &&
    loader !== null &&
    (Symbol.iterator in loader || Symbol.asyncIterator in loader) &&
    !(loader instanceof Tensor)
  ) {
    return;
  }
  throw new ArgumentError(op, `${what} is ${String(loader)}; expected a DataLoader, or an iterable of batches`);
}

/** Samples in a batch: the first size of its first tensor that has one; 1 if there is none, or if it is 0. */
export function sizeOfBatch(batch: unknown): number {
  return Math.max(1, find(batch) ?? 1);
}

function find(value: unknown): number | undefined {
  if (value instanceof Tensor) return value.shape[0];
  if (typeof value !== "object" || value === null) return undefined;
  const parts = Array.isArray(value)
    ? value
    : Object.getPrototypeOf(value) === Object.prototype
      ? Object.values(value)
      : [];
  for (const part of parts) {
    const size = find(part);
    if (size !== undefined) return size;
  }
  return undefined;
}
