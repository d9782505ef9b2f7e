// The transform of kernels of winograd.ts, four at a time, one in each lane.
import { SMALL } from "./winograd_job";

/** U of four kernels, one a lane, to 36 places or 16. */
export function packFour(to: usize, size: i32, step: usize, p0: usize, p1: usize, p2: usize, p3: usize, mirrored: bool): void {
  const a0 = v128.load(p0), a1 = v128.load(p1), a2 = v128.load(p2), a3 = v128.load(p3);
  const b0 = v128.load(p0, 16), b1 = v128.load(p1, 16), b2 = v128.load(p2, 16), b3 = v128.load(p3, 16);
  const s0 = v128.shuffle<i32>(a0, a1, 0, 4, 1, 5), s1 = v128.shuffle<i32>(a2, a3, 0, 4, 1, 5);
  const s2 = v128.shuffle<i32>(a0, a1, 2, 6, 3, 7), s3 = v128.shuffle<i32>(a2, a3, 2, 6, 3, 7);
  const t0 = v128.shuffle<i32>(b0, b1, 0, 4, 1, 5), t1 = v128.shuffle<i32>(b2, b3, 0, 4, 1, 5);
  const t2 = v128.shuffle<i32>(b0, b1, 2, 6, 3, 7), t3 = v128.shuffle<i32>(b2, b3, 2, 6, 3, 7);
  const g0 = v128.shuffle<i64>(s0, s1, 0, 2), g1 = v128.shuffle<i64>(s0, s1, 1, 3);
  const g2 = v128.shuffle<i64>(s2, s3, 0, 2), g3 = v128.shuffle<i64>(s2, s3, 1, 3);
  const g4 = v128.shuffle<i64>(t0, t1, 0, 2), g5 = v128.shuffle<i64>(t0, t1, 1, 3);
  const g6 = v128.shuffle<i64>(t2, t3, 0, 2), g7 = v128.shuffle<i64>(t2, t3, 1, 3);
  const g8 = f32x4(load<f32>(p0, 32), load<f32>(p1, 32), load<f32>(p2, 32), load<f32>(p3, 32));
  if (mirrored) packNine(to, size, step, g8, g7, g6, g5, g4, g3, g2, g1, g0);
  else packNine(to, size, step, g0, g1, g2, g3, g4, g5, g6, g7, g8);
}

/** G g Gᵀ: downwards in the order of the points, 0, ±√½, ±√2 and ∞, or 0, ±1 and ∞, and each row by itself. */
function packNine(to: usize, size: i32, step: usize, g0: v128, g1: v128, g2: v128, g3: v128, g4: v128, g5: v128, g6: v128, g7: v128, g8: v128): void {
  if (size == SMALL) {
    smallRow(to, step, g0, g1, g2);
    const half = f32x4.splat(0.5);
    const e0 = f32x4.mul(f32x4.add(g0, g6), half), e1 = f32x4.mul(f32x4.add(g1, g7), half), e2 = f32x4.mul(f32x4.add(g2, g8), half);
    const o0 = f32x4.mul(g3, half), o1 = f32x4.mul(g4, half), o2 = f32x4.mul(g5, half);
    smallRow(to + 4 * step, step, f32x4.add(e0, o0), f32x4.add(e1, o1), f32x4.add(e2, o2));
    smallRow(to + 8 * step, step, f32x4.sub(e0, o0), f32x4.sub(e1, o1), f32x4.sub(e2, o2));
    smallRow(to + 12 * step, step, g6, g7, g8);
    return;
  }
  packRow(to, step, g0, g1, g2);
  pair(to + 6 * step, step, g0, g1, g2, g3, g4, g5, g6, g7, g8, 0.5, <f32>Math.SQRT1_2, -2.0 / 3.0);
  pair(to + 18 * step, step, g0, g1, g2, g3, g4, g5, g6, g7, g8, 2, <f32>Math.SQRT2, 1.0 / 6.0);
  packRow(to + 30 * step, step, g6, g7, g8);
}

/** The four places of a row of a small tile. */
function smallRow(to: usize, step: usize, a: v128, b: v128, c: v128): void {
  const half = f32x4.splat(0.5);
  const even = f32x4.mul(f32x4.add(a, c), half);
  const odd = f32x4.mul(b, half);
  v128.store(to, a);
  v128.store(to += step, f32x4.add(even, odd));
  v128.store(to += step, f32x4.sub(even, odd));
  v128.store(to + step, c);
}

/** The two rows for a point and its negative. */
function pair(to: usize, step: usize, g0: v128, g1: v128, g2: v128, g3: v128, g4: v128, g5: v128, g6: v128, g7: v128, g8: v128, square: f32, point: f32, scale: f32): void {
  const e0 = evenOf(g0, g6, square, scale), e1 = evenOf(g1, g7, square, scale), e2 = evenOf(g2, g8, square, scale);
  const by = f32x4.splat(point * scale);
  const o0 = f32x4.mul(g3, by), o1 = f32x4.mul(g4, by), o2 = f32x4.mul(g5, by);
  packRow(to, step, f32x4.add(e0, o0), f32x4.add(e1, o1), f32x4.add(e2, o2));
  packRow(to + 6 * step, step, f32x4.sub(e0, o0), f32x4.sub(e1, o1), f32x4.sub(e2, o2));
}

@inline function evenOf(a: v128, c: v128, square: f32, scale: f32): v128 {
  return f32x4.mul(f32x4.add(a, f32x4.mul(c, f32x4.splat(square))), f32x4.splat(scale));
}

/** G · (a, b, c), to six places. */
function packRow(to: usize, step: usize, a: v128, b: v128, c: v128): void {
  v128.store(to, a);
  let even = evenOf(a, c, 0.5, -2.0 / 3.0);
  let odd = f32x4.mul(b, f32x4.splat(<f32>Math.SQRT1_2 * <f32>(-2.0 / 3.0)));
  v128.store(to += step, f32x4.add(even, odd));
  v128.store(to += step, f32x4.sub(even, odd));
  even = evenOf(a, c, 2, 1.0 / 6.0);
  odd = f32x4.mul(b, f32x4.splat(<f32>Math.SQRT2 * <f32>(1.0 / 6.0)));
  v128.store(to += step, f32x4.add(even, odd));
  v128.store(to += step, f32x4.sub(even, odd));
  v128.store(to + step, c);
}
