// Correlation with 3 × 3 kernels by Winograd's F(4 × 4, 3 × 3): a tile of 4 × 4 outputs needs 36 products a pair of channels instead of 144.
//
//   V = Bᵀ d B of the 6 × 6 inputs that a tile reads, U = G g Gᵀ of a kernel, and the tile is Aᵀ (Σ over input channels of U · V) A.
//
// The sums are 36 matrix products, one for each place of the transformed tile: [tiles, inputs] · [inputs, outputs]. Tiles are the rows,
// so that few of them waste nothing, and the weights are panels, which can be kept. Blocks of tiles keep what lies between the
// transforms in the second-level cache.
//
// The points of the interpolation are 0, ±√½, ±√2 and ∞: against the usual 0, ±1, ±2 and ∞ the error is a third to a fifth, about one and a
// half times that of a sum of products, measured over 4 to 256 channels. (Barabasz et al., Error Analysis and Improving the Accuracy of
// Winograd Convolution for DNNs, 2020, on the choice of points.)
import { KC, multiply, NC, PANEL, panelBytes, START_C, START_ZERO, workBytes } from "./gemm";
import { align, Geometry } from "./window";
import { STRIPS_BYTES, transformTiles } from "./winograd_input";
import { Winograd } from "./winograd_job";
import { tilesFromSums } from "./winograd_output";

/** Floats of V and the sums of a block, if that is not less than BLOCK_TILES tiles, a multiple of what the matrix product packs. */
@inline const BLOCK: i32 = 1 << 17;
@inline const BLOCK_TILES: i32 = 30;

/** Bytes from one of 36 matrices to the next: an odd number of cache lines, so that they do not all fall on the same places of the cache. */
@inline function stepOf(floats: i32): usize { return align(<usize>floats << 2) | 64; }

@inline function upTo4(n: i32): i32 { return (n + 3) & ~3; }
@inline function upTo8(n: i32): i32 { return (n + 7) & ~7; }

/** Depth of the blocks that ic input channels are cut into, all but the last alike. */
@inline function depthOf(ic: i32): i32 {
  const blocks = (ic + KC - 1) / KC;
  return (ic + blocks - 1) / blocks;
}

/** Up to so many tiles in all, the outputs are cut into panels of channels instead: the weights are most of the work then. */
@inline const FEW_TILES: i32 = 8;

/** From so many channels on the transforms pay. */
@inline const CHANNELS: i32 = 8;

/** Whether it is the fastest way from ic to oc [oh, ow]: 3 × 3 over two dimensions, one by one, and at least half of the tiles used. */
export function suitsWinograd(g: Geometry, ic: i32, oc: i32, oh: i32, ow: i32): bool {
  return g.id == 1 && g.kd == 1 && g.od == 1 && g.kh == 3 && g.kw == 3 && (g.sh | g.sw | g.dh | g.dw) == 1
    && ic >= CHANNELS && oc >= CHANNELS && oh * ow >= 8 * tilesOf(1, oh, ow);
}

/** Units of one group: tiles of all images, or panels of eight output channels. */
export function winogradUnits(n: i32, oh: i32, ow: i32, oc: i32): i32 {
  const tiles = tilesOf(n, oh, ow);
  return tiles > FEW_TILES ? tiles : upTo8(oc) / PANEL;
}

@inline export function tilesOf(n: i32, oh: i32, ow: i32): i32 { return n * ((oh + 3) >> 2) * ((ow + 3) >> 2); }

/** Bytes of the packed kernels of one group. */
export function packedWinogradBytes(ic: i32, oc: i32): usize { return 36 * stepOf(ic * upTo8(oc)); }

/** Tiles in a block. */
function blockTiles(ic: i32, oc: i32): i32 {
  return BLOCK_TILES * max(1, BLOCK / (36 * BLOCK_TILES * (upTo4(ic) + upTo8(oc))));
}

/** Units from `begin` to `end` of n images of `groups` groups; what c says of operands is that of the first. `room` is for work. */
export function winograd(c: Winograd, room: usize, n: i32, groups: i32, begin: i32, end: i32): void {
  const tiles = tilesOf(n, c.oh, c.ow);
  const units = winogradUnits(n, c.oh, c.ow, c.oc);
  const panels = upTo8(c.oc) / PANEL;
  const xGroup = <usize>(c.ic * c.ih * c.iw) << 2;
  const yGroup = <usize>(c.oc * c.oh * c.ow) << 2;
  c.xImage = xGroup * groups;
  c.yImage = yGroup * groups;
  c.down = (c.oh + 3) >> 2;
  c.across = (c.ow + 3) >> 2;
  place(c, room, tiles);
  const x = c.x, y = c.y, w = c.w, packed = c.packed, bias = c.bias;
  while (begin < end) {
    const group = begin / units;
    const first = begin - group * units;
    const last = min(end - group * units, units);
    c.x = x + <usize>group * xGroup;
    c.y = y + <usize>group * yGroup;
    c.w = w + <usize>group * (<usize>(c.ic * c.oc) * 36);
    c.packed = packed + <usize>group * packedWinogradBytes(c.ic, c.oc);
    if (bias) c.bias = bias + (<usize>(group * c.oc) << 2);
    if (tiles > FEW_TILES) blocks(c, first, last, 0, panels);
    else blocks(c, 0, tiles, first, last);
    begin += last - first;
  }
}

/** Lays out the work space for up to `tiles` tiles. */
function place(c: Winograd, room: usize, tiles: i32): void {
  const n = min(tiles, blockTiles(c.ic, c.oc));
  c.vStep = stepOf(n * upTo4(c.ic));
  c.mStep = stepOf(n * upTo8(c.oc));
  c.v = align(room);
  c.m = c.v + 36 * c.vStep;
  c.work = c.m + 36 * c.mStep;
  c.strip = align(c.work + workBytes(depthOf(c.ic)));
}

/** Bytes of work space. */
export function winogradBytes(n: i32, oh: i32, ow: i32, ic: i32, oc: i32): usize {
  const tiles = min(tilesOf(n, oh, ow), blockTiles(ic, oc));
  return 36 * (stepOf(tiles * upTo4(ic)) + stepOf(tiles * upTo8(oc))) + workBytes(depthOf(ic)) + STRIPS_BYTES + 128;
}

/** Tiles from `begin` to `end`, numbered through all images, of the outputs in panels of eight from `first` to `last`. */
function blocks(c: Winograd, begin: i32, end: i32, first: i32, last: i32): void {
  const block = blockTiles(c.ic, c.oc);
  for (let t = begin; t < end; t += block) {
    const tiles = min(block, end - t);
    transformTiles(c, t, tiles);
    products(c, tiles, first, last);
    tilesFromSums(c, t, tiles, upTo8(c.oc), first * PANEL, min(last * PANEL, c.oc));
  }
}

function products(c: Winograd, tiles: i32, first: i32, last: i32): void {
  const depth = depthOf(c.ic);
  const outs = upTo8(c.oc);
  const uStep = stepOf(c.ic * outs);
  for (let f = 0; f < 36; f++) {
    const u = c.packed + <usize>f * uStep;
    const v = c.v + <usize>f * c.vStep;
    const m = c.m + <usize>f * c.mStep;
    for (let k = 0; k < c.ic; k += depth) {
      const d = min(depth, c.ic - k);
      for (let j = first * PANEL; j < last * PANEL; j += NC) {
        multiply(
          m + (<usize>j << 2), v + (<usize>k << 2), u + (<usize>(k * outs + j * d) << 2), 0, c.work, tiles, min(NC, last * PANEL - j), d,
          outs, upTo4(c.ic), 1, 32, panelBytes(d), k > 0 ? START_C : START_ZERO, -Infinity, Infinity,
        );
      }
    }
  }
}

/** U of kernels; units are panels of eight outputs. w, wOut, wIn and mirrored as in Winograd. */
export function packWinograd(packed: usize, w: usize, wOut: usize, wIn: usize, mirrored: bool, ic: i32, oc: i32, begin: i32, end: i32): void {
  const panels = upTo8(oc) / PANEL;
  for (; begin < end; begin++) {
    const group = begin / panels;
    packPanel(packed + <usize>group * packedWinogradBytes(ic, oc), w + <usize>group * (<usize>(ic * oc) * 36), wOut, wIn, mirrored, ic, oc, begin % panels * PANEL);
  }
}

/** U of the kernels of eight outputs from `first` on. */
function packPanel(packed: usize, w: usize, wOut: usize, wIn: usize, mirrored: bool, ic: i32, oc: i32, first: i32): void {
  const depth = depthOf(ic);
  const outs = upTo8(oc);
  const step = stepOf(ic * outs);
  for (let k = 0; k < ic; k++) {
    const block = k / depth * depth;
    const d = min(depth, ic - block);
    const to = packed + (<usize>(block * outs) << 2) + (<usize>(k - block) << 5);
    for (let o = first; o < first + PANEL; o += 4) {
      // Kernels that do not exist have the last one in their place; nobody stores what comes of them.
      const most = oc - 1;
      const p = w + <usize>k * wIn;
      const panel = to + (<usize>(first * d + (o & 4)) << 2);
      packFour(
        panel, step, p + <usize>min(o, most) * wOut, p + <usize>min(o + 1, most) * wOut, p + <usize>min(o + 2, most) * wOut,
        p + <usize>min(o + 3, most) * wOut, mirrored,
      );
    }
  }
}

/** U of four kernels, one a lane, to 36 places. */
function packFour(to: usize, step: usize, p0: usize, p1: usize, p2: usize, p3: usize, mirrored: bool): void {
  let at: usize = mirrored ? 32 : 0;
  const next: usize = mirrored ? <usize>-4 : 4;
  const g0 = lanes(p0, p1, p2, p3, at);
  const g1 = lanes(p0, p1, p2, p3, at += next);
  const g2 = lanes(p0, p1, p2, p3, at += next);
  const g3 = lanes(p0, p1, p2, p3, at += next);
  const g4 = lanes(p0, p1, p2, p3, at += next);
  const g5 = lanes(p0, p1, p2, p3, at += next);
  const g6 = lanes(p0, p1, p2, p3, at += next);
  const g7 = lanes(p0, p1, p2, p3, at += next);
  const g8 = lanes(p0, p1, p2, p3, at += next);
  // G downwards, its rows in the order of the points: 0, ±√½, ±√2, ∞.
  packRow(to, step, g0, g1, g2);
  pair(to + 6 * step, step, g0, g1, g2, g3, g4, g5, g6, g7, g8, 0.5, <f32>Math.SQRT1_2, -2.0 / 3.0);
  pair(to + 18 * step, step, g0, g1, g2, g3, g4, g5, g6, g7, g8, 2, <f32>Math.SQRT2, 1.0 / 6.0);
  packRow(to + 30 * step, step, g6, g7, g8);
}

@inline function lanes(p0: usize, p1: usize, p2: usize, p3: usize, at: usize): v128 {
  return f32x4(load<f32>(p0 + at), load<f32>(p1 + at), load<f32>(p2 + at), load<f32>(p3 + at));
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
