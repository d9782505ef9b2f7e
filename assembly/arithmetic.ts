// Arithmetic. The functions of two operands broadcast as lib/broadcast.ts says; those of one take n elements. int32 wraps around.

import { broadcast, Lanes } from "./lib/broadcast";
import { map, mapWith } from "./lib/loops";

@unmanaged class Add {
  @inline v(a: v128, b: v128, _p: v128): v128 { return f32x4.add(a, b); }
}
@unmanaged class Sub {
  @inline v(a: v128, b: v128, _p: v128): v128 { return f32x4.sub(a, b); }
}
@unmanaged class Mul {
  @inline v(a: v128, b: v128, _p: v128): v128 { return f32x4.mul(a, b); }
}
@unmanaged class Div {
  @inline v(a: v128, b: v128, _p: v128): v128 { return f32x4.div(a, b); }
}
// Where bits are flipped before and after, these turn into minimum and difference (a − b = ~(~a + b)): two kernels share one copy.
@unmanaged class Larger {
  @inline v(a: v128, b: v128, flip: v128): v128 {
    return v128.xor(f32x4.max(v128.xor(a, flip), v128.xor(b, flip)), flip);
  }
}
@unmanaged class SumI32 {
  @inline v(a: v128, b: v128, flip: v128): v128 { return v128.xor(i32x4.add(v128.xor(a, flip), b), flip); }
}
@unmanaged class MulI32 {
  @inline v(a: v128, b: v128, _p: v128): v128 { return i32x4.mul(a, b); }
}
@unmanaged class LargerI32 {
  @inline v(a: v128, b: v128, flip: v128): v128 {
    return v128.xor(i32x4.max_s(v128.xor(a, flip), v128.xor(b, flip)), flip);
  }
}
@unmanaged class MaximumShare {
  @inline v(a: v128, b: v128, _p: v128): v128 {
    const one = f32x4.splat(1);
    const tie = v128.and(f32x4.eq(a, b), f32x4.splat(0.5));
    return f32x4.sub(v128.andnot(one, f32x4.lt(a, b)), tie);
  }
}

function larger(y: usize, a: usize, b: usize, n0: i32, n1: i32, n2: i32, n3: i32, a0: i32, a1: i32, a2: i32, a3: i32, b0: i32, b1: i32, b2: i32, b3: i32, flip: i32): void {
  broadcast<Lanes<Larger>>(y, a, b, n0, n1, n2, n3, a0, a1, a2, a3, b0, b1, b2, b3, i32x4.splat(flip));
}
function largerI32(y: usize, a: usize, b: usize, n0: i32, n1: i32, n2: i32, n3: i32, a0: i32, a1: i32, a2: i32, a3: i32, b0: i32, b1: i32, b2: i32, b3: i32, flip: i32): void {
  broadcast<Lanes<LargerI32>>(y, a, b, n0, n1, n2, n3, a0, a1, a2, a3, b0, b1, b2, b3, i32x4.splat(flip));
}
function sumI32(y: usize, a: usize, b: usize, n0: i32, n1: i32, n2: i32, n3: i32, a0: i32, a1: i32, a2: i32, a3: i32, b0: i32, b1: i32, b2: i32, b3: i32, flip: i32): void {
  broadcast<Lanes<SumI32>>(y, a, b, n0, n1, n2, n3, a0, a1, a2, a3, b0, b1, b2, b3, i32x4.splat(flip));
}

export function add_f32(y: usize, a: usize, b: usize, n0: i32, n1: i32, n2: i32, n3: i32, a0: i32, a1: i32, a2: i32, a3: i32, b0: i32, b1: i32, b2: i32, b3: i32): void {
  broadcast<Lanes<Add>>(y, a, b, n0, n1, n2, n3, a0, a1, a2, a3, b0, b1, b2, b3, i32x4.splat(0));
}
export function sub_f32(y: usize, a: usize, b: usize, n0: i32, n1: i32, n2: i32, n3: i32, a0: i32, a1: i32, a2: i32, a3: i32, b0: i32, b1: i32, b2: i32, b3: i32): void {
  broadcast<Lanes<Sub>>(y, a, b, n0, n1, n2, n3, a0, a1, a2, a3, b0, b1, b2, b3, i32x4.splat(0));
}
export function mul_f32(y: usize, a: usize, b: usize, n0: i32, n1: i32, n2: i32, n3: i32, a0: i32, a1: i32, a2: i32, a3: i32, b0: i32, b1: i32, b2: i32, b3: i32): void {
  broadcast<Lanes<Mul>>(y, a, b, n0, n1, n2, n3, a0, a1, a2, a3, b0, b1, b2, b3, i32x4.splat(0));
}
export function div_f32(y: usize, a: usize, b: usize, n0: i32, n1: i32, n2: i32, n3: i32, a0: i32, a1: i32, a2: i32, a3: i32, b0: i32, b1: i32, b2: i32, b3: i32): void {
  broadcast<Lanes<Div>>(y, a, b, n0, n1, n2, n3, a0, a1, a2, a3, b0, b1, b2, b3, i32x4.splat(0));
}
/** NaN in either operand gives NaN. */
export function minimum_f32(y: usize, a: usize, b: usize, n0: i32, n1: i32, n2: i32, n3: i32, a0: i32, a1: i32, a2: i32, a3: i32, b0: i32, b1: i32, b2: i32, b3: i32): void {
  larger(y, a, b, n0, n1, n2, n3, a0, a1, a2, a3, b0, b1, b2, b3, i32.MIN_VALUE);
}
/** NaN in either operand gives NaN. */
export function maximum_f32(y: usize, a: usize, b: usize, n0: i32, n1: i32, n2: i32, n3: i32, a0: i32, a1: i32, a2: i32, a3: i32, b0: i32, b1: i32, b2: i32, b3: i32): void {
  larger(y, a, b, n0, n1, n2, n3, a0, a1, a2, a3, b0, b1, b2, b3, 0);
}
/** ∂max(a, b)/∂a: 1 where a is larger (or NaN is involved), ½ where both are equal, else 0. */
export function maximum_share_f32(y: usize, a: usize, b: usize, n0: i32, n1: i32, n2: i32, n3: i32, a0: i32, a1: i32, a2: i32, a3: i32, b0: i32, b1: i32, b2: i32, b3: i32): void {
  broadcast<Lanes<MaximumShare>>(y, a, b, n0, n1, n2, n3, a0, a1, a2, a3, b0, b1, b2, b3, i32x4.splat(0));
}
export function add_i32(y: usize, a: usize, b: usize, n0: i32, n1: i32, n2: i32, n3: i32, a0: i32, a1: i32, a2: i32, a3: i32, b0: i32, b1: i32, b2: i32, b3: i32): void {
  sumI32(y, a, b, n0, n1, n2, n3, a0, a1, a2, a3, b0, b1, b2, b3, 0);
}
export function sub_i32(y: usize, a: usize, b: usize, n0: i32, n1: i32, n2: i32, n3: i32, a0: i32, a1: i32, a2: i32, a3: i32, b0: i32, b1: i32, b2: i32, b3: i32): void {
  sumI32(y, a, b, n0, n1, n2, n3, a0, a1, a2, a3, b0, b1, b2, b3, -1);
}
export function mul_i32(y: usize, a: usize, b: usize, n0: i32, n1: i32, n2: i32, n3: i32, a0: i32, a1: i32, a2: i32, a3: i32, b0: i32, b1: i32, b2: i32, b3: i32): void {
  broadcast<Lanes<MulI32>>(y, a, b, n0, n1, n2, n3, a0, a1, a2, a3, b0, b1, b2, b3, i32x4.splat(0));
}
export function minimum_i32(y: usize, a: usize, b: usize, n0: i32, n1: i32, n2: i32, n3: i32, a0: i32, a1: i32, a2: i32, a3: i32, b0: i32, b1: i32, b2: i32, b3: i32): void {
  largerI32(y, a, b, n0, n1, n2, n3, a0, a1, a2, a3, b0, b1, b2, b3, -1);
}
export function maximum_i32(y: usize, a: usize, b: usize, n0: i32, n1: i32, n2: i32, n3: i32, a0: i32, a1: i32, a2: i32, a3: i32, b0: i32, b1: i32, b2: i32, b3: i32): void {
  largerI32(y, a, b, n0, n1, n2, n3, a0, a1, a2, a3, b0, b1, b2, b3, 0);
}

@unmanaged class Neg {
  @inline v(x: v128): v128 { return f32x4.neg(x); }
}
@unmanaged class NegI32 {
  @inline v(x: v128): v128 { return i32x4.neg(x); }
}
@unmanaged class Affine {
  @inline v(x: v128, scale: v128, shift: v128): v128 { return f32x4.add(f32x4.mul(x, scale), shift); }
}

export function neg_f32(y: usize, x: usize, n: i32): void { map<Neg>(y, x, n); }
export function neg_i32(y: usize, x: usize, n: i32): void { map<NegI32>(y, x, n); }

/** y = scale · x + shift. */
export function affine_f32(y: usize, x: usize, n: i32, scale: f32, shift: f32): void {
  mapWith<Affine>(y, x, n, f32x4.splat(scale), f32x4.splat(shift));
}
