// Convolution, forward. x [n, groups·cg, in…], w [groups·og, cg, kernel…], bias [groups·og] or 0, residual as y or 0,
// y [n, groups·og, out…]; the spatial sizes, always three, are in the geometry. `scratch` is as large as `forwardFloats` in
// src/backend/convolution.ts says. The outputs are cut into units, numbered image by image and group by group, whose number `conv_units` tells; a call
// computes those from `begin` to `end`. What a unit is depends on the shape alone, and an output gets the same bits in whatever call.
import { correlate, correlateUnits, correlateWay, stageUnits, writePlaces } from "./lib/correlate";
import { Correlation, CORRELATION_BYTES } from "./lib/correlation";
import { depthwise, fitsPlane } from "./lib/depthwise";
import { align, Geometry, Grid, GRID_BYTES, Image, IMAGE_BYTES, imageBytes, inputImage, setGrid, writeTaps } from "./lib/window";
import { needsPacked, packedWinogradBytes, packWinograd, winograd, tileOf, wayOf, winogradPanels, winogradTile, winogradUnits } from "./lib/winograd";
import { Winograd, WINOGRAD_BYTES } from "./lib/winograd_job";

/** The way that a convolution goes, which its shape decides: 0 in place, 1 planes, 2 packed panels, 3 tiles (Winograd), 5 small tiles. */
export function conv_algorithm(geometry: usize, n: i32, cg: i32, og: i32): i32 {
  const g = changetype<Geometry>(geometry);
  if (fitsPlane(g, cg, og)) return PLANES;
  const tile = winogradTile(g, n, cg, og, g.oh, g.ow);
  return tile ? wayOf(tile) : correlateWay(og, cg * g.kd * g.kh * g.kw);
}
@inline const PLANES: i32 = 1;

/** Units of one image and group, but for Winograd. */
@inline function groupUnits(g: Geometry, cg: i32, og: i32): i32 {
  return fitsPlane(g, cg, og) ? og : correlateUnits(og, cg * g.kd * g.kh * g.kw, g.od, g.oh, g.ow);
}

/** Units of all outputs. */
export function conv_units(geometry: usize, n: i32, groups: i32, cg: i32, og: i32): i32 {
  const g = changetype<Geometry>(geometry);
  const tile = winogradTile(g, n, cg, og, g.oh, g.ow);
  return groups * (tile ? winogradUnits(g, tile, n, g.oh, g.ow, og) : n * groupUnits(g, cg, og));
}

/** Bytes of the form in which the weights are read best, 0 if as they are. */
export function conv_packed_bytes(geometry: usize, n: i32, groups: i32, cg: i32, og: i32): i32 {
  const g = changetype<Geometry>(geometry);
  const tile = winogradTile(g, n, cg, og, g.oh, g.ow);
  return tile ? groups * <i32>packedWinogradBytes(tile, cg, og) : 0;
}

/** 1 if the weights are needed in that form, 0 if it does not pay to make it for one call. */
export function conv_needs_packed(geometry: usize, n: i32, cg: i32, og: i32): i32 {
  const g = changetype<Geometry>(geometry);
  const tile = winogradTile(g, n, cg, og, g.oh, g.ow);
  return tile && needsPacked(g, tile, n, g.oh, g.ow) ? 1 : 0;
}

/** Units in which the weights of groups with `outs` output channels are packed; for the input gradient these are its input channels. */
export function conv_pack_units(groups: i32, outs: i32): i32 {
  return groups * winogradPanels(outs);
}

/** packed ← w [groups·og, cg, kernel…] for a `way` by tiles, units from `begin` to `end`: a panel of the outputs of a group each. */
export function conv_pack_f32(packed: usize, w: usize, way: i32, cg: i32, og: i32, begin: i32, end: i32): void {
  packWinograd(packed, tileOf(way), w, 36 * cg, 36, false, cg, og, begin, end);
}

/** y = clamp(conv(x, w) + bias + residual, low, high); NaN stays. packed: w as `conv_pack_f32` lays it out, or 0 where it is not needed. */
export function conv_f32(y: usize, x: usize, w: usize, packed: usize, bias: usize, residual: usize, geometry: usize, scratch: usize, n: i32, groups: i32, cg: i32, og: i32, low: f32, high: f32, begin: i32, end: i32): void {
  const g = changetype<Geometry>(geometry);
  assert(begin >= 0 && end <= conv_units(geometry, n, groups, cg, og));
  assert(packed != 0 || !conv_needs_packed(geometry, n, cg, og));
  const tile = winogradTile(g, n, cg, og, g.oh, g.ow);
  if (tile) {
    const c = changetype<Winograd>(scratch);
    c.x = x; c.y = y; c.w = w; c.packed = packed; c.bias = bias;
    c.wOut = 36 * cg; c.wIn = 36; c.mirrored = false;
    c.residual = residual ? residual - y : 0;
    c.spreads = false;
    c.low = low; c.high = high;
    c.ic = cg; c.ih = g.ih; c.iw = g.iw;
    c.oc = og; c.oh = g.oh; c.ow = g.ow;
    c.ph = g.ph; c.pw = g.pw; c.size = tile;
    winograd(c, scratch + WINOGRAD_BYTES, n, groups, begin, end);
    return;
  }
  if (fitsPlane(g, cg, og)) return depthwise(scratch, y, x, w, bias, residual, g, groups, og, low, high, begin, end);
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
  c.whole = !image.copied && g.kd * g.kh * g.kw == 1 && grid.count == image.channel;
  c.places = align(writeTaps(c.taps, image, g, cg));
  const room = align(writePlaces(c));
  c.work = align(room + imageBytes(image, cg));
  const units = groupUnits(g, cg, og);
  const channels = <usize>(cg * g.id * g.ih * g.iw) << 2;
  while (begin < end) {
    const part = begin / units;
    const group = part % groups;
    const first = part * units;
    const last = min(end - first, units);
    stageUnits(c, x + <usize>part * channels, cg, room, begin - first, last);
    c.y = y + (<usize>(part * og * grid.count) << 2);
    c.a = w + (<usize>(group * og * c.tapCount) << 2);
    c.bias = bias ? bias + (<usize>(group * og) << 2) : 0;
    correlate(c, begin - first, last);
    begin = first + units;
  }
}
