// The matrix-multiply core that matmul and convolution share: C [m, n] = A [m, k] · B [k, n], one register tile at a time.
//
//   A      read in place through two element strides, so that both a row-major matrix (aRow = lda, aCol = 1) and a transposed one
//          (aRow = 1, aCol = lda) need no copy; where many panels share the same rows, the first tile packs them.
//   panel  [k, PANEL]: PANEL columns of B, k-major, STEP bytes a step, zeros in the columns that B does not have. Panels of one block
//          lie one after the other: panel j of a block of depth k starts at `panels + j * panelBytes(k)`.
//   C      row-major, rows ldc elements apart.
//
// A caller packs a block of B of at most KC rows into panels (`packColumns` and `packTransposed` for matrices; convolution packs straight
// from the image) and calls `multiply` for all rows of A. The next block of K accumulates into C.
// Every element of C is summed in the same order whatever tile it falls into: k ascending inside a block, then block by block.

import { PANEL, STEP } from "./panels";
import { madd, WIDE } from "./simd";

export { PANEL, packColumns, packTransposed, panelBytes, panelsBytes, STEP } from "./panels";

/** Depth of a block: one panel and one group of packed rows stay in a 32 KB first-level cache. */
@inline export const KC: i32 = 256;

/** Columns of a block: KC × NC floats stay in the second-level cache. */
@inline export const NC: i32 = 256;

/** Rows of the largest tile: as many accumulators as leave V8 on x64 (15 vector registers) without a spill. */
@inline export const ROWS: i32 = ASC_FEATURE_RELAXED_SIMD ? 6 : 5;

/** Where a tile finds the rows of A: as they lie; the same, and it packs them for the tiles to its right; packed. */
@inline const IN_PLACE: i32 = 0;
@inline const PACKING: i32 = 1;
@inline const PACKED: i32 = 2;

/**
 * How often a value of A is stored when it is packed. Four times saves the address computation of a splatting load, which the simd binary has no
 * issue slots for; with fused multiply-add there are slots to spare.
 */
@inline const COPIES: i32 = ASC_FEATURE_RELAXED_SIMD ? 1 : 4;

/** Rows are packed if at least so many columns share them. */
@inline const PACK_ROWS_FROM: i32 = 40;

/** What the sums of a block begin with: nothing, C itself, a bias per column, a bias per row. */
@inline export const START_ZERO: i32 = 0;
@inline export const START_C: i32 = 1;
@inline export const START_COLUMN: i32 = 2;
@inline export const START_ROW: i32 = 3;

/** Bytes of one group of packed rows. */
@inline function rowsBytes(k: i32): usize {
  return <usize>(k * ROWS * COPIES) << 2;
}

/** What all tiles of one `multiply` share. It lies at the start of the work space: kernels have no memory of their own. */
@unmanaged class Job {
  k: i32;
  low: f32;
  high: f32;
  /** Bytes from a row of A, B or the start values to the next, and from a column of A to the next. */
  aDown: usize;
  aRight: usize;
  bDown: usize;
  sDown: usize;
}

/** Work space: a job, a tile [ROWS, PANEL] of start values, one of results that are stored in part, and a group of packed rows. */
const TILE_BYTES: usize = 6 * STEP;
const START: usize = 64;
const RESULT: usize = START + TILE_BYTES;
const PACKED_ROWS: usize = RESULT + TILE_BYTES;

/** Bytes of work space that `multiply` needs for blocks of depth k. */
@inline export function workBytes(k: i32): usize {
  return PACKED_ROWS + rowsBytes(k);
}

/**
 * C [m, n] = clamp(start + A · B) for one block of K: each sum is begun with what `start` says and clamped into [low, high]; NaN stays.
 *
 * b points to panels (bDown = STEP, bRight = panelBytes(k)) or, unpacked, to B itself (bDown = its row stride in bytes, bRight = STEP); an
 * unpacked B is over-read by up to 12 bytes. bias is [n] for START_COLUMN, [m] for START_ROW.
 */
export function multiply(
  c: usize, a: usize, b: usize, bias: usize, work: usize, m: i32, n: i32, k: i32,
  ldc: i32, aRow: i32, aCol: i32, bDown: usize, bRight: usize, start: i32, low: f32, high: f32,
): void {
  assert(m >= 0 && n >= 0 && k >= 0 && (ldc >= n || m <= 1));
  assert(start >= START_ZERO && start <= START_ROW && (bias != 0 || start < START_COLUMN || m == 0 || n == 0));
  assert(work != 0 && (work & 3) == 0);
  const cDown = <usize>ldc << 2;
  const job = changetype<Job>(work);
  job.k = k;
  job.low = low;
  job.high = high;
  job.aDown = <usize>aRow << 2;
  job.aRight = <usize>aCol << 2;
  job.bDown = bDown;
  job.sDown = start == START_C ? cDown : start == START_COLUMN ? 0 : STEP;
  if (start == START_ZERO) memory.fill(work + START, 0, TILE_BYTES);
  const packs = n >= PACK_ROWS_FROM && (COPIES > 1 || aCol != 1);
  for (let i = 0; i < m; i += ROWS) {
    const height = min(m - i, ROWS);
    const packed = packs && height == ROWS;
    let s = work + START;
    let sRight: usize = 0;
    if (start == START_C) {
      s = c;
      sRight = STEP;
    } else if (start == START_COLUMN) {
      s = bias;
      sRight = STEP;
    } else if (start == START_ROW) {
      splatRows(s, bias + (<usize>i << 2), height);
    }
    let pc = c;
    let offset: usize = 0;
    let j = 0;
    if (height == 1) {
      for (; j <= n - ABREAST * PANEL; j += ABREAST * PANEL) {
        rowTile(job, pc, a, b + offset, bRight, s, sRight);
        pc += <usize>ABREAST * STEP;
        s += <usize>ABREAST * sRight;
        offset += <usize>ABREAST * bRight;
      }
    }
    for (; j < n; j += PANEL) {
      const width = min(n - j, PANEL);
      if (width == PANEL) {
        if (packed && j > 0) packedTile(job, pc, b, s, offset, cDown);
        else if (packed) packingTile(job, pc, a, b, s, offset, cDown);
        else fullTile(height, job, pc, a, b, s, offset, cDown);
      } else {
        const to = work + RESULT;
        if (WIDE && width > 8) fullTile(height, job, to, a, b, s, offset, STEP);
        else if (width > 4) halfTile(height, job, to, a, b, s, offset, STEP);
        else narrowTile(height, job, to, a, b, s, offset, STEP);
        copyTile(pc, to, height, width, cDown);
      }
      pc += STEP;
      s += sRight;
      offset += bRight;
    }
    c += cDown * ROWS;
    a += job.aDown * ROWS;
  }
}

/** A tile of start values [height, PANEL] whose rows each hold one value of bias [height]. */
function splatRows(to: usize, bias: usize, height: i32): void {
  for (let i = 0; i < height; i++) {
    const v = v128.load32_splat(bias);
    for (let j: usize = 0; j < STEP; j += 16) v128.store(to + j, v);
    to += STEP;
    bias += 4;
  }
}

/** The first `width` columns of a result tile; stores nothing beyond them. */
function copyTile(c: usize, from: usize, height: i32, width: i32, cDown: usize): void {
  const bytes = <usize>width << 2;
  for (let i = 0; i < height; i++) {
    for (let j: usize = 0; j < bytes; j += 4) store<f32>(c + j, load<f32>(from + j));
    c += cDown;
    from += STEP;
  }
}

/** ROWS × PANEL with packed rows. */
function packedTile(job: Job, c: usize, b: usize, s: usize, offset: usize, cDown: usize): void {
  tile(ROWS, FULL, PACKED, job, c, changetype<usize>(job) + PACKED_ROWS, b, s, offset, cDown);
}

/** ROWS × PANEL that packs its rows. */
function packingTile(job: Job, c: usize, a: usize, b: usize, s: usize, offset: usize, cDown: usize): void {
  tile(ROWS, FULL, PACKING, job, c, a, b, s, offset, cDown);
}

/** Vectors of a row of the largest tile. */
@inline const FULL: i32 = PANEL / 4;

/** Up to ROWS × PANEL. */
function fullTile(height: i32, job: Job, c: usize, a: usize, b: usize, s: usize, offset: usize, cDown: usize): void {
  if (height == 1) tile1(job, c, a, b, s, offset, cDown);
  else if (height == 2) tile2(job, c, a, b, s, offset, cDown);
  else if (height == 3) tile3(job, c, a, b, s, offset, cDown);
  else if (height == 4) tile4(job, c, a, b, s, offset, cDown);
  else if (height == 5) tile5(job, c, a, b, s, offset, cDown);
  else if (ROWS == 6) tile6(job, c, a, b, s, offset, cDown);
}

/** Up to ROWS × 8, and less than a panel. */
function halfTile(height: i32, job: Job, c: usize, a: usize, b: usize, s: usize, offset: usize, cDown: usize): void {
  if (!WIDE) fullTile(height, job, c, a, b, s, offset, cDown);
  else if (height == 1) tile(1, 2, IN_PLACE, job, c, a, b, s, offset, cDown);
  else if (height == 2) tile(2, 2, IN_PLACE, job, c, a, b, s, offset, cDown);
  else if (height == 3) tile(3, 2, IN_PLACE, job, c, a, b, s, offset, cDown);
  else if (height == 4) tile(4, 2, IN_PLACE, job, c, a, b, s, offset, cDown);
  else if (height == 5) tile(5, 2, IN_PLACE, job, c, a, b, s, offset, cDown);
  else if (ROWS == 6) tile(6, 2, IN_PLACE, job, c, a, b, s, offset, cDown);
}

/** Up to ROWS × 4. */
function narrowTile(height: i32, job: Job, c: usize, a: usize, b: usize, s: usize, offset: usize, cDown: usize): void {
  if (height == 1) tile(1, 1, IN_PLACE, job, c, a, b, s, offset, cDown);
  else if (height == 2) tile(2, 1, IN_PLACE, job, c, a, b, s, offset, cDown);
  else if (height == 3) tile(3, 1, IN_PLACE, job, c, a, b, s, offset, cDown);
  else if (height == 4) tile(4, 1, IN_PLACE, job, c, a, b, s, offset, cDown);
  else if (height == 5) tile(5, 1, IN_PLACE, job, c, a, b, s, offset, cDown);
  else if (ROWS == 6) tile(6, 1, IN_PLACE, job, c, a, b, s, offset, cDown);
}

function tile1(job: Job, c: usize, a: usize, b: usize, s: usize, offset: usize, cDown: usize): void { tile(1, FULL, IN_PLACE, job, c, a, b, s, offset, cDown); }
function tile2(job: Job, c: usize, a: usize, b: usize, s: usize, offset: usize, cDown: usize): void { tile(2, FULL, IN_PLACE, job, c, a, b, s, offset, cDown); }
function tile3(job: Job, c: usize, a: usize, b: usize, s: usize, offset: usize, cDown: usize): void { tile(3, FULL, IN_PLACE, job, c, a, b, s, offset, cDown); }
function tile4(job: Job, c: usize, a: usize, b: usize, s: usize, offset: usize, cDown: usize): void { tile(4, FULL, IN_PLACE, job, c, a, b, s, offset, cDown); }
function tile5(job: Job, c: usize, a: usize, b: usize, s: usize, offset: usize, cDown: usize): void { tile(5, FULL, IN_PLACE, job, c, a, b, s, offset, cDown); }
function tile6(job: Job, c: usize, a: usize, b: usize, s: usize, offset: usize, cDown: usize): void { tile(6, FULL, IN_PLACE, job, c, a, b, s, offset, cDown); }

/**
 * The register tile: `rows` × 4 · `vectors` (1, 2 or 4) accumulators; the first three arguments are constants, so the compiler drops what
 * a smaller tile does not use. a points to the first row in place, or to a packed group of rows.
 *
 * Two things here are for V8. The start of the panel comes as `b + offset`: the pointer is then known to be zero-extended, which saves a
 * move in every step. And the rows are finished last to first: TurboFan schedules the accumulators of the loop in the reverse order of
 * their uses behind it, and any other order makes it load all of A's values before the first product, which spills (half the speed).
 */
@inline function tile(
  rows: i32, vectors: i32, form: i32, job: Job, c: usize, a: usize, b: usize, s: usize, offset: usize, cDown: usize,
): void {
  const zero = f32x4.splat(0);
  let c00 = zero, c01 = zero, c02 = zero, c03 = zero;
  let c10 = zero, c11 = zero, c12 = zero, c13 = zero;
  let c20 = zero, c21 = zero, c22 = zero, c23 = zero;
  let c30 = zero, c31 = zero, c32 = zero, c33 = zero;
  let c40 = zero, c41 = zero, c42 = zero, c43 = zero;
  let c50 = zero, c51 = zero, c52 = zero, c53 = zero;
  const bDown = form != IN_PLACE ? STEP : job.bDown;
  const aRight = form == PACKED ? <usize>(rows * COPIES << 2) : job.aRight;
  const aDown = form == PACKED ? <usize>0 : job.aDown;
  let a1 = a + aDown;
  let a2 = a1 + aDown;
  let a3 = a2 + aDown;
  let a4 = a3 + aDown;
  let a5 = a4 + aDown;
  let p = b + offset;
  const end = p + <usize>job.k * bDown;
  let to = changetype<usize>(job) + PACKED_ROWS;
  while (p < end) {
    const b0 = v128.load(p);
    const b1 = vectors > 1 ? v128.load(p, 16) : b0;
    const b2 = vectors > 2 ? v128.load(p, 32) : b0;
    const b3 = vectors > 2 ? v128.load(p, 48) : b0;
    {
      const x = form != PACKED ? v128.load32_splat(a) : COPIES == 4 ? v128.load(a) : v128.load32_splat(a);
      if (form == PACKING) keep(to, x, 0);
      c00 = madd(x, b0, c00);
      if (vectors > 1) c01 = madd(x, b1, c01);
      if (vectors > 2) c02 = madd(x, b2, c02);
      if (vectors > 2) c03 = madd(x, b3, c03);
    }
    if (rows > 1) {
      const x = form != PACKED ? v128.load32_splat(a1) : COPIES == 4 ? v128.load(a, 16) : v128.load32_splat(a, 4);
      if (form == PACKING) keep(to, x, 1);
      c10 = madd(x, b0, c10);
      if (vectors > 1) c11 = madd(x, b1, c11);
      if (vectors > 2) c12 = madd(x, b2, c12);
      if (vectors > 2) c13 = madd(x, b3, c13);
      a1 += aRight;
    }
    if (rows > 2) {
      const x = form != PACKED ? v128.load32_splat(a2) : COPIES == 4 ? v128.load(a, 32) : v128.load32_splat(a, 8);
      if (form == PACKING) keep(to, x, 2);
      c20 = madd(x, b0, c20);
      if (vectors > 1) c21 = madd(x, b1, c21);
      if (vectors > 2) c22 = madd(x, b2, c22);
      if (vectors > 2) c23 = madd(x, b3, c23);
      a2 += aRight;
    }
    if (rows > 3) {
      const x = form != PACKED ? v128.load32_splat(a3) : COPIES == 4 ? v128.load(a, 48) : v128.load32_splat(a, 12);
      if (form == PACKING) keep(to, x, 3);
      c30 = madd(x, b0, c30);
      if (vectors > 1) c31 = madd(x, b1, c31);
      if (vectors > 2) c32 = madd(x, b2, c32);
      if (vectors > 2) c33 = madd(x, b3, c33);
      a3 += aRight;
    }
    if (rows > 4) {
      const x = form != PACKED ? v128.load32_splat(a4) : COPIES == 4 ? v128.load(a, 64) : v128.load32_splat(a, 16);
      if (form == PACKING) keep(to, x, 4);
      c40 = madd(x, b0, c40);
      if (vectors > 1) c41 = madd(x, b1, c41);
      if (vectors > 2) c42 = madd(x, b2, c42);
      if (vectors > 2) c43 = madd(x, b3, c43);
      a4 += aRight;
    }
    if (rows > 5) {
      const x = form != PACKED ? v128.load32_splat(a5) : COPIES == 4 ? v128.load(a, 80) : v128.load32_splat(a, 20);
      if (form == PACKING) keep(to, x, 5);
      c50 = madd(x, b0, c50);
      if (vectors > 1) c51 = madd(x, b1, c51);
      if (vectors > 2) c52 = madd(x, b2, c52);
      if (vectors > 2) c53 = madd(x, b3, c53);
      a5 += aRight;
    }
    a += aRight;
    p += bDown;
    if (form == PACKING) to += rows * COPIES << 2;
  }
  const low = f32x4.splat(job.low);
  const high = f32x4.splat(job.high);
  const sDown = job.sDown;
  c += <usize>(rows - 1) * cDown;
  s += <usize>(rows - 1) * sDown;
  if (rows > 5) { finish(vectors, c, s, c50, c51, c52, c53, low, high); c -= cDown; s -= sDown; }
  if (rows > 4) { finish(vectors, c, s, c40, c41, c42, c43, low, high); c -= cDown; s -= sDown; }
  if (rows > 3) { finish(vectors, c, s, c30, c31, c32, c33, low, high); c -= cDown; s -= sDown; }
  if (rows > 2) { finish(vectors, c, s, c20, c21, c22, c23, low, high); c -= cDown; s -= sDown; }
  if (rows > 1) { finish(vectors, c, s, c10, c11, c12, c13, low, high); c -= cDown; s -= sDown; }
  finish(vectors, c, s, c00, c01, c02, c03, low, high);
}

/** Panels that a single row is multiplied with at once: two or four sums alone would wait for each other. */
@inline const ABREAST: i32 = WIDE ? 2 : 4;

/** 1 × ABREAST · PANEL. */
function rowTile(job: Job, c: usize, a: usize, b: usize, bRight: usize, s: usize, sRight: usize): void {
  const zero = f32x4.splat(0);
  let c0 = zero, c1 = zero, c2 = zero, c3 = zero, c4 = zero, c5 = zero, c6 = zero, c7 = zero;
  const bDown = job.bDown;
  const aRight = job.aRight;
  let p = b;
  let q = p + bRight;
  let r = q + bRight;
  let t = r + bRight;
  const end = p + <usize>job.k * bDown;
  while (p < end) {
    const x = v128.load32_splat(a);
    c0 = madd(x, v128.load(p), c0);
    c1 = madd(x, v128.load(p, 16), c1);
    c2 = madd(x, WIDE ? v128.load(p, 32) : v128.load(q), c2);
    c3 = madd(x, WIDE ? v128.load(p, 48) : v128.load(q, 16), c3);
    c4 = madd(x, v128.load(WIDE ? q : r), c4);
    c5 = madd(x, v128.load(WIDE ? q : r, 16), c5);
    c6 = madd(x, WIDE ? v128.load(q, 32) : v128.load(t), c6);
    c7 = madd(x, WIDE ? v128.load(q, 48) : v128.load(t, 16), c7);
    a += aRight;
    p += bDown;
    q += bDown;
    if (!WIDE) r += bDown;
    if (!WIDE) t += bDown;
  }
  const low = f32x4.splat(job.low);
  const high = f32x4.splat(job.high);
  if (WIDE) {
    finish(FULL, c + STEP, s + sRight, c4, c5, c6, c7, low, high);
    finish(FULL, c, s, c0, c1, c2, c3, low, high);
  } else {
    finish(FULL, c + 3 * STEP, s + 3 * sRight, c6, c7, zero, zero, low, high);
    finish(FULL, c + 2 * STEP, s + 2 * sRight, c4, c5, zero, zero, low, high);
    finish(FULL, c + STEP, s + sRight, c2, c3, zero, zero, low, high);
    finish(FULL, c, s, c0, c1, zero, zero, low, high);
  }
}

/** Packs the row-th value, which x holds in all lanes. */
@inline function keep(to: usize, x: v128, row: i32): void {
  if (COPIES == 4) v128.store(to + (<usize>row << 4), x);
  else v128.store32_lane(to + (<usize>row << 2), x, 0);
}

/**
 * Stores one row of a tile. The sum stands first in pmax and pmin, which return their first operand if it is NaN. In the wide binary
 * nothing stands between the stores: what an engine cannot move out of the way keeps it from fusing two of them, and all that leads there.
 */
@inline function finish(vectors: i32, c: usize, s: usize, v0: v128, v1: v128, v2: v128, v3: v128, low: v128, high: v128): void {
  if (vectors > 2) {
    const s0 = v128.load(s);
    const s1 = v128.load(s, 16);
    const s2 = v128.load(s, 32);
    const s3 = v128.load(s, 48);
    const r0 = f32x4.pmin(f32x4.pmax(f32x4.add(v0, s0), low), high);
    const r1 = f32x4.pmin(f32x4.pmax(f32x4.add(v1, s1), low), high);
    const r2 = f32x4.pmin(f32x4.pmax(f32x4.add(v2, s2), low), high);
    const r3 = f32x4.pmin(f32x4.pmax(f32x4.add(v3, s3), low), high);
    v128.store(c, r0);
    v128.store(c, r1, 16);
    v128.store(c, r2, 32);
    v128.store(c, r3, 48);
  } else if (WIDE && vectors > 1) {
    const s0 = v128.load(s);
    const s1 = v128.load(s, 16);
    const r0 = f32x4.pmin(f32x4.pmax(f32x4.add(v0, s0), low), high);
    const r1 = f32x4.pmin(f32x4.pmax(f32x4.add(v1, s1), low), high);
    v128.store(c, r0);
    v128.store(c, r1, 16);
  } else {
    if (vectors > 1) v128.store(c, f32x4.pmin(f32x4.pmax(f32x4.add(v1, v128.load(s, 16)), low), high), 16);
    v128.store(c, f32x4.pmin(f32x4.pmax(f32x4.add(v0, v128.load(s)), low), high));
  }
}
