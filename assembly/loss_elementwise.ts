// Losses element by element; x holds predictions, t targets, y losses, g and dx gradients, n elements each.

import { zip3Long, zipLong, zipLongWith } from "./lib/long_loops";
import { put } from "./lib/loops";
import { exp, log, log1pSmall, sigmoid } from "./lib/math";

@inline function one(): v128 {
  return f32x4.splat(1);
}

/** Position of the first element that is not in [low, high], NaN included; −1 if there is none. */
export function outside_f32(x: usize, n: i32, low: f32, high: f32): i32 {
  const vl = f32x4.splat(low);
  const vh = f32x4.splat(high);
  let i = 0;
  for (; i + 4 <= n; i += 4) {
    const v = v128.load(x + (<usize>i << 2));
    if (!i32x4.all_true(v128.and(f32x4.ge(v, vl), f32x4.le(v, vh)))) break;
  }
  for (; i < n; i++) {
    const v = load<f32>(x + (<usize>i << 2));
    if (!(v >= low && v <= high)) return i;
  }
  return -1;
}

@unmanaged class BCE {
  // The smaller one of x and 1 − x is exact, and the logarithm of the other follows from it. The operand order of pmax keeps NaN.
  @inline v(x: v128, t: v128): v128 {
    const least = f32x4.splat(-100);
    const small = f32x4.pmin(x, f32x4.sub(one(), x));
    const swap = f32x4.lt(small, x);
    const p = f32x4.pmax(log(small), least);
    const q = log1pSmall(f32x4.neg(small));
    const hit = f32x4.mul(t, v128.bitselect(q, p, swap));
    const miss = f32x4.mul(f32x4.sub(t, one()), v128.bitselect(p, q, swap));
    return f32x4.sub(miss, hit);
  }
}
@unmanaged class BCEGrad {
  @inline v(g: v128, x: v128, t: v128): v128 {
    const slope = f32x4.pmax(f32x4.mul(x, f32x4.sub(one(), x)), f32x4.splat(1e-12));
    return f32x4.div(f32x4.mul(g, f32x4.sub(x, t)), slope);
  }
}
@unmanaged class BCEWithLogits {
  // Added in this order a certainty that is right costs next to nothing, not a rounded difference.
  @inline v(x: v128, t: v128): v128 {
    // max(x, 0) − t·x as one product: the difference of two large numbers would be rounded, and of two infinities NaN.
    const sure = v128.and(f32x4.ge(x, f32x4.splat(0)), one());
    const linear = f32x4.mul(f32x4.sub(sure, t), x);
    return f32x4.add(linear, log1pSmall(exp(f32x4.neg(f32x4.abs(x)))));
  }
}
@unmanaged class BCEWithLogitsGrad {
  @inline v(g: v128, x: v128, t: v128): v128 { return f32x4.mul(g, f32x4.sub(sigmoid(x), t)); }
}
@unmanaged class Huber {
  @inline v(a: v128, b: v128, knee: v128, slope: v128): v128 {
    const d = f32x4.abs(f32x4.sub(a, b));
    const half = f32x4.mul(slope, f32x4.splat(0.5));
    const inner = f32x4.mul(f32x4.mul(half, d), f32x4.div(d, knee));
    const outer = f32x4.sub(f32x4.mul(slope, d), f32x4.mul(half, knee));
    return v128.bitselect(inner, outer, f32x4.lt(d, knee));
  }
}

/** y = −t·max(ln x, −100) − (1 − t)·max(ln(1 − x), −100). */
export function bce_f32(y: usize, x: usize, t: usize, n: i32): void { zipLong<BCE>(y, x, t, n); }

/** dx = g·(x − t)/max(x·(1 − x), 1e-12). */
export function bce_grad_f32(dx: usize, g: usize, x: usize, t: usize, n: i32): void { zip3Long<BCEGrad>(dx, g, x, t, n); }

/** y = max(x, 0) − t·x + ln(1 + e^−|x|). */
export function bce_with_logits_f32(y: usize, x: usize, t: usize, n: i32): void { zipLong<BCEWithLogits>(y, x, t, n); }

/** dx = g·(1/(1 + e^−x) − t). */
export function bce_with_logits_grad_f32(dx: usize, g: usize, x: usize, t: usize, n: i32): void {
  zip3Long<BCEWithLogitsGrad>(dx, g, x, t, n);
}

/** y = slope·d²/(2·knee) where d = |a − b| < knee, else slope·(d − knee/2). */
export function huber_f32(y: usize, a: usize, b: usize, n: i32, knee: f32, slope: f32): void {
  zipLongWith<Huber>(y, a, b, n, f32x4.splat(knee), f32x4.splat(slope));
}

/** da = g·slope·min(max((a − b)/knee, −1), 1). */
export function huber_grad_f32(da: usize, g: usize, a: usize, b: usize, n: i32, knee: f32, slope: f32): void {
  const k = f32x4.splat(knee);
  const s = f32x4.splat(slope);
  for (; n > 0; n -= 4) {
    const d = f32x4.div(f32x4.sub(v128.load(a), v128.load(b)), k);
    const v = f32x4.mul(f32x4.mul(v128.load(g), s), f32x4.pmin(f32x4.pmax(d, f32x4.splat(-1)), one()));
    put(da, v, n);
    da += 16;
    g += 16;
    a += 16;
    b += 16;
  }
}
