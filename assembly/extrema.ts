// Largest and smallest elements of the middle dimension of x [outer, n, inner], n ≥ 1, and where they stand; y is [outer, inner].
// NaN counts as larger and as smaller than everything; of equal elements the first one is found.

import { put } from "./lib/loops";
import { COLUMNS, fold, foldRow } from "./lib/reduce";

// `v` picks one of two; `better` is set where x beats the best so far; `same` is set where x is what the fold has found.
@unmanaged class Max {
  @inline init(): v128 { return f32x4.splat(-Infinity); }
  @inline v(a: v128, x: v128): v128 { return f32x4.max(a, x); }
  @inline better(x: v128, best: v128): v128 { return v128.andnot(f32x4.eq(best, best), f32x4.le(x, best)); }
  @inline same(x: v128, m: v128): v128 { return v128.or(f32x4.eq(x, m), v128.and(f32x4.ne(x, x), f32x4.ne(m, m))); }
}
@unmanaged class Min {
  @inline init(): v128 { return f32x4.splat(Infinity); }
  @inline v(a: v128, x: v128): v128 { return f32x4.min(a, x); }
  @inline better(x: v128, best: v128): v128 { return v128.andnot(f32x4.eq(best, best), f32x4.ge(x, best)); }
  @inline same(x: v128, m: v128): v128 { return v128.or(f32x4.eq(x, m), v128.and(f32x4.ne(x, x), f32x4.ne(m, m))); }
}
@unmanaged class MaxI32 {
  @inline init(): v128 { return i32x4.splat(i32.MIN_VALUE); }
  @inline v(a: v128, x: v128): v128 { return i32x4.max_s(a, x); }
  @inline better(x: v128, best: v128): v128 { return i32x4.gt_s(x, best); }
  @inline same(x: v128, m: v128): v128 { return i32x4.eq(x, m); }
}
@unmanaged class MinI32 {
  @inline init(): v128 { return i32x4.splat(i32.MAX_VALUE); }
  @inline v(a: v128, x: v128): v128 { return i32x4.min_s(a, x); }
  @inline better(x: v128, best: v128): v128 { return i32x4.lt_s(x, best); }
  @inline same(x: v128, m: v128): v128 { return i32x4.eq(x, m); }
}

export function max_f32(y: usize, x: usize, outer: i32, n: i32, inner: i32): void { fold<Max>(y, x, outer, n, inner); }
export function min_f32(y: usize, x: usize, outer: i32, n: i32, inner: i32): void { fold<Min>(y, x, outer, n, inner); }
export function max_i32(y: usize, x: usize, outer: i32, n: i32, inner: i32): void { fold<MaxI32>(y, x, outer, n, inner); }
export function min_i32(y: usize, x: usize, outer: i32, n: i32, inner: i32): void { fold<MinI32>(y, x, outer, n, inner); }

/** Position in a row of the first element that the fold picks: the second pass stops there. */
@inline function findRow<Op>(x: usize, n: i32): i32 {
  const op = changetype<Op>(0);
  const m = foldRow<Op>(x, n);
  let i = 0;
  for (; i + 4 <= n; i += 4) {
    const mask = i32x4.bitmask(op.same(v128.load(x + (<usize>i << 2)), m));
    if (mask) return i + ctz(mask);
  }
  while (i32x4.bitmask(op.same(v128.load32_splat(x + (<usize>i << 2)), m)) == 0) i++;
  return i;
}

/** One more row of `width` columns: where it beats the best so far, it is the best, and its number stands in `at`. */
@inline function challenge<Op>(at: usize, best: usize, x: usize, width: i32, number: i32): void {
  const op = changetype<Op>(0);
  const i = i32x4.splat(number);
  for (; width > 0; width -= 4) {
    const v = v128.load(x);
    const b = v128.load(best);
    const mask = op.better(v, b);
    const to = v128.bitselect(v, b, mask);
    const index = v128.bitselect(i, v128.load(at), mask);
    put(best, to, width);
    put(at, index, width);
    x += 16;
    best += 16;
    at += 16;
  }
}

@inline function find<Op>(y: usize, x: usize, work: usize, outer: i32, n: i32, inner: i32): void {
  const step = <usize>inner << 2;
  for (let o = 0; o < outer; o++) {
    if (inner == 1) {
      store<i32>(y, findRow<Op>(x, n));
    } else {
      for (let j = 0; j < inner; j += COLUMNS) {
        const width = min(inner - j, COLUMNS);
        const at = <usize>j << 2;
        memory.copy(work, x + at, <usize>width << 2);
        memory.fill(y + at, 0, <usize>width << 2);
        for (let i = 1; i < n; i++) challenge<Op>(y + at, work, x + at + step * <usize>i, width, i);
      }
    }
    y += step;
    x += step * <usize>n;
  }
}

// y = the positions; work is [inner].
export function argmax_f32(y: usize, x: usize, work: usize, outer: i32, n: i32, inner: i32): void { find<Max>(y, x, work, outer, n, inner); }
export function argmax_i32(y: usize, x: usize, work: usize, outer: i32, n: i32, inner: i32): void { find<MaxI32>(y, x, work, outer, n, inner); }
export function argmin_f32(y: usize, x: usize, work: usize, outer: i32, n: i32, inner: i32): void { find<Min>(y, x, work, outer, n, inner); }
export function argmin_i32(y: usize, x: usize, work: usize, outer: i32, n: i32, inner: i32): void { find<MinI32>(y, x, work, outer, n, inner); }
