// Copies that keep part of a matrix.

/** y[b, i, j] = x[b, i, j] where i + low ≤ j ≤ i + high, else 0; both are [batch, rows, cols] of `size` bytes an element. */
@inline function band(y: usize, x: usize, batch: i32, rows: i32, cols: i32, low: i32, high: i32, size: usize): void {
  const row = <usize>cols * size;
  for (let b = 0; b < batch; b++) {
    for (let i = 0; i < rows; i++) {
      const from = <usize>min(max(i + low, 0), cols) * size;
      const to = max(<usize>min(max(i + high + 1, 0), cols) * size, from);
      memory.fill(y, 0, from);
      memory.copy(y + from, x + from, to - from);
      memory.fill(y + to, 0, row - to);
      y += row;
      x += row;
    }
  }
}

export function band_32(y: usize, x: usize, batch: i32, rows: i32, cols: i32, low: i32, high: i32): void {
  band(y, x, batch, rows, cols, low, high, 4);
}

export function band_8(y: usize, x: usize, batch: i32, rows: i32, cols: i32, low: i32, high: i32): void {
  band(y, x, batch, rows, cols, low, high, 1);
}
