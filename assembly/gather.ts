// Reading and writing with one int32 index an element; every index has been checked to lie in [0, n).
// x (or y) is [outer, n, inner], index and the other side are [outer, m, inner].
// Indices are taken in order, so that where one repeats the last write wins and sums have one order.

/** Position of the first of n indices outside [low, high), or -1. */
export function index_check_i32(index: usize, n: i32, low: i32, high: i32): i32 {
  const vl = i32x4.splat(low);
  const vh = i32x4.splat(high);
  let i = 0;
  for (; i + 4 <= n; i += 4) {
    const v = v128.load(index + (<usize>i << 2));
    if (v128.any_true(v128.or(i32x4.lt_s(v, vl), i32x4.ge_s(v, vh)))) break;
  }
  for (; i < n; i++) {
    const v = load<i32>(index + (<usize>i << 2));
    if (v < low || v >= high) return i;
  }
  return -1;
}

@unmanaged class Put<T> {
  @inline at(p: usize, v: T): void { store<T>(p, v); }
}
@unmanaged class Accumulate<T> {
  @inline at(p: usize, v: T): void { store<T>(p, load<T>(p) + v); }
}

@unmanaged class Larger {
  @inline at(p: usize, v: f32): void { store<f32>(p, max(load<f32>(p), v)); }
}
@unmanaged class Smaller {
  @inline at(p: usize, v: f32): void { store<f32>(p, min(load<f32>(p), v)); }
}

@inline function gather<T>(y: usize, x: usize, index: usize, outer: i32, m: i32, n: i32, inner: i32): void {
  const block = (<usize>n * inner) << alignof<T>();
  for (let o = 0; o < outer; o++) {
    if (inner == 1) {
      for (const end = index + (<usize>m << 2); index < end; index += 4) {
        store<T>(y, load<T>(x + (<usize>load<i32>(index) << alignof<T>())));
        y += sizeof<T>();
      }
      x += block;
      continue;
    }
    for (let j = 0; j < m; j++) {
      for (let i = 0; i < inner; i++) {
        store<T>(y, load<T>(x + ((<usize>load<i32>(index) * inner + i) << alignof<T>())));
        y += sizeof<T>();
        index += 4;
      }
    }
    x += block;
  }
}

/** src advances by `step` elements: 1, or 0 for one value everywhere. */
@inline function scatter<T, Write>(y: usize, index: usize, src: usize, outer: i32, m: i32, n: i32, inner: i32, step: i32): void {
  const write = changetype<Write>(0);
  const block = (<usize>n * inner) << alignof<T>();
  const advance = <usize>step << alignof<T>();
  for (let o = 0; o < outer; o++) {
    if (inner == 1) {
      for (const end = index + (<usize>m << 2); index < end; index += 4) {
        write.at(y + (<usize>load<i32>(index) << alignof<T>()), load<T>(src));
        src += advance;
      }
      y += block;
      continue;
    }
    for (let j = 0; j < m; j++) {
      for (let i = 0; i < inner; i++) {
        write.at(y + ((<usize>load<i32>(index) * inner + i) << alignof<T>()), load<T>(src));
        src += advance;
        index += 4;
      }
    }
    y += block;
  }
}

/** y[o, j, i] = x[o, index[o, j, i], i] */
export function gather_32(y: usize, x: usize, index: usize, outer: i32, m: i32, n: i32, inner: i32): void {
  gather<i32>(y, x, index, outer, m, n, inner);
}
export function gather_8(y: usize, x: usize, index: usize, outer: i32, m: i32, n: i32, inner: i32): void {
  gather<u8>(y, x, index, outer, m, n, inner);
}

/** y[o, index[o, j, i], i] = src[o, j, i] */
export function scatter_32(y: usize, index: usize, src: usize, outer: i32, m: i32, n: i32, inner: i32, step: i32): void {
  scatter<i32, Put<i32>>(y, index, src, outer, m, n, inner, step);
}
export function scatter_8(y: usize, index: usize, src: usize, outer: i32, m: i32, n: i32, inner: i32, step: i32): void {
  scatter<u8, Put<u8>>(y, index, src, outer, m, n, inner, step);
}

/** y[o, index[o, j, i], i] += src[o, j, i] */
export function scatter_add_f32(y: usize, index: usize, src: usize, outer: i32, m: i32, n: i32, inner: i32): void {
  scatter<f32, Accumulate<f32>>(y, index, src, outer, m, n, inner, 1);
}
export function scatter_add_i32(y: usize, index: usize, src: usize, outer: i32, m: i32, n: i32, inner: i32): void {
  scatter<i32, Accumulate<i32>>(y, index, src, outer, m, n, inner, 1);
}

/** y[o, index[o, j, i], i] = the larger of itself and src[o, j, i]; NaN stays. */
export function scatter_max_f32(y: usize, index: usize, src: usize, outer: i32, m: i32, n: i32, inner: i32): void {
  scatter<f32, Larger>(y, index, src, outer, m, n, inner, 1);
}

/** y[o, index[o, j, i], i] = the smaller of itself and src[o, j, i]; NaN stays. */
export function scatter_min_f32(y: usize, index: usize, src: usize, outer: i32, m: i32, n: i32, inner: i32): void {
  scatter<f32, Smaller>(y, index, src, outer, m, n, inner, 1);
}
