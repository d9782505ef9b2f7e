// Correlation with 3 × 3 kernels by Winograd's F(m × m, 3 × 3): a tile of 4 × 4 outputs needs 36 products a pair of channels instead of 144,
// one of 2 × 2 needs 16 instead of 36.
//
//   V = Bᵀ d B of the inputs that a tile reads, U = G g Gᵀ of a kernel, and the tile is Aᵀ (Σ over input channels of U · V) A.
//
// The sums are 36 or 16 matrix products, one for each place of the transformed tile: [tiles, inputs] · [inputs, outputs]. Tiles are the rows,
// so that few of them waste nothing, and the weights are panels, which can be kept. Blocks of tiles keep what lies between the
// transforms in the second-level cache.
//
// The points of the interpolation are 0, ±√½, ±√2 and ∞. With them the error stays near that of a sum of products, which the usual 0, ±1, ±2
// and ∞ multiply. (Barabasz et al., Error Analysis and
// Improving the Accuracy of Winograd Convolution for DNNs, 2020, on the choice of points.) Small tiles take 0, ±1 and ∞.
import { multiply, NC, PANEL, panelBytes, START_C, START_ZERO, STEP, workBytes } from "./gemm";
import { align, Geometry } from "./window";
import { STRIPS_BYTES, transformTiles } from "./winograd_input";
import { LARGE, placesOf, SMALL, Winograd } from "./winograd_job";
import { packFour } from "./winograd_kernel";
import { tilesFromSums } from "./winograd_output";

/** Floats of V and the sums of a block, if that is not less than BLOCK_TILES tiles, a multiple of what the matrix product packs. */
@inline const BLOCK: i32 = 1 << 17;
@inline const BLOCK_TILES: i32 = 30;

/** Bytes from one of the places' matrices to the next: an odd number of cache lines, so that they do not all fall on the same places of the cache. */
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
 * Up to so many products a pair of channels, the weights are most of what is to be read. Unless a packed form is there already, the kernels
 * of a panel of outputs at a time are transformed where all tiles are multiplied with them at once, in the second-level cache.
 * Where a packed form is ruled out, so it goes with more products too, a block of tiles at a time.
 */
@inline const FEW_PRODUCTS: i32 = 288;

/** Floats of V and the sums of such a block, if that is not less than so many tiles. */
@inline const UNPACKED_BLOCK: i32 = 1 << 19;
@inline const UNPACKED_TILES: i32 = 48;

/** From so many channels on the transforms pay. */
@inline const CHANNELS: i32 = 8;

/** Up to so many pairs of channels the packed kernels, 144 bytes a pair, are not too large to be kept. */
@inline const PAIRS: i32 = 1 << 21;

/** From so many pairs of channels on the kernels come from memory, and a value that is read takes as long as so many multiply-adds. */
@inline const MEMORY_PAIRS: i32 = 1 << 15;
@inline const READ: i32 = 7;

/**
 * Outputs a side of the tiles by which n images from ic to oc [oh, ow] go fastest, or 0 if another way is faster. They are 3 × 3 over two
 * dimensions, one by one. Large tiles need at least half of their outputs used; small ones pay where few tiles read many kernels.
 */
export function winogradTile(g: Geometry, n: i32, ic: i32, oc: i32, oh: i32, ow: i32): i32 {
  if (g.id != 1 || g.kd != 1 || g.od != 1 || g.kh != 3 || g.kw != 3 || (g.sh | g.sw | g.dh | g.dw) != 1) return 0;
  if (ic < CHANNELS || oc < CHANNELS || ic > PAIRS / oc) return 0;
  const large = oh * ow >= 8 * tilesOf(LARGE, 1, oh, ow);
  if (ic * oc >= MEMORY_PAIRS) {
    const other = large ? costOf(LARGE, n, oh, ow) : <f64>9 * <f64>(n * oh * ow + READ);
    if (costOf(SMALL, n, oh, ow) < other) return SMALL;
  }
  return large ? LARGE : 0;
}

/** Multiply-adds a pair of channels, and what reading the kernels is worth. */
@inline function costOf(size: i32, n: i32, oh: i32, ow: i32): f64 {
  return <f64>placesOf(size) * <f64>(tilesOf(size, n, oh, ow) + READ);
}

/** The number by which `conv_algorithm` tells tiles of that size, and back. */
@inline export function wayOf(size: i32): i32 { return size == SMALL ? 5 : 3; }
@inline export function tileOf(way: i32): i32 { return way == 5 ? SMALL : LARGE; }

/** Panels of so many output channels. */
@inline export function winogradPanels(outs: i32): i32 { return upToPanel(outs) / PANEL; }

/** Units of panels, if units are not tiles: few, because each transforms all inputs anew. */
@inline const PANEL_UNITS: i32 = 8;

/** Panels in a unit, or 0 where a unit is a tile: what all units read, and tiles transform besides, is the smaller side by far. */
@inline function unitPanels(size: i32, tiles: i32, oc: i32): i32 {
  if (tiles * placesOf(size) > FEW_PRODUCTS && 4 * tiles > oc) return 0;
  return (winogradPanels(oc) + PANEL_UNITS - 1) / PANEL_UNITS;
}

/** Units of one group: tiles of all images or panels of output channels. */
export function winogradUnits(g: Geometry, size: i32, n: i32, oh: i32, ow: i32, oc: i32): i32 {
  const tiles = tilesOf(size, n, oh, ow);
  const panels = unitPanels(size, g.unpacked ? 0 : tiles, oc);
  return panels ? (winogradPanels(oc) + panels - 1) / panels : tiles;
}

@inline export function tilesOf(size: i32, n: i32, oh: i32, ow: i32): i32 { return n * ((oh + size - 1) / size) * ((ow + size - 1) / size); }

/** Whether `winograd` needs the packed kernels. */
export function needsPacked(g: Geometry, size: i32, n: i32, oh: i32, ow: i32): bool { return !g.unpacked && tilesOf(size, n, oh, ow) * placesOf(size) > FEW_PRODUCTS; }

/** Bytes of the packed kernels of one group. */
@inline export function packedWinogradBytes(size: i32, ic: i32, oc: i32): usize { return <usize>placesOf(size) * stepOf(ic * upToPanel(oc)); }

/** Tiles in a block. */
function blockTiles(size: i32, ic: i32, oc: i32): i32 {
  return BLOCK_TILES * max(1, BLOCK / (placesOf(size) * BLOCK_TILES * (upTo4(ic) + upToPanel(oc))));
}

/** Units from `begin` to `end` of n images of `groups` groups; what c says of operands is that of the first. `room` is for work. */
export function winograd(c: Winograd, room: usize, n: i32, groups: i32, begin: i32, end: i32): void {
  const tiles = tilesOf(c.size, n, c.oh, c.ow);
  const panels = winogradPanels(c.oc);
  const unit = unitPanels(c.size, c.packed ? tiles : 0, c.oc);
  const units = unit ? (panels + unit - 1) / unit : tiles;
  const xGroup = <usize>(c.ic * c.ih * c.iw) << 2;
  const yGroup = <usize>(c.oc * c.oh * c.ow) << 2;
  c.xImage = xGroup * groups;
  c.yImage = yGroup * groups;
  c.down = (c.oh + c.size - 1) / c.size;
  c.across = (c.ow + c.size - 1) / c.size;
  const x = c.x, y = c.y, w = c.w, packed = c.packed, bias = c.bias;
  while (begin < end) {
    const group = begin / units;
    const first = begin - group * units;
    const last = min(end - group * units, units);
    c.x = x + <usize>group * xGroup;
    c.y = y + <usize>group * yGroup;
    c.w = w + <usize>group * (<usize>(c.ic * c.oc) * 36);
    if (packed) c.packed = packed + <usize>group * packedWinogradBytes(c.size, c.ic, c.oc);
    if (bias) c.bias = bias + (<usize>(group * c.oc) << 2);
    if (!unit) byBlocks(c, room, first, last, 0, panels);
    else if (packed) byBlocks(c, room, 0, tiles, first * unit, min(last * unit, panels));
    else transforming(c, room, tiles, first * unit, min(last * unit, panels));
    begin += last - first;
  }
}

/** Lays out the work space for n tiles and `outs` output channels; returns its end. */
function place(c: Winograd, room: usize, n: i32, outs: i32): usize {
  const places = <usize>placesOf(c.size);
  c.vStep = stepOf(n * upTo4(c.ic));
  c.mStep = stepOf(n * outs);
  c.v = align(room);
  c.m = c.v + places * c.vStep;
  c.work = c.m + places * c.mStep;
  c.strip = align(c.work + workBytes(depthOf(c.ic)));
  return align(c.strip + STRIPS_BYTES);
}

/** Tiles from `begin` to `end`, numbered through all images, of the panels of output channels from `from` to `to`. */
function byBlocks(c: Winograd, room: usize, begin: i32, end: i32, from: i32, to: i32): void {
  const block = blockTiles(c.size, c.ic, c.oc);
  const outs = (to - from) * PANEL;
  place(c, room, min(block, end - begin), outs);
  for (let t = begin; t < end; t += block) {
    const tiles = min(block, end - t);
    transformTiles(c, t, tiles);
    products(c, tiles, upToPanel(c.oc), from * PANEL, outs);
    tilesFromSums(c, t, tiles, outs, from * PANEL);
  }
}

/** All tiles, of panels of output channels from `from` to `to` whose kernels are transformed for each block of tiles. */
function transforming(c: Winograd, room: usize, tiles: i32, from: i32, to: i32): void {
  const most = max(UNPACKED_TILES, UNPACKED_BLOCK / (placesOf(c.size) * (upTo4(c.ic) + PANEL)));
  const blocks = (tiles + most - 1) / most;
  const block = (tiles + blocks - 1) / blocks;
  const after = place(c, room, block, PANEL);
  c.packed = after;
  for (let t = 0; t < tiles; t += block) {
    const count = min(block, tiles - t);
    transformTiles(c, t, count);
    for (let o = from * PANEL; o < to * PANEL; o += PANEL) {
      packPanel(after, c.size, PANEL, 0, c.w, c.wOut, c.wIn, c.mirrored, c.ic, c.oc, o);
      products(c, count, PANEL, 0, PANEL);
      tilesFromSums(c, t, count, PANEL, o);
    }
  }
  c.packed = 0;
}

/** Sums of n outputs from the first-th of `outs` on, both multiples of a panel. */
function products(c: Winograd, tiles: i32, outs: i32, first: i32, n: i32): void {
  const depth = depthOf(c.ic);
  const uStep = stepOf(c.ic * outs);
  const places = placesOf(c.size);
  for (let f = 0; f < places; f++) {
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
export function packWinograd(packed: usize, size: i32, w: usize, wOut: usize, wIn: usize, mirrored: bool, ic: i32, oc: i32, begin: i32, end: i32): void {
  const outs = upToPanel(oc);
  for (; begin < end; begin++) {
    const group = begin * PANEL / outs;
    const first = begin * PANEL - group * outs;
    packPanel(
      packed + <usize>group * packedWinogradBytes(size, ic, oc), size, outs, first, w + <usize>group * (<usize>(ic * oc) * 36), wOut, wIn, mirrored, ic, oc, first,
    );
  }
}

/** U of the kernels of a panel of outputs from `first` on, to the panel at `column` of `outs` columns. */
function packPanel(packed: usize, size: i32, outs: i32, column: i32, w: usize, wOut: usize, wIn: usize, mirrored: bool, ic: i32, oc: i32, first: i32): void {
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
        to + (<usize>i << 2), size, step, p + <usize>min(o, most) * wOut, p + <usize>min(o + 1, most) * wOut, p + <usize>min(o + 2, most) * wOut,
        p + <usize>min(o + 3, most) * wOut, mirrored,
      );
    }
  }
}
