// Variance, norms and log-sum-exp of the middle dimension of x [outer, n, inner]; y is [outer, inner].

import { storeLanes } from "./lib/loops";
import { log, logScalar } from "./lib/math";
import { fold, sum, sumColumns, sumRow } from "./lib/reduce";
import { columnMax, columnSumExp, rowExp, rowMax } from "./lib/softmax";

@unmanaged class Itself {
  @inline v(x: v128, _m: v128): v128 { return x; }
}
@unmanaged class SquaredDifference {
  @inline v(x: v128, m: v128): v128 {
    const d = f32x4.sub(x, m);
    return f32x4.mul(d, d);
  }
}
@unmanaged class Abs {
  @inline v(x: v128, _m: v128): v128 { return f32x4.abs(x); }
}
@unmanaged class MaxAbs {
  @inline init(): v128 { return f32x4.splat(0); }
  @inline v(a: v128, x: v128): v128 { return f32x4.max(f32x4.abs(a), f32x4.abs(x)); }
}
@unmanaged class MinAbs {
  @inline init(): v128 { return f32x4.splat(Infinity); }
  @inline v(a: v128, x: v128): v128 { return f32x4.min(f32x4.abs(a), f32x4.abs(x)); }
}
/** y = Σ (x − mean)² / max(n − correction, 0), in two passes. */
export function var_f32(y: usize, x: usize, outer: i32, n: i32, inner: i32, correction: f32): void {
  const step = <usize>inner << 2;
  const count = <f32>n;
  const divisor = max<f32>(count - correction, 0);
  const zero = f32x4.splat(0);
  for (let o = 0; o < outer; o++) {
    if (inner == 1) {
      const mean = <f32>(sumRow<Itself>(x, n, zero) / <f64>n);
      store<f32>(y, <f32>sumRow<SquaredDifference>(x, n, f32x4.splat(mean)) / divisor);
    } else {
      for (let j = 0; j < inner; j += 4) {
        const p = x + (<usize>j << 2);
        const mean = f32x4.div(sumColumns<Itself>(p, n, step, zero), f32x4.splat(count));
        const v = f32x4.div(sumColumns<SquaredDifference>(p, n, step, mean), f32x4.splat(divisor));
        if (inner - j >= 4) v128.store(y + (<usize>j << 2), v);
        else storeLanes(y + (<usize>j << 2), v, inner - j);
      }
    }
    y += step;
    x += step * <usize>n;
  }
}

/** y = ln Σ e^x, shifted by the largest element. */
export function logsumexp_f32(y: usize, x: usize, outer: i32, n: i32, inner: i32): void {
  const step = <usize>inner << 2;
  for (let o = 0; o < outer; o++) {
    if (inner == 1) {
      const top = rowMax(x, n);
      // An infinite shift would give ∞ − ∞.
      const m: f32 = abs<f32>(top) == Infinity ? 0 : top;
      store<f32>(y, m + logScalar(<f32>rowExp(0, x, n, m)));
    } else {
      for (let j = 0; j < inner; j += 4) {
        const p = x + (<usize>j << 2);
        const top = columnMax(p, n, step);
        const m = v128.andnot(top, f32x4.eq(f32x4.abs(top), f32x4.splat(Infinity)));
        const v = f32x4.add(m, log(columnSumExp(p, n, step, m)));
        if (inner - j >= 4) v128.store(y + (<usize>j << 2), v);
        else storeLanes(y + (<usize>j << 2), v, inner - j);
      }
    }
    y += step;
    x += step * <usize>n;
  }
}

/** y = Σ |x|. */
export function sum_abs_f32(y: usize, x: usize, outer: i32, n: i32, inner: i32): void {
  sum<Abs>(y, x, outer, n, inner, f32x4.splat(0));
}
/** y = Σ x². */
export function sum_squares_f32(y: usize, x: usize, outer: i32, n: i32, inner: i32): void {
  sum<SquaredDifference>(y, x, outer, n, inner, f32x4.splat(0));
}
/** y = max |x|; 0 for n = 0. */
export function max_abs_f32(y: usize, x: usize, outer: i32, n: i32, inner: i32): void { fold<MaxAbs>(y, x, outer, n, inner); }
/** y = min |x|, n ≥ 1. */
export function min_abs_f32(y: usize, x: usize, outer: i32, n: i32, inner: i32): void { fold<MinAbs>(y, x, outer, n, inner); }
