// What the optimizer steps share: storing tails, and state that decays to 0.
import { madd } from "./simd";

/** Smallest normal float32. */
export const TINY: f32 = 1.17549435e-38;

/**
 * v, or 0 where it is closer to 0 than `tiny`; NaN stays. State that decays step by step ends in denormals, which some processors
 * compute a hundred times slower.
 */
@inline export function flush(v: v128, tiny: v128): v128 {
  return v128.andnot(v, f32x4.lt(f32x4.abs(v), tiny));
}

/** d = sign·g + decay·x, g being read. */
@inline export function direction(x: v128, g: usize, decay: f32, sign: f32): v128 {
  return madd(f32x4.splat(decay), x, f32x4.mul(v128.load(g), f32x4.splat(sign)));
}
