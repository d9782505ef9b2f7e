// Reading and writing with one int32 index a slice; every index has been checked to lie in [0, n).
// x (or y) is [outer, n, inner], index is [m], the other side is [outer, m, inner].
// Indices are taken in order, so that where one repeats the last write wins and sums have one order.

/** Copies `bytes` bytes; short rows are the rule, where a call of memory.copy costs more than the copy. */
@inline function copyRow<T>(y: usize, x: usize, bytes: usize): void {
  if (bytes >= 1024) {
    memory.copy(y, x, bytes);
    return;
  }
  let i: usize = 0;
  for (; i + 16 <= bytes; i += 16) v128.store(y + i, v128.load(x + i));
  for (; i < bytes; i += sizeof<T>()) store<T>(y + i, load<T>(x + i));
}

@inline function select<T>(y: usize, x: usize, index: usize, outer: i32, m: i32, n: i32, inner: i32): void {
  const row = <usize>inner << alignof<T>();
  for (let o = 0; o < outer; o++) {
    for (let j = 0; j < m; j++) {
      copyRow<T>(y, x + <usize>load<i32>(index + (<usize>j << 2)) * row, row);
      y += row;
    }
    x += row * n;
  }
}

/** y[o, j, :] = x[o, index[j], :] */
export function index_select_32(y: usize, x: usize, index: usize, outer: i32, m: i32, n: i32, inner: i32): void {
  select<i32>(y, x, index, outer, m, n, inner);
}
export function index_select_8(y: usize, x: usize, index: usize, outer: i32, m: i32, n: i32, inner: i32): void {
  select<u8>(y, x, index, outer, m, n, inner);
}

@inline function put<T>(y: usize, index: usize, src: usize, outer: i32, m: i32, n: i32, inner: i32): void {
  const row = <usize>inner << alignof<T>();
  for (let o = 0; o < outer; o++) {
    for (let j = 0; j < m; j++) {
      copyRow<T>(y + <usize>load<i32>(index + (<usize>j << 2)) * row, src, row);
      src += row;
    }
    y += row * n;
  }
}

/** y[o, index[j], :] = src[o, j, :] */
export function index_copy_32(y: usize, index: usize, src: usize, outer: i32, m: i32, n: i32, inner: i32): void {
  put<i32>(y, index, src, outer, m, n, inner);
}
export function index_copy_8(y: usize, index: usize, src: usize, outer: i32, m: i32, n: i32, inner: i32): void {
  put<u8>(y, index, src, outer, m, n, inner);
}

/** y[o, index[j], :] += src[o, j, :] */
export function index_add_f32(y: usize, index: usize, src: usize, outer: i32, m: i32, n: i32, inner: i32): void {
  const row = <usize>inner << 2;
  for (let o = 0; o < outer; o++) {
    for (let j = 0; j < m; j++) {
      const to = y + <usize>load<i32>(index + (<usize>j << 2)) * row;
      let i: usize = 0;
      for (; i + 16 <= row; i += 16) v128.store(to + i, f32x4.add(v128.load(to + i), v128.load(src + i)));
      for (; i < row; i += 4) store<f32>(to + i, load<f32>(to + i) + load<f32>(src + i));
      src += row;
    }
    y += row * n;
  }
}
export function index_add_i32(y: usize, index: usize, src: usize, outer: i32, m: i32, n: i32, inner: i32): void {
  const row = <usize>inner << 2;
  for (let o = 0; o < outer; o++) {
    for (let j = 0; j < m; j++) {
      const to = y + <usize>load<i32>(index + (<usize>j << 2)) * row;
      for (let i: usize = 0; i < row; i += 4) store<i32>(to + i, load<i32>(to + i) + load<i32>(src + i));
      src += row;
    }
    y += row * n;
  }
}

@inline function fill<T>(y: usize, index: usize, value: T, outer: i32, m: i32, n: i32, inner: i32): void {
  const row = <usize>inner << alignof<T>();
  const all = sizeof<T>() == 1 ? i8x16.splat(<i8>value) : i32x4.splat(<i32>value);
  for (let o = 0; o < outer; o++) {
    for (let j = 0; j < m; j++) {
      const to = y + <usize>load<i32>(index + (<usize>j << 2)) * row;
      let i: usize = 0;
      for (; i + 16 <= row; i += 16) v128.store(to + i, all);
      for (; i < row; i += sizeof<T>()) store<T>(to + i, value);
    }
    y += row * n;
  }
}

/** y[o, index[j], :] = bits, the bit pattern of the value */
export function index_fill_32(y: usize, index: usize, bits: i32, outer: i32, m: i32, n: i32, inner: i32): void {
  fill<i32>(y, index, bits, outer, m, n, inner);
}
export function index_fill_8(y: usize, index: usize, value: i32, outer: i32, m: i32, n: i32, inner: i32): void {
  fill<u8>(y, index, <u8>value, outer, m, n, inner);
}
