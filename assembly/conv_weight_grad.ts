// Gradient of convolution in its weights: dw [groups·og, cg, kernel…] from dy [n, groups·og, out…] and x [n, groups·cg, in…]; geometry and
// scratch are as in conv.ts.
import { addDots, Dots, DOTS_BYTES } from "./lib/dots";
import { KC, multiply, NC, PANEL, panelBytes, panelsBytes, START_C, STEP, workBytes } from "./lib/gemm";
import {
  align, Geometry, Grid, GRID_BYTES, Image, IMAGE_BYTES, imageBytes, inputImage, Lanes, LANES_BYTES, setGrid, stage, writeLanes, writeTaps,
} from "./lib/window";

/** From this many output channels on a matrix product is faster than single dot products. */
@inline const PACK_ROWS: i32 = 8;

/** dw[o, c, tap] = Σ over images and outputs of dy[o] · what the tap reads of x[c]. */
export function conv_weight_grad_f32(dw: usize, dy: usize, x: usize, geometry: usize, scratch: usize, n: i32, groups: i32, cg: i32, og: i32): void {
  const g = changetype<Geometry>(geometry);
  const image = changetype<Image>(scratch);
  const grid = changetype<Grid>(scratch + IMAGE_BYTES);
  const d = changetype<Dots>(scratch + IMAGE_BYTES + GRID_BYTES);
  inputImage(image, g);
  setGrid(grid, image, g.od, g.oh, g.ow, g.sd, g.sh);
  d.image = image;
  d.grid = grid;
  d.outs = og;
  d.tapCount = cg * g.kd * g.kh * g.kw;
  d.taps = scratch + IMAGE_BYTES + GRID_BYTES + DOTS_BYTES;
  const places = align(writeTaps(d.taps, image, g, cg));
  const room = align(og < PACK_ROWS ? places : writeLanes(places, grid));
  const work = align(room + imageBytes(image, cg));
  const channels = <usize>(cg * g.id * g.ih * g.iw) << 2;
  const outputs = <usize>(og * grid.count) << 2;
  const weights = <usize>(og * d.tapCount) << 2;
  memory.fill(dw, 0, <usize>groups * weights);
  for (let i = 0; i < n; i++) {
    d.sums = dw;
    for (let group = 0; group < groups; group++) {
      stage(image, x, cg, room);
      d.dy = dy;
      if (og < PACK_ROWS) addDots(d);
      else addProduct(d, places, work);
      x += channels;
      dy += outputs;
      d.sums += weights;
    }
  }
}

/** sums [og, taps] += dy [og, outputs] · columnsᵀ [outputs, taps], the columns packed straight from the image. */
function addProduct(d: Dots, places: usize, work: usize): void {
  const count = d.grid.count;
  const panels = align(work + workBytes(KC));
  for (let j = 0; j < d.tapCount; j += NC) {
    const n = min(NC, d.tapCount - j);
    for (let p = 0; p < count; p += KC) {
      const depth = min(KC, count - p);
      packTaps(panels, d.image.data, d.taps + (<usize>j << 2), n, places + (<usize>p << 2), depth);
      multiply(
        d.sums + (<usize>j << 2), d.dy + (<usize>p << 2), panels, 0, work, d.outs, n, depth,
        d.tapCount, count, 1, STEP, panelBytes(depth), START_C, -Infinity, Infinity,
      );
    }
  }
}

/** Panels of taps for `depth` outputs: the transpose of what the forward pass packs. May write three steps past the end. */
function packTaps(panels: usize, image: usize, taps: usize, n: i32, places: usize, depth: i32): void {
  for (let j = 0; j < n; j += PANEL) {
    for (let i = 0; i < min(PANEL, n - j); i += 4) {
      packFourTaps(panels + (<usize>i << 2), image, taps, n - j - i, places, depth);
      taps += 16;
    }
    panels += panelBytes(depth);
  }
}

/** Four columns of a panel. If there are fewer than four taps, the first stands in for the others, whose sums nobody stores. */
function packFourTaps(panel: usize, image: usize, taps: usize, n: i32, places: usize, depth: i32): void {
  const t0 = image + load<usize>(taps);
  const t1 = n > 1 ? image + load<usize>(taps, 4) : t0;
  const t2 = n > 2 ? image + load<usize>(taps, 8) : t0;
  const t3 = n > 3 ? image + load<usize>(taps, 12) : t0;
  for (const end = panel + panelBytes(depth); panel < end; panel += 4 * STEP) {
    const at = changetype<Lanes>(places);
    places += LANES_BYTES;
    if (at.lane3 == at.lane0 + 12) {
      transpose(panel, v128.load(t0 + at.lane0), v128.load(t1 + at.lane0), v128.load(t2 + at.lane0), v128.load(t3 + at.lane0));
    } else {
      gather(panel, t0 + at.lane0, t1 + at.lane0, t2 + at.lane0, t3 + at.lane0);
      gather(panel + STEP, t0 + at.lane1, t1 + at.lane1, t2 + at.lane1, t3 + at.lane1);
      gather(panel + 2 * STEP, t0 + at.lane2, t1 + at.lane2, t2 + at.lane2, t3 + at.lane2);
      gather(panel + 3 * STEP, t0 + at.lane3, t1 + at.lane3, t2 + at.lane3, t3 + at.lane3);
    }
  }
}

/** Four rows, a step apart, from four columns. */
@inline function transpose(to: usize, a: v128, b: v128, c: v128, d: v128): void {
  const t0 = v128.shuffle<i32>(a, b, 0, 4, 1, 5);
  const t1 = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
  const t2 = v128.shuffle<i32>(a, b, 2, 6, 3, 7);
  const t3 = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<i64>(t0, t1, 0, 2));
  v128.store(to, v128.shuffle<i64>(t0, t1, 1, 3), STEP);
  v128.store(to, v128.shuffle<i64>(t2, t3, 0, 2), 2 * STEP);
  v128.store(to, v128.shuffle<i64>(t2, t3, 1, 3), 3 * STEP);
}

@inline function gather(to: usize, a: usize, b: usize, c: usize, d: usize): void {
  store<u32>(to, load<u32>(a));
  store<u32>(to, load<u32>(b), 4);
  store<u32>(to, load<u32>(c), 8);
  store<u32>(to, load<u32>(d), 12);
}
