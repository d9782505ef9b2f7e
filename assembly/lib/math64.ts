// Functions whose argument reduction needs more than float32: four lanes go through two pairs of float64 lanes. Errors are measured
// as for lib/math.ts; polynomials are minimax fits of this library.

/** 1.5·2⁵²: adding it to |v| < 2⁵¹ rounds v to an integer, which then stands in the low bits. */
const ROUNDER: f64 = 6755399441055744;

/** Lanes 0 and 1 in float64. */
@inline function low(x: v128): v128 {
  return f64x2.promote_low_f32x4(x);
}

/** Lanes 2 and 3 in float64. */
@inline function high(x: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<i64>(x, x, 1, 1));
}

/** Four float32 lanes from two pairs. */
@inline function join(a: v128, b: v128): v128 {
  return v128.shuffle<i64>(f32x4.demote_f64x2_zero(a), f32x4.demote_f64x2_zero(b), 0, 2);
}

/** a·b + c. */
@inline function madd(a: v128, b: v128, c: f64): v128 {
  return f64x2.add(f64x2.mul(a, b), f64x2.splat(c));
}

/** log₂ a for a ≥ 0, relative error 2⁻³⁷: a = 2ᵏ·(1 + f) with 1 + f in [√½, √2), s = f/(2 + f), log₂(1 + f) = s·P(s²). */
@inline function log2(a: v128): v128 {
  const bits = i64x2.add(a, i64x2.splat(0x3ff0000000000000 - 0x3fe6a09e667f3bcd));
  const m = i64x2.add(v128.and(bits, i64x2.splat(0x000fffffffffffff)), i64x2.splat(0x3fe6a09e667f3bcd));
  // The exponent as the low bits of 2⁵² + k + 1023.
  const k = f64x2.sub(v128.or(i64x2.shr_u(bits, 52), f64x2.splat(4503599627370496)), f64x2.splat(4503599627370496 + 1023));
  const f = f64x2.sub(m, f64x2.splat(1));
  const s = f64x2.div(f, f64x2.add(f, f64x2.splat(2)));
  const z = f64x2.mul(s, s);
  let p = madd(f64x2.splat(0.3407700028602323), z, 0.41167066098515726);
  p = madd(p, z, 0.5770836174662501);
  p = madd(p, z, 0.9617966731820947);
  p = madd(p, z, 2.8853900817902036);
  const y = f64x2.add(f64x2.mul(p, s), k);
  // 0 → −infinity; infinity and NaN stay.
  const finite = v128.bitselect(y, a, f64x2.lt(a, f64x2.splat(Infinity)));
  return v128.bitselect(f64x2.splat(-Infinity), finite, f64x2.eq(a, f64x2.splat(0)));
}

/** 2^e, relative error 2⁻³⁴, clipped to where float32 has long been 0 or infinite. */
@inline function exp2(e: v128): v128 {
  e = f64x2.pmax(f64x2.pmin(e, f64x2.splat(1000)), f64x2.splat(-1000));
  const t = f64x2.add(e, f64x2.splat(ROUNDER));
  const r = f64x2.sub(e, f64x2.sub(t, f64x2.splat(ROUNDER)));
  let p = madd(f64x2.splat(1.5196134178404512e-5), r, 1.5466781519366131e-4);
  p = madd(p, r, 1.3333935355725694e-3);
  p = madd(p, r, 9.618038059642222e-3);
  p = madd(p, r, 5.550410365392877e-2);
  p = madd(p, r, 2.402265106700291e-1);
  p = madd(p, r, 6.931471807047628e-1);
  const scale = i64x2.add(i64x2.shl(t, 52), i64x2.splat(0x3ff0000000000000));
  return f64x2.mul(madd(p, r, 1), scale);
}

/** a^y for a ≥ 0; 1^y is 1, whatever y is. Not inlined: one copy serves both pairs. */
function powPositive(a: v128, y: v128): v128 {
  const l = log2(a);
  return exp2(v128.andnot(f64x2.mul(l, y), f64x2.eq(l, f64x2.splat(0))));
}

/**
 * x^y with C's special cases: x^0 and 1^y are 1; a negative x needs an integer y, else NaN. Range: all of it, denormals included.
 * Error ≤ 0.52 ULP.
 */
@inline export function pow(x: v128, y: v128): v128 {
  const a = f32x4.abs(x);
  const magnitude = join(powPositive(low(a), low(y)), powPositive(high(a), high(y)));
  const zero = f32x4.splat(0);
  const whole = f32x4.eq(f32x4.floor(y), y);
  const half = f32x4.mul(y, f32x4.splat(0.5));
  const odd = v128.and(whole, f32x4.ne(f32x4.floor(half), half));
  const signed = v128.xor(magnitude, v128.and(v128.and(x, odd), f32x4.splat(-0.0)));
  const negative = v128.and(f32x4.lt(x, zero), f32x4.gt(x, f32x4.splat(-Infinity)));
  const result = v128.bitselect(f32x4.splat(NaN), signed, v128.andnot(negative, whole));
  return v128.bitselect(f32x4.splat(1), result, f32x4.eq(y, zero));
}

const TWO_OVER_PI: f64 = 0.63661977236758134308;
/** π/2 in two parts; the first has 25 significant bits, so that its product with n < 2²⁸ is exact. */
const HALF_PI_HIGH: f64 = 1.5707963109016418;
const HALF_PI_LOW: f64 = 1.5893254773528196e-8;
/** Angles from here on are reduced in integers. */
const LARGE: f32 = 268435456;

/** Bits 32·i … 32·i + 31 behind the point of 2/π. */
function twoOverPi(i: i32): u64 {
  switch (i) {
    case 0: return 0xa2f9836e;
    case 1: return 0x4e441529;
    case 2: return 0xfc2757d1;
    case 3: return 0xf534ddc0;
    case 4: return 0xdb629599;
    case 5: return 0x3c439041;
    default: return 0xfe5163ab;
  }
}

/**
 * The angle in (−π, π] that equals |x| ≥ 2²⁴ modulo 2π (Payne and Hanek): x is m·2ᵉ with an integer m of 24 bits, so the bits of
 * 2/π above weight 2^(1 − e) only add whole turns, and 96 bits from there on settle the fraction.
 */
function reduceLarge(x: f32): f64 {
  const bits = reinterpret<i32>(x);
  const e = ((bits >> 23) & 255) - 150;
  const m = <u64>((bits & 0x7fffff) | 0x800000);
  // The window starts at bit e − 1 of 2/π, counted from 1 behind the point: two bits before the point of x·2/π.
  const start = e - 2;
  const word = start >> 5;
  const shift = <u64>(start & 31);
  const w0 = twoOverPi(word);
  const w1 = twoOverPi(word + 1);
  const w2 = twoOverPi(word + 2);
  const w3 = twoOverPi(word + 3);
  const top = (w0 << 32) | w1;
  const next = (w2 << 32) | w3;
  const window = shift == 0 ? top : (top << shift) | (next >> (64 - shift));
  const rest = ((next << shift) >> 32) & 0xffffffff;
  // Quarter turns in 2.62 fixed point, modulo 4.
  const quarters = m * window + ((m * rest) >> 32);
  const angle = <f64>(<i64>quarters) * 3.4061215800865545e-19;
  return x < 0 ? -angle : angle;
}

/**
 * sin(x + turn·π/2), turn being 0 or 1: π/2 is taken off in float64, then a polynomial on [−π/4, π/4]. sin x is −0 at −0. Range: all of
 * it; infinity gives NaN. Error ≤ 2 ULP.
 */
@inline export function sinTurned(x: v128, turn: i32): v128 {
  let x0 = low(x);
  let x1 = high(x);
  const a = f32x4.abs(x);
  const large = v128.and(f32x4.ge(a, f32x4.splat(LARGE)), f32x4.lt(a, f32x4.splat(Infinity)));
  if (v128.any_true(large)) {
    if (i32x4.extract_lane(large, 0)) x0 = f64x2.replace_lane(x0, 0, reduceLarge(f32x4.extract_lane(x, 0)));
    if (i32x4.extract_lane(large, 1)) x0 = f64x2.replace_lane(x0, 1, reduceLarge(f32x4.extract_lane(x, 1)));
    if (i32x4.extract_lane(large, 2)) x1 = f64x2.replace_lane(x1, 0, reduceLarge(f32x4.extract_lane(x, 2)));
    if (i32x4.extract_lane(large, 3)) x1 = f64x2.replace_lane(x1, 1, reduceLarge(f32x4.extract_lane(x, 3)));
  }
  const t0 = madd(x0, f64x2.splat(TWO_OVER_PI), ROUNDER);
  const t1 = madd(x1, f64x2.splat(TWO_OVER_PI), ROUNDER);
  const n0 = f64x2.sub(t0, f64x2.splat(ROUNDER));
  const n1 = f64x2.sub(t1, f64x2.splat(ROUNDER));
  const r0 = f64x2.sub(f64x2.sub(x0, f64x2.mul(n0, f64x2.splat(HALF_PI_HIGH))), f64x2.mul(n0, f64x2.splat(HALF_PI_LOW)));
  const r1 = f64x2.sub(f64x2.sub(x1, f64x2.mul(n1, f64x2.splat(HALF_PI_HIGH))), f64x2.mul(n1, f64x2.splat(HALF_PI_LOW)));
  const r = join(r0, r1);
  const quadrant = i32x4.add(v128.shuffle<i32>(t0, t1, 0, 2, 4, 6), i32x4.splat(turn));
  const z = f32x4.mul(r, r);
  let s = f32x4.add(f32x4.mul(f32x4.splat(-1.9517900e-4), z), f32x4.splat(8.332187e-3));
  s = f32x4.add(f32x4.mul(s, z), f32x4.splat(-1.6666655e-1));
  const sine = f32x4.add(f32x4.mul(f32x4.mul(s, z), r), r);
  let c = f32x4.add(f32x4.mul(f32x4.splat(2.4432327e-5), z), f32x4.splat(-1.388731e-3));
  c = f32x4.add(f32x4.mul(c, z), f32x4.splat(4.1666646e-2));
  const cosine = f32x4.add(f32x4.mul(f32x4.mul(c, z), z), f32x4.sub(f32x4.splat(1), f32x4.mul(z, f32x4.splat(0.5))));
  const even = i32x4.eq(v128.and(quadrant, i32x4.splat(1)), i32x4.splat(0));
  const y = v128.bitselect(sine, cosine, even);
  const signed = v128.xor(y, i32x4.shl(v128.and(quadrant, i32x4.splat(2)), 30));
  return v128.bitselect(x, signed, v128.and(f32x4.eq(x, f32x4.splat(0)), i32x4.splat(turn - 1)));
}
