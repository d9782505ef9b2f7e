import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";

// Reading and writing with one int32 index an element; the contract is in assembly/gather.ts.

type Elements = Int32Array | Uint8Array;

export function index_check_i32(index: Ptr, n: number, low: number, high: number): number {
  const v = arena.i32;
  const at = index >>> 2;
  for (let i = 0; i < n; i++) if (v[at + i]! < low || v[at + i]! >= high) return i;
  return -1;
}

type Gather = (y: Ptr, x: Ptr, index: Ptr, outer: number, m: number, n: number, inner: number) => void;

export const gather_32: Gather = (y, x, index, outer, m, n, inner) =>
  gather(arena.i32, y >>> 2, x >>> 2, index, outer, m, n, inner);

export const gather_8: Gather = (y, x, index, outer, m, n, inner) => gather(arena.u8, y, x, index, outer, m, n, inner);

function gather(
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
  let at = index >>> 2;
  for (let o = 0; o < outer; o++, x += n * inner) {
    for (let j = 0; j < m; j++) {
      for (let i = 0; i < inner; i++) v[y++] = v[x + indices[at++]! * inner + i]!;
    }
  }
}

type Scatter = (y: Ptr, index: Ptr, src: Ptr, outer: number, m: number, n: number, inner: number, step: number) => void;

export const scatter_32: Scatter = (y, index, src, outer, m, n, inner, step) =>
  scatter(arena.i32, y >>> 2, index, src >>> 2, outer, m, n, inner, step);

export const scatter_8: Scatter = (y, index, src, outer, m, n, inner, step) =>
  scatter(arena.u8, y, index, src, outer, m, n, inner, step);

function scatter(
  v: Elements,
  y: number,
  index: Ptr,
  src: number,
  outer: number,
  m: number,
  n: number,
  inner: number,
  step: number,
): void {
  const indices = arena.i32;
  let at = index >>> 2;
  for (let o = 0; o < outer; o++, y += n * inner) {
    for (let j = 0; j < m; j++) {
      for (let i = 0; i < inner; i++, src += step) v[y + indices[at++]! * inner + i] = v[src]!;
    }
  }
}

type ScatterAdd = (y: Ptr, index: Ptr, src: Ptr, outer: number, m: number, n: number, inner: number) => void;

export const scatter_add_f32: ScatterAdd = (y, index, src, outer, m, n, inner) =>
  scatterAdd(arena.f32, y, index, src, outer, m, n, inner);

export const scatter_add_i32: ScatterAdd = (y, index, src, outer, m, n, inner) =>
  scatterAdd(arena.i32, y, index, src, outer, m, n, inner);

function scatterAdd(
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
  let at = index >>> 2;
  let from = src >>> 2;
  let to = y >>> 2;
  for (let o = 0; o < outer; o++, to += n * inner) {
    for (let j = 0; j < m; j++) {
      for (let i = 0; i < inner; i++) {
        const p = to + indices[at++]! * inner + i;
        v[p] = v[p]! + v[from++]!;
      }
    }
  }
}

export const scatter_max_f32: ScatterAdd = (y, index, src, outer, m, n, inner) => {
  scatterExtreme(y, index, src, outer, m, n, inner, 1);
};

export const scatter_min_f32: ScatterAdd = (y, index, src, outer, m, n, inner) => {
  scatterExtreme(y, index, src, outer, m, n, inner, -1);
};

/** The larger value where `sign` is 1, the smaller where it is -1. */
function scatterExtreme(
  y: Ptr,
  index: Ptr,
  src: Ptr,
  outer: number,
  m: number,
  n: number,
  inner: number,
  sign: number,
): void {
  const f = arena.f32;
  const indices = arena.i32;
  let at = index >>> 2;
  let from = src >>> 2;
  let to = y >>> 2;
  for (let o = 0; o < outer; o++, to += n * inner) {
    for (let j = 0; j < m; j++) {
      for (let i = 0; i < inner; i++) {
        const p = to + indices[at++]! * inner + i;
        f[p] = sign * Math.max(sign * f[p]!, sign * f[from++]!);
      }
    }
  }
}
