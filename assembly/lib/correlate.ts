// The inner loops of convolution: y[r, q] = bias[r] + Σ_k a[r, k] · image[taps[k] + q] for all outputs q.
//
// With many rows (output channels) this is a matrix product whose right-hand side is packed straight from the image, panel by panel.
// With few rows packing would cost more than it saves, and a tile of two quads reads the image in place.
import { Correlation } from "./correlation";
import { KC, multiply, NC, PANEL, packColumns, panelBytes, panelsBytes, ROWS, START_C, START_ROW, START_ZERO, STEP, workBytes } from "./gemm";
import { put } from "./loops";
import { madd } from "./simd";
import { align, Grid, Lanes, LANES_BYTES, Quad, QUAD_BYTES, stage, writeLanes, writeQuads } from "./window";

/** Taps per pass where the image is read in place: bounds the length of one summation. */
@inline const PASS: i32 = 512;
/** From this many rows on packing pays. */
@inline const PACK_ROWS: i32 = 12;

/** Ways of `correlate`, for `correlateWay`. */
@inline export const IN_PLACE: i32 = 0;
@inline export const PACKED: i32 = 2;

/** How `correlate` goes about `rows` rows of so many taps. */
export function correlateWay(rows: i32, tapCount: i32): i32 {
  return rows >= PACK_ROWS ? PACKED : IN_PLACE;
}

/** Writes the table of the places of c.grid, if there is need of one; returns its end. */
export function writePlaces(c: Correlation): usize {
  if (c.rows < PACK_ROWS) return writeQuads(c.places, c.grid);
  return c.whole ? c.places : writeLanes(c.places, c.grid);
}

/** Floats of panels that are made at once: a part of the second-level cache. */
@inline const DEEP: i32 = 1 << 16;
/** Groups of rows that go through all blocks of such panels before the next ones do. */
@inline const GROUP: i32 = 8;

/** Units of rows: few, because each packs the whole image anew. */
@inline const ROW_UNITS: i32 = 8;

/** Rows in a unit, or 0 where a unit is a panel of outputs: the smaller one of image and coefficients is what all units read. */
@inline function unitRows(rows: i32, outputs: i32): i32 {
  if (rows <= outputs) return 0;
  const height = (rows + ROW_UNITS - 1) / ROW_UNITS;
  return (height + ROWS - 1) / ROWS * ROWS;
}

/**
 * Into how many parts `correlate` can be cut: panels of outputs or rows of coefficients, or pairs of quads. An output is computed alike in
 * whatever part it lies.
 */
export function correlateUnits(rows: i32, tapCount: i32, depth: i32, height: i32, width: i32): i32 {
  if (rows < PACK_ROWS) return (depth * height * ((width + 3) >> 2) + 1) >> 1;
  const outputs = depth * height * width;
  const unit = unitRows(rows, outputs);
  return outputs == 0 ? 0 : unit ? (rows + unit - 1) / unit : (outputs + PANEL - 1) / PANEL;
}

/** Makes readable what units from `begin` to `end` read of c.image, whose channels lie at x; `room` is as for `stage`. */
export function stageUnits(c: Correlation, x: usize, channels: i32, room: usize, begin: i32, end: i32): void {
  const m = c.image;
  const grid = c.grid;
  let top = 0;
  let bottom = m.nh;
  if (grid.depth == 1 && (c.rows < PACK_ROWS || !unitRows(c.rows, grid.count))) {
    const unit = c.rows < PACK_ROWS ? 2 : PANEL;
    const across = c.rows < PACK_ROWS ? (grid.width + 3) >> 2 : grid.width;
    const step = grid.imageRow / m.row;
    top = begin * unit / across * step;
    bottom = m.nh - (grid.height - 1 - min(grid.height - 1, (end * unit - 1) / across)) * step;
  }
  stage(m, x, channels, room, top, bottom);
}

/** Units from `begin` to `end`. */
export function correlate(c: Correlation, begin: i32, end: i32): void {
  const count = c.grid.count;
  const unit = unitRows(c.rows, count);
  if (c.rows < PACK_ROWS) inPlace(c, 2 * begin, min(2 * end, c.grid.quads));
  else if (unit) packed(c, begin * unit, min(end * unit, c.rows), 0, count);
  else packed(c, 0, c.rows, begin * PANEL, min(end * PANEL, count));
}

/** Rows from `first` to `last` of the outputs from `from` to `to`. */
function packed(c: Correlation, first: i32, last: i32, from: i32, to: i32): void {
  const count = c.grid.count;
  const panels = align(c.work + workBytes(KC));
  for (let j = from; j < to; j += NC) {
    const n = min(NC, to - j);
    if (c.residual) startWithResidual(c, first, last, j, n);
    const places = c.places + (<usize>j << 2);
    // Coefficients are read row by row if the panels of several blocks stay in the second-level cache.
    const most = max(1, DEEP / (KC * (n + PANEL))) * KC;
    let k = 0;
    // At least once: without taps the result is the bias.
    do {
      const depth = min(most, c.tapCount - k);
      let block = panels;
      for (let i = 0; i < depth; i += KC) {
        const taps = min(KC, depth - i);
        if (c.whole) packColumns(block, c.image.data + (<usize>((k + i) * count + j) << 2), taps, n, count);
        else pack(block, c.image.data, c.taps + (<usize>(k + i) << 2), taps, places, n);
        block += panelsBytes(taps, n);
      }
      const together = depth > KC ? GROUP * ROWS : last - first;
      for (let row = first; row < last; row += together) multiplyRows(c, panels, row, min(together, last - row), j, n, k, depth);
      k += depth;
    } while (k < c.tapCount);
  }
}

/** Adds `depth` taps from the k-th on, whose panels are given, to n outputs from the j-th on of some rows. */
function multiplyRows(c: Correlation, panels: usize, row: i32, rows: i32, j: i32, n: i32, k: i32, depth: i32): void {
  const count = c.grid.count;
  const y = c.y + (<usize>(row * count + j) << 2);
  const bias = c.bias ? c.bias + (<usize>row << 2) : 0;
  const last = k + depth;
  // At least once, as above.
  do {
    const taps = min(KC, last - k);
    const start = k > 0 || c.residual ? START_C : c.bias == 0 ? START_ZERO : START_ROW;
    const ends = k + taps == c.tapCount;
    multiply(
      y, c.a + (<usize>(row * c.tapCount + k) << 2), panels, bias, c.work, rows, n, taps,
      count, c.tapCount, 1, STEP, panelBytes(taps), start, ends ? c.low : -Infinity, ends ? c.high : Infinity,
    );
    panels += panelsBytes(taps, n);
    k += taps;
  } while (k < last);
}

/** y = residual + bias for n outputs from the j-th on, in rows from `first` to `last`. */
function startWithResidual(c: Correlation, first: i32, last: i32, j: i32, n: i32): void {
  for (let row = first; row < last; row++) {
    const bias = f32x4.splat(c.bias ? load<f32>(c.bias + (<usize>row << 2)) : 0);
    let y = c.y + (<usize>(row * c.grid.count + j) << 2);
    for (let left = n; left > 0; left -= 4) {
      put(y, f32x4.add(v128.load(y + c.residual), bias), left);
      y += 16;
    }
  }
}

/** Panels of `depth` taps for n outputs. */
function pack(panels: usize, image: usize, taps: usize, depth: i32, places: usize, n: i32): void {
  for (let j = 0; j < n; j += PANEL) {
    for (let i = 0; i < min(PANEL, n - j); i += 4) {
      packQuad(panels + (<usize>i << 2), image, taps, depth, changetype<Lanes>(places));
      places += LANES_BYTES;
    }
    panels += panelBytes(depth);
  }
}

function packQuad(panel: usize, image: usize, taps: usize, depth: i32, at: Lanes): void {
  const p0 = image + at.lane0;
  const end = taps + (<usize>depth << 2);
  if (at.lane3 == at.lane0 + 12) {
    for (; taps < end; taps += 4) {
      v128.store(panel, v128.load(p0 + load<usize>(taps)));
      panel += STEP;
    }
    return;
  }
  const p1 = image + at.lane1;
  const p2 = image + at.lane2;
  const p3 = image + at.lane3;
  for (; taps < end; taps += 4) {
    const tap = load<usize>(taps);
    store<u32>(panel, load<u32>(p0 + tap));
    store<u32>(panel, load<u32>(p1 + tap), 4);
    store<u32>(panel, load<u32>(p2 + tap), 8);
    store<u32>(panel, load<u32>(p3 + tap), 12);
    panel += STEP;
  }
}

/** Quads from `from` to `to`. */
function inPlace(c: Correlation, from: i32, to: i32): void {
  const end = c.places + <usize>to * QUAD_BYTES;
  let k = 0;
  // At least once: without taps the result is the bias.
  do {
    const n = min(PASS, c.tapCount - k);
    const last = k + n == c.tapCount;
    for (let q0 = c.places + <usize>from * QUAD_BYTES; q0 < end; q0 += 2 * QUAD_BYTES) {
      // A lone last quad is computed twice: a tile is always full.
      const q1 = q0 + QUAD_BYTES < end ? q0 + QUAD_BYTES : q0;
      twoQuads(c, changetype<Quad>(q0), changetype<Quad>(q1), k, n, last);
    }
    k += n;
  } while (k < c.tapCount);
}

/** All rows of two quads, n taps from the k-th on. */
function twoQuads(c: Correlation, q0: Quad, q1: Quad, k: i32, n: i32, last: bool): void {
  let row = 0;
  while (row < c.rows) {
    // The last two tiles share what is left: 3 3 rather than 4 2.
    const left = c.rows - row;
    const height = left >= 8 ? 4 : left > 4 ? (left + 1) >> 1 : left;
    if (height == 4) tile4(c, q0, q1, row, k, n, last);
    else if (height == 3) tile3(c, q0, q1, row, k, n, last);
    else if (height == 2) tile2(c, q0, q1, row, k, n, last);
    else tile1(c, q0, q1, row, k, n, last);
    row += height;
  }
}

// One function each: registers are given out by function.
function tile4(c: Correlation, q0: Quad, q1: Quad, row: i32, k: i32, n: i32, last: bool): void { tile(4, c, q0, q1, row, k, n, last); }
function tile3(c: Correlation, q0: Quad, q1: Quad, row: i32, k: i32, n: i32, last: bool): void { tile(3, c, q0, q1, row, k, n, last); }
function tile2(c: Correlation, q0: Quad, q1: Quad, row: i32, k: i32, n: i32, last: bool): void { tile(2, c, q0, q1, row, k, n, last); }
function tile1(c: Correlation, q0: Quad, q1: Quad, row: i32, k: i32, n: i32, last: bool): void { tile(1, c, q0, q1, row, k, n, last); }

/** `rows` rows (a constant where this is inlined) of two quads: y = start + a · b, where start is the bias at first, then y; clamped if this is the `last` pass. */
@inline function tile(rows: i32, c: Correlation, q0: Quad, q1: Quad, row: i32, k: i32, n: i32, last: bool): void {
  const yRow = <usize>c.grid.count << 2;
  const aRow = <usize>c.tapCount << 2;
  const y0 = c.y + <usize>row * yRow + q0.out;
  const y1 = c.y + <usize>row * yRow + q1.out;
  let s00 = f32x4.splat(0), s01 = s00, s10 = s00, s11 = s00, s20 = s00, s21 = s00, s30 = s00, s31 = s00;
  if (k > 0) {
    s00 = v128.load(y0);
    s01 = v128.load(y1);
    if (rows > 1) { s10 = v128.load(y0 + yRow); s11 = v128.load(y1 + yRow); }
    if (rows > 2) { s20 = v128.load(y0 + 2 * yRow); s21 = v128.load(y1 + 2 * yRow); }
    if (rows > 3) { s30 = v128.load(y0 + 3 * yRow); s31 = v128.load(y1 + 3 * yRow); }
  } else if (c.bias) {
    const bias = c.bias + (<usize>row << 2);
    s00 = s01 = v128.load32_splat(bias);
    if (rows > 1) s10 = s11 = v128.load32_splat(bias, 4);
    if (rows > 2) s20 = s21 = v128.load32_splat(bias, 8);
    if (rows > 3) s30 = s31 = v128.load32_splat(bias, 12);
  }
  const b0 = c.image.data + q0.image;
  const b1 = c.image.data + q1.image;
  let a = c.a + <usize>row * aRow + (<usize>k << 2);
  let a1 = a + aRow;
  let a2 = a1 + aRow;
  let a3 = a2 + aRow;
  let taps = c.taps + (<usize>k << 2);
  for (const end = taps + (<usize>n << 2); taps < end; taps += 4) {
    const at = load<usize>(taps);
    const x0 = v128.load(b0 + at);
    const x1 = v128.load(b1 + at);
    let w = v128.load32_splat(a);
    s00 = madd(w, x0, s00);
    s01 = madd(w, x1, s01);
    a += 4;
    if (rows > 1) {
      w = v128.load32_splat(a1);
      s10 = madd(w, x0, s10);
      s11 = madd(w, x1, s11);
      a1 += 4;
    }
    if (rows > 2) {
      w = v128.load32_splat(a2);
      s20 = madd(w, x0, s20);
      s21 = madd(w, x1, s21);
      a2 += 4;
    }
    if (rows > 3) {
      w = v128.load32_splat(a3);
      s30 = madd(w, x0, s30);
      s31 = madd(w, x1, s31);
      a3 += 4;
    }
  }
  const n0 = q0.count, n1 = q1.count;
  storePair(c, y0, y1, s00, s01, n0, n1, last);
  if (rows > 1) storePair(c, y0 + yRow, y1 + yRow, s10, s11, n0, n1, last);
  if (rows > 2) storePair(c, y0 + 2 * yRow, y1 + 2 * yRow, s20, s21, n0, n1, last);
  if (rows > 3) storePair(c, y0 + 3 * yRow, y1 + 3 * yRow, s30, s31, n0, n1, last);
}

/** A quad computed twice, when it stands for an absent second one, is stored from the same sums. */
@inline function storePair(c: Correlation, y0: usize, y1: usize, v0: v128, v1: v128, n0: i32, n1: i32, last: bool): void {
  if (last) {
    const low = f32x4.splat(c.low);
    const high = f32x4.splat(c.high);
    if (c.residual) {
      v0 = f32x4.add(v0, v128.load(y0 + c.residual));
      v1 = f32x4.add(v1, v128.load(y1 + c.residual));
    }
    v0 = f32x4.pmin(f32x4.pmax(v0, low), high);
    v1 = f32x4.pmin(f32x4.pmax(v1, low), high);
  }
  put(y0, v0, n0);
  put(y1, v1, n1);
}
