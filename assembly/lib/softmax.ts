// Rows of exponentials, shared by softmax, log-sum-exp and cross-entropy. They are ordinary functions: one copy each in the binary.

import { storeLanes } from "./loops";
import { exp, log } from "./math";

@inline function widen(v: v128): v128 {
  return f64x2.add(f64x2.promote_low_f32x4(v), f64x2.promote_low_f32x4(v128.shuffle<i64>(v, v, 1, 1)));
}

@inline function total(v: v128): f64 {
  return f64x2.extract_lane(v, 0) + f64x2.extract_lane(v, 1);
}

/** The largest of n elements, −infinity for none. NaN may be passed over: whoever sums exponentials meets it there. */
export function rowMax(x: usize, n: i32): f32 {
  let a = f32x4.splat(-Infinity);
  let b = a;
  for (; n >= 8; n -= 8) {
    a = f32x4.pmax(a, v128.load(x));
    b = f32x4.pmax(b, v128.load(x, 16));
    x += 32;
  }
  a = f32x4.pmax(a, b);
  a = f32x4.pmax(a, v128.shuffle<i32>(a, a, 2, 3, 0, 1));
  a = f32x4.pmax(a, v128.shuffle<i32>(a, a, 1, 0, 3, 2));
  let m = f32x4.extract_lane(a, 0);
  for (; n > 0; n--) {
    const v = load<f32>(x);
    if (v > m) m = v;
    x += 4;
  }
  return m;
}

/** Σ e^{x − m}; y = e^{x − m} as well unless y is 0. */
export function rowExp(y: usize, x: usize, n: i32, m: f32): f64 {
  const vm = f32x4.splat(m);
  let s = f64x2.splat(0);
  for (; n >= 4; n -= 4) {
    const e = exp(f32x4.sub(v128.load(x), vm));
    if (y) {
      v128.store(y, e);
      y += 16;
    }
    s = f64x2.add(s, widen(e));
    x += 16;
  }
  if (n > 0) {
    const e = exp(f32x4.sub(v128.load(x), vm));
    if (y) storeLanes(y, e, n);
    // Lanes behind the row are cut off, not multiplied by 0: they may hold NaN.
    const inside = i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(n));
    s = f64x2.add(s, widen(v128.and(e, inside)));
  }
  return total(s);
}

/** Σ a·b over n elements. */
export function rowDot(a: usize, b: usize, n: i32): f64 {
  let s = f64x2.splat(0);
  for (; n >= 4; n -= 4) {
    s = f64x2.add(s, widen(f32x4.mul(v128.load(a), v128.load(b))));
    a += 16;
    b += 16;
  }
  let sum = total(s);
  for (; n > 0; n--) {
    sum += <f64>load<f32>(a) * <f64>load<f32>(b);
    a += 4;
    b += 4;
  }
  return sum;
}

/** Σ x over n elements. */
export function rowSum(x: usize, n: i32): f64 {
  let s = f64x2.splat(0);
  for (; n >= 4; n -= 4) {
    s = f64x2.add(s, widen(v128.load(x)));
    x += 16;
  }
  let sum = total(s);
  for (; n > 0; n--) {
    sum += <f64>load<f32>(x);
    x += 4;
  }
  return sum;
}

/** The largest of n elements in each of four neighbouring columns, `step` bytes apart. */
@inline export function columnMax(x: usize, n: i32, step: usize): v128 {
  let m = f32x4.splat(-Infinity);
  for (let i = 0; i < n; i++) {
    m = f32x4.pmax(m, v128.load(x));
    x += step;
  }
  return m;
}

/** Σ e^{x − m} in four neighbouring columns. */
@inline export function columnSumExp(x: usize, n: i32, step: usize, m: v128): v128 {
  let s = f32x4.splat(0);
  for (let i = 0; i < n; i++) {
    s = f32x4.add(s, exp(f32x4.sub(v128.load(x), m)));
    x += step;
  }
  return s;
}

/** max[o, j] = the largest of x [outer, n, inner] along n, logsum[o, j] = ln Σ e^{x − max}. */
export function maxAndLogSum(maximum: usize, logsum: usize, x: usize, outer: i32, n: i32, inner: i32): void {
  const step = <usize>inner << 2;
  for (let o = 0; o < outer; o++) {
    if (inner == 1) {
      const m = rowMax(x, n);
      store<f32>(maximum, m);
      store<f32>(logsum, f32x4.extract_lane(log(f32x4.splat(<f32>rowExp(0, x, n, m))), 0));
    } else {
      for (let j = 0; j < inner; j += 4) {
        const at = <usize>j << 2;
        const m = columnMax(x + at, n, step);
        const l = log(columnSumExp(x + at, n, step, m));
        if (inner - j >= 4) {
          v128.store(maximum + at, m);
          v128.store(logsum + at, l);
        } else {
          storeLanes(maximum + at, m, inner - j);
          storeLanes(logsum + at, l, inner - j);
        }
      }
    }
    maximum += step;
    logsum += step;
    x += step * <usize>n;
  }
}
