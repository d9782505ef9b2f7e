// Gradient of convolution in its input: dx [n, groups·cg, in…] from dy [n, groups·og, out…] and w [groups·og, cg, kernel…]; geometry and
// scratch are as in conv.ts. Units are those of dx: of an image and group what `correlate` can be cut into, or channels.
//
// With stride 1 dx is the correlation of dy, surrounded by zeros, with the mirrored kernel, inputs and outputs swapped. That makes
// inputs·kernel products a pair of channels. The other way makes only outputs·kernel of them: what each tap of the kernel sends back is
// one matrix product, columns [cg·kernel, outputs] = wᵀ · dy, which is then added up where the taps had read.
import { addColumns } from "./lib/columns";
import { correlate, correlateUnits, correlateWay, stageUnits, writePlaces } from "./lib/correlate";
import { Correlation, CORRELATION_BYTES } from "./lib/correlation";
import { fitsInputGrad, planeInputGrad } from "./lib/depthwise_grad";
import { KC, multiply, packColumns, panelBytes, panelsBytes, START_C, START_ZERO, STEP, workBytes } from "./lib/gemm";
import {
  align, Geometry, Grid, GRID_BYTES, Image, IMAGE_BYTES, imageBytes, layOut, setGrid, writeTaps,
} from "./lib/window";
import { needsPacked, packedWinogradBytes, packWinograd, tileOf, wayOf, winograd, winogradTile, winogradUnits } from "./lib/winograd";
import { Winograd, WINOGRAD_BYTES } from "./lib/winograd_job";

/** Elements that the columns of one block have, at most, unless one row of outputs has more. */
@inline const BLOCK: i32 = 65536;
/** Outputs that a block has at least, if there are so many. */
@inline const BLOCK_OUTPUTS: i32 = 96;

/** The way that the gradient goes, which the shape decides: those of `conv_algorithm`, or 4, by columns. */
export function conv_input_grad_algorithm(geometry: usize, n: i32, cg: i32, og: i32): i32 {
  const g = changetype<Geometry>(geometry);
  if (fitsInputGrad(g, cg, og)) return PLANES;
  const tile = winogradTile(g, n, og, cg, g.ih, g.iw);
  if (tile) return wayOf(tile);
  return mirrors(g, n, og) ? correlateWay(cg, og * g.kd * g.kh * g.kw) : BY_COLUMNS;
}
@inline const PLANES: i32 = 1;
@inline const BY_COLUMNS: i32 = 4;

/** Units of one image and group, but for Winograd. */
@inline function groupUnits(g: Geometry, n: i32, cg: i32, og: i32): i32 {
  return !fitsInputGrad(g, cg, og) && mirrors(g, n, og) ? correlateUnits(cg, og * g.kd * g.kh * g.kw, g.id, g.ih, g.iw) : cg;
}

/** Units of all of dx. */
export function conv_input_grad_units(geometry: usize, n: i32, groups: i32, cg: i32, og: i32): i32 {
  const g = changetype<Geometry>(geometry);
  const tile = winogradTile(g, n, og, cg, g.ih, g.iw);
  return groups * (tile ? winogradUnits(g, tile, n, g.ih, g.iw, cg) : n * groupUnits(g, n, cg, og));
}

/** Bytes of the form in which the weights are read best, 0 if as they are. */
export function conv_input_grad_packed_bytes(geometry: usize, n: i32, groups: i32, cg: i32, og: i32): i32 {
  const g = changetype<Geometry>(geometry);
  const tile = winogradTile(g, n, og, cg, g.ih, g.iw);
  return tile ? groups * <i32>packedWinogradBytes(tile, og, cg) : 0;
}

/** 1 if the weights are needed in that form, 0 if it does not pay to make it for one call. */
export function conv_input_grad_needs_packed(geometry: usize, n: i32, cg: i32, og: i32): i32 {
  const g = changetype<Geometry>(geometry);
  const tile = winogradTile(g, n, og, cg, g.ih, g.iw);
  return tile && needsPacked(g, tile, n, g.ih, g.iw) ? 1 : 0;
}

/** packed ← w [groups·og, cg, kernel…] for a `way` by tiles, units from `begin` to `end` of conv_pack_units(groups, cg): a panel of the inputs of a group each. */
export function conv_input_grad_pack_f32(packed: usize, w: usize, way: i32, cg: i32, og: i32, begin: i32, end: i32): void {
  packWinograd(packed, tileOf(way), w, 36, 36 * cg, true, og, cg, begin, end);
}

/** dx = the gradient; packed: w as `conv_input_grad_pack_f32` lays it out, or 0 where it is not needed. */
export function conv_input_grad_f32(dx: usize, dy: usize, w: usize, packed: usize, geometry: usize, scratch: usize, n: i32, groups: i32, cg: i32, og: i32, begin: i32, end: i32): void {
  const g = changetype<Geometry>(geometry);
  assert(begin >= 0 && end <= conv_input_grad_units(geometry, n, groups, cg, og));
  assert(packed != 0 || !conv_input_grad_needs_packed(geometry, n, cg, og));
  const tile = winogradTile(g, n, og, cg, g.ih, g.iw);
  if (tile) {
    const c = changetype<Winograd>(scratch);
    c.x = dy; c.y = dx; c.w = w; c.packed = packed; c.bias = 0;
    c.wOut = 36; c.wIn = 36 * cg; c.mirrored = true;
    c.residual = 0;
    c.spreads = false;
    c.low = -Infinity; c.high = Infinity;
    c.ic = og; c.ih = g.oh; c.iw = g.ow;
    c.oc = cg; c.oh = g.ih; c.ow = g.iw;
    c.ph = 2 - g.ph; c.pw = 2 - g.pw; c.size = tile;
    winograd(c, scratch + WINOGRAD_BYTES, n, groups, begin, end);
    return;
  }
  if (fitsInputGrad(g, cg, og)) return planeInputGrad(scratch, dx, dy, w, g, groups, begin, end);
  const units = groupUnits(g, n, cg, og);
  if (mirrors(g, n, og)) mirrored(dx, dy, w, g, scratch, groups, cg, og, units, begin, end);
  else byColumns(dx, dy, w, g, scratch, groups, cg, og, begin, end);
}

/** True if correlation is the faster way. It needs the weights in another order, which must pay. */
function mirrors(g: Geometry, n: i32, og: i32): bool {
  if (g.sd != 1 || g.sh != 1 || g.sw != 1) return false;
  const inputs = <f64>(g.id * g.ih * g.iw);
  const outputs = <f64>(g.od * g.oh * g.ow);
  // Writing and adding up a column costs as much as about ten products.
  return <f64>n * inputs > 64 && inputs * <f64>og <= outputs * (<f64>og + 10);
}

function mirrored(dx: usize, dy: usize, w: usize, g: Geometry, scratch: usize, groups: i32, cg: i32, og: i32, units: i32, begin: i32, end: i32): void {
  const image = changetype<Image>(scratch);
  const grid = changetype<Grid>(scratch + IMAGE_BYTES);
  const c = changetype<Correlation>(scratch + IMAGE_BYTES + GRID_BYTES);
  gradImage(image, g);
  setGrid(grid, image, g.id, g.ih, g.iw, 1, 1);
  c.image = image;
  c.grid = grid;
  c.rows = cg;
  c.bias = 0;
  c.residual = 0;
  c.low = -Infinity;
  c.high = Infinity;
  c.tapCount = og * g.kd * g.kh * g.kw;
  c.taps = scratch + IMAGE_BYTES + GRID_BYTES + CORRELATION_BYTES;
  const weights = align(writeTaps(c.taps, image, g, og));
  c.whole = !image.copied && g.kd * g.kh * g.kw == 1 && grid.count == image.channel;
  c.places = align(mirrorWeights(weights, w, groups, cg, og, g.kd * g.kh * g.kw));
  const room = align(writePlaces(c));
  c.work = align(room + imageBytes(image, og));
  const outputs = <usize>(og * g.od * g.oh * g.ow) << 2;
  while (begin < end) {
    const part = begin / units;
    const first = part * units;
    const last = min(end - first, units);
    stageUnits(c, dy + <usize>part * outputs, og, room, begin - first, last);
    c.y = dx + (<usize>(part * cg * grid.count) << 2);
    c.a = weights + (<usize>(part % groups * cg * c.tapCount) << 2);
    correlate(c, begin - first, last);
    begin = first + units;
  }
}

/** dy with as many zeros around it as the kernel reaches. */
function gradImage(m: Image, g: Geometry): void {
  m.id = g.od; m.ih = g.oh; m.iw = g.ow;
  m.pd = (g.kd - 1) * g.dd - g.pd;
  m.ph = (g.kh - 1) * g.dh - g.ph;
  m.pw = (g.kw - 1) * g.dw - g.pw;
  m.nd = g.id + (g.kd - 1) * g.dd;
  m.nh = g.ih + (g.kh - 1) * g.dh;
  m.nw = g.iw + (g.kw - 1) * g.dw;
  m.stride = 1;
  m.phases = 1;
  layOut(m);
}

/** to [groups, cg, og, kernel] ← w [groups, og, cg, kernel], each kernel backwards; returns the end. */
function mirrorWeights(to: usize, w: usize, groups: i32, cg: i32, og: i32, kernel: i32): usize {
  const bytes = <usize>kernel << 2;
  for (let group = 0; group < groups; group++) {
    for (let c = 0; c < cg; c++) {
      for (let o = 0; o < og; o++) {
        const from = w + <usize>((group * og + o) * cg + c) * bytes;
        for (let p = from + bytes; p > from; to += 4) store<f32>(to, load<f32>(p -= 4));
      }
    }
  }
  return to;
}

function byColumns(dx: usize, dy: usize, w: usize, g: Geometry, scratch: usize, groups: i32, cg: i32, og: i32, begin: i32, end: i32): void {
  const kernel = g.kd * g.kh * g.kw;
  const m = cg * kernel;
  const outputs = g.od * g.oh * g.ow;
  const rows = blockRows(g, m);
  const width = rows * g.ow;
  const panels = align(scratch + workBytes(KC));
  const columns = align(panels + panelsBytes(KC, width));
  const inputs = <usize>(g.id * g.ih * g.iw) << 2;
  while (begin < end) {
    // Some channels of one image and group.
    const part = begin / cg;
    const first = begin - part * cg;
    const channels = min(end - begin, cg - first);
    const to = dx + <usize>begin * inputs;
    const from = dy + (<usize>(part * og * outputs) << 2);
    const a = w + (<usize>(part % groups * og * m + first * kernel) << 2);
    memory.fill(to, 0, <usize>channels * inputs);
    if (og == 1) {
      // A product with one inner element is not worth writing down.
      addColumns(to, from, 0, a, g, channels, 0, g.od * g.oh);
    } else if (og > 1) {
      for (let r = 0; r < g.od * g.oh; r += rows) {
        const height = min(rows, g.od * g.oh - r);
        const count = height * g.ow;
        for (let k = 0; k < og; k += KC) {
          const depth = min(KC, og - k);
          packColumns(panels, from + (<usize>(k * outputs + r * g.ow) << 2), depth, count, outputs);
          multiply(
            columns, a + (<usize>(k * m) << 2), panels, 0, scratch, channels * kernel, count, depth,
            width, 1, m, STEP, panelBytes(depth), k > 0 ? START_C : START_ZERO, -Infinity, Infinity,
          );
        }
        addColumns(to, columns, <usize>width << 2, 0, g, channels, r, height);
      }
    }
    begin += channels;
  }
}

/** Rows of outputs in a block of m columns. */
function blockRows(g: Geometry, m: i32): i32 {
  const outputs = max(BLOCK_OUTPUTS, BLOCK / max(1, m));
  return min(g.od * g.oh, max(1, outputs / g.ow));
}
