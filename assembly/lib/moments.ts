// Sums over one contiguous run of n floats, for the normalisations. Two sums at once come back as the lanes of a float64 pair.
//
// A run is cut into blocks that fit the L1 cache. Inside a block sixteen or more float32 lanes gather, so the error grows with
// n/16 of a block; blocks are joined in float64.

import { hsum, madd } from "./simd";

/** Floats of a block: 8 KB, so that the second pass over it finds it in the L1 cache. */
const BLOCK: i32 = 2048;

@inline export function pair(a: f64, b: f64): v128 { return f64x2.replace_lane(f64x2.splat(a), 1, b); }
@inline export function first(p: v128): f64 { return f64x2.extract_lane(p, 0); }
@inline export function second(p: v128): f64 { return f64x2.extract_lane(p, 1); }

@inline function sumBlock(x: usize, n: i32): f32 {
  let s0 = f32x4.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  let i = 0;
  for (; i + 16 <= n; i += 16) {
    s0 = f32x4.add(s0, v128.load(x));
    s1 = f32x4.add(s1, v128.load(x, 16));
    s2 = f32x4.add(s2, v128.load(x, 32));
    s3 = f32x4.add(s3, v128.load(x, 48));
    x += 64;
  }
  for (; i + 4 <= n; i += 4) {
    s0 = f32x4.add(s0, v128.load(x));
    x += 16;
  }
  let s = hsum(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
  for (; i < n; i++) {
    s += load<f32>(x);
    x += 4;
  }
  return s;
}

/** Σ (x − mean)² of a block. */
@inline function squaresBlock(x: usize, n: i32, mean: f32): f32 {
  const m = f32x4.splat(mean);
  let s0 = f32x4.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  let i = 0;
  for (; i + 16 <= n; i += 16) {
    const d0 = f32x4.sub(v128.load(x), m);
    const d1 = f32x4.sub(v128.load(x, 16), m);
    const d2 = f32x4.sub(v128.load(x, 32), m);
    const d3 = f32x4.sub(v128.load(x, 48), m);
    s0 = madd(d0, d0, s0);
    s1 = madd(d1, d1, s1);
    s2 = madd(d2, d2, s2);
    s3 = madd(d3, d3, s3);
    x += 64;
  }
  for (; i + 4 <= n; i += 4) {
    const d = f32x4.sub(v128.load(x), m);
    s0 = madd(d, d, s0);
    x += 16;
  }
  let s = hsum(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
  for (; i < n; i++) {
    const d = load<f32>(x) - mean;
    s += d * d;
    x += 4;
  }
  return s;
}

/** Σ x² of a run. */
export function squares(x: usize, n: i32): f64 {
  let s: f64 = 0;
  for (; n > 0; n -= BLOCK) {
    s += squaresBlock(x, min(n, BLOCK), 0);
    x += BLOCK << 2;
  }
  return s;
}

/** (Σ x, Σ (x − x̄)²) of a run. Never Σ x² − n x̄²: that cancels where the mean is large against the deviation. */
export function moments(x: usize, n: i32): v128 {
  if (n <= BLOCK) return blockMoments(x, n, 1 / <f64>n);
  let all = f64x2.splat(0);
  for (let done = 0; done < n; done += BLOCK) {
    const m = min(n - done, BLOCK);
    all = joinMoments(all, blockMoments(x, m, 1 / <f64>m), reciprocal(done), 1 / <f64>m, between(done, m));
    x += BLOCK << 2;
  }
  return all;
}

@inline function blockMoments(x: usize, n: i32, perN: f64): v128 {
  const sum = sumBlock(x, n);
  return pair(sum, squaresBlock(x, n, <f32>(sum * perN)));
}

/** 1 / n, and 0 for 0. */
@inline export function reciprocal(n: f64): f64 { return n == 0 ? 0 : 1 / n; }

/** The weight of the squared distance of two means, of na and of nb values, in their joint sum of squares. */
@inline export function between(na: f64, nb: f64): f64 { return na == 0 ? 0 : na * nb / (na + nb); }

/**
 * The moments of na and nb values taken together, from perA = 1 / na and perB = 1 / nb (0 for none) and `between(na, nb)`: loops over
 * equal counts divide once. Chan, Golub, LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances" (1979).
 */
@inline export function joinMoments(a: v128, b: v128, perA: f64, perB: f64, weight: f64): v128 {
  const d = first(b) * perB - first(a) * perA;
  return f64x2.add(f64x2.add(a, b), pair(0, d * d * weight));
}

/** g, or 0 where what relu made of the normalised value is 0: (x − mean) · scale + shift ≤ 0, d being x − mean. */
@inline export function passed(g: v128, d: v128, scale: v128, shift: v128): v128 {
  return v128.andnot(g, f32x4.le(madd(d, scale, shift), f32x4.splat(0)));
}

@inline export function passedOne(g: f32, d: f32, scale: f32, shift: f32): f32 { return d * scale + shift <= 0 ? 0 : g; }

/** (Σ g, Σ g (x − mean)) of a run. */
export function gradSums(g: usize, x: usize, n: i32, mean: f32): v128 { return sumsOf(false, g, x, n, mean, 0, 0); }

/** The same where relu followed; scale and shift are those of `scaleRun`. */
export function reluGradSums(g: usize, x: usize, n: i32, mean: f32, scale: f32, shift: f32): v128 {
  return sumsOf(true, g, x, n, mean, scale, shift);
}

@inline function sumsOf(relu: bool, g: usize, x: usize, n: i32, mean: f32, scale: f32, shift: f32): v128 {
  const m = f32x4.splat(mean);
  const k = f32x4.splat(scale);
  const b = f32x4.splat(shift);
  let all = f64x2.splat(0);
  for (; n > 0; n -= BLOCK) {
    const count = min(n, BLOCK);
    let s0 = f32x4.splat(0);
    let s1 = s0;
    let s2 = s0;
    let t0 = s0;
    let t1 = s0;
    let t2 = s0;
    let i = 0;
    for (; i + 12 <= count; i += 12) {
      const d0 = f32x4.sub(v128.load(x), m);
      const d1 = f32x4.sub(v128.load(x, 16), m);
      const d2 = f32x4.sub(v128.load(x, 32), m);
      const g0 = relu ? passed(v128.load(g), d0, k, b) : v128.load(g);
      const g1 = relu ? passed(v128.load(g, 16), d1, k, b) : v128.load(g, 16);
      const g2 = relu ? passed(v128.load(g, 32), d2, k, b) : v128.load(g, 32);
      s0 = f32x4.add(s0, g0);
      s1 = f32x4.add(s1, g1);
      s2 = f32x4.add(s2, g2);
      t0 = madd(g0, d0, t0);
      t1 = madd(g1, d1, t1);
      t2 = madd(g2, d2, t2);
      g += 48;
      x += 48;
    }
    for (; i + 4 <= count; i += 4) {
      const d0 = f32x4.sub(v128.load(x), m);
      const g0 = relu ? passed(v128.load(g), d0, k, b) : v128.load(g);
      s0 = f32x4.add(s0, g0);
      t0 = madd(g0, d0, t0);
      g += 16;
      x += 16;
    }
    let s = hsum(f32x4.add(f32x4.add(s0, s1), s2));
    let t = hsum(f32x4.add(f32x4.add(t0, t1), t2));
    for (; i < count; i++) {
      const d = load<f32>(x) - mean;
      const v = relu ? passedOne(load<f32>(g), d, scale, shift) : load<f32>(g);
      s += v;
      t += v * d;
      g += 4;
      x += 4;
    }
    all = f64x2.add(all, pair(s, t));
  }
  return all;
}

/** y = max((x − mean) · scale + shift, low): the mean is taken off first, so that nothing cancels later. NaN stays. */
export function scaleRun(y: usize, x: usize, n: i32, mean: f32, scale: f32, shift: f32, low: f32): void {
  const m = f32x4.splat(mean);
  const a = f32x4.splat(scale);
  const b = f32x4.splat(shift);
  const l = f32x4.splat(low);
  let i = 0;
  for (; i + 16 <= n; i += 16) {
    v128.store(y, f32x4.pmax(madd(f32x4.sub(v128.load(x), m), a, b), l));
    v128.store(y, f32x4.pmax(madd(f32x4.sub(v128.load(x, 16), m), a, b), l), 16);
    v128.store(y, f32x4.pmax(madd(f32x4.sub(v128.load(x, 32), m), a, b), l), 32);
    v128.store(y, f32x4.pmax(madd(f32x4.sub(v128.load(x, 48), m), a, b), l), 48);
    y += 64;
    x += 64;
  }
  for (; i + 4 <= n; i += 4) {
    v128.store(y, f32x4.pmax(madd(f32x4.sub(v128.load(x), m), a, b), l));
    y += 16;
    x += 16;
  }
  for (; i < n; i++) {
    store<f32>(y, atLeast((load<f32>(x) - mean) * scale + shift, low));
    y += 4;
    x += 4;
  }
}

/** v, or low where that is more; NaN stays. */
@inline export function atLeast(v: f32, low: f32): f32 { return v < low ? low : v; }

/** dx = g · a + (x − mean) · b + c. */
export function gradRun(dx: usize, g: usize, x: usize, n: i32, mean: f32, a: f32, b: f32, c: f32): void {
  gradOf(false, dx, g, x, n, mean, a, b, c, 0);
}

/** The same where relu followed; a is also the scale of `scaleRun`, `shift` its shift. */
export function reluGradRun(dx: usize, g: usize, x: usize, n: i32, mean: f32, a: f32, b: f32, c: f32, shift: f32): void {
  gradOf(true, dx, g, x, n, mean, a, b, c, shift);
}

@inline function gradOf(relu: bool, dx: usize, g: usize, x: usize, n: i32, mean: f32, a: f32, b: f32, c: f32, shift: f32): void {
  const m = f32x4.splat(mean);
  const va = f32x4.splat(a);
  const vb = f32x4.splat(b);
  const vc = f32x4.splat(c);
  const vs = f32x4.splat(shift);
  let i = 0;
  for (; i + 8 <= n; i += 8) {
    const d0 = f32x4.sub(v128.load(x), m);
    const d1 = f32x4.sub(v128.load(x, 16), m);
    const g0 = relu ? passed(v128.load(g), d0, va, vs) : v128.load(g);
    const g1 = relu ? passed(v128.load(g, 16), d1, va, vs) : v128.load(g, 16);
    v128.store(dx, madd(g0, va, madd(d0, vb, vc)));
    v128.store(dx, madd(g1, va, madd(d1, vb, vc)), 16);
    dx += 32;
    g += 32;
    x += 32;
  }
  for (; i + 4 <= n; i += 4) {
    const d0 = f32x4.sub(v128.load(x), m);
    const g0 = relu ? passed(v128.load(g), d0, va, vs) : v128.load(g);
    v128.store(dx, madd(g0, va, madd(d0, vb, vc)));
    dx += 16;
    g += 16;
    x += 16;
  }
  for (; i < n; i++) {
    const d = load<f32>(x) - mean;
    const v = relu ? passedOne(load<f32>(g), d, a, shift) : load<f32>(g);
    store<f32>(dx, v * a + (d * b + c));
    dx += 4;
    g += 4;
    x += 4;
  }
}
