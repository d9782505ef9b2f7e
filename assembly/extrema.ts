// Largest and smallest elements of the middle dimension of x [outer, n, inner], n ≥ 1, and where they stand; y is [outer, inner].
// NaN counts as larger and as smaller than everything; of equal elements the first one is found.

import { put } from "./lib/loops";
import { COLUMNS, extreme, fold, foldRow, Largest } from "./lib/reduce";

// The smallest is found as the largest of flipped elements, so that the code stands in the binary once. `better` is set where x beats the
// best so far; `same` is set where x is what the fold has found.
@unmanaged class F32 extends Largest {
  @inline least(): v128 { return f32x4.splat(-Infinity); }
  @inline better(x: v128, best: v128): v128 { return v128.andnot(f32x4.eq(best, best), f32x4.le(x, best)); }
  @inline same(x: v128, m: v128): v128 { return v128.or(f32x4.eq(x, m), v128.and(f32x4.ne(x, x), f32x4.ne(m, m))); }
}
@unmanaged class I32 {
  @inline turn(x: v128, _keep: v128, flip: v128): v128 { return v128.xor(x, flip); }
  @inline back(v: v128, _keep: v128, flip: v128): v128 { return v128.xor(v, flip); }
  @inline v(a: v128, x: v128): v128 { return i32x4.max_s(a, x); }
  @inline least(): v128 { return i32x4.splat(i32.MIN_VALUE); }
  @inline better(x: v128, best: v128): v128 { return i32x4.gt_s(x, best); }
  @inline same(x: v128, m: v128): v128 { return i32x4.eq(x, m); }
}

/** What turns the order of float32 around; of int32, all bits. */
const SIGN: i32 = i32.MIN_VALUE;

export function max_f32(y: usize, x: usize, outer: i32, n: i32, inner: i32): void { extreme(y, x, outer, n, inner, -Infinity, -1, 0); }
export function min_f32(y: usize, x: usize, outer: i32, n: i32, inner: i32): void { extreme(y, x, outer, n, inner, Infinity, -1, SIGN); }
export function max_i32(y: usize, x: usize, outer: i32, n: i32, inner: i32): void { extremeI32(y, x, outer, n, inner, 0); }
export function min_i32(y: usize, x: usize, outer: i32, n: i32, inner: i32): void { extremeI32(y, x, outer, n, inner, -1); }

function extremeI32(y: usize, x: usize, outer: i32, n: i32, inner: i32, flip: i32): void {
  const f = i32x4.splat(flip);
  fold<I32>(y, x, outer, n, inner, v128.xor(i32x4.splat(i32.MIN_VALUE), f), f, f);
}

/** Position in a row of the first element that the fold picks: the second pass stops there. */
@inline function findRow<Op>(x: usize, n: i32, flip: v128): i32 {
  const op = changetype<Op>(0);
  const m = foldRow<Op>(x, n, v128.xor(op.least(), flip), i32x4.splat(-1), flip);
  let i = 0;
  for (; i + 4 <= n; i += 4) {
    const mask = i32x4.bitmask(op.same(v128.xor(v128.load(x + (<usize>i << 2)), flip), m));
    if (mask) return i + ctz(mask);
  }
  while (i32x4.bitmask(op.same(v128.xor(v128.load32_splat(x + (<usize>i << 2)), flip), m)) == 0) i++;
  return i;
}

/** One more row of `width` columns: where it beats the best so far, it is the best, and its number stands in `at`. */
@inline function challenge<Op>(at: usize, best: usize, x: usize, width: i32, number: i32, flip: v128): void {
  const op = changetype<Op>(0);
  const i = i32x4.splat(number);
  for (; width > 0; width -= 4) {
    const v = v128.load(x);
    const b = v128.load(best);
    const mask = op.better(v128.xor(v, flip), v128.xor(b, flip));
    const to = v128.bitselect(v, b, mask);
    const index = v128.bitselect(i, v128.load(at), mask);
    put(best, to, width);
    put(at, index, width);
    x += 16;
    best += 16;
    at += 16;
  }
}

/** One copy for each type. */
function find<Op>(y: usize, x: usize, work: usize, outer: i32, n: i32, inner: i32, bits: i32): void {
  const flip = i32x4.splat(bits);
  const step = <usize>inner << 2;
  for (let o = 0; o < outer; o++) {
    if (inner == 1) {
      store<i32>(y, findRow<Op>(x, n, flip));
    } else {
      for (let j = 0; j < inner; j += COLUMNS) {
        const width = min(inner - j, COLUMNS);
        const at = <usize>j << 2;
        memory.copy(work, x + at, <usize>width << 2);
        memory.fill(y + at, 0, <usize>width << 2);
        for (let i = 1; i < n; i++) challenge<Op>(y + at, work, x + at + step * <usize>i, width, i, flip);
      }
    }
    y += step;
    x += step * <usize>n;
  }
}

// y = the positions; work is [inner].
export function argmax_f32(y: usize, x: usize, work: usize, outer: i32, n: i32, inner: i32): void { find<F32>(y, x, work, outer, n, inner, 0); }
export function argmax_i32(y: usize, x: usize, work: usize, outer: i32, n: i32, inner: i32): void { find<I32>(y, x, work, outer, n, inner, 0); }
export function argmin_f32(y: usize, x: usize, work: usize, outer: i32, n: i32, inner: i32): void { find<F32>(y, x, work, outer, n, inner, SIGN); }
export function argmin_i32(y: usize, x: usize, work: usize, outer: i32, n: i32, inner: i32): void { find<I32>(y, x, work, outer, n, inner, -1); }
