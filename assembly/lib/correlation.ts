import { Grid, Image } from "./window";

/** What `correlate` does, y = clamp(bias + a · image + residual, low, high), in memory because it has more parts than there are registers. */
@unmanaged export class Correlation {
  image: Image;
  grid: Grid;
  /** [rows, grid] */
  y: usize;
  /** [rows, tapCount] */
  a: usize;
  rows: i32;
  taps: usize; tapCount: i32;
  /** Table by `writePlaces`. */
  places: usize;
  /** [rows], or 0 */
  bias: usize;
  /** Bytes from y to what is added to it, of the same shape; 0 if nothing is. */
  residual: usize;
  low: f32; high: f32;
  work: usize;
  /** Whether each tap reads a whole channel as it lies: a kernel of one element, one by one. */
  whole: bool;
}

@inline export const CORRELATION_BYTES: usize = 76;
