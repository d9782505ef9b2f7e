import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";

// Reading and writing with one int32 index a slice; the contract is in assembly/rows.ts.

type Elements = Int32Array | Uint8Array;

type Select = (y: Ptr, x: Ptr, index: Ptr, outer: number, m: number, n: number, inner: number) => void;
type Put = (y: Ptr, index: Ptr, src: Ptr, outer: number, m: number, n: number, inner: number) => void;

export const index_select_32: Select = (y, x, index, outer, m, n, inner) =>
  select(arena.i32, y >>> 2, x >>> 2, index, outer, m, n, inner);

export const index_select_8: Select = (y, x, index, outer, m, n, inner) =>
  select(arena.u8, y, x, index, outer, m, n, inner);

function select(
  v: Elements,
  y: number,
  x: number,
  index: Ptr,
  outer: number,
  m: number,
  n: number,
  inner: number,
): void {
  const indices = arena.i32;
  for (let o = 0; o < outer; o++, x += n * inner) {
    for (let j = 0; j < m; j++) {
      const from = x + indices[(index >>> 2) + j]! * inner;
      for (let i = 0; i < inner; i++) v[y++] = v[from + i]!;
    }
  }
}

export const index_copy_32: Put = (y, index, src, outer, m, n, inner) =>
  put(arena.i32, y >>> 2, index, src >>> 2, outer, m, n, inner);

export const index_copy_8: Put = (y, index, src, outer, m, n, inner) =>
  put(arena.u8, y, index, src, outer, m, n, inner);

function put(
  v: Elements,
  y: number,
  index: Ptr,
  src: number,
  outer: number,
  m: number,
  n: number,
  inner: number,
): void {
  const indices = arena.i32;
  for (let o = 0; o < outer; o++, y += n * inner) {
    for (let j = 0; j < m; j++) {
      const to = y + indices[(index >>> 2) + j]! * inner;
      for (let i = 0; i < inner; i++) v[to + i] = v[src++]!;
    }
  }
}

export const index_add_f32: Put = (y, index, src, outer, m, n, inner) =>
  indexAdd(arena.f32, y, index, src, outer, m, n, inner);

export const index_add_i32: Put = (y, index, src, outer, m, n, inner) =>
  indexAdd(arena.i32, y, index, src, outer, m, n, inner);

function indexAdd(
  v: Float32Array | Int32Array,
  y: Ptr,
  index: Ptr,
  src: Ptr,
  outer: number,
  m: number,
  n: number,
  inner: number,
): void {
  const indices = arena.i32;
  let from = src >>> 2;
  for (let o = 0; o < outer; o++) {
    for (let j = 0; j < m; j++) {
      const to = (y >>> 2) + (o * n + indices[(index >>> 2) + j]!) * inner;
      for (let i = 0; i < inner; i++) v[to + i] = v[to + i]! + v[from++]!;
    }
  }
}

type Fill = (y: Ptr, index: Ptr, bits: number, outer: number, m: number, n: number, inner: number) => void;

export const index_fill_32: Fill = (y, index, bits, outer, m, n, inner) =>
  fillRows(arena.i32, y >>> 2, index, bits, outer, m, n, inner);

export const index_fill_8: Fill = (y, index, value, outer, m, n, inner) =>
  fillRows(arena.u8, y, index, value, outer, m, n, inner);

function fillRows(
  v: Elements,
  y: number,
  index: Ptr,
  value: number,
  outer: number,
  m: number,
  n: number,
  inner: number,
): void {
  const indices = arena.i32;
  for (let o = 0; o < outer; o++, y += n * inner) {
    for (let j = 0; j < m; j++) {
      const to = y + indices[(index >>> 2) + j]! * inner;
      v.fill(value, to, to + inner);
    }
  }
}
