// The matrix-multiply core that matmul and convolution share: C [m, n] = A [m, k] · B [k, n], one register tile at a time.
//
//   A      read in place through two element strides, so that both a row-major matrix (aRow = lda, aCol = 1) and a transposed one
//          (aRow = 1, aCol = lda) need no copy; `packRows` is for the case where many panels share the same rows.
//   panel  [k, 8]: eight columns of B, k-major, 32 bytes a step, zeros in the columns that B does not have. Panels of one block lie
//          one after the other: panel j of a block of depth k starts at `panels + j * panelBytes(k)`.
//   C      row-major, rows ldc elements apart.
//
// A caller packs a block of B of at most KC rows into panels (`packColumns` and `packTransposed` for matrices; convolution packs straight
// from the image) and calls `multiply` for all rows of A. The next block of K accumulates into C.
// Every element of C is summed in the same order whatever tile it falls into: k ascending inside a block, then block by block.

import { madd } from "./simd";

/** Columns of a panel. */
// @ts-ignore: decorator
@inline export const PANEL: i32 = 8;

/** Depth of a block: one panel and one group of packed rows stay in a 32 KB first-level cache. */
// @ts-ignore: decorator
@inline export const KC: i32 = 192;

/** Columns of a block: KC × NC floats stay in the second-level cache. */
// @ts-ignore: decorator
@inline export const NC: i32 = 512;

/** Rows of the largest tile: as many accumulators as leave V8 on x64 (15 vector registers) without a spill. */
// @ts-ignore: decorator
@inline export const ROWS: i32 = ASC_FEATURE_RELAXED_SIMD ? 6 : 5;

/**
 * How often `packRows` stores a value. Four times saves the address computation of a splatting load, which the simd binary has no
 * issue slots for; with fused multiply-add there are slots to spare.
 */
// @ts-ignore: decorator
@inline const COPIES: i32 = ASC_FEATURE_RELAXED_SIMD ? 1 : 4;

/** Rows are packed if at least so many columns share them. */
// @ts-ignore: decorator
@inline const PACK_ROWS_FROM: i32 = 96;

/** Activations that the last block of K may apply to C. */
// @ts-ignore: decorator
@inline export const NONE: i32 = 0;
// @ts-ignore: decorator
@inline export const RELU: i32 = 1;

/** Bytes of one panel of depth k. */
// @ts-ignore: decorator
@inline export function panelBytes(k: i32): usize {
  return <usize>k << 5;
}

/** Bytes of all panels of a block [k, n]. */
export function panelsBytes(k: i32, n: i32): usize {
  return <usize>((n + PANEL - 1) / PANEL) * panelBytes(k);
}

/** Bytes of one group of packed rows. */
// @ts-ignore: decorator
@inline function rowsBytes(k: i32): usize {
  return <usize>(k * ROWS * COPIES) << 2;
}

/** panels ← B [k, n] whose rows are ldb elements apart. */
export function packColumns(panels: usize, b: usize, k: i32, n: i32, ldb: i32): void {
  const step = <usize>ldb << 2;
  for (let j = 0; j < n; j += PANEL) {
    const valid = min(n - j, PANEL);
    let p = b + (<usize>j << 2);
    const end = panels + panelBytes(k);
    if (valid == PANEL) {
      for (; panels < end; panels += 32) {
        v128.store(panels, v128.load(p));
        v128.store(panels, v128.load(p, 16), 16);
        p += step;
      }
    } else {
      const keep0 = laneMask(valid);
      const keep1 = laneMask(valid - 4);
      for (; panels < end; panels += 32) {
        v128.store(panels, v128.and(v128.load(p), keep0));
        v128.store(panels, valid > 4 ? v128.and(v128.load(p, 16), keep1) : i32x4.splat(0), 16);
        p += step;
      }
    }
  }
}

/** All ones in the first `count` lanes. */
// @ts-ignore: decorator
@inline function laneMask(count: i32): v128 {
  return i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(count));
}

/** panels ← the transpose of b [n, k], whose rows (columns of B) are ldb elements apart. */
export function packTransposed(panels: usize, b: usize, k: i32, n: i32, ldb: i32): void {
  const step = <usize>ldb << 2;
  const bytes = panelBytes(k);
  for (let j = 0; j < n; j += PANEL) {
    const valid = min(n - j, PANEL);
    for (let half = 0; half < 2; half++) {
      transpose4(panels + (<usize>half << 4), b + (<usize>(j + 4 * half) * step), k, valid - 4 * half, step);
    }
    panels += bytes;
  }
}

/** Half a panel ← up to four rows b [valid, k], `step` bytes apart; absent ones become zeros. */
function transpose4(panel: usize, b: usize, k: i32, valid: i32, step: usize): void {
  const end = panel + panelBytes(k);
  if (valid >= 4) {
    const whole = panel + panelBytes(k & ~3);
    let b1 = b + step;
    let b2 = b1 + step;
    let b3 = b2 + step;
    for (; panel < whole; panel += 128) {
      const r0 = v128.load(b);
      const r1 = v128.load(b1);
      const r2 = v128.load(b2);
      const r3 = v128.load(b3);
      const t0 = v128.shuffle<i32>(r0, r1, 0, 4, 1, 5);
      const t1 = v128.shuffle<i32>(r2, r3, 0, 4, 1, 5);
      const t2 = v128.shuffle<i32>(r0, r1, 2, 6, 3, 7);
      const t3 = v128.shuffle<i32>(r2, r3, 2, 6, 3, 7);
      v128.store(panel, v128.shuffle<i64>(t0, t1, 0, 2));
      v128.store(panel, v128.shuffle<i64>(t0, t1, 1, 3), 32);
      v128.store(panel, v128.shuffle<i64>(t2, t3, 0, 2), 64);
      v128.store(panel, v128.shuffle<i64>(t2, t3, 1, 3), 96);
      b += 16;
      b1 += 16;
      b2 += 16;
      b3 += 16;
    }
  }
  for (; panel < end; panel += 32) {
    v128.store(panel, i32x4.splat(0));
    for (let i = 0; i < min(valid, 4); i++) store<f32>(panel + (<usize>i << 2), load<f32>(b + <usize>i * step));
    b += 4;
  }
}

/** rows ← ROWS rows of A, k-major, each value COPIES times. */
function packRows(rows: usize, a: usize, k: i32, aRow: i32, aCol: i32): void {
  const down = <usize>aRow << 2;
  const right = <usize>aCol << 2;
  for (let i = 0; i < ROWS; i++) {
    let p = a;
    let to = rows + <usize>(i * COPIES << 2);
    const end = to + rowsBytes(k);
    for (; to < end; to += ROWS * COPIES << 2) {
      if (COPIES == 4) v128.store(to, v128.load32_splat(p));
      else store<f32>(to, load<f32>(p));
      p += right;
    }
    a += down;
  }
}

/** What all tiles of one `multiply` share. It lies at the start of the work space: kernels have no memory of their own. */
@unmanaged class Job {
  k: i32;
  /** Bytes from a row of C, or of A, to the next; from a column of A to the next; from a row of B to the next. */
  cDown: usize;
  aDown: usize;
  aRight: usize;
  bDown: usize;
  accumulate: bool;
  activation: i32;
}

const JOB_BYTES: usize = 64;

/** Bytes of work space that `multiply` needs for blocks of depth k: its job, and one group of packed rows. */
// @ts-ignore: decorator
@inline export function workBytes(k: i32): usize {
  return JOB_BYTES + rowsBytes(k);
}

/**
 * C [m, n] = act(A · B [+ C] [+ rowBias [m]] [+ colBias [n]]) for one block of K.
 *
 * b points to panels (bDown = 32, bRight = panelBytes(k)) or, unpacked, to B itself (bDown = its row stride in bytes, bRight = 32); an
 * unpacked B is over-read by up to 12 bytes. rowBias and colBias are 0 where there is none.
 */
export function multiply(
  c: usize, a: usize, b: usize, rowBias: usize, colBias: usize, work: usize, m: i32, n: i32, k: i32,
  ldc: i32, aRow: i32, aCol: i32, bDown: usize, bRight: usize, accumulate: bool, activation: i32,
): void {
  const job = changetype<Job>(work);
  job.k = k;
  job.cDown = <usize>ldc << 2;
  job.aDown = <usize>aRow << 2;
  job.aRight = <usize>aCol << 2;
  job.bDown = bDown;
  job.accumulate = accumulate;
  job.activation = activation;
  const rows = work + JOB_BYTES;
  const packs = n >= PACK_ROWS_FROM;
  for (let i = 0; i < m; i += ROWS) {
    const height = min(m - i, ROWS);
    const packed = packs && height == ROWS;
    if (packed) packRows(rows, a, k, aRow, aCol);
    let pc = c;
    let bias = colBias;
    let offset: usize = 0;
    for (let j = 0; j < n; j += PANEL) {
      const width = min(n - j, PANEL);
      if (width <= 4) narrowTile(height, job, pc, a, b, offset, rowBias, bias, width);
      else if (packed) tile(ROWS, true, true, job, pc, rows, b, offset, rowBias, bias, width);
      else wideTile(height, job, pc, a, b, offset, rowBias, bias, width);
      pc += 32;
      if (bias != 0) bias += 32;
      offset += bRight;
    }
    c += job.cDown * ROWS;
    a += job.aDown * ROWS;
    if (rowBias != 0) rowBias += ROWS << 2;
  }
}

/** A tile of 5 to 8 columns. */
function wideTile(height: i32, job: Job, c: usize, a: usize, b: usize, offset: usize, rowBias: usize, colBias: usize, n: i32): void {
  if (height == 1) tile(1, true, false, job, c, a, b, offset, rowBias, colBias, n);
  else if (height == 2) tile(2, true, false, job, c, a, b, offset, rowBias, colBias, n);
  else if (height == 3) tile(3, true, false, job, c, a, b, offset, rowBias, colBias, n);
  else if (height == 4) tile(4, true, false, job, c, a, b, offset, rowBias, colBias, n);
  else if (height == 5) tile(5, true, false, job, c, a, b, offset, rowBias, colBias, n);
  else if (ROWS == 6) tile(6, true, false, job, c, a, b, offset, rowBias, colBias, n);
}

/** A tile of 1 to 4 columns. */
function narrowTile(height: i32, job: Job, c: usize, a: usize, b: usize, offset: usize, rowBias: usize, colBias: usize, n: i32): void {
  if (height == 1) tile(1, false, false, job, c, a, b, offset, rowBias, colBias, n);
  else if (height == 2) tile(2, false, false, job, c, a, b, offset, rowBias, colBias, n);
  else if (height == 3) tile(3, false, false, job, c, a, b, offset, rowBias, colBias, n);
  else if (height == 4) tile(4, false, false, job, c, a, b, offset, rowBias, colBias, n);
  else if (height == 5) tile(5, false, false, job, c, a, b, offset, rowBias, colBias, n);
  else if (ROWS == 6) tile(6, false, false, job, c, a, b, offset, rowBias, colBias, n);
}

/**
 * The register tile: `rows` × 8 (or 4, if not `wide`) accumulators, a constant each, so that the compiler drops what a smaller tile
 * does not use. a points to the first row in place, or to a `packed` group of rows; n columns are stored.
 *
 * The start of the panel comes as `b + offset`: V8 then knows that the pointer is a zero-extended sum and saves a move in every step.
 */
// @ts-ignore: decorator
@inline function tile(
  rows: i32, wide: bool, packed: bool, job: Job, c: usize, a: usize, b: usize, offset: usize, rowBias: usize, colBias: usize, n: i32,
): void {
  let c00 = f32x4.splat(0), c01 = c00;
  let c10 = c00, c11 = c00;
  let c20 = c00, c21 = c00;
  let c30 = c00, c31 = c00;
  let c40 = c00, c41 = c00;
  let c50 = c00, c51 = c00;
  const bDown = job.bDown;
  const aRight = packed ? <usize>(rows * COPIES << 2) : job.aRight;
  const aDown = packed ? <usize>0 : job.aDown;
  let a1 = a + aDown;
  let a2 = a1 + aDown;
  let a3 = a2 + aDown;
  let a4 = a3 + aDown;
  let a5 = a4 + aDown;
  let p = b + offset;
  const end = p + <usize>job.k * bDown;
  while (p < end) {
    const b0 = v128.load(p);
    const b1 = wide ? v128.load(p, 16) : b0;
    {
      const x = packed ? packedValue(a, 0) : v128.load32_splat(a);
      c00 = madd(x, b0, c00);
      if (wide) c01 = madd(x, b1, c01);
    }
    if (rows > 1) {
      const x = packed ? packedValue(a, 1) : v128.load32_splat(a1);
      c10 = madd(x, b0, c10);
      if (wide) c11 = madd(x, b1, c11);
      a1 += aRight;
    }
    if (rows > 2) {
      const x = packed ? packedValue(a, 2) : v128.load32_splat(a2);
      c20 = madd(x, b0, c20);
      if (wide) c21 = madd(x, b1, c21);
      a2 += aRight;
    }
    if (rows > 3) {
      const x = packed ? packedValue(a, 3) : v128.load32_splat(a3);
      c30 = madd(x, b0, c30);
      if (wide) c31 = madd(x, b1, c31);
      a3 += aRight;
    }
    if (rows > 4) {
      const x = packed ? packedValue(a, 4) : v128.load32_splat(a4);
      c40 = madd(x, b0, c40);
      if (wide) c41 = madd(x, b1, c41);
      a4 += aRight;
    }
    if (rows > 5) {
      const x = packed ? packedValue(a, 5) : v128.load32_splat(a5);
      c50 = madd(x, b0, c50);
      if (wide) c51 = madd(x, b1, c51);
      a5 += aRight;
    }
    a += aRight;
    p += bDown;
  }
  const down = job.cDown;
  finish(wide, job, c, c00, c01, rowBias, colBias, n);
  if (rows > 1) finish(wide, job, c += down, c10, c11, nextRow(rowBias, 1), colBias, n);
  if (rows > 2) finish(wide, job, c += down, c20, c21, nextRow(rowBias, 2), colBias, n);
  if (rows > 3) finish(wide, job, c += down, c30, c31, nextRow(rowBias, 3), colBias, n);
  if (rows > 4) finish(wide, job, c += down, c40, c41, nextRow(rowBias, 4), colBias, n);
  if (rows > 5) finish(wide, job, c += down, c50, c51, nextRow(rowBias, 5), colBias, n);
}

// @ts-ignore: decorator
@inline function packedValue(a: usize, row: usize): v128 {
  return COPIES == 4 ? v128.load(a + (row << 4)) : v128.load32_splat(a + (row << 2));
}

// @ts-ignore: decorator
@inline function nextRow(rowBias: usize, row: usize): usize {
  return rowBias == 0 ? 0 : rowBias + (row << 2);
}

/** One row of a finished tile: adds what C starts from, applies the activation, stores n columns. */
// @ts-ignore: decorator
@inline function finish(wide: bool, job: Job, c: usize, v0: v128, v1: v128, rowBias: usize, colBias: usize, n: i32): void {
  if (job.accumulate) {
    v0 = f32x4.add(v0, v128.load(c));
    if (wide) v1 = f32x4.add(v1, v128.load(c, 16));
  }
  if (colBias != 0) {
    v0 = f32x4.add(v0, v128.load(colBias));
    if (wide) v1 = f32x4.add(v1, v128.load(colBias, 16));
  }
  if (rowBias != 0) {
    const bias = v128.load32_splat(rowBias);
    v0 = f32x4.add(v0, bias);
    if (wide) v1 = f32x4.add(v1, bias);
  }
  if (job.activation == RELU) {
    v0 = relu(v0);
    if (wide) v1 = relu(v1);
  }
  if (wide) {
    v128.store(c, v0);
    if (n == 8) v128.store(c, v1, 16);
    else storeLanes(c + 16, v1, n - 4);
  } else if (n == 4) v128.store(c, v0);
  else storeLanes(c, v0, n);
}

/** max(x, 0); keeps NaN, which pmax does if x stands first. */
// @ts-ignore: decorator
@inline function relu(x: v128): v128 {
  return f32x4.pmax(x, f32x4.splat(0));
}

/** Stores the first 1 to 3 lanes. */
// @ts-ignore: decorator
@inline export function storeLanes(p: usize, v: v128, count: i32): void {
  if (count == 1) v128.store32_lane(p, v, 0);
  else {
    v128.store64_lane(p, v, 0);
    if (count == 3) v128.store32_lane(p, v, 2, 8);
  }
}
