// What the optimizer steps share: the table of their operands, and state that decays to 0.
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

/** How many elements of a row of the table lie between `begin` and `end`, both counted from the row's first; 0 or less for none. */
@inline export function share(row: usize, begin: i32, end: i32): i32 { return min(load<i32>(row), end) - max(begin, 0); }

/** Where the operand at `offset` in the row begins that share; 0 if it is left out. */
@inline export function operand(row: usize, offset: usize, begin: i32): usize {
  const p = <usize>load<u32>(row + offset);
  return p == 0 ? 0 : p + (<usize>max(begin, 0) << 2);
}
