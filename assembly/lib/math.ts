// Transcendental functions on four float32 lanes. The scalar ones run the same code on a splat, so a value does not depend on
// whether it stood in a vector or in a tail.
//
// Polynomials are minimax fits (Lawson's iteration on Chebyshev nodes, coefficients rounded to float32 one after the other, lowest
// first). The error stated is the largest found by test/math.test.ts over a dense sweep of all bit patterns, in units in the last
// place (ULP) of the float32 result, for both binaries. NaN gives NaN everywhere.

import { madd } from "./simd";

/** 1.5·2²³: adding it to |v| < 2²² rounds v to an integer, which then stands in the low bits. */
const ROUNDER: f32 = 12582912;
const ROUNDER_BITS: i32 = 0x4b400000;
const LOG2_E: f32 = 1.44269504;
/** ln 2 in two parts; the first has 9 significant bits, so that its product with an exponent is exact. */
const LN2_HIGH: f32 = 0.693359375;
const LN2_LOW: f32 = -2.12194440e-4;

@inline function splat(v: f32): v128 {
  return f32x4.splat(v);
}

/** a where the mask is set, b elsewhere. */
@inline function select(a: v128, b: v128, mask: v128): v128 {
  return v128.bitselect(a, b, mask);
}

/** The magnitude of a with the sign of b. */
@inline function copysign(a: v128, b: v128): v128 {
  return v128.bitselect(a, b, i32x4.splat(0x7fffffff));
}

/** (e^r − 1 − r)/r² for |r| ≤ ln(2)/2; error of e^r − 1: 2⁻²⁶. */
@inline function expPolynomial(r: v128): v128 {
  let p = madd(splat(1.3870695e-3), r, splat(8.366272e-3));
  p = madd(p, r, splat(4.1667435e-2));
  p = madd(p, r, splat(1.6666546e-1));
  return madd(p, r, splat(0.49999997));
}

/** y · 2ⁿ for −150 ≤ n ≤ 128, t being n + ROUNDER; in two halves, as one float32 exponent does not reach that far. */
@inline function scale(y: v128, t: v128): v128 {
  const exponent = i32x4.sub(t, i32x4.splat(ROUNDER_BITS - 254));
  const half = i32x4.shr_s(exponent, 1);
  return f32x4.mul(f32x4.mul(y, i32x4.shl(half, 23)), i32x4.shl(i32x4.sub(exponent, half), 23));
}

/**
 * e^x. Cody and Waite's reduction x = n·ln 2 + r, then 2ⁿ·(1 + r + r²·p(r)); the power of two is applied in two halves, so that
 * denormal results come out rounded. Range: all of it; 0 below −104, infinity above 88.72. Error ≤ 1.1 ULP.
 */
@inline export function exp(x: v128): v128 {
  // The operand order of pmin and pmax keeps NaN.
  x = f32x4.pmax(f32x4.pmin(x, splat(89)), splat(-104));
  const t = f32x4.add(f32x4.mul(x, splat(LOG2_E)), splat(ROUNDER));
  const n = f32x4.sub(t, splat(ROUNDER));
  const r = madd(n, splat(-LN2_LOW), madd(n, splat(-LN2_HIGH), x));
  const y = f32x4.add(madd(expPolynomial(r), f32x4.mul(r, r), r), splat(1));
  return scale(y, t);
}

/** e^x − 1 for x ≥ −20, but +0 at −0: 2ⁿ·(r + r²·p(r)) + (2ⁿ − 1). */
@inline function expm1Above(x: v128): v128 {
  const t = f32x4.add(f32x4.mul(x, splat(LOG2_E)), splat(ROUNDER));
  const n = f32x4.sub(t, splat(ROUNDER));
  const r = madd(n, splat(-LN2_LOW), madd(n, splat(-LN2_HIGH), x));
  const p = madd(expPolynomial(r), f32x4.mul(r, r), r);
  // 2ⁿ⁻¹ instead of 2ⁿ: n = 128 has no float32 exponent.
  const s = i32x4.add(i32x4.shl(t, 23), i32x4.splat(126 << 23));
  const y = madd(p, s, f32x4.sub(s, splat(0.5)));
  return f32x4.add(y, y);
}

/** e^x − 1, with full relative accuracy near 0. Range: all of it; −1 below −17.5, infinity above 88.72. Error ≤ 2 ULP. */
@inline export function expm1(x: v128): v128 {
  const y = expm1Above(f32x4.pmax(f32x4.pmin(x, splat(89)), splat(-20)));
  return select(x, y, f32x4.eq(x, splat(0)));
}

/**
 * ln x. x = 2ᵏ·(1 + f) with 1 + f in [√½, √2), s = f/(2 + f), ln(1 + f) = f − f²/2 + s·(f²/2 + R(s²)) (the scheme of fdlibm's
 * logf, R refitted with three terms). Range: all of it; −infinity at 0, NaN below. Error ≤ 1 ULP.
 */
@inline export function log(x: v128): v128 {
  const denormal = f32x4.lt(x, splat(1.17549435e-38));
  const scaled = select(f32x4.mul(x, splat(8388608)), x, denormal);
  // Subtracting √½'s bits puts the boundary between two exponents there.
  const bits = i32x4.sub(scaled, i32x4.splat(0x3f3504f3));
  const f = f32x4.sub(i32x4.add(v128.and(bits, i32x4.splat(0x007fffff)), i32x4.splat(0x3f3504f3)), splat(1));
  const k = f32x4.sub(f32x4.convert_i32x4_s(i32x4.shr_s(bits, 23)), v128.and(denormal, splat(23)));
  const s = f32x4.div(f, f32x4.add(f, splat(2)));
  const z = f32x4.mul(s, s);
  const R = f32x4.mul(z, madd(z, madd(z, splat(0.29872122), splat(0.39977553)), splat(0.66666776)));
  const h = f32x4.mul(f32x4.mul(f, f), splat(0.5));
  const low = madd(s, f32x4.add(h, R), f32x4.mul(k, splat(LN2_LOW)));
  const y = madd(k, splat(LN2_HIGH), f32x4.add(f32x4.sub(low, h), f));
  // 0 → −infinity; negative and NaN → NaN (0/0); +infinity stays.
  const zero = f32x4.eq(x, splat(0));
  const regular = v128.and(f32x4.gt(x, splat(0)), f32x4.lt(x, splat(Infinity)));
  const other = select(splat(-Infinity), select(x, splat(NaN), f32x4.gt(x, splat(0))), zero);
  return select(y, other, regular);
}

/**
 * ln(1 + x), with full relative accuracy near 0: ln(u)·x/(u − 1) with u = 1 + x rounded (Kahan). Range: all of it; −infinity at −1,
 * NaN below. Error ≤ 3 ULP.
 */
@inline export function log1p(x: v128): v128 {
  const u = f32x4.add(x, splat(1));
  const d = f32x4.sub(u, splat(1));
  const l = log(u);
  const corrected = select(l, f32x4.mul(l, f32x4.div(x, d)), f32x4.eq(d, x));
  return select(x, corrected, f32x4.eq(u, splat(1)));
}

/** ln(1 + x) for −2/3 ≤ x ≤ 2, as 2·artanh s with s = x/(x + 2). Error ≤ 2.5 ULP. */
@inline export function log1pSmall(x: v128): v128 {
  const s = f32x4.div(x, f32x4.add(x, splat(2)));
  const z = f32x4.mul(s, s);
  let p = madd(splat(0.18175744), z, splat(8.242594e-2));
  p = madd(p, z, splat(0.14669392));
  p = madd(p, z, splat(0.19978194));
  p = madd(p, z, splat(0.3333373));
  const y = madd(f32x4.mul(s, z), p, s);
  return f32x4.add(y, y);
}

/**
 * ln(1 + t) = 2·artanh(s) = 2s + 2s·z·P(z) with s = t/(2 + t) and z = s²; error of the polynomial 5e-9. Range: 0 ≤ t ≤ 1, the terms of a
 * softplus. Error ≤ 2 ULP.
 */
@inline export function log1pUnit(t: v128): v128 {
  const s = f32x4.div(t, f32x4.add(t, splat(2)));
  const z = f32x4.mul(s, s);
  let p = madd(splat(1.4013556e-1), z, splat(1.3999279e-1));
  p = madd(p, z, splat(2.0010869e-1));
  p = madd(p, z, splat(3.3333206e-1));
  const twice = f32x4.add(s, s);
  return madd(f32x4.mul(twice, z), p, twice);
}

/**
 * tanh x = t/(t + 2) with t = e^{2x} − 1 = 2ⁿ·p + (2ⁿ − 1), the reduction being that of exp. Range: all of it; |y| ≤ 1. Error ≤ 3 ULP.
 */
@inline export function tanh(x: v128): v128 {
  // From 9.02 on the result rounds to ±1.
  const a = f32x4.pmax(f32x4.pmin(x, splat(10)), splat(-10));
  const b = f32x4.add(a, a);
  const t = f32x4.add(f32x4.mul(b, splat(LOG2_E)), splat(ROUNDER));
  const n = f32x4.sub(t, splat(ROUNDER));
  const r = madd(n, splat(-LN2_LOW), madd(n, splat(-LN2_HIGH), b));
  const s = i32x4.add(i32x4.shl(t, 23), i32x4.splat(127 << 23));
  const p = f32x4.mul(madd(expPolynomial(r), f32x4.mul(r, r), r), s);
  const y = f32x4.div(f32x4.add(p, f32x4.sub(s, splat(1))), f32x4.add(p, f32x4.add(s, splat(1))));
  // −0 has become 0.
  return v128.or(y, v128.and(x, i32x4.splat(0x80000000)));
}

/**
 * 1/(1 + e^−x) = 2ⁿ/(2ⁿ + e^r) with −x = r − n·ln 2, so that nothing overflows. Range: all of it; y in [0, 1]. Error ≤ 3 ULP.
 */
@inline export function sigmoid(x: v128): v128 {
  // From 17.4 on the result rounds to 1, below −104 to 0.
  x = f32x4.pmax(f32x4.pmin(x, splat(20)), splat(-104));
  const t = f32x4.add(f32x4.mul(x, splat(LOG2_E)), splat(ROUNDER));
  const n = f32x4.sub(t, splat(ROUNDER));
  const r = madd(n, splat(LN2_LOW), f32x4.sub(f32x4.mul(n, splat(LN2_HIGH)), x));
  const p = f32x4.add(madd(expPolynomial(r), f32x4.mul(r, r), r), splat(1));
  const s = scale(splat(1), t);
  return f32x4.div(s, f32x4.add(s, p));
}

/** (erf a)/a − 1 of a² for a < 0.75; even a function of a, so that the sign need not be known. */
@inline function erfBelow(a: v128): v128 {
  const z = f32x4.mul(a, a);
  let p = madd(splat(-6.737584e-4), z, splat(5.113157e-3));
  p = madd(p, z, splat(-2.6834335e-2));
  p = madd(p, z, splat(1.1283379e-1));
  p = madd(p, z, splat(-3.761262e-1));
  return madd(p, z, splat(1.2837917e-1));
}

/** 1 − erf a = e^{−(a + a·q(a))} for 0.75 ≤ a ≤ 4; it stays below 2e-8 up to 6. */
@inline function erfcAbove(a: v128): v128 {
  let q = madd(splat(-2.1638117e-4), a, splat(3.2344584e-3));
  q = madd(q, a, splat(-2.2951638e-2));
  q = madd(q, a, splat(1.0535658e-1));
  q = madd(q, a, splat(6.356476e-1));
  q = madd(q, a, splat(1.285349e-1));
  return exp(f32x4.neg(madd(q, a, a)));
}

/**
 * erf x = 2/√π ∫₀ˣ e^{−t²} dt: x + x·p(x²) below 0.75, 1 − e^{−(x + x·q(x))} above. Range: all of it; |y| ≤ 1. Error ≤ 2 ULP.
 */
@inline export function erf(x: v128): v128 {
  const a = f32x4.pmin(f32x4.abs(x), splat(4));
  const large = f32x4.sub(splat(1), erfcAbove(a));
  return copysign(select(madd(erfBelow(a), a, a), large, f32x4.lt(a, splat(0.75))), x);
}

/**
 * Φ(x) = (1 + erf(x/√2))/2, the distribution function of the normal distribution, from the pieces of erf and without its
 * cancellation below 0. Range: all of it; y in [0, 1], 0 below −8.5.
 */
@inline export function normalCdf(x: v128): v128 {
  const z = f32x4.mul(x, splat(0.70710678));
  const a = f32x4.abs(z);
  const half = splat(0.5);
  const middle = madd(madd(erfBelow(z), z, z), half, half);
  const tail = v128.andnot(f32x4.mul(erfcAbove(a), half), f32x4.gt(a, splat(6)));
  const outside = select(tail, f32x4.sub(splat(1), tail), f32x4.lt(x, splat(0)));
  return select(middle, outside, f32x4.lt(a, splat(0.75)));
}
