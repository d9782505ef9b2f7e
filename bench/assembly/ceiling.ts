// Register-only multiply-add loops on 128-bit vectors: what the engine's code can reach when nothing is loaded or stored. How many
// accumulators hide the latency without spilling differs by machine and engine, so there are several loops and the best one counts.
import { madd } from "../../assembly/lib/simd";

/**
 * n rounds of `count` independent steps acc ← acc · x + y; returns a sum of every accumulator, so that none can be left out. x and y
 * come from outside, for the engine would reload constants in every step; 0.5 and 0.5 keep the values near 1.
 */
@inline
function rounds(count: i32, n: i32, x: f32, y: f32): f32 {
  const a = f32x4.splat(x);
  // Beside 13 accumulators there is a register for one constant only.
  const b = count > 12 ? a : f32x4.splat(y);
  let c0 = f32x4.splat(2), c1 = f32x4.splat(3), c2 = f32x4.splat(4), c3 = f32x4.splat(5);
  let c4 = f32x4.splat(6), c5 = f32x4.splat(7), c6 = f32x4.splat(8), c7 = f32x4.splat(9);
  let c8 = f32x4.splat(10), c9 = f32x4.splat(11), c10 = f32x4.splat(12), c11 = f32x4.splat(13);
  let c12 = f32x4.splat(14), c13 = f32x4.splat(15);
  for (let i = 0; i < n; i++) {
    c0 = madd(c0, a, b);
    c1 = madd(c1, a, b);
    c2 = madd(c2, a, b);
    c3 = madd(c3, a, b);
    c4 = madd(c4, a, b);
    c5 = madd(c5, a, b);
    c6 = madd(c6, a, b);
    c7 = madd(c7, a, b);
    if (count > 8) c8 = madd(c8, a, b);
    if (count > 9) c9 = madd(c9, a, b);
    if (count > 10) c10 = madd(c10, a, b);
    if (count > 11) c11 = madd(c11, a, b);
    if (count > 12) c12 = madd(c12, a, b);
    if (count > 13) c13 = madd(c13, a, b);
  }
  c0 = f32x4.add(f32x4.add(c0, c1), f32x4.add(c2, c3));
  c4 = f32x4.add(f32x4.add(c4, c5), f32x4.add(c6, c7));
  c8 = f32x4.add(f32x4.add(c8, c9), f32x4.add(c10, c11));
  c0 = f32x4.add(f32x4.add(c0, c4), f32x4.add(c8, f32x4.add(c12, c13)));
  return f32x4.extract_lane(c0, 0);
}

export function rounds8(n: i32, x: f32, y: f32): f32 {
  return rounds(8, n, x, y);
}
export function rounds9(n: i32, x: f32, y: f32): f32 {
  return rounds(9, n, x, y);
}
export function rounds10(n: i32, x: f32, y: f32): f32 {
  return rounds(10, n, x, y);
}
export function rounds11(n: i32, x: f32, y: f32): f32 {
  return rounds(11, n, x, y);
}
export function rounds12(n: i32, x: f32, y: f32): f32 {
  return rounds(12, n, x, y);
}
export function rounds13(n: i32, x: f32, y: f32): f32 {
  return rounds(13, n, x, y);
}
export function rounds14(n: i32, x: f32, y: f32): f32 {
  return rounds(14, n, x, y);
}
