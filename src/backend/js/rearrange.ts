import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";

// Copies that keep part of a matrix; the contract is in assembly/rearrange.ts.

export function band_32(y: Ptr, x: Ptr, batch: number, rows: number, cols: number, low: number, high: number): void {
  band(arena.i32, y >>> 2, x >>> 2, batch, rows, cols, low, high);
}

export function band_8(y: Ptr, x: Ptr, batch: number, rows: number, cols: number, low: number, high: number): void {
  band(arena.u8, y, x, batch, rows, cols, low, high);
}

function band(
  v: Int32Array | Uint8Array,
  y: number,
  x: number,
  batch: number,
  rows: number,
  cols: number,
  low: number,
  high: number,
): void {
  for (let b = 0; b < batch; b++) {
    for (let i = 0; i < rows; i++) {
      const from = Math.min(Math.max(i + low, 0), cols);
      const to = Math.max(Math.min(Math.max(i + high + 1, 0), cols), from);
      v.fill(0, y, y + from);
      v.copyWithin(y + from, x + from, x + to);
      v.fill(0, y + to, y + cols);
      y += cols;
      x += cols;
    }
  }
}
