// Where a convolution reads: its geometry, a copy of the input in which every tap reads neighbouring outputs from consecutive
// addresses, and tables of tap and output positions. With these the inner loops know nothing of padding, stride, dilation or rank.

/**
 * The 19 int32 that src/backend/convolution.ts writes: sizes of input, kernel and output, stride, padding in front, dilation, and whether
 * a packed form of the weights is ruled out.
 */
@unmanaged export class Geometry {
  id: i32; ih: i32; iw: i32;
  kd: i32; kh: i32; kw: i32;
  od: i32; oh: i32; ow: i32;
  sd: i32; sh: i32; sw: i32;
  pd: i32; ph: i32; pw: i32;
  dd: i32; dh: i32; dw: i32;
  unpacked: i32;
}

/**
 * Some channels, ready to be read from `data`: zeros around them, and each row split by the remainder of the column modulo the
 * stride, so that what a tap reads for neighbouring outputs lies side by side. Where nothing asks for a copy it is the source itself.
 */
@unmanaged export class Image {
  data: usize;
  /** Source sizes, and zeros in front (negative: what is cut off). */
  id: i32; ih: i32; iw: i32;
  pd: i32; ph: i32; pw: i32;
  /** Sizes to read: depth, height, and columns of each of the first `phases` remainders. */
  nd: i32; nh: i32; nw: i32;
  stride: i32; phases: i32;
  /** Elements from one row, depth slice and channel to the next. */
  row: i32; slice: i32; channel: i32;
  copied: bool;
}

/** Outputs [depth, height, width], one after the other, and where in the image they read: elements from slice to slice and row to row. */
@unmanaged export class Grid {
  depth: i32; height: i32; width: i32;
  imageSlice: i32; imageRow: i32;
  /** Outputs in all, and quads, each within one row. */
  count: i32; quads: i32;
}

/** Four neighbouring outputs of one row, the last of a row perhaps fewer: bytes from the starts of image and output. */
@unmanaged export class Quad {
  image: usize; out: usize;
  count: i32;
}

/** Four outputs one after the other, across the ends of rows: bytes from the image's start to each. */
@unmanaged export class Lanes {
  lane0: usize; lane1: usize; lane2: usize; lane3: usize;
}

@inline export const IMAGE_BYTES: usize = 64;
@inline export const GRID_BYTES: usize = 28;
@inline export const QUAD_BYTES: usize = 12;
@inline export const LANES_BYTES: usize = 16;

/** Rounds an address up to a cache line. */
@inline export function align(p: usize): usize { return (p + 63) & ~63; }

/** The quotient rounded up; b > 0. */
@inline export function ceilDiv(a: i32, b: i32): i32 { return a > 0 ? (a + b - 1) / b : a / b; }

/** The image that a convolution reads. */
export function inputImage(m: Image, g: Geometry): void {
  assert(g.kd > 0 && g.kh > 0 && g.kw > 0 && g.sd > 0 && g.sh > 0 && g.sw > 0 && g.dd > 0 && g.dh > 0 && g.dw > 0);
  m.id = g.id; m.ih = g.ih; m.iw = g.iw;
  m.pd = g.pd; m.ph = g.ph; m.pw = g.pw;
  m.nd = (g.od - 1) * g.sd + (g.kd - 1) * g.dd + 1;
  m.nh = (g.oh - 1) * g.sh + (g.kh - 1) * g.dh + 1;
  m.nw = g.ow + (g.kw - 1) * g.dw / g.sw;
  m.stride = g.sw;
  m.phases = min(g.sw, (g.kw - 1) * g.dw + 1);
  layOut(m);
}

/** Decides whether the image is a copy, and sets its strides. */
export function layOut(m: Image): void {
  m.copied = (m.pd | m.ph | m.pw) != 0 || m.stride > 1 || m.nd > m.id || m.nh > m.ih || m.nw > m.iw;
  m.row = m.copied ? m.phases * m.nw : m.iw;
  m.slice = m.row * (m.copied ? m.nh : m.ih);
  m.channel = m.slice * (m.copied ? m.nd : m.id);
}

/** Bytes of the copy of `channels` channels, if there is one. */
export function imageBytes(m: Image, channels: i32): usize {
  return m.copied ? (<usize>(channels * m.channel) << 2) + 16 : 0;
}

/** Makes rows from `top` to `bottom` of `channels` channels from x on readable; `room` takes the copy, if there is one. */
export function stage(m: Image, x: usize, channels: i32, room: usize, top: i32, bottom: i32): void {
  if (!m.copied) {
    m.data = x;
    return;
  }
  m.data = room;
  const row = <usize>m.row << 2;
  for (let c = 0; c < channels; c++) {
    for (let z = 0; z < m.nd; z++) {
      const iz = z - m.pd;
      room += <usize>top * row;
      for (let y = top; y < bottom; y++) {
        const iy = y - m.ph;
        if (<u32>iz < <u32>m.id && <u32>iy < <u32>m.ih) stageRow(m, room, x + (<usize>((iz * m.ih + iy) * m.iw) << 2));
        else zeros(room, m.row);
        room += row;
      }
      room += <usize>(m.nh - bottom) * row;
    }
    x += <usize>(m.id * m.ih * m.iw) << 2;
  }
}

@inline function stageRow(m: Image, to: usize, from: usize): void {
  for (let p = 0; p < m.phases; p++) {
    // Column i of this phase is column i·stride + first of the source.
    const first = p - m.pw;
    const lo = min(m.nw, max(0, ceilDiv(-first, m.stride)));
    const hi = max(lo, min(m.nw, ceilDiv(m.iw - first, m.stride)));
    zeros(to, lo);
    every(to + (<usize>lo << 2), from + (<usize>(lo * m.stride + first) << 2), hi - lo, m.stride);
    zeros(to + (<usize>hi << 2), m.nw - hi);
    to += <usize>m.nw << 2;
  }
}

/** n zeros; may write up to 12 bytes more, which whoever writes forwards overwrites. */
@inline function zeros(to: usize, n: i32): void {
  for (const end = to + (<usize>n << 2); to < end; to += 16) v128.store(to, f32x4.splat(0));
}

/** Every step-th of n elements; may write up to 12 bytes more. */
@inline function every(to: usize, from: usize, n: i32, step: i32): void {
  if (step == 1) {
    for (const end = to + (<usize>n << 2); to < end; to += 16) {
      v128.store(to, v128.load(from));
      from += 16;
    }
    return;
  }
  let i = 0;
  if (step == 2) {
    for (; i + 4 <= n; i += 4) {
      v128.store(to, v128.shuffle<f32>(v128.load(from), v128.load(from, 16), 0, 2, 4, 6));
      to += 16;
      from += 32;
    }
  }
  for (; i < n; i++) {
    store<f32>(to, load<f32>(from));
    to += 4;
    from += <usize>step << 2;
  }
}

/** Byte offsets of all taps (channel, depth, row, column) from an output's place in the image; returns the end of the table. */
export function writeTaps(taps: usize, m: Image, g: Geometry, channels: i32): usize {
  for (let c = 0; c < channels; c++) {
    for (let z = 0; z < g.kd; z++) {
      for (let y = 0; y < g.kh; y++) {
        const at = c * m.channel + z * g.dd * m.slice + y * g.dh * m.row;
        for (let x = 0; x < g.kw; x++) {
          const column = x * g.dw;
          store<usize>(taps, (at + column % g.sw * m.nw + column / g.sw) << 2);
          taps += 4;
        }
      }
    }
  }
  return taps;
}

/** A grid over an image that it reads in steps of (stepDepth, stepRow) rows. */
export function setGrid(grid: Grid, m: Image, depth: i32, height: i32, width: i32, stepDepth: i32, stepRow: i32): void {
  grid.depth = depth;
  grid.height = height;
  grid.width = width;
  grid.imageSlice = stepDepth * m.slice;
  grid.imageRow = stepRow * m.row;
  grid.count = depth * height * width;
  grid.quads = depth * height * ((width + 3) >> 2);
}

/** Table of all quads, row by row; returns its end. */
export function writeQuads(to: usize, grid: Grid): usize {
  for (let z = 0; z < grid.depth; z++) {
    for (let y = 0; y < grid.height; y++) {
      const image = z * grid.imageSlice + y * grid.imageRow;
      const out = (z * grid.height + y) * grid.width;
      for (let x = 0; x < grid.width; x += 4) {
        const q = changetype<Quad>(to);
        q.image = <usize>(image + x) << 2;
        q.out = <usize>(out + x) << 2;
        q.count = min(4, grid.width - x);
        to += QUAD_BYTES;
      }
    }
  }
  return to;
}

/** Table of the places of all outputs, filled up to whole quads with the last; returns its end. */
export function writeLanes(to: usize, grid: Grid): usize {
  let last: usize = 0;
  for (let z = 0; z < grid.depth; z++) {
    for (let y = 0; y < grid.height; y++) {
      const image = z * grid.imageSlice + y * grid.imageRow;
      for (let x = 0; x < grid.width; x++) {
        last = <usize>(image + x) << 2;
        store<usize>(to, last);
        to += 4;
      }
    }
  }
  for (; to & 15; to += 4) store<usize>(to, last);
  return to;
}
