// Lanes, multiply-add and horizontal sums: the only place that knows which binary is being compiled.

/**
 * True in the `wide` binary. Its matrix products use tiles of 16 columns for engines that fuse two neighbouring 128-bit operations into
 * one of 256 bits; to others they would be slow, for they need more than 15 registers of 128 bits.
 */
@inline
export const WIDE: bool = isDefined(WIDE_VECTORS);

/** a·b + c per lane; fused in the relaxed binary, two roundings in the simd one. */
@inline
export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

/** Sum of the four lanes, pairwise. */
@inline
export function hsum(v: v128): f32 {
  return (f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1)) + (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3));
}
