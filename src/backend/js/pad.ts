import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";

// Padding of the middle one of three dimensions; the contract is in assembly/pad.ts.

const REFLECT = 0;
const REPLICATE = 1;

/** The element of n that place i outside of them repeats. */
function sourceOf(i: number, n: number, mode: number): number {
  if (mode === REFLECT) return i < 0 ? -i : 2 * (n - 1) - i;
  if (mode === REPLICATE) return i < 0 ? 0 : n - 1;
  return i < 0 ? i + n : i - n;
}

export function pad_32(
  y: Ptr,
  x: Ptr,
  outer: number,
  n: number,
  m: number,
  inner: number,
  before: number,
  mode: number,
): void {
  const f = arena.i32;
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < m; i++) {
      const at = i - before;
      const from = (x >>> 2) + (o * n + (at >= 0 && at < n ? at : sourceOf(at, n, mode))) * inner;
      f.copyWithin((y >>> 2) + (o * m + i) * inner, from, from + inner);
    }
  }
}

export function pad_grad_f32(
  dx: Ptr,
  g: Ptr,
  outer: number,
  n: number,
  m: number,
  inner: number,
  before: number,
  mode: number,
): void {
  const f = arena.f32;
  f.fill(0, dx >>> 2, (dx >>> 2) + outer * n * inner);
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < m; i++) {
      const at = i - before;
      const to = (dx >>> 2) + (o * n + (at >= 0 && at < n ? at : sourceOf(at, n, mode))) * inner;
      const from = (g >>> 2) + (o * m + i) * inner;
      for (let j = 0; j < inner; j++) f[to + j]! += f[from + j]!;
    }
  }
}
