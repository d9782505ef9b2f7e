// Arithmetic. The functions of two operands broadcast:
// y is contiguous, [n0, n1, n2, n3]; a and b are read through element strides a0…a3, b0…b3, 0 where an operand is stretched.
// The façade merges dimensions first, so that the innermost run is as long as the layout allows.

import { map } from "./lib/loops";

@unmanaged class Add {
  @inline v(a: v128, b: v128): v128 { return f32x4.add(a, b); }
}
@unmanaged class Sub {
  @inline v(a: v128, b: v128): v128 { return f32x4.sub(a, b); }
}
@unmanaged class Mul {
  @inline v(a: v128, b: v128): v128 { return f32x4.mul(a, b); }
}
@unmanaged class Div {
  @inline v(a: v128, b: v128): v128 { return f32x4.div(a, b); }
}

/** One inner run: strides sa, sb ∈ {0, 1} take the vector loops. */
@inline function run<Op>(y: usize, a: usize, b: usize, n: i32, sa: i32, sb: i32): void {
  const op = changetype<Op>(0);
  const bytes = <usize>n << 2;
  const whole = bytes & ~15;
  let i: usize = 0;
  if (sa == 1 && sb == 1) {
    for (; i < whole; i += 16) v128.store(y + i, op.v(v128.load(a + i), v128.load(b + i)));
  } else if (sa == 1 && sb == 0) {
    const vb = v128.load32_splat(b);
    for (; i < whole; i += 16) v128.store(y + i, op.v(v128.load(a + i), vb));
  } else if (sa == 0 && sb == 1) {
    const va = v128.load32_splat(a);
    for (; i < whole; i += 16) v128.store(y + i, op.v(va, v128.load(b + i)));
  }
  const da = <usize>sa;
  const db = <usize>sb;
  for (; i < bytes; i += 4) {
    v128.store32_lane(y + i, op.v(v128.load32_splat(a + i * da), v128.load32_splat(b + i * db)), 0);
  }
}

@inline function broadcast<Op>(
  y: usize, a: usize, b: usize, n0: i32, n1: i32, n2: i32, n3: i32,
  a0: i32, a1: i32, a2: i32, a3: i32, b0: i32, b1: i32, b2: i32, b3: i32,
): void {
  for (let i0 = 0; i0 < n0; i0++) {
    for (let i1 = 0; i1 < n1; i1++) {
      let pa = a + ((i0 * a0 + i1 * a1) << 2);
      let pb = b + ((i0 * b0 + i1 * b1) << 2);
      for (let i2 = 0; i2 < n2; i2++) {
        run<Op>(y, pa, pb, n3, a3, b3);
        y += n3 << 2;
        pa += a2 << 2;
        pb += b2 << 2;
      }
    }
  }
}

export function add_f32(y: usize, a: usize, b: usize, n0: i32, n1: i32, n2: i32, n3: i32, a0: i32, a1: i32, a2: i32, a3: i32, b0: i32, b1: i32, b2: i32, b3: i32): void {
  broadcast<Add>(y, a, b, n0, n1, n2, n3, a0, a1, a2, a3, b0, b1, b2, b3);
}
export function sub_f32(y: usize, a: usize, b: usize, n0: i32, n1: i32, n2: i32, n3: i32, a0: i32, a1: i32, a2: i32, a3: i32, b0: i32, b1: i32, b2: i32, b3: i32): void {
  broadcast<Sub>(y, a, b, n0, n1, n2, n3, a0, a1, a2, a3, b0, b1, b2, b3);
}
export function mul_f32(y: usize, a: usize, b: usize, n0: i32, n1: i32, n2: i32, n3: i32, a0: i32, a1: i32, a2: i32, a3: i32, b0: i32, b1: i32, b2: i32, b3: i32): void {
  broadcast<Mul>(y, a, b, n0, n1, n2, n3, a0, a1, a2, a3, b0, b1, b2, b3);
}
export function div_f32(y: usize, a: usize, b: usize, n0: i32, n1: i32, n2: i32, n3: i32, a0: i32, a1: i32, a2: i32, a3: i32, b0: i32, b1: i32, b2: i32, b3: i32): void {
  broadcast<Div>(y, a, b, n0, n1, n2, n3, a0, a1, a2, a3, b0, b1, b2, b3);
}

@unmanaged class Neg {
  @inline v(x: v128): v128 { return f32x4.neg(x); }
}

export function neg_f32(y: usize, x: usize, n: i32): void { map<Neg>(y, x, n); }

/** y = scale · x + shift. */
export function affine_f32(y: usize, x: usize, n: i32, scale: f32, shift: f32): void {
  const vs = f32x4.splat(scale);
  const vt = f32x4.splat(shift);
  const end = y + ((<usize>n & ~3) << 2);
  while (y < end) {
    v128.store(y, f32x4.add(f32x4.mul(v128.load(x), vs), vt));
    y += 16;
    x += 16;
  }
  for (let i: usize = 0, rest = (<usize>n & 3) << 2; i < rest; i += 4) store<f32>(y + i, load<f32>(x + i) * scale + shift);
}
