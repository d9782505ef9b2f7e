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
  /** Tiles of an image. */
  down: i32; across: i32;
  /** V [36][tiles, ic4] and the sums [36][tiles, oc8]: bytes from one of the 36 to the next. */
  v: usize; vStep: usize;
  m: usize; mStep: usize;
  /** Whether V is A d Aᵀ of tiles of 4 × 4, as the gradient of the outputs is transformed, rather than Bᵀ d B of 6 × 6. */
  spreads: bool;
  /** Work space of the transforms, and of the products. */
  strip: usize; work: usize;
}

@inline export const WINOGRAD_BYTES: usize = 128;
