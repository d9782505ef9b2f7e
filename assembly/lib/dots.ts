// The inner loops of the weight gradient: sums[o, k] += Σ over outputs q of dy[o, q] · image[taps[k] + q].
import { put } from "./loops";
import { madd } from "./simd";
import { Grid, Image } from "./window";

/** Outputs per pass: the rows of a tile's operands then stay in the first-level cache. */
@inline const PASS: i32 = 1024;

/** What the gradient of one group's weights is made of, in memory because it has more parts than there are registers. */
@unmanaged export class Dots {
  image: Image;
  grid: Grid;
  /** [outs, tapCount] */
  sums: usize;
  /** Of the first image: [outs, grid], and inputs [channels, inputs]; bytes from image to image. */
  dy: usize; x: usize;
  dyNext: usize; xNext: usize;
  outs: i32; inputs: i32;
  /** Taps of one input, and of all. */
  kernel: i32; tapCount: i32;
  taps: usize;
  /** Table by `writeLanes`, room for the image, work space of a product. */
  places: usize; room: usize; work: usize;
}

@inline export const DOTS_BYTES: usize = 64;

/** Adds the dot products of the taps from `from` to `to`. */
export function addDots(d: Dots, from: i32, to: i32): void {
  const grid = d.grid;
  const all = grid.depth * grid.height;
  const rows = max(1, PASS / grid.width);
  for (let r = 0; r < all; r += rows) {
    const n = min(rows, all - r);
    if (grid.width >= 4) addVectors(d, from, to, r, n);
    if (grid.width & 3) addEnds(d, from, to, r, n);
  }
}

/** All sums over n rows from r on, of the lanes that remain at their ends: a tile at the edge computes sums that it does not store. */
@inline function addEnds(d: Dots, from: i32, to: i32, r: i32, n: i32): void {
  for (let o = 0; o < d.outs; o += 2) {
    for (let k = from; k < to; k += 4) tile(2, 4, true, d, o, k, r, n, min(2, d.outs - o), min(4, to - k));
  }
}

/** All sums over n rows from r on, of their whole vectors. */
@inline function addVectors(d: Dots, from: i32, to: i32, r: i32, n: i32): void {
  for (let o = 0; o < d.outs; o += 2) {
    const outs = min(2, d.outs - o);
    let k = from;
    if (outs == 2) for (; k + 4 <= to; k += 4) tile(2, 4, false, d, o, k, r, n, 2, 4);
    else for (; k + 4 <= to; k += 4) tile(1, 4, false, d, o, k, r, n, 1, 4);
    for (; k < to; k++) tile(2, 1, false, d, o, k, r, n, outs, 1);
  }
}

/** `outs` by `taps` sums; these two and `ends` are constants where this is inlined. The first `someOuts` by `someTaps` of them count. */
@inline function tile(outs: i32, taps: i32, ends: bool, d: Dots, o: i32, k: i32, r: i32, n: i32, someOuts: i32, someTaps: i32): void {
  const grid = d.grid;
  const width = <usize>grid.width << 2;
  const plane = <usize>grid.count << 2;
  const imageRow = <usize>grid.imageRow << 2;
  const imageSlice = <usize>grid.imageSlice << 2;
  const table = d.taps + (<usize>k << 2);
  // What is not there repeats the first.
  const second = someOuts > 1 ? plane : 0;
  const table1 = someTaps > 1 ? table + 4 : table;
  const table2 = someTaps > 2 ? table + 8 : table;
  const table3 = someTaps > 3 ? table + 12 : table;
  const skip = ends ? width & ~15 : 0;
  const length: usize = ends ? 16 : width & ~15;
  let z = r / grid.height;
  let y = r - z * grid.height;
  let image = d.image.data + <usize>z * imageSlice + <usize>y * imageRow + skip;
  let dy = d.dy + <usize>o * plane + <usize>r * width + skip;
  // The other lanes hold the next row, or anything: an infinity there must not make a NaN here.
  const lanes = i32x4.gt_s(i32x4.splat(grid.width & 3), i32x4(0, 1, 2, 3));
  let s00 = f32x4.splat(0), s01 = s00, s02 = s00, s03 = s00, s10 = s00, s11 = s00, s12 = s00, s13 = s00;
  for (let left = n; left > 0; left--) {
    let g0 = dy;
    let g1 = dy + second;
    let x0 = image + load<usize>(table);
    let x1 = taps > 1 ? image + load<usize>(table1) : 0;
    let x2 = taps > 1 ? image + load<usize>(table2) : 0;
    let x3 = taps > 1 ? image + load<usize>(table3) : 0;
    const end = g0 + length;
    while (g0 < end) {
      const v0 = part(ends, v128.load(g0), lanes);
      const v1 = outs > 1 ? part(ends, v128.load(g1), lanes) : v0;
      let x = part(ends, v128.load(x0), lanes);
      s00 = madd(v0, x, s00);
      if (outs > 1) s10 = madd(v1, x, s10);
      if (taps > 1) {
        x = part(ends, v128.load(x1), lanes);
        s01 = madd(v0, x, s01);
        if (outs > 1) s11 = madd(v1, x, s11);
        x = part(ends, v128.load(x2), lanes);
        s02 = madd(v0, x, s02);
        if (outs > 1) s12 = madd(v1, x, s12);
        x = part(ends, v128.load(x3), lanes);
        s03 = madd(v0, x, s03);
        if (outs > 1) s13 = madd(v1, x, s13);
      }
      g0 += 16;
      g1 += 16;
      x0 += 16;
      x1 += 16;
      x2 += 16;
      x3 += 16;
    }
    dy += width;
    image += imageRow;
    if (++y == grid.height) {
      y = 0;
      image = d.image.data + <usize>++z * imageSlice + skip;
    }
  }
  const to = d.sums + (<usize>(o * d.tapCount + k) << 2);
  const row = <usize>d.tapCount << 2;
  if (taps > 1) {
    put(to, f32x4.add(v128.load(to), fourSums(s00, s01, s02, s03)), someTaps);
    if (outs > 1 && someOuts > 1) put(to + row, f32x4.add(v128.load(to + row), fourSums(s10, s11, s12, s13)), someTaps);
  } else {
    store<f32>(to, load<f32>(to) + sumLanes(s00));
    if (outs > 1 && someOuts > 1) store<f32>(to + row, load<f32>(to + row) + sumLanes(s10));
  }
}

/** The lanes that count, if not all do. */
@inline function part(ends: bool, v: v128, lanes: v128): v128 { return ends ? v128.and(v, lanes) : v; }

/** The sums of the lanes of four vectors. */
@inline function fourSums(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.add(v128.shuffle<f32>(a, b, 0, 4, 2, 6), v128.shuffle<f32>(a, b, 1, 5, 3, 7));
  const cd = f32x4.add(v128.shuffle<f32>(c, d, 0, 4, 2, 6), v128.shuffle<f32>(c, d, 1, 5, 3, 7));
  return f32x4.add(v128.shuffle<f32>(ab, cd, 0, 1, 4, 5), v128.shuffle<f32>(ab, cd, 2, 3, 6, 7));
}

@inline function sumLanes(a: v128): f32 {
  return (f32x4.extract_lane(a, 0) + f32x4.extract_lane(a, 1)) + (f32x4.extract_lane(a, 2) + f32x4.extract_lane(a, 3));
}
