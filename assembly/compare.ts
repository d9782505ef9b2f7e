// Comparisons, logic and selection, broadcasting as lib/broadcast.ts says. A bool is one byte, 0 or 1.

import { broadcast, Bytes, Mask } from "./lib/broadcast";
import { put } from "./lib/loops";

// A comparison and its negation share one copy.
@unmanaged class Same {
  @inline v(a: v128, b: v128, flip: v128): v128 { return v128.xor(f32x4.eq(a, b), flip); }
}
@unmanaged class SameI32 {
  @inline v(a: v128, b: v128, flip: v128): v128 { return v128.xor(i32x4.eq(a, b), flip); }
}
@unmanaged class Lt {
  @inline v(a: v128, b: v128, _p: v128): v128 { return f32x4.lt(a, b); }
}
@unmanaged class LessI32 {
  @inline v(a: v128, b: v128, flip: v128): v128 { return v128.xor(i32x4.lt_s(a, b), flip); }
}
@unmanaged class Le {
  @inline v(a: v128, b: v128, _p: v128): v128 { return f32x4.le(a, b); }
}
@unmanaged class And {
  @inline s(a: u64, b: u64): u64 { return a & b; }
}
@unmanaged class Or {
  @inline s(a: u64, b: u64): u64 { return a | b; }
}

function same(y: usize, a: usize, b: usize, n0: i32, n1: i32, n2: i32, n3: i32, a0: i32, a1: i32, a2: i32, a3: i32, b0: i32, b1: i32, b2: i32, b3: i32, flip: i32): void {
  broadcast<Mask<Same>>(y, a, b, n0, n1, n2, n3, a0, a1, a2, a3, b0, b1, b2, b3, i32x4.splat(flip));
}
function sameI32(y: usize, a: usize, b: usize, n0: i32, n1: i32, n2: i32, n3: i32, a0: i32, a1: i32, a2: i32, a3: i32, b0: i32, b1: i32, b2: i32, b3: i32, flip: i32): void {
  broadcast<Mask<SameI32>>(y, a, b, n0, n1, n2, n3, a0, a1, a2, a3, b0, b1, b2, b3, i32x4.splat(flip));
}
function lessI32(y: usize, a: usize, b: usize, n0: i32, n1: i32, n2: i32, n3: i32, a0: i32, a1: i32, a2: i32, a3: i32, b0: i32, b1: i32, b2: i32, b3: i32, flip: i32): void {
  broadcast<Mask<LessI32>>(y, a, b, n0, n1, n2, n3, a0, a1, a2, a3, b0, b1, b2, b3, i32x4.splat(flip));
}

export function eq_f32(y: usize, a: usize, b: usize, n0: i32, n1: i32, n2: i32, n3: i32, a0: i32, a1: i32, a2: i32, a3: i32, b0: i32, b1: i32, b2: i32, b3: i32): void {
  same(y, a, b, n0, n1, n2, n3, a0, a1, a2, a3, b0, b1, b2, b3, 0);
}
export function eq_i32(y: usize, a: usize, b: usize, n0: i32, n1: i32, n2: i32, n3: i32, a0: i32, a1: i32, a2: i32, a3: i32, b0: i32, b1: i32, b2: i32, b3: i32): void {
  sameI32(y, a, b, n0, n1, n2, n3, a0, a1, a2, a3, b0, b1, b2, b3, 0);
}
export function ne_f32(y: usize, a: usize, b: usize, n0: i32, n1: i32, n2: i32, n3: i32, a0: i32, a1: i32, a2: i32, a3: i32, b0: i32, b1: i32, b2: i32, b3: i32): void {
  same(y, a, b, n0, n1, n2, n3, a0, a1, a2, a3, b0, b1, b2, b3, -1);
}
export function ne_i32(y: usize, a: usize, b: usize, n0: i32, n1: i32, n2: i32, n3: i32, a0: i32, a1: i32, a2: i32, a3: i32, b0: i32, b1: i32, b2: i32, b3: i32): void {
  sameI32(y, a, b, n0, n1, n2, n3, a0, a1, a2, a3, b0, b1, b2, b3, -1);
}
export function lt_f32(y: usize, a: usize, b: usize, n0: i32, n1: i32, n2: i32, n3: i32, a0: i32, a1: i32, a2: i32, a3: i32, b0: i32, b1: i32, b2: i32, b3: i32): void {
  broadcast<Mask<Lt>>(y, a, b, n0, n1, n2, n3, a0, a1, a2, a3, b0, b1, b2, b3, i32x4.splat(0));
}
export function lt_i32(y: usize, a: usize, b: usize, n0: i32, n1: i32, n2: i32, n3: i32, a0: i32, a1: i32, a2: i32, a3: i32, b0: i32, b1: i32, b2: i32, b3: i32): void {
  lessI32(y, a, b, n0, n1, n2, n3, a0, a1, a2, a3, b0, b1, b2, b3, 0);
}
export function le_f32(y: usize, a: usize, b: usize, n0: i32, n1: i32, n2: i32, n3: i32, a0: i32, a1: i32, a2: i32, a3: i32, b0: i32, b1: i32, b2: i32, b3: i32): void {
  broadcast<Mask<Le>>(y, a, b, n0, n1, n2, n3, a0, a1, a2, a3, b0, b1, b2, b3, i32x4.splat(0));
}
export function le_i32(y: usize, a: usize, b: usize, n0: i32, n1: i32, n2: i32, n3: i32, a0: i32, a1: i32, a2: i32, a3: i32, b0: i32, b1: i32, b2: i32, b3: i32): void {
  lessI32(y, b, a, n0, n1, n2, n3, b0, b1, b2, b3, a0, a1, a2, a3, -1);
}
export function logical_and_bool(y: usize, a: usize, b: usize, n0: i32, n1: i32, n2: i32, n3: i32, a0: i32, a1: i32, a2: i32, a3: i32, b0: i32, b1: i32, b2: i32, b3: i32): void {
  broadcast<Bytes<And>>(y, a, b, n0, n1, n2, n3, a0, a1, a2, a3, b0, b1, b2, b3, i32x4.splat(0));
}
export function logical_or_bool(y: usize, a: usize, b: usize, n0: i32, n1: i32, n2: i32, n3: i32, a0: i32, a1: i32, a2: i32, a3: i32, b0: i32, b1: i32, b2: i32, b3: i32): void {
  broadcast<Bytes<Or>>(y, a, b, n0, n1, n2, n3, a0, a1, a2, a3, b0, b1, b2, b3, i32x4.splat(0));
}

export function logical_not_bool(y: usize, x: usize, n: i32): void {
  const one = i8x16.splat(1);
  for (; n >= 16; n -= 16) {
    v128.store(y, v128.xor(v128.load(x), one));
    y += 16;
    x += 16;
  }
  for (let i = 0; i < n; i++) store<u8>(y + i, load<u8>(x + i) ^ 1);
}

/** One run of y = c ? a : b. */
@inline function whereRow(y: usize, c: usize, a: usize, b: usize, n: i32, sc: i32, sa: i32, sb: i32): void {
  const da = <usize>sa << 2;
  const db = <usize>sb << 2;
  if ((sc | sa | sb) <= 1) {
    for (; n > 0; n -= 4) {
      const bytes = sc ? v128.load32_zero(c) : v128.load8_splat(c);
      const flags = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(bytes));
      const va = sa ? v128.load(a) : v128.load32_splat(a);
      const vb = sb ? v128.load(b) : v128.load32_splat(b);
      const v = v128.bitselect(va, vb, i32x4.ne(flags, i32x4.splat(0)));
      put(y, v, n);
      y += 16;
      c += sc << 2;
      a += da << 2;
      b += db << 2;
    }
    return;
  }
  for (; n > 0; n--) {
    store<i32>(y, load<u8>(c) ? load<i32>(a) : load<i32>(b));
    y += 4;
    c += sc;
    a += da;
    b += db;
  }
}

/** y = c ? a : b for elements of four bytes; c is bool. */
export function where_32(y: usize, c: usize, a: usize, b: usize, n0: i32, n1: i32, n2: i32, n3: i32, c0: i32, c1: i32, c2: i32, c3: i32, a0: i32, a1: i32, a2: i32, a3: i32, b0: i32, b1: i32, b2: i32, b3: i32): void {
  for (let i0 = 0; i0 < n0; i0++) {
    for (let i1 = 0; i1 < n1; i1++) {
      let pc = c + (i0 * c0 + i1 * c1);
      let pa = a + ((i0 * a0 + i1 * a1) << 2);
      let pb = b + ((i0 * b0 + i1 * b1) << 2);
      for (let i2 = 0; i2 < n2; i2++) {
        whereRow(y, pc, pa, pb, n3, c3, a3, b3);
        y += n3 << 2;
        pc += c2;
        pa += a2 << 2;
        pb += b2 << 2;
      }
    }
  }
}
