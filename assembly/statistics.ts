// Variance, norms and log-sum-exp of the middle dimension of x [outer, n, inner]; y is [outer, inner].

import { mapWith, zip } from "./lib/loops";
import { extreme, Itself, SquaredDifference, sum, sumColumns, sumRow } from "./lib/reduce";
import { maxAndLogSum } from "./lib/softmax";

@unmanaged class Abs {
  @inline v(x: v128, _m: v128): v128 { return f32x4.abs(x); }
}
@unmanaged class Divide {
  @inline v(x: v128, divisor: v128, _q: v128): v128 { return f32x4.div(x, divisor); }
}

/** y = Σ (x − mean)² / max(n − correction, 0), in two passes; work is [inner]. */
export function var_f32(y: usize, x: usize, work: usize, outer: i32, n: i32, inner: i32, correction: f32): void {
  const step = <usize>inner << 2;
  const divisor = max<f32>(<f32>n - correction, 0);
  const count = f32x4.splat(<f32>n);
  for (let o = 0; o < outer; o++) {
    if (inner == 1) {
      const mean = <f32>(sumRow<Itself>(x, n, 0) / <f64>n);
      store<f32>(y, <f32>sumRow<SquaredDifference>(x, n, mean) / divisor);
    } else {
      sumColumns<Itself>(work, x, n, inner, 0);
      mapWith<Divide>(work, work, inner, count, count);
      sumColumns<SquaredDifference>(y, x, n, inner, work);
      const d = f32x4.splat(divisor);
      mapWith<Divide>(y, y, inner, d, d);
    }
    y += step;
    x += step * <usize>n;
  }
}

@unmanaged class Add {
  @inline v(a: v128, b: v128): v128 { return f32x4.add(a, b); }
}

/** y = ln Σ e^x, shifted by the largest element; work is [2, outer, inner]. */
export function logsumexp_f32(y: usize, x: usize, work: usize, outer: i32, n: i32, inner: i32): void {
  const logsum = work + (<usize>(outer * inner) << 2);
  maxAndLogSum(work, logsum, x, outer, n, inner, true);
  zip<Add>(y, work, logsum, outer * inner);
}

/** y = Σ |x|. */
export function sum_abs_f32(y: usize, x: usize, outer: i32, n: i32, inner: i32): void {
  sum<Abs>(y, x, outer, n, inner);
}
/** y = Σ x². */
export function sum_squares_f32(y: usize, x: usize, outer: i32, n: i32, inner: i32): void {
  sum<SquaredDifference>(y, x, outer, n, inner);
}
/** y = max |x|; 0 for n = 0. */
export function max_abs_f32(y: usize, x: usize, outer: i32, n: i32, inner: i32): void { extreme(y, x, outer, n, inner, 0, i32.MAX_VALUE, 0); }
/** y = min |x|, n ≥ 1. */
export function min_abs_f32(y: usize, x: usize, outer: i32, n: i32, inner: i32): void { extreme(y, x, outer, n, inner, Infinity, i32.MAX_VALUE, i32.MIN_VALUE); }
