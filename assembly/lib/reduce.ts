// Loops over x [outer, n, inner] that reduce the middle dimension to y [outer, inner], written once over a stateless op class.

import { mapWith, put, zipWith } from "./loops";

/** Partial sums of so many elements (rows) are kept in float32 before they go to float64: the error does not grow with n. */
const ROW_BLOCK: i32 = 1024;
const COLUMN_BLOCK: i32 = 64;

/** Columns worked on together: their results stay in the first-level cache. */
export const COLUMNS: i32 = 1024;

@inline function low(v: v128): v128 {
  return f64x2.promote_low_f32x4(v);
}

@inline function high(v: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<i64>(v, v, 1, 1));
}

@inline function join(a: v128, b: v128): v128 {
  return v128.shuffle<i64>(f32x4.demote_f64x2_zero(a), f32x4.demote_f64x2_zero(b), 0, 2);
}

// A fold has an associative and commutative op.v and its neutral element `init`. op.turn is applied to elements and to `init`, op.back to
// results, so that a largest element serves as the smallest of turned ones; turn(back(v)) is v. p and q are parameters of both.

/** Folds n elements of four bytes; the result is in every lane, still turned. */
@inline export function foldRow<Op>(x: usize, n: i32, init: v128, p: v128, q: v128): v128 {
  const op = changetype<Op>(0);
  let a = op.turn(init, p, q);
  let b = a;
  let c = a;
  let d = a;
  for (; n >= 16; n -= 16) {
    a = op.v(a, op.turn(v128.load(x), p, q));
    b = op.v(b, op.turn(v128.load(x, 16), p, q));
    c = op.v(c, op.turn(v128.load(x, 32), p, q));
    d = op.v(d, op.turn(v128.load(x, 48), p, q));
    x += 64;
  }
  a = op.v(op.v(a, b), op.v(c, d));
  for (; n >= 4; n -= 4) {
    a = op.v(a, op.turn(v128.load(x), p, q));
    x += 16;
  }
  a = op.v(a, v128.shuffle<i32>(a, a, 2, 3, 0, 1));
  a = op.v(a, v128.shuffle<i32>(a, a, 1, 0, 3, 2));
  for (; n > 0; n--) {
    a = op.v(a, op.turn(v128.load32_splat(x), p, q));
    x += 4;
  }
  return a;
}

@unmanaged class Fill {
  @inline v(_x: v128, value: v128, _q: v128): v128 { return value; }
}
@unmanaged class Into<Op> {
  @inline v(a: v128, x: v128, p: v128, q: v128): v128 {
    const op = changetype<Op>(0);
    return op.back(op.v(op.turn(a, p, q), op.turn(x, p, q)), p, q);
  }
}

/** y = the fold over n: of each row, or row by row into all columns of a chunk, so that memory is read in order. */
@inline export function fold<Op>(y: usize, x: usize, outer: i32, n: i32, inner: i32, init: v128, p: v128, q: v128): void {
  assert(outer >= 0 && n >= 0 && inner >= 0);
  const step = <usize>inner << 2;
  for (let o = 0; o < outer; o++) {
    if (inner == 1) {
      v128.store32_lane(y, changetype<Op>(0).back(foldRow<Op>(x, n, init, p, q), p, q), 0);
    } else {
      for (let j = 0; j < inner; j += COLUMNS) {
        const width = min(inner - j, COLUMNS);
        const to = y + (<usize>j << 2);
        mapWith<Fill>(to, x, width, init, init);
        for (let i = 0; i < n; i++) zipWith<Into<Op>>(to, to, x + (<usize>j << 2) + step * <usize>i, width, p, q);
      }
    }
    y += step;
    x += step * <usize>n;
  }
}

@unmanaged export class Largest {
  @inline turn(x: v128, keep: v128, flip: v128): v128 { return v128.xor(v128.and(x, keep), flip); }
  @inline back(v: v128, _keep: v128, flip: v128): v128 { return v128.xor(v, flip); }
  @inline v(a: v128, x: v128): v128 { return f32x4.max(a, x); }
}

/**
 * y = the largest of the elements, of which the bits in `keep` count, and those in `flip` are inverted before and after: with both the
 * sign bit's affair this is the largest or smallest, of the elements or their magnitudes. One copy in the binary.
 */
export function extreme(y: usize, x: usize, outer: i32, n: i32, inner: i32, init: f32, keep: i32, flip: i32): void {
  fold<Largest>(y, x, outer, n, inner, f32x4.splat(init), i32x4.splat(keep), i32x4.splat(flip));
}

@unmanaged export class Itself {
  @inline v(x: v128, _m: v128): v128 { return x; }
}
@unmanaged export class SquaredDifference {
  @inline v(x: v128, m: v128): v128 {
    const d = f32x4.sub(x, m);
    return f32x4.mul(d, d);
  }
}

/** Σ op.v(x, mean) over a row of n floats. One copy for each op, as of `sumColumns`: sums, variances and norms share theirs. */
export function sumRow<Op>(x: usize, n: i32, mean: f32): f64 {
  const op = changetype<Op>(0);
  const m = f32x4.splat(mean);
  let total = f64x2.splat(0);
  while (n >= 16) {
    let a = f32x4.splat(0);
    let b = a;
    let c = a;
    let d = a;
    const block = min(n, ROW_BLOCK) & ~15;
    const end = x + (<usize>block << 2);
    do {
      a = f32x4.add(a, op.v(v128.load(x), m));
      b = f32x4.add(b, op.v(v128.load(x, 16), m));
      c = f32x4.add(c, op.v(v128.load(x, 32), m));
      d = f32x4.add(d, op.v(v128.load(x, 48), m));
      x += 64;
    } while (x < end);
    a = f32x4.add(f32x4.add(a, b), f32x4.add(c, d));
    total = f64x2.add(total, f64x2.add(low(a), high(a)));
    n -= block;
  }
  for (; n >= 4; n -= 4) {
    const v = op.v(v128.load(x), m);
    total = f64x2.add(total, f64x2.add(low(v), high(v)));
    x += 16;
  }
  let sum = f64x2.extract_lane(total, 0) + f64x2.extract_lane(total, 1);
  for (; n > 0; n--) {
    sum += <f64>f32x4.extract_lane(op.v(v128.load32_splat(x), m), 0);
    x += 4;
  }
  return sum;
}

/** Σ op.v(x, m) over n rows in sixteen neighbouring columns, one cache line; `step` is the bytes between rows. */
@inline function sumLine<Op>(y: usize, x: usize, n: i32, step: usize, m: usize): void {
  const op = changetype<Op>(0);
  const m0 = m ? v128.load(m) : f32x4.splat(0);
  const m1 = m ? v128.load(m, 16) : m0;
  const m2 = m ? v128.load(m, 32) : m0;
  const m3 = m ? v128.load(m, 48) : m0;
  let t0 = f64x2.splat(0);
  let t1 = t0;
  let t2 = t0;
  let t3 = t0;
  let t4 = t0;
  let t5 = t0;
  let t6 = t0;
  let t7 = t0;
  while (n > 0) {
    let a = f32x4.splat(0);
    let b = a;
    let c = a;
    let d = a;
    let i = min(n, COLUMN_BLOCK);
    n -= i;
    do {
      a = f32x4.add(a, op.v(v128.load(x), m0));
      b = f32x4.add(b, op.v(v128.load(x, 16), m1));
      c = f32x4.add(c, op.v(v128.load(x, 32), m2));
      d = f32x4.add(d, op.v(v128.load(x, 48), m3));
      x += step;
    } while (--i > 0);
    t0 = f64x2.add(t0, low(a));
    t1 = f64x2.add(t1, high(a));
    t2 = f64x2.add(t2, low(b));
    t3 = f64x2.add(t3, high(b));
    t4 = f64x2.add(t4, low(c));
    t5 = f64x2.add(t5, high(c));
    t6 = f64x2.add(t6, low(d));
    t7 = f64x2.add(t7, high(d));
  }
  v128.store(y, join(t0, t1));
  v128.store(y, join(t2, t3), 16);
  v128.store(y, join(t4, t5), 32);
  v128.store(y, join(t6, t7), 48);
}

/** The same in the first `lanes` of four neighbouring columns. */
@inline function sumLanes<Op>(y: usize, x: usize, n: i32, step: usize, m: usize, lanes: i32): void {
  const op = changetype<Op>(0);
  const vm = m ? v128.load(m) : f32x4.splat(0);
  let t0 = f64x2.splat(0);
  let t1 = t0;
  while (n > 0) {
    let s = f32x4.splat(0);
    let i = min(n, COLUMN_BLOCK);
    n -= i;
    do {
      s = f32x4.add(s, op.v(v128.load(x), vm));
      x += step;
    } while (--i > 0);
    t0 = f64x2.add(t0, low(s));
    t1 = f64x2.add(t1, high(s));
  }
  put(y, join(t0, t1), lanes);
}

/** y = Σ op.v(x, m) over n rows in `inner` columns; m holds a number for each column, or is 0. */
export function sumColumns<Op>(y: usize, x: usize, n: i32, inner: i32, m: usize): void {
  const step = <usize>inner << 2;
  let j = 0;
  for (; j + 16 <= inner; j += 16) {
    const at = <usize>j << 2;
    sumLine<Op>(y + at, x + at, n, step, m ? m + at : 0);
  }
  for (; j < inner; j += 4) {
    const at = <usize>j << 2;
    sumLanes<Op>(y + at, x + at, n, step, m ? m + at : 0, inner - j);
  }
}

/** y = Σ op.v(x, 0) over n. */
@inline export function sum<Op>(y: usize, x: usize, outer: i32, n: i32, inner: i32): void {
  assert(outer >= 0 && n >= 0 && inner >= 0);
  const step = <usize>inner << 2;
  for (let o = 0; o < outer; o++) {
    if (inner == 1) store<f32>(y, <f32>sumRow<Op>(x, n, 0));
    else sumColumns<Op>(y, x, n, inner, 0);
    y += step;
    x += step * <usize>n;
  }
}
