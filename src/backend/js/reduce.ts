import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";
import { reduce } from "./lib/reduce.js";

// Sums, products and running sums of the middle dimension of x [outer, n, inner]; the contract is in assembly/reduce.ts.

export const sum_f32 = reduce(
  () => arena.f32,
  (f, at, n, step) => {
    let s = 0;
    for (let i = 0; i < n; i++) s += f[at + i * step]!;
    return s;
  },
);

export const sum_i32 = reduce(
  () => arena.i32,
  (m, at, n, step) => {
    let s = 0;
    for (let i = 0; i < n; i++) s = (s + m[at + i * step]!) | 0;
    return s;
  },
);

export const prod_f32 = reduce(
  () => arena.f32,
  (f, at, n, step) => {
    let p = 1;
    for (let i = 0; i < n; i++) p *= f[at + i * step]!;
    return p;
  },
);

export const prod_i32 = reduce(
  () => arena.i32,
  (m, at, n, step) => {
    let p = 1;
    for (let i = 0; i < n; i++) p = Math.imul(p, m[at + i * step]!);
    return p;
  },
);

export function prod_grad_f32(dx: Ptr, g: Ptr, x: Ptr, outer: number, n: number, inner: number): void {
  const f = arena.f32;
  for (let o = 0; o < outer; o++) {
    for (let j = 0; j < inner; j++) {
      const from = (x >>> 2) + o * n * inner + j;
      const to = (dx >>> 2) + o * n * inner + j;
      let p = f[(g >>> 2) + o * inner + j]!;
      for (let i = 0; i < n; i++) {
        f[to + i * inner] = p;
        p *= f[from + i * inner]!;
      }
      p = 1;
      for (let i = n - 1; i >= 0; i--) {
        f[to + i * inner] = f[to + i * inner]! * p;
        p *= f[from + i * inner]!;
      }
    }
  }
}

export function cumsum_f32(y: Ptr, x: Ptr, outer: number, n: number, inner: number, reverse: number): void {
  cumsum(arena.f32, y >>> 2, x >>> 2, outer, n, inner, reverse);
}

export function cumsum_i32(y: Ptr, x: Ptr, outer: number, n: number, inner: number, reverse: number): void {
  cumsum(arena.i32, y >>> 2, x >>> 2, outer, n, inner, reverse);
}

function cumsum(
  m: Float32Array | Int32Array,
  y: number,
  x: number,
  outer: number,
  n: number,
  inner: number,
  reverse: number,
): void {
  for (let o = 0; o < outer; o++) {
    for (let j = 0; j < inner; j++) {
      const first = o * n * inner + j + (reverse ? (n - 1) * inner : 0);
      const step = reverse ? -inner : inner;
      let s = 0;
      for (let i = 0; i < n; i++) {
        s += m[x + first + i * step]!;
        m[y + first + i * step] = s;
      }
    }
  }
}

export function all_bool(y: Ptr, x: Ptr, outer: number, n: number, inner: number): void {
  settle(y, x, outer, n, inner, 0);
}

export function any_bool(y: Ptr, x: Ptr, outer: number, n: number, inner: number): void {
  settle(y, x, outer, n, inner, 1);
}

function settle(y: Ptr, x: Ptr, outer: number, n: number, inner: number, settling: 0 | 1): void {
  const m = arena.u8;
  for (let o = 0; o < outer; o++) {
    for (let j = 0; j < inner; j++) {
      const first = x + o * n * inner + j;
      let i = 0;
      while (i < n && m[first + i * inner] !== settling) i++;
      m[y + o * inner + j] = i < n ? settling : 1 - settling;
    }
  }
}
