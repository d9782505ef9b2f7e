// Copies between strided layouts, and constant fill.
//
// Both sides are walked as [n0, n1, n2, n3] through element strides; x strides may be 0 (stretched), y strides not.

@inline function run32(y: usize, x: usize, n: i32, sy: i32, sx: i32): void {
  if (sy == 1 && sx == 1) {
    memory.copy(y, x, <usize>n << 2);
    return;
  }
  if (sy == 1 && sx == 0) {
    fill_32(y, load<i32>(x), n);
    return;
  }
  const dy = <usize>sy << 2;
  const dx = <usize>sx << 2;
  for (let i = 0; i < n; i++) {
    store<i32>(y, load<i32>(x));
    y += dy;
    x += dx;
  }
}

/** A [rows, cols] plane whose x runs along rows and whose y runs along columns, in 4×4 blocks that stay in registers. */
function transpose32(y: usize, x: usize, rows: i32, cols: i32, sy: i32, sx: i32): void {
  const dy = <usize>sy << 2;
  const dx = <usize>sx << 2;
  let i = 0;
  for (; i + 4 <= rows; i += 4) {
    let py = y + <usize>i * dy;
    let px = x + (<usize>i << 2);
    let j = 0;
    for (; j + 4 <= cols; j += 4) {
      const r0 = v128.load(px);
      const r1 = v128.load(px + dx);
      const r2 = v128.load(px + 2 * dx);
      const r3 = v128.load(px + 3 * dx);
      const t0 = v128.shuffle<i32>(r0, r1, 0, 4, 1, 5);
      const t1 = v128.shuffle<i32>(r2, r3, 0, 4, 1, 5);
      const t2 = v128.shuffle<i32>(r0, r1, 2, 6, 3, 7);
      const t3 = v128.shuffle<i32>(r2, r3, 2, 6, 3, 7);
      v128.store(py, v128.shuffle<i64>(t0, t1, 0, 2));
      v128.store(py + dy, v128.shuffle<i64>(t0, t1, 1, 3));
      v128.store(py + 2 * dy, v128.shuffle<i64>(t2, t3, 0, 2));
      v128.store(py + 3 * dy, v128.shuffle<i64>(t2, t3, 1, 3));
      py += 16;
      px += 4 * dx;
    }
    for (; j < cols; j++) {
      for (let k: usize = 0; k < 4; k++) store<i32>(py + k * dy, load<i32>(px + (k << 2)));
      py += 4;
      px += dx;
    }
  }
  for (; i < rows; i++) run32(y + <usize>i * dy, x + (<usize>i << 2), cols, 1, sx);
}

export function copy_32(y: usize, x: usize, n0: i32, n1: i32, n2: i32, n3: i32, y0: i32, y1: i32, y2: i32, y3: i32, x0: i32, x1: i32, x2: i32, x3: i32): void {
  for (let i0 = 0; i0 < n0; i0++) {
    for (let i1 = 0; i1 < n1; i1++) {
      let py = y + ((i0 * y0 + i1 * y1) << 2);
      let px = x + ((i0 * x0 + i1 * x1) << 2);
      if (y3 == 1 && x2 == 1 && x3 != 0) {
        transpose32(py, px, n2, n3, y2, x3);
        continue;
      }
      for (let i2 = 0; i2 < n2; i2++) {
        run32(py, px, n3, y3, x3);
        py += y2 << 2;
        px += x2 << 2;
      }
    }
  }
}

export function copy_8(y: usize, x: usize, n0: i32, n1: i32, n2: i32, n3: i32, y0: i32, y1: i32, y2: i32, y3: i32, x0: i32, x1: i32, x2: i32, x3: i32): void {
  for (let i0 = 0; i0 < n0; i0++) {
    for (let i1 = 0; i1 < n1; i1++) {
      for (let i2 = 0; i2 < n2; i2++) {
        let py = y + (i0 * y0 + i1 * y1 + i2 * y2);
        let px = x + (i0 * x0 + i1 * x1 + i2 * x2);
        for (let i3 = 0; i3 < n3; i3++) {
          store<u8>(py, load<u8>(px));
          py += y3;
          px += x3;
        }
      }
    }
  }
}

/** y[0…n) = bits, where bits is the 32-bit pattern of the value. */
export function fill_32(y: usize, bits: i32, n: i32): void {
  const v = i32x4.splat(bits);
  const end = y + ((<usize>n & ~3) << 2);
  while (y < end) {
    v128.store(y, v);
    y += 16;
  }
  for (let i: usize = 0, rest = (<usize>n & 3) << 2; i < rest; i += 4) store<i32>(y + i, bits);
}

/** y[0…n) = value, one byte each. */
export function fill_8(y: usize, value: i32, n: i32): void {
  memory.fill(y, <u8>value, n);
}

export function cast_i32_f32(y: usize, x: usize, n: i32): void {
  for (let i = 0; i < n; i++) store<f32>(y + (i << 2), <f32>load<i32>(x + (i << 2)));
}

/** Towards zero; out of range saturates and NaN gives 0. */
export function cast_f32_i32(y: usize, x: usize, n: i32): void {
  for (let i = 0; i < n; i++) store<i32>(y + (i << 2), <i32>load<f32>(x + (i << 2)));
}

export function cast_bool_f32(y: usize, x: usize, n: i32): void {
  for (let i = 0; i < n; i++) store<f32>(y + (i << 2), <f32>load<u8>(x + i));
}

/** NaN counts as true, as every value but zero does. */
export function cast_f32_bool(y: usize, x: usize, n: i32): void {
  for (let i = 0; i < n; i++) store<u8>(y + i, u8(load<f32>(x + (i << 2)) != 0));
}

export function cast_bool_i32(y: usize, x: usize, n: i32): void {
  for (let i = 0; i < n; i++) store<i32>(y + (i << 2), load<u8>(x + i));
}

export function cast_i32_bool(y: usize, x: usize, n: i32): void {
  for (let i = 0; i < n; i++) store<u8>(y + i, u8(load<i32>(x + (i << 2)) != 0));
}
