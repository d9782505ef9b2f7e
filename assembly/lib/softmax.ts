// Exponentials and their sums, shared by softmax, log-sum-exp and cross-entropy. Along a row of consecutive elements sums go to
// float64 block by block. Across rows (the classes lie `inner` elements apart) all columns of a chunk are worked on together, row by
// row, so that memory is read in order. These are ordinary functions: one copy each in the binary.

import { expOnce, logScalar, logs } from "./logs";
import { storeLanes, zip } from "./loops";
import { exp } from "./math";
import { COLUMNS } from "./reduce";

/** Elements whose exponentials are summed in float32 before they go to float64. */
const BLOCK: i32 = 512;

/** Rows that are summed before their sums are added to the columns'. */
const ROWS: i32 = 16;

@inline function widen(v: v128): v128 {
  return f64x2.add(f64x2.promote_low_f32x4(v), f64x2.promote_low_f32x4(v128.shuffle<i64>(v, v, 1, 1)));
}

@inline function total(v: v128): f64 {
  return f64x2.extract_lane(v, 0) + f64x2.extract_lane(v, 1);
}

/** Lanes behind n are cut off, not multiplied by 0: they may hold NaN. */
@inline function firstLanes(v: v128, n: i32): v128 {
  return v128.and(v, i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(n)));
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

@unmanaged class Keep {
  @inline put(y: usize, v: v128): void { v128.store(y, v); }
  @inline putLanes(y: usize, v: v128, n: i32): void { storeLanes(y, v, n); }
}
@unmanaged class Drop {
  @inline put(_y: usize, _v: v128): void {}
  @inline putLanes(_y: usize, _v: v128, _n: i32): void {}
}

@inline function sumExp<Out>(y: usize, x: usize, n: i32, m: f32): f64 {
  const out = changetype<Out>(0);
  const vm = f32x4.splat(m);
  let sum = f64x2.splat(0);
  while (n >= 4) {
    const block = min(n, BLOCK) & ~3;
    const end = x + (<usize>block << 2);
    let s = f32x4.splat(0);
    do {
      const e = exp(f32x4.sub(v128.load(x), vm));
      out.put(y, e);
      s = f32x4.add(s, e);
      x += 16;
      y += 16;
    } while (x < end);
    sum = f64x2.add(sum, widen(s));
    n -= block;
  }
  if (n > 0) {
    const e = expOnce(f32x4.sub(v128.load(x), vm));
    out.putLanes(y, e, n);
    sum = f64x2.add(sum, widen(firstLanes(e, n)));
  }
  return total(sum);
}

/** Σ e^{x − m} over n elements. */
export function rowSumExp(x: usize, n: i32, m: f32): f64 {
  return sumExp<Drop>(0, x, n, m);
}

/** y = e^{x − m}; returns its sum. */
export function rowExp(y: usize, x: usize, n: i32, m: f32): f64 {
  return sumExp<Keep>(y, x, n, m);
}

/** Σ a·b over n elements. */
export function rowDot(a: usize, b: usize, n: i32): f64 {
  let sum = f64x2.splat(0);
  while (n >= 4) {
    const block = min(n, BLOCK) & ~3;
    const end = a + (<usize>block << 2);
    let s = f32x4.splat(0);
    do {
      s = f32x4.add(s, f32x4.mul(v128.load(a), v128.load(b)));
      a += 16;
      b += 16;
    } while (a < end);
    sum = f64x2.add(sum, widen(s));
    n -= block;
  }
  if (n > 0) sum = f64x2.add(sum, widen(firstLanes(f32x4.mul(v128.load(a), v128.load(b)), n)));
  return total(sum);
}

/** Σ x over n elements. */
export function rowSum(x: usize, n: i32): f64 {
  let sum = f64x2.splat(0);
  while (n >= 4) {
    const block = min(n, BLOCK) & ~3;
    const end = x + (<usize>block << 2);
    let s = f32x4.splat(0);
    do {
      s = f32x4.add(s, v128.load(x));
      x += 16;
    } while (x < end);
    sum = f64x2.add(sum, widen(s));
    n -= block;
  }
  if (n > 0) sum = f64x2.add(sum, widen(firstLanes(v128.load(x), n)));
  return total(sum);
}

@unmanaged class Larger {
  @inline v(a: v128, b: v128): v128 { return f32x4.pmax(a, b); }
}

/** max = the largest of n rows of `width` elements, `step` bytes apart, column by column; NaN may be passed over. */
export function columnsMax(maximum: usize, x: usize, n: i32, width: i32, step: usize): void {
  for (let j = 0; j < width; j++) store<f32>(maximum + (<usize>j << 2), -Infinity);
  for (let i = 0; i < n; i++) {
    zip<Larger>(maximum, maximum, x, width);
    x += step;
  }
}

/** As `sumExp`, of n rows column by column, ROWS of them at a time: the sums of each time are short, and so are their errors. */
@inline function columnSums<Out>(y: usize, sum: usize, x: usize, maximum: usize, n: i32, width: i32, step: usize): void {
  const out = changetype<Out>(0);
  memory.fill(sum, 0, <usize>width << 2);
  for (let i = 0; i < n; i += ROWS) {
    const rows = step * <usize>min(n - i, ROWS);
    for (let j = 0; j < width; j += 4) {
      const at = <usize>j << 2;
      const lanes = width - j;
      const m = v128.load(maximum + at);
      const end = at + rows;
      let p = at;
      let s = f32x4.splat(0);
      do {
        const e = exp(f32x4.sub(v128.load(x + p), m));
        if (lanes >= 4) out.put(y + p, e);
        else out.putLanes(y + p, e, lanes);
        s = f32x4.add(s, e);
        p += step;
      } while (p < end);
      s = f32x4.add(s, v128.load(sum + at));
      if (lanes >= 4) v128.store(sum + at, s);
      else storeLanes(sum + at, s, lanes);
    }
    x += rows;
    y += rows;
  }
}

/** sum = Σ e^{x − max} over n rows, column by column. */
export function columnsSumExp(sum: usize, x: usize, maximum: usize, n: i32, width: i32, step: usize): void {
  columnSums<Drop>(0, sum, x, maximum, n, width, step);
}

/** y = e^{x − max} and sum = Σ y over n rows, column by column. */
export function columnsExp(y: usize, sum: usize, x: usize, maximum: usize, n: i32, width: i32, step: usize): void {
  columnSums<Keep>(y, sum, x, maximum, n, width, step);
}

@unmanaged class Finite {
  @inline v(m: v128, _m: v128): v128 { return v128.andnot(m, f32x4.eq(f32x4.abs(m), f32x4.splat(Infinity))); }
}

/**
 * max[o, j] = the largest of x [outer, n, inner] along n, logsum[o, j] = ln Σ e^{x − max}. Where the largest is infinite that is NaN;
 * with `finite`, max is 0 there instead.
 */
export function maxAndLogSum(maximum: usize, logsum: usize, x: usize, outer: i32, n: i32, inner: i32, finite: bool): void {
  const step = <usize>inner << 2;
  for (let o = 0; o < outer; o++) {
    if (inner == 1) {
      let m = rowMax(x, n);
      if (finite && abs<f32>(m) == Infinity) m = 0;
      store<f32>(maximum, m);
      store<f32>(logsum, logScalar(<f32>rowSumExp(x, n, m)));
    } else {
      for (let j = 0; j < inner; j += COLUMNS) {
        const width = min(inner - j, COLUMNS);
        const at = <usize>j << 2;
        columnsMax(maximum + at, x + at, n, width, step);
        if (finite) zip<Finite>(maximum + at, maximum + at, maximum + at, width);
        columnsSumExp(logsum + at, x + at, maximum + at, n, width, step);
        logs(logsum + at, logsum + at, width);
      }
    }
    maximum += step;
    logsum += step;
    x += step * <usize>n;
  }
}
