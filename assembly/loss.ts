// Losses. x holds scores [outer, n, inner] with n classes; target, loss and g are [outer, inner]; weight is [n], or 0 for ones.
// Targets have been checked: each is a class or ignoreIndex, whose loss is 0.

import { exp } from "./lib/math";
import { storeLanes } from "./lib/loops";
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
  maxAndLogSum(stats, logsum, x, outer, n, inner);
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

/** dx_c = g·(A·p_c − s/n·w_c − [c = t]·(1 − s)·w_t) with A = (1 − s)·w_t + s/n·Σ w, where the target counts; else 0. */
export function cross_entropy_grad_f32(dx: usize, g: usize, stats: usize, x: usize, target: usize, weight: usize, outer: i32, n: i32, inner: i32, ignoreIndex: i32, smoothing: f32): void {
  let logsum = stats + (<usize>(outer * inner) << 2);
  const step = <usize>inner << 2;
  const size = step * <usize>n;
  const share = smoothing / <f32>n;
  let total: f32 = <f32>n;
  if (weight) {
    let s: f64 = 0;
    for (let c = 0; c < n; c++) s += weightOf(weight, c);
    total = <f32>s;
  }
  for (let o = 0; o < outer; o++) {
    for (let j = 0; j < inner; j += 4) {
      const lanes = min(inner - j, 4);
      const at = <usize>j << 2;
      // Per lane: A·g and s/n·g, both 0 for an ignored target.
      let a = f32x4.splat(0);
      let b = f32x4.splat(0);
      for (let k = lanes - 1; k >= 0; k--) {
        const t = load<i32>(target + at + (<usize>k << 2));
        const gk: f32 = t == ignoreIndex ? <f32>0 : load<f32>(g + at + (<usize>k << 2));
        const wt: f32 = t == ignoreIndex ? <f32>0 : weightOf(weight, t);
        // Lane 0 is replaced last: each turn moves the lanes up.
        a = f32x4.replace_lane(v128.shuffle<i32>(a, a, 0, 0, 1, 2), 0, gk * ((1 - smoothing) * wt + share * total));
        b = f32x4.replace_lane(v128.shuffle<i32>(b, b, 0, 0, 1, 2), 0, gk * share);
      }
      if (inner == 1) rowGrad(dx, x, weight, n, f32x4.extract_lane(a, 0), f32x4.extract_lane(b, 0), load<f32>(stats), load<f32>(logsum));
      else {
        const m = v128.load(stats + at);
        const ls = v128.load(logsum + at);
        let p = at;
        for (let c = 0; c < n; c++) {
          const e = exp(f32x4.sub(f32x4.sub(v128.load(x + p), m), ls));
          const d = f32x4.sub(f32x4.mul(a, e), f32x4.mul(b, f32x4.splat(weightOf(weight, c))));
          if (lanes == 4) v128.store(dx + p, d);
          else storeLanes(dx + p, d, lanes);
          p += step;
        }
      }
      for (let k = 0; k < lanes; k++) {
        const t = load<i32>(target + at + (<usize>k << 2));
        if (t == ignoreIndex) continue;
        const p = dx + at + (<usize>k << 2) + step * <usize>t;
        store<f32>(p, load<f32>(p) - load<f32>(g + at + (<usize>k << 2)) * (1 - smoothing) * weightOf(weight, t));
      }
    }
    dx += size;
    x += size;
    g += step;
    target += step;
    stats += step;
    logsum += step;
  }
}

/** One row of dx = a·e^{x − m − ls} − b·w. */
@inline function rowGrad(dx: usize, x: usize, weight: usize, n: i32, a: f32, b: f32, m: f32, ls: f32): void {
  const va = f32x4.splat(a);
  const vb = f32x4.splat(b);
  const vm = f32x4.splat(m);
  const vl = f32x4.splat(ls);
  for (; n > 0; n -= 4) {
    const e = exp(f32x4.sub(f32x4.sub(v128.load(x), vm), vl));
    let w = vb;
    if (weight) {
      w = f32x4.mul(vb, v128.load(weight));
      weight += 16;
    }
    const d = f32x4.sub(f32x4.mul(va, e), w);
    if (n >= 4) v128.store(dx, d);
    else storeLanes(dx, d, n);
    x += 16;
    dx += 16;
  }
}

/** y = (a − b)². */
export function squared_difference_f32(y: usize, a: usize, b: usize, n: i32): void {
  for (; n > 0; n -= 4) {
    const d = f32x4.sub(v128.load(a), v128.load(b));
    const v = f32x4.mul(d, d);
    if (n >= 4) v128.store(y, v);
    else storeLanes(y, v, n);
    y += 16;
    a += 16;
    b += 16;
  }
}

/** da = 2g·(a − b). */
export function squared_difference_grad_f32(da: usize, g: usize, a: usize, b: usize, n: i32): void {
  for (; n > 0; n -= 4) {
    const d = f32x4.sub(v128.load(a), v128.load(b));
    const v = f32x4.mul(v128.load(g), f32x4.add(d, d));
    if (n >= 4) v128.store(da, v);
    else storeLanes(da, v, n);
    da += 16;
    g += 16;
    a += 16;
    b += 16;
  }
}
