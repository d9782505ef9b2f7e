// Padding of the middle one of three dimensions: x [outer, n, inner], y [outer, m, inner]. `before` elements stand in front; if it is
// negative they are cut off. What stands outside x repeats elements of it: the mode tells which.

@inline const REFLECT: i32 = 0;
@inline const REPLICATE: i32 = 1;
// 2 is circular.

/** The element of x [n] that place i outside of it repeats: the mirrored one, the nearest, or the one a period away. */
@inline function sourceOf(i: i32, n: i32, mode: i32): i32 {
  if (mode == REFLECT) return i < 0 ? -i : 2 * (n - 1) - i;
  if (mode == REPLICATE) return i < 0 ? 0 : n - 1;
  return i < 0 ? i + n : i - n;
}

export function pad_32(y: usize, x: usize, outer: i32, n: i32, m: i32, inner: i32, before: i32, mode: i32): void {
  const row = <usize>inner << 2;
  // Places from lo to hi are inside x.
  const lo = min(m, max(0, before));
  const hi = max(lo, min(m, before + n));
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < lo; i++) copyRow(y + <usize>i * row, x + <usize>sourceOf(i - before, n, mode) * row, row);
    if (lo < hi) memory.copy(y + <usize>lo * row, x + <usize>(lo - before) * row, <usize>(hi - lo) * row);
    for (let i = hi; i < m; i++) copyRow(y + <usize>i * row, x + <usize>sourceOf(i - before, n, mode) * row, row);
    y += <usize>m * row;
    x += <usize>n * row;
  }
}

/** The adjoint: dx = Σ of g over the places that repeat each element. */
export function pad_grad_f32(dx: usize, g: usize, outer: i32, n: i32, m: i32, inner: i32, before: i32, mode: i32): void {
  const row = <usize>inner << 2;
  const lo = min(m, max(0, before));
  const hi = max(lo, min(m, before + n));
  memory.fill(dx, 0, <usize>(outer * n) * row);
  for (let o = 0; o < outer; o++) {
    if (lo < hi) memory.copy(dx + <usize>(lo - before) * row, g + <usize>lo * row, <usize>(hi - lo) * row);
    for (let i = 0; i < lo; i++) addRow(dx + <usize>sourceOf(i - before, n, mode) * row, g + <usize>i * row, row);
    for (let i = hi; i < m; i++) addRow(dx + <usize>sourceOf(i - before, n, mode) * row, g + <usize>i * row, row);
    dx += <usize>n * row;
    g += <usize>m * row;
  }
}

@inline function copyRow(y: usize, x: usize, row: usize): void {
  for (let i: usize = 0; i < row; i += 4) store<u32>(y + i, load<u32>(x + i));
}

@inline function addRow(y: usize, x: usize, row: usize): void {
  for (let i: usize = 0; i < row; i += 4) store<f32>(y + i, load<f32>(y + i) + load<f32>(x + i));
}
