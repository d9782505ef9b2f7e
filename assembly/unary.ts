// Element-wise functions of one operand that are exact or one rounding away; x, y, g and dx hold n elements.
import { map, mapWith, zip, zipWith } from "./lib/loops";

@inline function zero(): v128 {
  return f32x4.splat(0);
}

@unmanaged class Relu {
  // The operand order keeps NaN: pmax(a, b) is a < b ? b : a.
  @inline v(x: v128): v128 { return f32x4.pmax(x, zero()); }
}
@unmanaged class ReluGrad {
  @inline v(g: v128, y: v128): v128 { return v128.andnot(g, f32x4.le(y, zero())); }
}
@unmanaged class Abs {
  @inline v(x: v128): v128 { return f32x4.abs(x); }
}
@unmanaged class AbsGrad {
  @inline v(g: v128, x: v128): v128 {
    const signed = v128.xor(g, v128.and(x, f32x4.splat(-0.0)));
    return v128.and(signed, v128.or(f32x4.lt(x, zero()), f32x4.gt(x, zero())));
  }
}
@unmanaged class Sign {
  @inline v(x: v128): v128 {
    const one = f32x4.splat(1);
    return f32x4.sub(v128.and(f32x4.gt(x, zero()), one), v128.and(f32x4.lt(x, zero()), one));
  }
}
@unmanaged class Sqrt {
  @inline v(x: v128): v128 { return f32x4.sqrt(x); }
}
@unmanaged class SqrtGrad {
  @inline v(g: v128, y: v128): v128 { return f32x4.div(f32x4.mul(g, f32x4.splat(0.5)), y); }
}
@unmanaged class Rsqrt {
  @inline v(x: v128): v128 { return f32x4.div(f32x4.splat(1), f32x4.sqrt(x)); }
}
@unmanaged class RsqrtGrad {
  @inline v(g: v128, y: v128): v128 {
    return f32x4.mul(f32x4.mul(f32x4.mul(g, f32x4.splat(-0.5)), f32x4.mul(y, y)), y);
  }
}
@unmanaged class Reciprocal {
  @inline v(x: v128): v128 { return f32x4.div(f32x4.splat(1), x); }
}
@unmanaged class ReciprocalGrad {
  @inline v(g: v128, y: v128): v128 { return f32x4.neg(f32x4.mul(g, f32x4.mul(y, y))); }
}
@unmanaged class Square {
  @inline v(x: v128): v128 { return f32x4.mul(x, x); }
}
@unmanaged class SquareGrad {
  @inline v(g: v128, x: v128): v128 { return f32x4.mul(g, f32x4.add(x, x)); }
}
@unmanaged class Floor {
  @inline v(x: v128): v128 { return f32x4.floor(x); }
}
@unmanaged class Ceil {
  @inline v(x: v128): v128 { return f32x4.ceil(x); }
}
@unmanaged class Round {
  @inline v(x: v128): v128 { return f32x4.nearest(x); }
}
@unmanaged class Clamp {
  // The operand order keeps NaN; where low > high the result is high.
  @inline v(x: v128, low: v128, high: v128): v128 { return f32x4.pmin(f32x4.pmax(x, low), high); }
}
@unmanaged class ClampGrad {
  @inline v(g: v128, x: v128, low: v128, high: v128): v128 {
    return v128.and(g, v128.and(f32x4.ge(x, low), f32x4.le(x, high)));
  }
}
@unmanaged class AbsI32 {
  @inline v(x: v128): v128 { return i32x4.abs(x); }
}
@unmanaged class SignI32 {
  @inline v(x: v128): v128 { return i32x4.sub(i32x4.lt_s(x, i32x4.splat(0)), i32x4.gt_s(x, i32x4.splat(0))); }
}
@unmanaged class ClampI32 {
  @inline v(x: v128, low: v128, high: v128): v128 { return i32x4.min_s(i32x4.max_s(x, low), high); }
}

export function relu_f32(y: usize, x: usize, n: i32): void { map<Relu>(y, x, n); }
export function abs_f32(y: usize, x: usize, n: i32): void { map<Abs>(y, x, n); }
export function abs_i32(y: usize, x: usize, n: i32): void { map<AbsI32>(y, x, n); }
/** y = 1, 0 or −1; 0 for NaN. */
export function sign_f32(y: usize, x: usize, n: i32): void { map<Sign>(y, x, n); }
export function sign_i32(y: usize, x: usize, n: i32): void { map<SignI32>(y, x, n); }
export function sqrt_f32(y: usize, x: usize, n: i32): void { map<Sqrt>(y, x, n); }
export function rsqrt_f32(y: usize, x: usize, n: i32): void { map<Rsqrt>(y, x, n); }
export function reciprocal_f32(y: usize, x: usize, n: i32): void { map<Reciprocal>(y, x, n); }
export function square_f32(y: usize, x: usize, n: i32): void { map<Square>(y, x, n); }
export function floor_f32(y: usize, x: usize, n: i32): void { map<Floor>(y, x, n); }
export function ceil_f32(y: usize, x: usize, n: i32): void { map<Ceil>(y, x, n); }
/** To the nearest integer, halves to the even one. */
export function round_f32(y: usize, x: usize, n: i32): void { map<Round>(y, x, n); }

/** y = min(max(x, low), high). */
export function clamp_f32(y: usize, x: usize, n: i32, low: f32, high: f32): void {
  mapWith<Clamp>(y, x, n, f32x4.splat(low), f32x4.splat(high));
}
export function clamp_i32(y: usize, x: usize, n: i32, low: i32, high: i32): void {
  mapWith<ClampI32>(y, x, n, i32x4.splat(low), i32x4.splat(high));
}

/** dx = 0 where y ≤ 0, else g. */
export function relu_grad_f32(dx: usize, g: usize, y: usize, n: i32): void { zip<ReluGrad>(dx, g, y, n); }
/** dx = g·sign(x). */
export function abs_grad_f32(dx: usize, g: usize, x: usize, n: i32): void { zip<AbsGrad>(dx, g, x, n); }
/** dx = g/(2y). */
export function sqrt_grad_f32(dx: usize, g: usize, y: usize, n: i32): void { zip<SqrtGrad>(dx, g, y, n); }
/** dx = −g·y³/2. */
export function rsqrt_grad_f32(dx: usize, g: usize, y: usize, n: i32): void { zip<RsqrtGrad>(dx, g, y, n); }
/** dx = −g·y². */
export function reciprocal_grad_f32(dx: usize, g: usize, y: usize, n: i32): void { zip<ReciprocalGrad>(dx, g, y, n); }
/** dx = 2g·x. */
export function square_grad_f32(dx: usize, g: usize, x: usize, n: i32): void { zip<SquareGrad>(dx, g, x, n); }

/** dx = g where low ≤ x ≤ high, else 0. */
export function clamp_grad_f32(dx: usize, g: usize, x: usize, n: i32, low: f32, high: f32): void {
  zipWith<ClampGrad>(dx, g, x, n, f32x4.splat(low), f32x4.splat(high));
}
