// Gradient of convolution in its weights: dw [groups·og, cg, kernel…] from dy [n, groups·og, out…] and x [n, groups·cg, in…]; geometry and
// scratch are as in conv.ts. A call computes the units from `begin` to `end`: of each group a panel of taps (of all its inputs, counted on) for all
// its outputs; by Winograd's tiles, some inputs for all outputs; or, where each plane is for itself, one output. A weight gets the same bits in
// whatever call.
import { fitsDots, planeDots } from "./lib/depthwise_grad";
import { addDots, Dots, DOTS_BYTES } from "./lib/dots";
import { KC, multiply, NC, PANEL, panelBytes, START_C, START_ZERO, STEP, workBytes } from "./lib/gemm";
import { packTaps } from "./lib/taps";
import { suitsTiles, tileSums, UNIT } from "./lib/winograd_weights";
import {
  align, Geometry, Grid, GRID_BYTES, Image, IMAGE_BYTES, imageBytes, inputImage, setGrid, stage, writeLanes, writeTaps,
} from "./lib/window";

/** From this many output channels on a matrix product is faster than single dot products. */
@inline const PACK_ROWS: i32 = 8;

/** The way that the gradient goes, which the shape decides; numbers as in `conv_algorithm`. */
export function conv_weight_grad_algorithm(geometry: usize, n: i32, cg: i32, og: i32): i32 {
  const g = changetype<Geometry>(geometry);
  return fitsDots(g, cg, og) ? PLANES : suitsTiles(g, n, cg, og) ? TILES : og < PACK_ROWS ? IN_PLACE : PACKED;
}
@inline const IN_PLACE: i32 = 0;
@inline const PLANES: i32 = 1;
@inline const PACKED: i32 = 2;
@inline const TILES: i32 = 3;

/** Units of one group. */
function groupUnits(way: i32, taps: i32, cg: i32): i32 {
  return way == PLANES ? 1 : way == TILES ? (cg + UNIT - 1) / UNIT : (taps + PANEL - 1) / PANEL;
}

/** Units of all weights. */
export function conv_weight_grad_units(geometry: usize, n: i32, groups: i32, cg: i32, og: i32): i32 {
  const g = changetype<Geometry>(geometry);
  return groups * groupUnits(conv_weight_grad_algorithm(geometry, n, cg, og), cg * g.kd * g.kh * g.kw, cg);
}

/** dw[o, c, tap] = Σ over images and outputs of dy[o] · what the tap reads of x[c]. */
export function conv_weight_grad_f32(dw: usize, dy: usize, x: usize, geometry: usize, scratch: usize, n: i32, groups: i32, cg: i32, og: i32, begin: i32, end: i32): void {
  const g = changetype<Geometry>(geometry);
  assert(begin >= 0 && end <= conv_weight_grad_units(geometry, n, groups, cg, og));
  const way = conv_weight_grad_algorithm(geometry, n, cg, og);
  if (way == PLANES) return planeDots(scratch, dw, dy, x, g, n, groups, begin, end);
  const taps = cg * g.kd * g.kh * g.kw;
  const unit = way == TILES ? UNIT * 9 : PANEL;
  const units = groupUnits(way, taps, cg);
  const inputs = <usize>(cg * g.id * g.ih * g.iw) << 2;
  const outputs = <usize>(og * g.od * g.oh * g.ow) << 2;
  while (begin < end) {
    const group = begin / units;
    const first = group * units;
    const last = min(end - first, units);
    const sums = dw + (<usize>(group * og * taps) << 2);
    const y = dy + <usize>group * outputs;
    const z = x + <usize>group * inputs;
    begin -= first;
    if (way == TILES) {
      tileSums(scratch, sums, y, z, outputs * groups, inputs * groups, g, n, cg, og, begin * UNIT, min(last * UNIT, cg));
      // Infinity and NaN, which the transforms spread over a kernel, must reach only the weights that they belong to.
      for (; begin < last; begin++) {
        const from = begin * unit;
        const to = min(from + unit, taps);
        if (!finite(sums + (<usize>from << 2), og, to - from, taps)) byTaps(scratch, sums, y, z, g, n, groups, cg, og, from, to);
      }
    } else byTaps(scratch, sums, y, z, g, n, groups, cg, og, begin * unit, min(last * unit, taps));
    begin = first + last;
  }
}

/** Whether all of [rows, width] is finite, the rows `next` elements apart. */
function finite(p: usize, rows: i32, width: i32, next: i32): bool {
  for (let i = 0; i < rows; i++) {
    for (const end = p + (<usize>width << 2); p < end; p += 4) {
      const v = load<f32>(p);
      if (v - v != 0) return false;
    }
    p += <usize>(next - width) << 2;
  }
  return true;
}

/** The taps from `from` to `to` of one group, by sums of products. */
function byTaps(scratch: usize, sums: usize, dy: usize, x: usize, g: Geometry, n: i32, groups: i32, cg: i32, og: i32, from: i32, to: i32): void {
  const image = changetype<Image>(scratch);
  const grid = changetype<Grid>(scratch + IMAGE_BYTES);
  const d = changetype<Dots>(scratch + IMAGE_BYTES + GRID_BYTES);
  inputImage(image, g);
  setGrid(grid, image, g.od, g.oh, g.ow, g.sd, g.sh);
  d.image = image;
  d.grid = grid;
  d.outs = og;
  d.kernel = g.kd * g.kh * g.kw;
  d.tapCount = cg * d.kernel;
  d.inputs = g.id * g.ih * g.iw;
  d.sums = sums;
  d.dy = dy;
  d.x = x;
  d.xNext = <usize>(groups * cg * d.inputs) << 2;
  d.dyNext = <usize>(groups * og * grid.count) << 2;
  d.taps = scratch + IMAGE_BYTES + GRID_BYTES + DOTS_BYTES;
  // Of the taps of one input: the others' lie whole channels further on.
  d.places = align(writeTaps(d.taps, image, g, cg));
  d.room = align(og < PACK_ROWS ? d.places : writeLanes(d.places, grid));
  d.work = align(d.room + imageBytes(image, cg));
  if (n == 0 || grid.count == 0 || og < PACK_ROWS) clear(d, from, to);
  if (og < PACK_ROWS) dots(d, n, from, to);
  else products(d, n, from, to);
}

/** The taps from `from` to `to` become zero for all outputs. */
function clear(d: Dots, from: i32, to: i32): void {
  let p = d.sums + (<usize>from << 2);
  for (let o = 0; o < d.outs; o++) {
    memory.fill(p, 0, <usize>(to - from) << 2);
    p += <usize>d.tapCount << 2;
  }
}

/** Makes the inputs that the taps from `from` to `to` read readable; the table of taps then tells where, less the inputs before them. */
function stageFor(d: Dots, x: usize, from: i32, to: i32): void {
  const first = from / d.kernel;
  const last = (to - 1) / d.kernel;
  stage(d.image, x + (<usize>(first * d.inputs) << 2), last - first + 1, d.room, 0, d.image.nh);
  d.image.data -= <usize>(first * d.image.channel) << 2;
}

function dots(d: Dots, n: i32, from: i32, to: i32): void {
  let x = d.x;
  for (let i = 0; i < n; i++) {
    stageFor(d, x, from, to);
    addDots(d, from, to);
    x += d.xNext;
    d.dy += d.dyNext;
  }
}

/**
 * sums [og, taps] = dy [og, images and outputs] · columnsᵀ, the columns packed straight from the image. A block of the sum is part of the
 * outputs of one image, or all those of several small ones, whose dy is then gathered.
 */
function products(d: Dots, n: i32, from: i32, to: i32): void {
  const count = d.grid.count;
  if (count == 0) return;
  const together = min(n, max(1, KC / count));
  // Blocks of about the same depth, of whole quads.
  const blocks = (count + KC - 1) / KC;
  const depth = min(count, ((count + blocks - 1) / blocks + 3) & ~3);
  const gathered = align(d.work + workBytes(KC));
  const panels = align(gathered + (together > 1 ? <usize>(d.outs * together * count) << 2 : 0));
  for (let i = 0; i < n; i += together) {
    const images = min(together, n - i);
    const x = d.x + <usize>i * d.xNext;
    const dy = d.dy + <usize>i * d.dyNext;
    let start = i > 0 ? START_C : START_ZERO;
    if (images > 1) gather(gathered, dy, d, images);
    for (let j = from; j < to; j += NC) {
      const width = min(NC, to - j);
      const taps = d.taps + (<usize>j << 2);
      const sums = d.sums + (<usize>j << 2);
      if (images > 1) {
        const all = images * count;
        // packTaps writes past the end of a panel, and the next one may be there already.
        const next = panelBytes(all) + 3 * STEP;
        for (let k = 0; k < images; k++) {
          stageFor(d, x + <usize>k * d.xNext, j, j + width);
          packTaps(panels + panelBytes(k * count), d.image.data, taps, width, d.places, count, next);
        }
        multiply(sums, gathered, panels, 0, d.work, d.outs, width, all, d.tapCount, all, 1, STEP, next, start, -Infinity, Infinity);
        continue;
      }
      stageFor(d, x, j, j + width);
      for (let p = 0; p < count; p += depth) {
        const k = min(depth, count - p);
        packTaps(panels, d.image.data, taps, width, d.places + (<usize>p << 2), k, panelBytes(k));
        multiply(
          sums, dy + (<usize>p << 2), panels, 0, d.work, d.outs, width, k,
          d.tapCount, count, 1, STEP, panelBytes(k), p > 0 ? START_C : start, -Infinity, Infinity,
        );
      }
    }
  }
}

/** to [outs, images, outputs] ← dy [images, outs, outputs]; may write 12 bytes more. */
function gather(to: usize, dy: usize, d: Dots, images: i32): void {
  const bytes = <usize>d.grid.count << 2;
  for (let o = 0; o < d.outs; o++) {
    let from = dy + <usize>o * bytes;
    for (let k = 0; k < images; k++) {
      for (let at: usize = 0; at < bytes; at += 16) v128.store(to + at, v128.load(from + at));
      to += bytes;
      from += d.dyNext;
    }
  }
}
