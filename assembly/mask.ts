// Masks: one byte an element, 0 or 1.

/**
 * y = mask ? value : x. y is contiguous, [n0, n1, n2, n3]; x and mask are read through element strides, 0 where stretched.
 * `bits` is the bit pattern of the value.
 */
export function masked_fill_32(y: usize, x: usize, mask: usize, n0: i32, n1: i32, n2: i32, n3: i32, x0: i32, x1: i32, x2: i32, x3: i32, m0: i32, m1: i32, m2: i32, m3: i32, bits: i32): void {
  const value = i32x4.splat(bits);
  const zero = i32x4.splat(0);
  for (let i0 = 0; i0 < n0; i0++) {
    for (let i1 = 0; i1 < n1; i1++) {
      for (let i2 = 0; i2 < n2; i2++) {
        let px = x + ((i0 * x0 + i1 * x1 + i2 * x2) << 2);
        let pm = mask + (i0 * m0 + i1 * m1 + i2 * m2);
        let i = 0;
        if (x3 == 1 && m3 == 1) {
          for (; i + 4 <= n3; i += 4) {
            const bytes = v128.load32_zero(pm);
            const wide = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(bytes));
            v128.store(y, v128.bitselect(v128.load(px), value, i32x4.eq(wide, zero)));
            y += 16;
            px += 16;
            pm += 4;
          }
        }
        for (; i < n3; i++) {
          store<i32>(y, load<u8>(pm) ? bits : load<i32>(px));
          y += 4;
          px += x3 << 2;
          pm += m3;
        }
      }
    }
  }
}

export function masked_fill_8(y: usize, x: usize, mask: usize, n0: i32, n1: i32, n2: i32, n3: i32, x0: i32, x1: i32, x2: i32, x3: i32, m0: i32, m1: i32, m2: i32, m3: i32, value: i32): void {
  for (let i0 = 0; i0 < n0; i0++) {
    for (let i1 = 0; i1 < n1; i1++) {
      for (let i2 = 0; i2 < n2; i2++) {
        let px = x + (i0 * x0 + i1 * x1 + i2 * x2);
        let pm = mask + (i0 * m0 + i1 * m1 + i2 * m2);
        for (let i = 0; i < n3; i++) {
          store<u8>(y++, load<u8>(pm) ? <u8>value : load<u8>(px));
          px += x3;
          pm += m3;
        }
      }
    }
  }
}

/** How many of n are true. */
export function count_bool(mask: usize, n: i32): i32 {
  let count = 0;
  for (let i = 0; i < n; i++) count += load<u8>(mask + i);
  return count;
}

/** The positions of the true ones, ascending; y has room for all of them. */
export function nonzero_bool(y: usize, mask: usize, n: i32): void {
  for (let i = 0; i < n; i++) {
    if (load<u8>(mask + i)) {
      store<i32>(y, i);
      y += 4;
    }
  }
}

/** y[i · rank] = (flat[i] / step) mod size: one coordinate of n flat positions. */
export function unravel_i32(y: usize, flat: usize, n: i32, size: i32, step: i32, rank: i32): void {
  for (let i = 0; i < n; i++) {
    store<i32>(y, (load<i32>(flat) / step) % size);
    y += rank << 2;
    flat += 4;
  }
}
