// Loops over x [outer, n, inner] that reduce the middle dimension to y [outer, inner], written once over a stateless op class.

import { storeLanes } from "./loops";

/** Partial sums of so many elements (rows) are kept in float32 before they go to float64: the error does not grow with n. */
const ROW_BLOCK: i32 = 1024;
const COLUMN_BLOCK: i32 = 64;

@inline function low(v: v128): v128 {
  return f64x2.promote_low_f32x4(v);
}

@inline function high(v: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<i64>(v, v, 1, 1));
}

@inline function join(a: v128, b: v128): v128 {
  return v128.shuffle<i64>(f32x4.demote_f64x2_zero(a), f32x4.demote_f64x2_zero(b), 0, 2);
}

/** Folds one row of n elements of four bytes with op.v, which is associative and commutative and has op.init() as neutral element;
 * the result is in every lane. */
@inline export function foldRow<Op>(x: usize, n: i32): v128 {
  const op = changetype<Op>(0);
  let a = op.init();
  let b = a;
  let c = a;
  let d = a;
  for (; n >= 16; n -= 16) {
    a = op.v(a, v128.load(x));
    b = op.v(b, v128.load(x, 16));
    c = op.v(c, v128.load(x, 32));
    d = op.v(d, v128.load(x, 48));
    x += 64;
  }
  a = op.v(op.v(a, b), op.v(c, d));
  for (; n >= 4; n -= 4) {
    a = op.v(a, v128.load(x));
    x += 16;
  }
  a = op.v(a, v128.shuffle<i32>(a, a, 2, 3, 0, 1));
  a = op.v(a, v128.shuffle<i32>(a, a, 1, 0, 3, 2));
  for (; n > 0; n--) {
    a = op.v(a, v128.load32_splat(x));
    x += 4;
  }
  return a;
}

/** Folds four neighbouring columns of n elements, `step` bytes apart. */
@inline export function foldColumns<Op>(x: usize, n: i32, step: usize): v128 {
  const op = changetype<Op>(0);
  let a = op.init();
  for (let i = 0; i < n; i++) {
    a = op.v(a, v128.load(x));
    x += step;
  }
  return a;
}

/** y = the fold over n. */
@inline export function fold<Op>(y: usize, x: usize, outer: i32, n: i32, inner: i32): void {
  const step = <usize>inner << 2;
  for (let o = 0; o < outer; o++) {
    if (inner == 1) {
      v128.store32_lane(y, foldRow<Op>(x, n), 0);
    } else {
      for (let j = 0; j < inner; j += 4) {
        const v = foldColumns<Op>(x + (<usize>j << 2), n, step);
        if (inner - j >= 4) v128.store(y + (<usize>j << 2), v);
        else storeLanes(y + (<usize>j << 2), v, inner - j);
      }
    }
    y += step;
    x += step * <usize>n;
  }
}

/** Σ op.v(x, m) over a row of n floats. */
@inline export function sumRow<Op>(x: usize, n: i32, m: v128): f64 {
  const op = changetype<Op>(0);
  let total = f64x2.splat(0);
  while (n >= 16) {
    let a = f32x4.splat(0);
    let b = a;
    let c = a;
    let d = a;
    const block = min(n, ROW_BLOCK) & ~15;
    for (const end = x + (<usize>block << 2); x < end; x += 64) {
      a = f32x4.add(a, op.v(v128.load(x), m));
      b = f32x4.add(b, op.v(v128.load(x, 16), m));
      c = f32x4.add(c, op.v(v128.load(x, 32), m));
      d = f32x4.add(d, op.v(v128.load(x, 48), m));
    }
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

/** Σ op.v(x, m) over n rows, in four neighbouring columns, `step` bytes apart. */
@inline export function sumColumns<Op>(x: usize, n: i32, step: usize, m: v128): v128 {
  const op = changetype<Op>(0);
  let t0 = f64x2.splat(0);
  let t1 = t0;
  while (n > 0) {
    let s = f32x4.splat(0);
    const block = min(n, COLUMN_BLOCK);
    for (let i = 0; i < block; i++) {
      s = f32x4.add(s, op.v(v128.load(x), m));
      x += step;
    }
    t0 = f64x2.add(t0, low(s));
    t1 = f64x2.add(t1, high(s));
    n -= block;
  }
  return join(t0, t1);
}

/** y = Σ op.v(x, m) over n. */
@inline export function sum<Op>(y: usize, x: usize, outer: i32, n: i32, inner: i32, m: v128): void {
  const step = <usize>inner << 2;
  for (let o = 0; o < outer; o++) {
    if (inner == 1) {
      store<f32>(y, <f32>sumRow<Op>(x, n, m));
    } else {
      for (let j = 0; j < inner; j += 4) {
        const v = sumColumns<Op>(x + (<usize>j << 2), n, step, m);
        if (inner - j >= 4) v128.store(y + (<usize>j << 2), v);
        else storeLanes(y + (<usize>j << 2), v, inner - j);
      }
    }
    y += step;
    x += step * <usize>n;
  }
}
