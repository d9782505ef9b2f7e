import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";

// Losses; the contract is in assembly/loss.ts.

export function class_outside_i32(target: Ptr, count: number, n: number, ignoreIndex: number): number {
  const m = arena.i32;
  for (let i = 0; i < count; i++) {
    const t = m[(target >>> 2) + i]!;
    if ((t < 0 || t >= n) && t !== ignoreIndex) return i;
  }
  return -1;
}

/** The weight of a class; 1 where there are none. */
function weightOf(f: Float32Array, weight: Ptr, c: number): number {
  return weight === 0 ? 1 : f[(weight >>> 2) + c]!;
}

export function target_weight_f32(y: Ptr, target: Ptr, weight: Ptr, count: number, ignoreIndex: number): void {
  const { f32: f, i32: m } = arena;
  let s = 0;
  for (let i = 0; i < count; i++) {
    const t = m[(target >>> 2) + i]!;
    if (t !== ignoreIndex) s += weightOf(f, weight, t);
  }
  f[y >>> 2] = s;
}

export function nll_f32(
  loss: Ptr,
  x: Ptr,
  target: Ptr,
  weight: Ptr,
  outer: number,
  n: number,
  inner: number,
  ignoreIndex: number,
): void {
  const { f32: f, i32: m } = arena;
  for (let o = 0; o < outer; o++) {
    for (let j = 0; j < inner; j++) {
      const at = o * inner + j;
      const t = m[(target >>> 2) + at]!;
      f[(loss >>> 2) + at] = t === ignoreIndex ? 0 : -weightOf(f, weight, t) * f[(x >>> 2) + (o * n + t) * inner + j]!;
    }
  }
}

export function nll_grad_f32(
  dx: Ptr,
  g: Ptr,
  target: Ptr,
  weight: Ptr,
  outer: number,
  n: number,
  inner: number,
  ignoreIndex: number,
): void {
  const { f32: f, i32: m } = arena;
  f.fill(0, dx >>> 2, (dx >>> 2) + outer * n * inner);
  for (let o = 0; o < outer; o++) {
    for (let j = 0; j < inner; j++) {
      const at = o * inner + j;
      const t = m[(target >>> 2) + at]!;
      if (t !== ignoreIndex) f[(dx >>> 2) + (o * n + t) * inner + j] = -f[(g >>> 2) + at]! * weightOf(f, weight, t);
    }
  }
}

export function cross_entropy_f32(
  loss: Ptr,
  stats: Ptr,
  x: Ptr,
  target: Ptr,
  weight: Ptr,
  outer: number,
  n: number,
  inner: number,
  ignoreIndex: number,
  smoothing: number,
): void {
  const { f32: f, i32: m } = arena;
  for (let o = 0; o < outer; o++) {
    for (let j = 0; j < inner; j++) {
      const at = o * inner + j;
      const from = (x >>> 2) + o * n * inner + j;
      let top = -Infinity;
      for (let c = 0; c < n; c++) top = Math.max(top, f[from + c * inner]!);
      let s = 0;
      for (let c = 0; c < n; c++) s += Math.exp(f[from + c * inner]! - top);
      const logsum = Math.log(s);
      f[(stats >>> 2) + at] = top;
      f[(stats >>> 2) + outer * inner + at] = logsum;
      const t = m[(target >>> 2) + at]!;
      let l = 0;
      if (t !== ignoreIndex) {
        l = (1 - smoothing) * weightOf(f, weight, t) * (logsum + (top - f[from + t * inner]!));
        if (smoothing > 0) {
          let all = 0;
          for (let c = 0; c < n; c++) all += weightOf(f, weight, c) * (logsum + (top - f[from + c * inner]!));
          l += (smoothing / n) * all;
        }
      }
      f[(loss >>> 2) + at] = l;
    }
  }
}

export function cross_entropy_grad_f32(
  dx: Ptr,
  g: Ptr,
  stats: Ptr,
  x: Ptr,
  target: Ptr,
  weight: Ptr,
  _work: Ptr,
  outer: number,
  n: number,
  inner: number,
  ignoreIndex: number,
  smoothing: number,
): void {
  const { f32: f, i32: m } = arena;
  const share = smoothing / n;
  let total = 0;
  for (let c = 0; c < n; c++) total += weightOf(f, weight, c);
  for (let o = 0; o < outer; o++) {
    for (let j = 0; j < inner; j++) {
      const at = o * inner + j;
      const first = o * n * inner + j;
      const t = m[(target >>> 2) + at]!;
      const counts = t !== ignoreIndex;
      const up = counts ? f[(g >>> 2) + at]! : 0;
      const picked = counts ? (1 - smoothing) * weightOf(f, weight, t) : 0;
      const top = f[(stats >>> 2) + at]!;
      const logsum = f[(stats >>> 2) + outer * inner + at]!;
      for (let c = 0; c < n; c++) {
        const p = Math.exp(f[(x >>> 2) + first + c * inner]! - top - logsum);
        const smooth = share * weightOf(f, weight, c);
        f[(dx >>> 2) + first + c * inner] = up * ((picked + share * total) * p - smooth - (c === t ? picked : 0));
      }
    }
  }
}

export function squared_difference_f32(y: Ptr, a: Ptr, b: Ptr, n: number): void {
  const f = arena.f32;
  for (let i = 0; i < n; i++) f[(y >>> 2) + i] = (f[(a >>> 2) + i]! - f[(b >>> 2) + i]!) ** 2;
}

export function squared_difference_grad_f32(da: Ptr, g: Ptr, a: Ptr, b: Ptr, n: number): void {
  const f = arena.f32;
  for (let i = 0; i < n; i++) f[(da >>> 2) + i] = 2 * f[(g >>> 2) + i]! * (f[(a >>> 2) + i]! - f[(b >>> 2) + i]!);
}
