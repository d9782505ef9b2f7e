// Correlation with 3 × 3 kernels by Winograd's F(4 × 4, 3 × 3): a tile of 4 × 4 outputs needs 36 products a pair of channels instead of 144.
//
//   V = Bᵀ d B of the 6 × 6 inputs that a tile reads, U = G g Gᵀ of a kernel, and the tile is Aᵀ (Σ over input channels of U · V) A.
//
// The sums are 36 matrix products, one for each place of the transformed tile: [tiles, inputs] · [inputs, outputs]. Tiles are the rows,
// so that few of them waste nothing, and the weights are panels, which can be kept. Blocks of tiles keep what lies between the
// transforms in the second-level cache.
//
// The points of the interpolation are 0, ±√½, ±√2 and ∞. With them the error is one to two and a half times that of a sum of products,
// measured over 8 to 256 channels, where the usual 0, ±1, ±2 and ∞ make it five to fourteen times. (Barabasz et al., Error Analysis and
// Improving the Accuracy of Winograd Convolution for DNNs, 2020, on the choice of points.)
import { multiply, NC, PANEL, panelBytes, START_C, START_ZERO, STEP, workBytes } from "./gemm";
import { align, Geometry } from "./window";
import { STRIPS_BYTES, transformTiles } from "./winograd_input";
import { Winograd } from "./winograd_job";
import { tilesFromSums } from "./winograd_output";

/** Floats of V and the sums of a block, if that is not less than BLOCK_TILES tiles, a multiple of what the matrix product packs. */
@inline const BLOCK: i32 = 1 << 17;
@inline const BLOCK_TILES: i32 = 30;

/** Bytes from one of 36 matrices to the next: an odd number of cache lines, so that they do not all fall on the same places of the cache. */
@inline export function stepOf(floats: i32): usize { return align(<usize>floats << 2) | 64; }

@inline export function upTo4(n: i32): i32 { return (n + 3) & ~3; }
@inline function upToPanel(n: i32): i32 { return (n + PANEL - 1) & ~(PANEL - 1); }

/** Channels that are summed in one go at most: the transforms multiply the error of a sum, so that it has to stay short. */
@inline const DEPTH: i32 = 128;

/** Depth of the blocks that ic input channels are cut into, all but the last alike. */
@inline function depthOf(ic: i32): i32 {
  const blocks = (ic + DEPTH - 1) / DEPTH;
  return (ic + blocks - 1) / blocks;
}

/**
 * Up to so many tiles in all, the weights are most of what is to be read. Unless a packed form is there already, the kernels of a
 * panel of outputs at a time are transformed where all tiles are multiplied with them at once, in the second-level cache.
 */
@inline const FEW_TILES: i32 = 8;

/** From so many channels on the transforms pay. */
@inline const CHANNELS: i32 = 8;

/** Up to so many pairs of channels the packed kernels, 144 bytes a pair, are not too large to be kept. */
@inline const PAIRS: i32 = 1 << 21;

/** Whether it is the fastest way from ic to oc [oh, ow]: 3 × 3 over two dimensions, one by one, and at least half of the tiles used. */
export function suitsWinograd(g: Geometry, ic: i32, oc: i32, oh: i32, ow: i32): bool {
  return g.id == 1 && g.kd == 1 && g.od == 1 && g.kh == 3 && g.kw == 3 && (g.sh | g.sw | g.dh | g.dw) == 1
    && ic >= CHANNELS && oc >= CHANNELS && ic <= PAIRS / oc && oh * ow >= 8 * tilesOf(1, oh, ow);
}

/** Panels of so many output channels. */
@inline export function winogradPanels(outs: i32): i32 { return upToPanel(outs) / PANEL; }

/** Units of one group: tiles of all images or, if there are few, panels of output channels. */
export function winogradUnits(n: i32, oh: i32, ow: i32, oc: i32): i32 {
  const tiles = tilesOf(n, oh, ow);
  return tiles > FEW_TILES ? tiles : winogradPanels(oc);
}

@inline export function tilesOf(n: i32, oh: i32, ow: i32): i32 { return n * ((oh + 3) >> 2) * ((ow + 3) >> 2); }

/** Whether `winograd` needs the packed kernels. */
export function needsPacked(n: i32, oh: i32, ow: i32): bool { return tilesOf(n, oh, ow) > FEW_TILES; }

/** Bytes of the packed kernels of one group. */
@inline export function packedWinogradBytes(ic: i32, oc: i32): usize { return 36 * stepOf(ic * upToPanel(oc)); }

/** Tiles in a block. */
function blockTiles(ic: i32, oc: i32): i32 {
  return BLOCK_TILES * max(1, BLOCK / (36 * BLOCK_TILES * (upTo4(ic) + upToPanel(oc))));
}

/** Units from `begin` to `end` of n images of `groups` groups; what c says of operands is that of the first. `room` is for work. */
export function winograd(c: Winograd, room: usize, n: i32, groups: i32, begin: i32, end: i32): void {
  const tiles = tilesOf(n, c.oh, c.ow);
  const units = winogradUnits(n, c.oh, c.ow, c.oc);
  const xGroup = <usize>(c.ic * c.ih * c.iw) << 2;
  const yGroup = <usize>(c.oc * c.oh * c.ow) << 2;
  c.xImage = xGroup * groups;
  c.yImage = yGroup * groups;
  c.down = (c.oh + 3) >> 2;
  c.across = (c.ow + 3) >> 2;
  const x = c.x, y = c.y, w = c.w, packed = c.packed, bias = c.bias;
  while (begin < end) {
    const group = begin / units;
    const first = begin - group * units;
    const last = min(end - group * units, units);
    c.x = x + <usize>group * xGroup;
    c.y = y + <usize>group * yGroup;
    c.w = w + <usize>group * (<usize>(c.ic * c.oc) * 36);
    if (packed) c.packed = packed + <usize>group * packedWinogradBytes(c.ic, c.oc);
    if (bias) c.bias = bias + (<usize>(group * c.oc) << 2);
    if (tiles > FEW_TILES) byBlocks(c, room, first, last);
    else byPanels(c, room, tiles, first, last, packed == 0);
    begin += last - first;
  }
}

/** Lays out the work space for n tiles and `outs` output channels; returns its end. */
function place(c: Winograd, room: usize, n: i32, outs: i32): usize {
  c.vStep = stepOf(n * upTo4(c.ic));
  c.mStep = stepOf(n * outs);
  c.v = align(room);
  c.m = c.v + 36 * c.vStep;
  c.work = c.m + 36 * c.mStep;
  c.strip = align(c.work + workBytes(depthOf(c.ic)));
  return align(c.strip + STRIPS_BYTES);
}

/** Tiles from `begin` to `end`, numbered through all images. */
function byBlocks(c: Winograd, room: usize, begin: i32, end: i32): void {
  const block = blockTiles(c.ic, c.oc);
  const outs = upToPanel(c.oc);
  place(c, room, min(block, end - begin), outs);
  for (let t = begin; t < end; t += block) {
    const tiles = min(block, end - t);
    transformTiles(c, t, tiles);
    products(c, tiles, outs, 0, outs);
    tilesFromSums(c, t, tiles, outs, 0);
  }
}

/** All tiles, in panels of output channels from `begin` to `end`; `transforming` the kernels, or with packed ones. */
function byPanels(c: Winograd, room: usize, tiles: i32, begin: i32, end: i32, transforming: bool): void {
  const step = transforming ? PANEL : (end - begin) * PANEL;
  const after = place(c, room, tiles, step);
  transformTiles(c, 0, tiles);
  if (transforming) c.packed = after;
  for (let o = begin * PANEL; o < end * PANEL; o += step) {
    if (transforming) {
      packPanel(after, PANEL, 0, c.w, c.wOut, c.wIn, c.mirrored, c.ic, c.oc, o);
      products(c, tiles, PANEL, 0, PANEL);
    } else products(c, tiles, upToPanel(c.oc), o, step);
    tilesFromSums(c, 0, tiles, step, o);
  }
}

/** Sums of n outputs from the first-th of `outs` on, both multiples of a panel. */
function products(c: Winograd, tiles: i32, outs: i32, first: i32, n: i32): void {
  const depth = depthOf(c.ic);
  const uStep = stepOf(c.ic * outs);
  for (let f = 0; f < 36; f++) {
    const u = c.packed + <usize>f * uStep;
    const v = c.v + <usize>f * c.vStep;
    const m = c.m + <usize>f * c.mStep;
    for (let k = 0; k < c.ic; k += depth) {
      const d = min(depth, c.ic - k);
      for (let j = 0; j < n; j += NC) {
        multiply(
          m + (<usize>j << 2), v + (<usize>k << 2), u + (<usize>(k * outs + (first + j) * d) << 2), 0, c.work, tiles, min(NC, n - j), d,
          n, upTo4(c.ic), 1, STEP, panelBytes(d), k > 0 ? START_C : START_ZERO, -Infinity, Infinity,
        );
      }
    }
  }
}

/** U of kernels; units are panels of outputs of a group. w, wOut, wIn and mirrored as in Winograd. */
export function packWinograd(packed: usize, w: usize, wOut: usize, wIn: usize, mirrored: bool, ic: i32, oc: i32, begin: i32, end: i32): void {
  const outs = upToPanel(oc);
  for (; begin < end; begin++) {
    const group = begin * PANEL / outs;
    const first = begin * PANEL - group * outs;
    packPanel(packed + <usize>group * packedWinogradBytes(ic, oc), outs, first, w + <usize>group * (<usize>(ic * oc) * 36), wOut, wIn, mirrored, ic, oc, first);
  }
}

/** U of the kernels of a panel of outputs from `first` on, to the panel at `column` of `outs` columns. */
function packPanel(packed: usize, outs: i32, column: i32, w: usize, wOut: usize, wIn: usize, mirrored: bool, ic: i32, oc: i32, first: i32): void {
  const depth = depthOf(ic);
  const step = stepOf(ic * outs);
  // Kernels that do not exist have the last one in their place; nobody stores what comes of them.
  const most = oc - 1;
  for (let k = 0; k < ic; k++) {
    const block = k / depth * depth;
    const d = min(depth, ic - block);
    const to = packed + (<usize>(block * outs + column * d) << 2) + <usize>(k - block) * STEP;
    const p = w + <usize>k * wIn;
    for (let i = 0; i < PANEL; i += 4) {
      const o = first + i;
      packFour(
        to + (<usize>i << 2), step, p + <usize>min(o, most) * wOut, p + <usize>min(o + 1, most) * wOut, p + <usize>min(o + 2, most) * wOut,
        p + <usize>min(o + 3, most) * wOut, mirrored,
      );
    }
  }
}

/** U of four kernels, one a lane, to 36 places. */
function packFour(to: usize, step: usize, p0: usize, p1: usize, p2: usize, p3: usize, mirrored: bool): void {
  const a0 = v128.load(p0), a1 = v128.load(p1), a2 = v128.load(p2), a3 = v128.load(p3);
  const b0 = v128.load(p0, 16), b1 = v128.load(p1, 16), b2 = v128.load(p2, 16), b3 = v128.load(p3, 16);
  const s0 = v128.shuffle<i32>(a0, a1, 0, 4, 1, 5), s1 = v128.shuffle<i32>(a2, a3, 0, 4, 1, 5);
  const s2 = v128.shuffle<i32>(a0, a1, 2, 6, 3, 7), s3 = v128.shuffle<i32>(a2, a3, 2, 6, 3, 7);
  const t0 = v128.shuffle<i32>(b0, b1, 0, 4, 1, 5), t1 = v128.shuffle<i32>(b2, b3, 0, 4, 1, 5);
  const t2 = v128.shuffle<i32>(b0, b1, 2, 6, 3, 7), t3 = v128.shuffle<i32>(b2, b3, 2, 6, 3, 7);
  const g0 = v128.shuffle<i64>(s0, s1, 0, 2), g1 = v128.shuffle<i64>(s0, s1, 1, 3);
  const g2 = v128.shuffle<i64>(s2, s3, 0, 2), g3 = v128.shuffle<i64>(s2, s3, 1, 3);
  const g4 = v128.shuffle<i64>(t0, t1, 0, 2), g5 = v128.shuffle<i64>(t0, t1, 1, 3);
  const g6 = v128.shuffle<i64>(t2, t3, 0, 2), g7 = v128.shuffle<i64>(t2, t3, 1, 3);
  const g8 = f32x4(load<f32>(p0, 32), load<f32>(p1, 32), load<f32>(p2, 32), load<f32>(p3, 32));
  if (mirrored) packNine(to, step, g8, g7, g6, g5, g4, g3, g2, g1, g0);
  else packNine(to, step, g0, g1, g2, g3, g4, g5, g6, g7, g8);
}

/** G g Gᵀ: downwards in the order of the points 0, ±√½, ±√2 and ∞, and each row by itself. */
function packNine(to: usize, step: usize, g0: v128, g1: v128, g2: v128, g3: v128, g4: v128, g5: v128, g6: v128, g7: v128, g8: v128): void {
  packRow(to, step, g0, g1, g2);
  pair(to + 6 * step, step, g0, g1, g2, g3, g4, g5, g6, g7, g8, 0.5, <f32>Math.SQRT1_2, -2.0 / 3.0);
  pair(to + 18 * step, step, g0, g1, g2, g3, g4, g5, g6, g7, g8, 2, <f32>Math.SQRT2, 1.0 / 6.0);
  packRow(to + 30 * step, step, g6, g7, g8);
}

/** The two rows for a point and its negative. */
function pair(to: usize, step: usize, g0: v128, g1: v128, g2: v128, g3: v128, g4: v128, g5: v128, g6: v128, g7: v128, g8: v128, square: f32, point: f32, scale: f32): void {
  const e0 = evenOf(g0, g6, square, scale), e1 = evenOf(g1, g7, square, scale), e2 = evenOf(g2, g8, square, scale);
  const by = f32x4.splat(point * scale);
  const o0 = f32x4.mul(g3, by), o1 = f32x4.mul(g4, by), o2 = f32x4.mul(g5, by);
  packRow(to, step, f32x4.add(e0, o0), f32x4.add(e1, o1), f32x4.add(e2, o2));
  packRow(to + 6 * step, step, f32x4.sub(e0, o0), f32x4.sub(e1, o1), f32x4.sub(e2, o2));
}

@inline function evenOf(a: v128, c: v128, square: f32, scale: f32): v128 {
  return f32x4.mul(f32x4.add(a, f32x4.mul(c, f32x4.splat(square))), f32x4.splat(scale));
}

/** G · (a, b, c), to six places. */
function packRow(to: usize, step: usize, a: v128, b: v128, c: v128): void {
  v128.store(to, a);
  let even = evenOf(a, c, 0.5, -2.0 / 3.0);
  let odd = f32x4.mul(b, f32x4.splat(<f32>Math.SQRT1_2 * <f32>(-2.0 / 3.0)));
  v128.store(to += step, f32x4.add(even, odd));
  v128.store(to += step, f32x4.sub(even, odd));
  even = evenOf(a, c, 2, 1.0 / 6.0);
  odd = f32x4.mul(b, f32x4.splat(<f32>Math.SQRT2 * <f32>(1.0 / 6.0)));
  v128.store(to += step, f32x4.add(even, odd));
  v128.store(to += step, f32x4.sub(even, odd));
  v128.store(to + step, c);
}
