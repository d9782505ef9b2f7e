// Random numbers from Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel Random Numbers: As Easy as 1, 2, 3; SC 2011).
//
// Counter-based: word i of a draw is word i mod 4 of the block with key (k0, k1) and counter (c0, c1) + i / 4, the counter being a
// 64-bit number in two words. So any part of a draw can be made anywhere: a part that starts at a multiple of four words passes its
// own counter. Only exact operations are used, in the order of the JavaScript back end: both give the same bits.

import { mapWith, put, zip } from "./lib/loops";

const M0: i32 = 0xd2511f53;
const M1: i32 = 0xcd9e8d57;
const W0: i32 = 0x9e3779b9;
const W1: i32 = 0xbb67ae85;

/** y[i] = op(word i, x[i], a, b); y may be x. Four blocks at once, one a lane; then transposed, so that a vector is one block. */
@inline function stream<Op>(y: usize, x: usize, n: i32, k0: i32, k1: i32, c0: i32, c1: i32, c2: i32, c3: i32, a: v128, b: v128): void {
  const m0 = i32x4.splat(M0);
  const m1 = i32x4.splat(M1);
  for (let left = n; left > 0; left -= 16) {
    let s0 = i32x4.add(i32x4.splat(c0), i32x4(0, 1, 2, 3));
    // A lane whose low word has wrapped is below the start; its mask is -1.
    let s1 = i32x4.sub(i32x4.splat(c1), i32x4.lt_u(s0, i32x4.splat(c0)));
    let s2 = i32x4.splat(c2);
    let s3 = i32x4.splat(c3);
    let v0 = i32x4.splat(k0);
    let v1 = i32x4.splat(k1);
    for (let round = 0; round < 10; round++) {
      const p = i64x2.extmul_low_i32x4_u(s0, m0);
      const q = i64x2.extmul_high_i32x4_u(s0, m0);
      const r = i64x2.extmul_low_i32x4_u(s2, m1);
      const s = i64x2.extmul_high_i32x4_u(s2, m1);
      s0 = v128.xor(v128.xor(v128.shuffle<i32>(r, s, 1, 3, 5, 7), s1), v0);
      s1 = v128.shuffle<i32>(r, s, 0, 2, 4, 6);
      s2 = v128.xor(v128.xor(v128.shuffle<i32>(p, q, 1, 3, 5, 7), s3), v1);
      s3 = v128.shuffle<i32>(p, q, 0, 2, 4, 6);
      v0 = i32x4.add(v0, i32x4.splat(W0));
      v1 = i32x4.add(v1, i32x4.splat(W1));
    }
    const t0 = v128.shuffle<i32>(s0, s1, 0, 4, 1, 5);
    const t1 = v128.shuffle<i32>(s2, s3, 0, 4, 1, 5);
    const t2 = v128.shuffle<i32>(s0, s1, 2, 6, 3, 7);
    const t3 = v128.shuffle<i32>(s2, s3, 2, 6, 3, 7);
    putBlock<Op>(y, x, v128.shuffle<i64>(t0, t1, 0, 2), left, a, b);
    putBlock<Op>(y + 16, x + 16, v128.shuffle<i64>(t0, t1, 1, 3), left - 4, a, b);
    putBlock<Op>(y + 32, x + 32, v128.shuffle<i64>(t2, t3, 0, 2), left - 8, a, b);
    putBlock<Op>(y + 48, x + 48, v128.shuffle<i64>(t2, t3, 1, 3), left - 12, a, b);
    y += 64;
    x += 64;
    c1 += i32(<u32>c0 > <u32>-5);
    c0 += 4;
  }
}

/** Stores the values of one block, as many as are left. A call for four values, so that the binary holds each op once. */
function putBlock<Op>(y: usize, x: usize, words: v128, left: i32, a: v128, b: v128): void {
  if (left <= 0) return;
  const v = changetype<Op>(0).v(words, v128.load(x), a, b);
  put(y, v, left);
}

@unmanaged class Words {
  @inline v(w: v128, x: v128, a: v128, b: v128): v128 { return w; }
}

/** In [0, 1) with 24 bits, which float32 holds exactly. */
@inline function unit(w: v128): v128 {
  return f32x4.mul(f32x4.convert_i32x4_s(i32x4.shr_u(w, 8)), f32x4.splat(1.0 / 16777216));
}

@unmanaged class Uniform {
  @inline v(w: v128, low: v128, high: v128): v128 {
    const v = f32x4.add(f32x4.mul(unit(w), f32x4.sub(high, low)), low);
    // Rounding may reach the bound that does not belong to the range.
    return v128.bitselect(v, low, f32x4.lt(v, high));
  }
}

@unmanaged class Randint {
  @inline v(w: v128, low: v128, span: v128): v128 {
    const p = i64x2.extmul_low_i32x4_u(w, span);
    const q = i64x2.extmul_high_i32x4_u(w, span);
    return i32x4.add(v128.shuffle<i32>(p, q, 1, 3, 5, 7), low);
  }
}

@unmanaged class Bernoulli {
  @inline v(w: v128, p: v128): v128 { return v128.and(f32x4.lt(unit(w), p), f32x4.splat(1)); }
}

@unmanaged class Dropout {
  // A product, not a selection: NaN stays NaN where it is dropped, as in PyTorch.
  @inline v(w: v128, x: v128, threshold: v128, scale: v128): v128 {
    return f32x4.mul(x, v128.and(scale, i32x4.ge_u(i32x4.shr_u(w, 1), threshold)));
  }
}

@unmanaged class Normal {
  @inline v(w: v128, x: v128, mean: v128, std: v128): v128 {
    const r = f64x2.sqrt(f64x2.mul(logUnit(v128.shuffle<i32>(w, w, 0, 2, 0, 2)), f64x2.splat(-2)));
    // The angle 2π·w/2^32 is the quarter turn nearest to it plus t in [-π/4, π/4).
    const word = v128.shuffle<i32>(w, w, 1, 3, 1, 3);
    const near = i32x4.shr_u(i32x4.add(word, i32x4.splat(1 << 29)), 30);
    const t = f64x2.mul(f64x2.convert_low_i32x4_s(i32x4.sub(word, i32x4.shl(near, 30))), f64x2.splat(2 * Math.PI / 4294967296));
    const z = f64x2.mul(t, t);
    const s = sine(t, z);
    const c = cosine(z);
    const quarter = i64x2.extend_low_i32x4_u(near);
    const odd = i64x2.neg(v128.and(quarter, i64x2.splat(1)));
    const flipX = i64x2.shl(v128.and(i64x2.add(quarter, i64x2.splat(1)), i64x2.splat(2)), 62);
    const flipY = i64x2.shl(v128.and(quarter, i64x2.splat(2)), 62);
    const zx = f64x2.mul(r, v128.xor(v128.bitselect(s, c, odd), flipX));
    const zy = f64x2.mul(r, v128.xor(v128.bitselect(c, s, odd), flipY));
    const even = f32x4.demote_f64x2_zero(f64x2.add(mean, f64x2.mul(std, zx)));
    const uneven = f32x4.demote_f64x2_zero(f64x2.add(mean, f64x2.mul(std, zy)));
    return v128.shuffle<i32>(even, uneven, 0, 4, 1, 5);
  }
}

/** log((w + 1)/2^32) for the two low words: exponent, then 2·artanh((m − 1)/(m + 1)) with m in [√½, √2); error below 1e-11. */
@inline function logUnit(w: v128): v128 {
  const u = f64x2.add(f64x2.convert_low_i32x4_u(w), f64x2.splat(1));
  const biased = i64x2.shr_u(u, 52);
  let e = f64x2.sub(f64x2.convert_low_i32x4_s(v128.shuffle<i32>(biased, biased, 0, 2, 0, 2)), f64x2.splat(1023 + 32));
  let m = v128.or(v128.and(u, i64x2.splat(0x000fffffffffffff)), f64x2.splat(1));
  const above = f64x2.gt(m, f64x2.splat(Math.SQRT2));
  m = v128.bitselect(f64x2.mul(m, f64x2.splat(0.5)), m, above);
  e = f64x2.add(e, v128.and(above, f64x2.splat(1)));
  const s = f64x2.div(f64x2.sub(m, f64x2.splat(1)), f64x2.add(m, f64x2.splat(1)));
  const z = f64x2.mul(s, s);
  let p = f64x2.splat(1.0 / 13);
  p = step(p, z, 1.0 / 11);
  p = step(p, z, 1.0 / 9);
  p = step(p, z, 1.0 / 7);
  p = step(p, z, 1.0 / 5);
  p = step(p, z, 1.0 / 3);
  p = step(p, z, 1);
  return f64x2.add(f64x2.mul(e, f64x2.splat(Math.LN2)), f64x2.mul(f64x2.mul(s, f64x2.splat(2)), p));
}

/** Taylor, z = t²; error below 1e-11 for |t| ≤ π/4. */
@inline function sine(t: v128, z: v128): v128 {
  let p = f64x2.splat(-1.0 / 39916800);
  p = step(p, z, 1.0 / 362880);
  p = step(p, z, -1.0 / 5040);
  p = step(p, z, 1.0 / 120);
  p = step(p, z, -1.0 / 6);
  p = step(p, z, 1);
  return f64x2.mul(t, p);
}

@inline function cosine(z: v128): v128 {
  let p = f64x2.splat(1.0 / 479001600);
  p = step(p, z, -1.0 / 3628800);
  p = step(p, z, 1.0 / 40320);
  p = step(p, z, -1.0 / 720);
  p = step(p, z, 1.0 / 24);
  p = step(p, z, -1.0 / 2);
  return step(p, z, 1);
}

/** One step of Horner's rule; never fused. */
@inline function step(p: v128, z: v128, c: f64): v128 {
  return f64x2.add(f64x2.mul(p, z), f64x2.splat(c));
}

/** The words themselves, which most kernels here begin with and then change in place, with all four words of the first counter given; c2 and c3 stay as they are. */
export function philox_i32(y: usize, n: i32, k0: i32, k1: i32, c0: i32, c1: i32, c2: i32, c3: i32): void {
  stream<Words>(y, y, n, k0, k1, c0, c1, c2, c3, i32x4.splat(0), i32x4.splat(0));
}

/** Uniform in [low, high), from the upper 24 bits of each word. */
export function uniform_f32(y: usize, n: i32, k0: i32, k1: i32, c0: i32, c1: i32, low: f32, high: f32): void {
  philox_i32(y, n, k0, k1, c0, c1, 0, 0);
  mapWith<Uniform>(y, y, n, f32x4.splat(low), f32x4.splat(high));
}

/** Normal by Box and Muller in float64, from two words each pair: √(−2 log u₁)·(cos 2πu₂, sin 2πu₂). */
export function normal_f32(y: usize, n: i32, k0: i32, k1: i32, c0: i32, c1: i32, mean: f64, std: f64): void {
  // Not from words in place: the last value may need a word of a pair that y has no room for.
  stream<Normal>(y, y, n, k0, k1, c0, c1, 0, 0, f64x2.splat(mean), f64x2.splat(std));
}

/** Integers low + ⌊word·span/2^32⌋; span is an unsigned word. */
export function randint_i32(y: usize, n: i32, k0: i32, k1: i32, c0: i32, c1: i32, low: i32, span: i32): void {
  philox_i32(y, n, k0, k1, c0, c1, 0, 0);
  mapWith<Randint>(y, y, n, i32x4.splat(low), i32x4.splat(span));
}

/** y[i] = 1 with probability p[i], else 0; y is not p. */
export function bernoulli_f32(y: usize, p: usize, n: i32, k0: i32, k1: i32, c0: i32, c1: i32): void {
  philox_i32(y, n, k0, k1, c0, c1, 0, 0);
  zip<Bernoulli>(y, y, p, n);
}

/** y[i] = scale·x[i] where the upper 31 bits of word i reach the threshold (an unsigned word), else 0·x[i]. Its own gradient. */
export function dropout_f32(y: usize, x: usize, n: i32, k0: i32, k1: i32, c0: i32, c1: i32, threshold: i32, scale: f32): void {
  stream<Dropout>(y, x, n, k0, k1, c0, c1, 0, 0, i32x4.splat(threshold), f32x4.splat(scale));
}
