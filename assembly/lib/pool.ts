// Windows of pooling along one axis of n elements with on outputs: k taps, stride s, padding p, dilation d.
// `first` and `last` are not inlined: they serve the borders of many loops.
// A stride of 0 stands for the windows of adaptive pooling, from ⌊i·n/on⌋ to ⌈(i + 1)·n/on⌉.

/** The first tap of output i that is inside. */
export function first(i: i32, n: i32, on: i32, s: i32, p: i32, d: i32): i32 {
  if (s == 0) return i32((<i64>i * n) / on);
  const at = i * s - p;
  return at >= 0 ? at : at + (d - 1 - at) / d * d;
}

/** One past the last tap of output i that is inside. */
export function last(i: i32, n: i32, on: i32, k: i32, s: i32, p: i32, d: i32): i32 {
  if (s == 0) return i32((<i64>(i + 1) * n + on - 1) / on);
  return min(i * s - p + (k - 1) * d + 1, n);
}

/** From this output on no tap lies in front of the axis. */
@inline export function wholeFrom(on: i32, s: i32, p: i32): i32 {
  return s == 0 ? on : min(on, (p + s - 1) / s);
}

/** Up to this output no tap lies behind the axis; at least `from`. */
@inline export function wholeTo(from: i32, n: i32, on: i32, k: i32, s: i32, p: i32, d: i32): i32 {
  if (s == 0) return from;
  const room = n - 1 - (k - 1) * d + p;
  return room < 0 ? from : max(from, min(on, room / s + 1));
}

/** Lanes 0 and 2 of both. */
@inline export function even(a: v128, b: v128): v128 {
  return v128.shuffle<f32>(a, b, 0, 2, 4, 6);
}

/** Lanes 1 and 3 of both. */
@inline export function odd(a: v128, b: v128): v128 {
  return v128.shuffle<f32>(a, b, 1, 3, 5, 7);
}

/** x[0], x[s], x[2s], x[3s] for a stride of 1 or 2; may read one element past the last. */
@inline export function strided(x: usize, s: i32): v128 {
  const v = v128.load(x);
  return s == 1 ? v : even(v, v128.load(x, 16));
}
