// Functions of two operands that broadcast: y is contiguous, [n0, n1, n2, n3]; a and b are read through element strides a0…a3,
// b0…b3, 0 where an operand is stretched. The façade merges dimensions first, so that the innermost run is as long as the layout
// allows. The walk is written once over a row type: `row` computes one innermost run. p is a parameter of the op, for those that are
// two functions in one.

@inline export function broadcast<Row>(
  y: usize, a: usize, b: usize, n0: i32, n1: i32, n2: i32, n3: i32,
  a0: i32, a1: i32, a2: i32, a3: i32, b0: i32, b1: i32, b2: i32, b3: i32, p: v128,
): void {
  assert(n0 >= 0 && n1 >= 0 && n2 >= 0 && n3 >= 0);
  assert((a0 | a1 | a2 | a3 | b0 | b1 | b2 | b3) >= 0);
  const op = changetype<Row>(0);
  const out = op.outShift();
  const size = op.inShift();
  for (let i0 = 0; i0 < n0; i0++) {
    for (let i1 = 0; i1 < n1; i1++) {
      let pa = a + ((i0 * a0 + i1 * a1) << size);
      let pb = b + ((i0 * b0 + i1 * b1) << size);
      for (let i2 = 0; i2 < n2; i2++) {
        op.row(y, pa, pb, n3, a3, b3, p);
        y += n3 << out;
        pa += a2 << size;
        pb += b2 << size;
      }
    }
  }
}

/** Four bytes in, four bytes out. Op gives `v(a, b, p)` on four lanes; strides 0 and 1 take vector loops. */
@unmanaged export class Lanes<Op> {
  @inline outShift(): i32 { return 2; }
  @inline inShift(): i32 { return 2; }
  @inline row(y: usize, a: usize, b: usize, n: i32, sa: i32, sb: i32, p: v128): void {
    const op = changetype<Op>(0);
    const bytes = <usize>n << 2;
    const whole = bytes & ~15;
    let i: usize = 0;
    if (sa == 1 && sb == 1) {
      for (; i < whole; i += 16) v128.store(y + i, op.v(v128.load(a + i), v128.load(b + i), p));
    } else if (sa == 1 && sb == 0) {
      const vb = v128.load32_splat(b);
      for (; i < whole; i += 16) v128.store(y + i, op.v(v128.load(a + i), vb, p));
    } else if (sa == 0 && sb == 1) {
      const va = v128.load32_splat(a);
      for (; i < whole; i += 16) v128.store(y + i, op.v(va, v128.load(b + i), p));
    }
    const da = <usize>sa;
    const db = <usize>sb;
    for (; i < bytes; i += 4) {
      v128.store32_lane(y + i, op.v(v128.load32_splat(a + i * da), v128.load32_splat(b + i * db), p), 0);
    }
  }
}

/** Four bytes in, one byte (0 or 1) out. Op's `v(a, b, p)` gives a mask on four lanes. */
@unmanaged export class Mask<Op> {
  @inline outShift(): i32 { return 0; }
  @inline inShift(): i32 { return 2; }
  @inline row(y: usize, a: usize, b: usize, n: i32, sa: i32, sb: i32, p: v128): void {
    const op = changetype<Op>(0);
    const da = <usize>sa << 2;
    const db = <usize>sb << 2;
    if ((sa | sb) <= 1) {
      // A stretched operand is loaded anew each time: the branches are always predicted, and one loop serves all cases.
      for (; n >= 4; n -= 4) {
        const va = sa ? v128.load(a) : v128.load32_splat(a);
        const vb = sb ? v128.load(b) : v128.load32_splat(b);
        const m = op.v(va, vb, p);
        const narrow = i16x8.narrow_i32x4_s(m, m);
        v128.store32_lane(y, v128.and(i8x16.narrow_i16x8_s(narrow, narrow), i8x16.splat(1)), 0);
        y += 4;
        a += da << 2;
        b += db << 2;
      }
    }
    for (; n > 0; n--) {
      store<u8>(y, i32x4.extract_lane(op.v(v128.load32_splat(a), v128.load32_splat(b), p), 0) & 1);
      y += 1;
      a += da;
      b += db;
    }
  }
}

/** One byte (0 or 1) in, one byte out. Op gives `s(a, b)`, which works on eight of them at once too. */
@unmanaged export class Bytes<Op> {
  @inline outShift(): i32 { return 0; }
  @inline inShift(): i32 { return 0; }
  @inline row(y: usize, a: usize, b: usize, n: i32, sa: i32, sb: i32, _p: v128): void {
    const op = changetype<Op>(0);
    if (sa == 1 && sb == 1) {
      for (; n >= 8; n -= 8) {
        store<u64>(y, op.s(load<u64>(a), load<u64>(b)));
        y += 8;
        a += 8;
        b += 8;
      }
    }
    for (; n > 0; n--) {
      store<u8>(y, <u8>op.s(load<u8>(a), load<u8>(b)));
      y += 1;
      a += sa;
      b += sb;
    }
  }
}
