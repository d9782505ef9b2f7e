// Convolution, forward. x [n, groups·cg, in…], w [groups·og, cg, kernel…], bias [groups·og] or 0, residual as y or 0,
// y [n, groups·og, out…]; the spatial sizes, always three, are in the geometry. `scratch` is as large as `forwardFloats` in
// src/ops/conv.ts says. The outputs are cut into units, numbered image by image and group by group, whose number `conv_units` tells; a call
// computes those from `begin` to `end`. What a unit is depends on the shape alone, and an output gets the same bits in whatever call.
import { correlate, correlateUnits, writePlaces } from "./lib/correlate";
import { Correlation, CORRELATION_BYTES } from "./lib/correlation";
import { depthwise, threeByThree } from "./lib/depthwise";
import { align, Geometry, Grid, GRID_BYTES, Image, IMAGE_BYTES, imageBytes, inputImage, setGrid, stage, writeTaps } from "./lib/window";

/** Units of one image and group. */
function groupUnits(g: Geometry, cg: i32, og: i32): i32 {
  return threeByThree(g, cg) ? og : correlateUnits(og, cg * g.kd * g.kh * g.kw, g.od, g.oh, g.ow);
}

/** Units of all outputs. */
export function conv_units(geometry: usize, n: i32, groups: i32, cg: i32, og: i32): i32 {
  return n * groups * groupUnits(changetype<Geometry>(geometry), cg, og);
}

/** y = clamp(conv(x, w) + bias + residual, low, high); NaN stays. packed: w as `conv_pack_f32` lays it out, or 0. */
export function conv_f32(y: usize, x: usize, w: usize, packed: usize, bias: usize, residual: usize, geometry: usize, scratch: usize, n: i32, groups: i32, cg: i32, og: i32, low: f32, high: f32, begin: i32, end: i32): void {
  const g = changetype<Geometry>(geometry);
  assert(packed == 0 && begin >= 0 && end <= conv_units(geometry, n, groups, cg, og));
  if (threeByThree(g, cg)) return depthwise(scratch, y, x, w, bias, residual, g, groups, og, low, high, begin, end);
  const image = changetype<Image>(scratch);
  const grid = changetype<Grid>(scratch + IMAGE_BYTES);
  const c = changetype<Correlation>(scratch + IMAGE_BYTES + GRID_BYTES);
  inputImage(image, g);
  setGrid(grid, image, g.od, g.oh, g.ow, g.sd, g.sh);
  c.image = image;
  c.grid = grid;
  c.tapCount = cg * g.kd * g.kh * g.kw;
  c.rows = og;
  c.residual = residual ? residual - y : 0;
  c.low = low;
  c.high = high;
  c.taps = scratch + IMAGE_BYTES + GRID_BYTES + CORRELATION_BYTES;
  c.places = align(writeTaps(c.taps, image, g, cg));
  const room = align(writePlaces(c.places, grid, og));
  c.work = align(room + imageBytes(image, cg));
  const units = groupUnits(g, cg, og);
  const channels = <usize>(cg * g.id * g.ih * g.iw) << 2;
  while (begin < end) {
    const part = begin / units;
    const group = part % groups;
    const first = part * units;
    stage(image, x + <usize>part * channels, cg, room);
    c.y = y + (<usize>(part * og * grid.count) << 2);
    c.a = w + (<usize>(group * og * c.tapCount) << 2);
    c.bias = bias ? bias + (<usize>(group * og) << 2) : 0;
    correlate(c, begin - first, min(end - first, units));
    begin = first + units;
  }
}
