import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";

// Softmax and its logarithm along the middle dimension of [outer, n, inner]; the contract is in assembly/softmax.ts.

export function softmax_f32(y: Ptr, x: Ptr, _work: Ptr, outer: number, n: number, inner: number): void {
  const f = arena.f32;
  for (let o = 0; o < outer; o++) {
    for (let j = 0; j < inner; j++) {
      const from = (x >>> 2) + o * n * inner + j;
      const to = (y >>> 2) + o * n * inner + j;
      let m = -Infinity;
      for (let i = 0; i < n; i++) m = Math.max(m, f[from + i * inner]!);
      let s = 0;
      for (let i = 0; i < n; i++) {
        const e = Math.exp(f[from + i * inner]! - m);
        f[to + i * inner] = e;
        s += e;
      }
      for (let i = 0; i < n; i++) f[to + i * inner] = f[to + i * inner]! / s;
    }
  }
}

export function log_softmax_f32(y: Ptr, x: Ptr, _work: Ptr, outer: number, n: number, inner: number): void {
  const f = arena.f32;
  for (let o = 0; o < outer; o++) {
    for (let j = 0; j < inner; j++) {
      const from = (x >>> 2) + o * n * inner + j;
      const to = (y >>> 2) + o * n * inner + j;
      let m = -Infinity;
      for (let i = 0; i < n; i++) m = Math.max(m, f[from + i * inner]!);
      let s = 0;
      for (let i = 0; i < n; i++) s += Math.exp(f[from + i * inner]! - m);
      // Two steps: the logarithm would be lost beside a large maximum.
      const log = Math.log(s);
      for (let i = 0; i < n; i++) f[to + i * inner] = f[from + i * inner]! - m - log;
    }
  }
}

export function softmax_grad_f32(dx: Ptr, g: Ptr, y: Ptr, _work: Ptr, outer: number, n: number, inner: number): void {
  const f = arena.f32;
  for (let o = 0; o < outer; o++) {
    for (let j = 0; j < inner; j++) {
      const first = o * n * inner + j;
      let s = 0;
      for (let i = 0, p = first; i < n; i++, p += inner) s += f[(g >>> 2) + p]! * f[(y >>> 2) + p]!;
      for (let i = 0, p = first; i < n; i++, p += inner)
        f[(dx >>> 2) + p] = f[(y >>> 2) + p]! * (f[(g >>> 2) + p]! - s);
    }
  }
}

export function log_softmax_grad_f32(
  dx: Ptr,
  g: Ptr,
  y: Ptr,
  _work: Ptr,
  outer: number,
  n: number,
  inner: number,
): void {
  const f = arena.f32;
  for (let o = 0; o < outer; o++) {
    for (let j = 0; j < inner; j++) {
      const first = o * n * inner + j;
      let s = 0;
      for (let i = 0, p = first; i < n; i++, p += inner) s += f[(g >>> 2) + p]!;
      for (let i = 0, p = first; i < n; i++, p += inner) {
        f[(dx >>> 2) + p] = f[(g >>> 2) + p]! - Math.exp(f[(y >>> 2) + p]!) * s;
      }
    }
  }
}
