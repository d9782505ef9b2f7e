import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";
import { broadcastBool, compareF32, compareI32 } from "./lib/broadcast.js";

// Comparisons, logic and selection; the contract is in assembly/compare.ts.

export const eq_f32 = compareF32((x, y, n, py, pa, sa, pb, sb) => {
  for (let i = 0; i < n; i++) y[py + i] = x[pa + i * sa]! === x[pb + i * sb]! ? 1 : 0;
});

export const eq_i32 = compareI32((x, y, n, py, pa, sa, pb, sb) => {
  for (let i = 0; i < n; i++) y[py + i] = x[pa + i * sa]! === x[pb + i * sb]! ? 1 : 0;
});

export const ne_f32 = compareF32((x, y, n, py, pa, sa, pb, sb) => {
  for (let i = 0; i < n; i++) y[py + i] = x[pa + i * sa]! !== x[pb + i * sb]! ? 1 : 0;
});

export const ne_i32 = compareI32((x, y, n, py, pa, sa, pb, sb) => {
  for (let i = 0; i < n; i++) y[py + i] = x[pa + i * sa]! !== x[pb + i * sb]! ? 1 : 0;
});

export const lt_f32 = compareF32((x, y, n, py, pa, sa, pb, sb) => {
  for (let i = 0; i < n; i++) y[py + i] = x[pa + i * sa]! < x[pb + i * sb]! ? 1 : 0;
});

export const lt_i32 = compareI32((x, y, n, py, pa, sa, pb, sb) => {
  for (let i = 0; i < n; i++) y[py + i] = x[pa + i * sa]! < x[pb + i * sb]! ? 1 : 0;
});

export const le_f32 = compareF32((x, y, n, py, pa, sa, pb, sb) => {
  for (let i = 0; i < n; i++) y[py + i] = x[pa + i * sa]! <= x[pb + i * sb]! ? 1 : 0;
});

export const le_i32 = compareI32((x, y, n, py, pa, sa, pb, sb) => {
  for (let i = 0; i < n; i++) y[py + i] = x[pa + i * sa]! <= x[pb + i * sb]! ? 1 : 0;
});

export const logical_and_bool = broadcastBool((x, y, n, py, pa, sa, pb, sb) => {
  for (let i = 0; i < n; i++) y[py + i] = x[pa + i * sa]! & x[pb + i * sb]!;
});

export const logical_or_bool = broadcastBool((x, y, n, py, pa, sa, pb, sb) => {
  for (let i = 0; i < n; i++) y[py + i] = x[pa + i * sa]! | x[pb + i * sb]!;
});

export function logical_not_bool(y: Ptr, x: Ptr, n: number): void {
  const m = arena.u8;
  for (let i = 0; i < n; i++) m[y + i] = m[x + i]! ^ 1;
}

export function where_32(
  y: Ptr,
  c: Ptr,
  a: Ptr,
  b: Ptr,
  n0: number,
  n1: number,
  n2: number,
  n3: number,
  c0: number,
  c1: number,
  c2: number,
  c3: number,
  a0: number,
  a1: number,
  a2: number,
  a3: number,
  b0: number,
  b1: number,
  b2: number,
  b3: number,
): void {
  const { i32, u8 } = arena;
  let py = y >>> 2;
  for (let i0 = 0; i0 < n0; i0++) {
    for (let i1 = 0; i1 < n1; i1++) {
      for (let i2 = 0; i2 < n2; i2++) {
        const pc = c + i0 * c0 + i1 * c1 + i2 * c2;
        const pa = (a >>> 2) + i0 * a0 + i1 * a1 + i2 * a2;
        const pb = (b >>> 2) + i0 * b0 + i1 * b1 + i2 * b2;
        for (let i = 0; i < n3; i++) i32[py + i] = u8[pc + i * c3] !== 0 ? i32[pa + i * a3]! : i32[pb + i * b3]!;
        py += n3;
      }
    }
  }
}
