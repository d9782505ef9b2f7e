// Losses. x holds scores [outer, n, inner] with n classes; target, loss and g are [outer, inner]; weight is [n], or 0 for ones.
// Targets have been checked: each is a class or ignoreIndex, whose loss is 0.

import { exp } from "./lib/math";
import { storeLanes, zip, zip3, zipWith } from "./lib/loops";
import { zip3Long } from "./lib/long_loops";
import { maxAndLogSum } from "./lib/softmax";

/** Position of the first of `count` targets that is neither ignoreIndex nor in [0, n); −1 if there is none. */
export function class_outside_i32(target: usize, count: i32, n: i32, ignoreIndex: i32): i32 {
  for (let i = 0; i < count; i++) {
    const t = load<i32>(target + (<usize>i << 2));
    if (<u32>t >= <u32>n && t != ignoreIndex) return i;
  }
  return -1;
}

@inline function weightOf(weight: usize, c: i32): f32 {
  return weight ? load<f32>(weight + (<usize>c << 2)) : 1;
}

/** y[0] = Σ weight[target] over the targets that count. */
export function target_weight_f32(y: usize, target: usize, weight: usize, count: i32, ignoreIndex: i32): void {
  let s: f64 = 0;
  for (let i = 0; i < count; i++) {
    const t = load<i32>(target + (<usize>i << 2));
    if (t != ignoreIndex) s += weightOf(weight, t);
  }
  store<f32>(y, <f32>s);
}

/** loss = −weight[target]·x[target]; x holds log-probabilities. */
export function nll_f32(loss: usize, x: usize, target: usize, weight: usize, outer: i32, n: i32, inner: i32, ignoreIndex: i32): void {
  for (let o = 0; o < outer; o++) {
    for (let j = 0; j < inner; j++) {
      const t = load<i32>(target);
      let l: f32 = 0;
      if (t != ignoreIndex) l = -weightOf(weight, t) * load<f32>(x + (<usize>(t * inner + j) << 2));
      store<f32>(loss, l);
      target += 4;
      loss += 4;
    }
    x += <usize>(n * inner) << 2;
  }
}

/** dx = −g·weight[target] at the target, 0 elsewhere. */
export function nll_grad_f32(dx: usize, g: usize, target: usize, weight: usize, outer: i32, n: i32, inner: i32, ignoreIndex: i32): void {
  memory.fill(dx, 0, <usize>(outer * n * inner) << 2);
  for (let o = 0; o < outer; o++) {
    for (let j = 0; j < inner; j++) {
      const t = load<i32>(target);
      if (t != ignoreIndex) store<f32>(dx + (<usize>(t * inner + j) << 2), -load<f32>(g) * weightOf(weight, t));
      target += 4;
      g += 4;
    }
    dx += <usize>(n * inner) << 2;
  }
}

/**
 * loss = (1 − s)·w_t·(−ln p_t) + s/n·Σ w_c·(−ln p_c) with p = softmax(x), w the weights, t the target, s the smoothing.
 * stats [2, outer, inner] = the scores' maximum and ln Σ e^{x − max}, for the gradient.
 */
export function cross_entropy_f32(loss: usize, stats: usize, x: usize, target: usize, weight: usize, outer: i32, n: i32, inner: i32, ignoreIndex: i32, smoothing: f32): void {
  let logsum = stats + (<usize>(outer * inner) << 2);
  maxAndLogSum(stats, logsum, x, outer, n, inner, false);
  const share = smoothing / <f32>n;
  for (let o = 0; o < outer; o++) {
    for (let j = 0; j < inner; j++) {
      const t = load<i32>(target);
      const m = load<f32>(stats);
      const ls = load<f32>(logsum);
      const px = x + (<usize>j << 2);
      let l: f32 = 0;
      if (t != ignoreIndex) {
        l = (1 - smoothing) * weightOf(weight, t) * (ls - (load<f32>(px + (<usize>(t * inner) << 2)) - m));
        if (smoothing > 0) {
          let all: f64 = 0;
          for (let c = 0; c < n; c++) {
            all += <f64>(weightOf(weight, c) * (ls - (load<f32>(px + (<usize>(c * inner) << 2)) - m)));
          }
          l += share * <f32>all;
        }
      }
      store<f32>(loss, l);
      loss += 4;
      target += 4;
      stats += 4;
      logsum += 4;
    }
    x += <usize>(n * inner) << 2;
  }
}

@unmanaged class Probability {
  @inline v(x: v128, m: v128, logsum: v128): v128 { return exp(f32x4.sub(f32x4.sub(x, m), logsum)); }
}
@unmanaged class Mul {
  @inline v(a: v128, b: v128): v128 { return f32x4.mul(a, b); }
}
@unmanaged class SubProduct {
  @inline v(x: v128, b: v128, w: v128, _q: v128): v128 { return f32x4.sub(x, f32x4.mul(b, w)); }
}

/**
 * dx_c = g·(A·p_c − s/n·w_c − [c = t]·(1 − s)·w_t) with A = (1 − s)·w_t + s/n·Σ w, where the target counts; else 0.
 * work is [2, inner].
 */
export function cross_entropy_grad_f32(dx: usize, g: usize, stats: usize, x: usize, target: usize, weight: usize, work: usize, outer: i32, n: i32, inner: i32, ignoreIndex: i32, smoothing: f32): void {
  let logsum = stats + (<usize>(outer * inner) << 2);
  const step = <usize>inner << 2;
  const shares = work + step;
  const share = smoothing / <f32>n;
  let total: f64 = 0;
  for (let c = 0; c < n; c++) total += weightOf(weight, c);
  for (let o = 0; o < outer; o++) {
    // For each column: g·A and g·s/n, both 0 for an ignored target.
    for (let at: usize = 0; at < step; at += 4) {
      const t = load<i32>(target + at);
      const counts = t != ignoreIndex;
      const up: f32 = counts ? load<f32>(g + at) : 0;
      const own: f32 = counts ? (1 - smoothing) * weightOf(weight, t) : 0;
      store<f32>(work + at, up * (own + share * <f32>total));
      store<f32>(shares + at, up * share);
    }
    if (inner == 1) {
      rowGrad(dx, x, weight, n, load<f32>(work), load<f32>(shares), load<f32>(stats), load<f32>(logsum));
    } else {
      for (let c = 0; c < n; c++) {
        const row = step * <usize>c;
        zip3Long<Probability>(dx + row, x + row, stats, logsum, inner);
        zip<Mul>(dx + row, dx + row, work, inner);
        if (smoothing > 0) {
          const w = f32x4.splat(weightOf(weight, c));
          zipWith<SubProduct>(dx + row, dx + row, shares, inner, w, w);
        }
      }
    }
    for (let at: usize = 0; at < step; at += 4) {
      const t = load<i32>(target + at);
      if (t == ignoreIndex) continue;
      const p = dx + at + step * <usize>t;
      store<f32>(p, load<f32>(p) - load<f32>(g + at) * (1 - smoothing) * weightOf(weight, t));
    }
    dx += step * <usize>n;
    x += step * <usize>n;
    g += step;
    target += step;
    stats += step;
    logsum += step;
  }
}

/** One row of dx = a·e^{x − m − logsum} − b·w. */
function rowGrad(dx: usize, x: usize, weight: usize, n: i32, a: f32, b: f32, m: f32, logsum: f32): void {
  const va = f32x4.splat(a);
  const vb = f32x4.splat(b);
  const vm = f32x4.splat(m);
  const vl = f32x4.splat(logsum);
  if (n <= 0) return;
  do {
    const p = exp(f32x4.sub(f32x4.sub(v128.load(x), vm), vl));
    const w = weight ? f32x4.mul(vb, v128.load(weight)) : vb;
    const v = f32x4.sub(f32x4.mul(va, p), w);
    if (n < 4) return storeLanes(dx, v, n);
    v128.store(dx, v);
    x += 16;
    dx += 16;
    if (weight) weight += 16;
    n -= 4;
  } while (n > 0);
}

@unmanaged class SquaredDifference {
  @inline v(a: v128, b: v128): v128 {
    const d = f32x4.sub(a, b);
    return f32x4.mul(d, d);
  }
}
@unmanaged class SquaredDifferenceGrad {
  @inline v(g: v128, a: v128, b: v128): v128 {
    const d = f32x4.sub(a, b);
    return f32x4.mul(g, f32x4.add(d, d));
  }
}

/** y = (a − b)². */
export function squared_difference_f32(y: usize, a: usize, b: usize, n: i32): void { zip<SquaredDifference>(y, a, b, n); }

/** da = 2g·(a − b). */
export function squared_difference_grad_f32(da: usize, g: usize, a: usize, b: usize, n: i32): void {
  zip3<SquaredDifferenceGrad>(da, g, a, b, n);
}
