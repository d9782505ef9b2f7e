/** Outputs a side of the two kinds of tiles. */
@inline export const LARGE: i32 = 4;
@inline export const SMALL: i32 = 2;

/** Places of a transformed tile: 36 or 16. */
@inline export function placesOf(size: i32): i32 { return (size + 2) * (size + 2); }

/** What `winograd` does; sizes and steps are those of one group. */
@unmanaged export class Winograd {
  /** First image [ic, ih, iw] and [oc, oh, ow], and bytes from an image to the next. */
  x: usize; y: usize;
  xImage: usize; yImage: usize;
  /** Kernels, and bytes from one output channel and input channel to the next; `mirrored` ones are read backwards. */
  w: usize; wOut: usize; wIn: usize;
  mirrored: bool;
  /** By `packWinograd`. */
  packed: usize;
  /** [oc], or 0 */
  bias: usize;
  /** Bytes from y to what is added to it, or 0. */
  residual: usize;
  low: f32; high: f32;
  ic: i32; ih: i32; iw: i32;
  oc: i32; oh: i32; ow: i32;
  /** Zeros in front. */
  ph: i32; pw: i32;
  /** LARGE or SMALL. */
  size: i32;
  /** Tiles of an image. */
  down: i32; across: i32;
  /** V [places][tiles, ic4] and the sums [places][tiles, outs]: bytes from a place to the next. */
  v: usize; vStep: usize;
  m: usize; mStep: usize;
  /** Whether V is A d Aᵀ of tiles of 4 × 4, as the gradient of the outputs is transformed, rather than Bᵀ d B of 6 × 6. */
  spreads: bool;
  /** Work space of the transforms, and of the products. */
  strip: usize; work: usize;
}

@inline export const WINOGRAD_BYTES: usize = 128;
