// Whole vectors for optimizers that look at all parameters as one.
import { put } from "./lib/loops";

/** Σ x·z over n elements, added up in float64. */
export function dot_f32(x: usize, z: usize, n: i32): f64 {
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  for (; n >= 4; n -= 4) {
    const a = v128.load(x);
    const b = v128.load(z);
    low = f64x2.add(low, f64x2.mul(f64x2.promote_low_f32x4(a), f64x2.promote_low_f32x4(b)));
    const c = v128.shuffle<f32>(a, a, 2, 3, 2, 3);
    const d = v128.shuffle<f32>(b, b, 2, 3, 2, 3);
    high = f64x2.add(high, f64x2.mul(f64x2.promote_low_f32x4(c), f64x2.promote_low_f32x4(d)));
    x += 16;
    z += 16;
  }
  low = f64x2.add(low, high);
  let sum = f64x2.extract_lane(low, 0) + f64x2.extract_lane(low, 1);
  for (; n > 0; n--) {
    sum += <f64>load<f32>(x) * <f64>load<f32>(z);
    x += 4;
    z += 4;
  }
  return sum;
}

/** y = a·x + b·z, n elements each, in float64 up to the result; y may be x or z. */
export function combine_f32(y: usize, x: usize, z: usize, n: i32, a: f64, b: f64): void {
  const va = f64x2.splat(a);
  const vb = f64x2.splat(b);
  for (; n > 0; n -= 4) {
    const s = v128.load(x);
    const t = v128.load(z);
    const low = f64x2.add(f64x2.mul(f64x2.promote_low_f32x4(s), va), f64x2.mul(f64x2.promote_low_f32x4(t), vb));
    const s2 = f64x2.promote_low_f32x4(v128.shuffle<f32>(s, s, 2, 3, 2, 3));
    const t2 = f64x2.promote_low_f32x4(v128.shuffle<f32>(t, t, 2, 3, 2, 3));
    const high = f64x2.add(f64x2.mul(s2, va), f64x2.mul(t2, vb));
    put(y, v128.shuffle<f32>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 1, 4, 5), n);
    y += 16;
    x += 16;
    z += 16;
  }
}
