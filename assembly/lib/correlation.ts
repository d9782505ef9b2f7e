import { Grid, Image } from "./window";

/** What `correlate` does, in memory because it has more parts than there are registers. */
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
  relu: bool;
  work: usize;
}

@inline export const CORRELATION_BYTES: usize = 64;
