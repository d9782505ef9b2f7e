// Local response normalisation of x [n, c, s] over a window of `size` neighbouring channels.

import { at } from "./lib/affine";
import { expOnce, logOnce } from "./lib/logs";
import { put } from "./lib/loops";
import { madd } from "./lib/simd";

/** Σ over channels from…to − 1 of x² (or of x), four positions at once; x is the first channel's address there. */
@inline function windowSum(x: usize, from: i32, to: i32, s: i32, squared: bool): v128 {
  let sum = f32x4.splat(0);
  let p = at(x, from * s);
  for (let i = from; i < to; i++) {
    const v = v128.load(p);
    sum = squared ? madd(v, v, sum) : f32x4.add(sum, v);
    p = at(p, s);
  }
  return sum;
}

/** d^beta. The usual exponents need roots only; others lose |beta ln d| ULP. */
@inline function power(d: v128, beta: f32): v128 {
  if (beta == 0.75) {
    const root = f32x4.sqrt(d);
    return f32x4.mul(root, f32x4.sqrt(root));
  }
  if (beta == 0.5) return f32x4.sqrt(d);
  if (beta == 1) return d;
  return expOnce(f32x4.mul(logOnce(d), f32x4.splat(beta)));
}

/** y = x / d^beta, with d = k + alpha / size · Σ x² over channels i − ⌊size / 2⌋ … i + ⌊(size − 1) / 2⌋, d stored [n, c, s]. */
export function local_response_norm_f32(y: usize, d: usize, x: usize, n: i32, c: i32, s: i32, size: i32, alpha: f32, beta: f32, k: f32): void {
  const share = f32x4.splat(alpha / <f32>size);
  const shift = f32x4.splat(k);
  for (let b = 0; b < n; b++) {
    const sample = at(x, b * c * s);
    for (let i = 0; i < c; i++) {
      const from = max(0, i - size / 2);
      const to = min(c, i + (size + 1) / 2);
      const o = (b * c + i) * s;
      for (let j = 0; j < s; j += 4) {
        const v = madd(windowSum(at(sample, j), from, to, s, true), share, shift);
        put(at(d, o + j), v, s - j);
        put(at(y, o + j), f32x4.div(v128.load(at(x, o + j)), power(v, beta)), s - j);
      }
    }
  }
}

/** dx = g / d^beta − 2 alpha beta / size · x · Σ g y / d over the channels whose window holds this one. scratch: [c, s]. */
export function local_response_norm_grad_f32(dx: usize, g: usize, x: usize, y: usize, d: usize, scratch: usize, n: i32, c: i32, s: i32, size: i32, alpha: f32, beta: f32): void {
  const factor = f32x4.splat(-2 * alpha * beta / <f32>size);
  for (let b = 0; b < n; b++) {
    const start = b * c * s;
    for (let e = 0; e < c * s; e += 4) {
      const o = start + e;
      const t = f32x4.div(f32x4.mul(v128.load(at(g, o)), v128.load(at(y, o))), v128.load(at(d, o)));
      put(at(scratch, e), t, c * s - e);
    }
    for (let i = 0; i < c; i++) {
      const from = max(0, i - (size - 1) / 2);
      const to = min(c, i + size / 2 + 1);
      const o = start + i * s;
      for (let j = 0; j < s; j += 4) {
        const sum = windowSum(at(scratch, j), from, to, s, false);
        const direct = f32x4.div(v128.load(at(g, o + j)), power(v128.load(at(d, o + j)), beta));
        put(at(dx, o + j), madd(f32x4.mul(v128.load(at(x, o + j)), factor), sum, direct), s - j);
      }
    }
  }
}
