import { arena } from "../../../runtime/arena.js";
import type { Ptr } from "../../../types.js";

/** Smallest normal float32. */
export const TINY = 2 ** -126;

/** x, or 0 where it is closer to 0 than `tiny`; NaN stays. */
export function flush(x: number, tiny = TINY): number {
  return Math.abs(x) < tiny ? 0 : x;
}

/**
 * The part of each row [n, `count` addresses] of a table that lies between the elements `begin` and `end`, counted over all rows; the
 * contract is in assembly/optim_sgd.ts.
 */
export function* partsOf(
  table: Ptr,
  rows: number,
  count: number,
  begin: number,
  end: number,
): Generator<[n: number, operands: Ptr[]]> {
  const words = arena.i32;
  let first = 0;
  for (let row = 0; row < rows; row++) {
    const at = (table >>> 2) + row * (count + 1);
    const n = words[at]!;
    const from = Math.max(begin - first, 0);
    const to = Math.min(end - first, n);
    const addresses = words.subarray(at + 1, at + 1 + count);
    if (from < to) yield [to - from, Array.from(addresses, (p) => (p === 0 ? 0 : (p >>> 0) + 4 * from) as Ptr)];
    first += n;
  }
}
