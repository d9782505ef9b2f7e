import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";

// Masks: one byte an element; the contract is in assembly/mask.ts.

/** y [n0, n1, n2, n3] contiguous; x and mask are read through element strides. */
type MaskedFill = (
  y: Ptr,
  x: Ptr,
  mask: Ptr,
  n0: number,
  n1: number,
  n2: number,
  n3: number,
  x0: number,
  x1: number,
  x2: number,
  x3: number,
  m0: number,
  m1: number,
  m2: number,
  m3: number,
  value: number,
) => void;

export const masked_fill_32: MaskedFill = (y, x, mask, ...rest) =>
  maskedFill(arena.i32, y >>> 2, x >>> 2, mask, ...rest);

export const masked_fill_8: MaskedFill = (y, x, mask, ...rest) => maskedFill(arena.u8, y, x, mask, ...rest);

function maskedFill(
  v: Int32Array | Uint8Array,
  y: number,
  x: number,
  mask: number,
  n0: number,
  n1: number,
  n2: number,
  n3: number,
  x0: number,
  x1: number,
  x2: number,
  x3: number,
  m0: number,
  m1: number,
  m2: number,
  m3: number,
  value: number,
): void {
  const bytes = arena.u8;
  for (let i0 = 0; i0 < n0; i0++) {
    for (let i1 = 0; i1 < n1; i1++) {
      for (let i2 = 0; i2 < n2; i2++) {
        let px = x + i0 * x0 + i1 * x1 + i2 * x2;
        let pm = mask + i0 * m0 + i1 * m1 + i2 * m2;
        for (let i3 = 0; i3 < n3; i3++, px += x3, pm += m3) v[y++] = bytes[pm] ? value : v[px]!;
      }
    }
  }
}

export function count_bool(mask: Ptr, n: number): number {
  const bytes = arena.u8;
  let count = 0;
  for (let i = 0; i < n; i++) count += bytes[mask + i]!;
  return count;
}

export function nonzero_bool(y: Ptr, mask: Ptr, n: number): void {
  const bytes = arena.u8;
  const out = arena.i32;
  let to = y >>> 2;
  for (let i = 0; i < n; i++) if (bytes[mask + i]) out[to++] = i;
}

export function unravel_i32(y: Ptr, flat: Ptr, n: number, size: number, step: number, rank: number): void {
  const v = arena.i32;
  for (let i = 0; i < n; i++) v[(y >>> 2) + i * rank] = Math.trunc(v[(flat >>> 2) + i]! / step) % size;
}
