// Products in which one operand is a vector or a few rows: the large matrix is read once, as it lies, without packing.
//
//   C [m, n] = clamp(start + X · Y), m from 1 to 4
//   `axpyRows`  Y [k, n] by rows:  C += X[:, p] ⊗ Y[p, :], several p at a time
//   `dotRows`   Y [n, k] by rows:  C[i, j] = X[i, :] · Y[j, :]
//
// Strides ending in Down or Right are bytes from a row or a column to the next. start is one of gemm.ts's START_….

import { START_C, START_COLUMN, START_ROW, START_ZERO } from "./gemm";
import { storeLanes } from "./loops";
import { madd } from "./simd";

/** Columns of C that stay in the first-level cache while Y streams by. */
const STRIP: i32 = 1024;

/** Rows that these kernels take. */
@inline export const FEW_ROWS: i32 = 4;

/** C's rows are contiguous; X is read one value at a time, through xDown and xRight. */
export function axpyRows(
  c: usize, x: usize, y: usize, bias: usize, m: i32, n: i32, k: i32,
  cDown: usize, xDown: usize, xRight: usize, yDown: usize, start: i32, low: f32, high: f32,
): void {
  assert(m > 0 && m <= FEW_ROWS);
  for (let j = 0; j < n; j += STRIP) {
    const width = min(n - j, STRIP);
    const left = <usize>j << 2;
    for (let i = 0; i < m; i++) beginRow(c + <usize>i * cDown + left, bias + (start == START_COLUMN ? left : <usize>i << 2), width, start);
    axpyStrip(c + left, x, y + left, m, width, k, cDown, xDown, xRight, yDown);
    if (low != -Infinity || high != Infinity) {
      for (let i = 0; i < m; i++) clampRow(c + <usize>i * cDown + left, width, low, high);
    }
  }
}

/** Sets n values of C to what their sums begin with. */
function beginRow(c: usize, bias: usize, n: i32, start: i32): void {
  const bytes = <usize>n << 2;
  if (start == START_ZERO) memory.fill(c, 0, bytes);
  else if (start == START_COLUMN) memory.copy(c, bias, bytes);
  else if (start == START_ROW) for (let j: usize = 0; j < bytes; j += 4) store<f32>(c + j, load<f32>(bias));
}

function clampRow(c: usize, n: i32, low: f32, high: f32): void {
  const l = f32x4.splat(low);
  const h = f32x4.splat(high);
  const end = c + ((<usize>n & ~3) << 2);
  for (; c < end; c += 16) v128.store(c, f32x4.pmin(f32x4.pmax(v128.load(c), l), h));
  for (let j: usize = 0, rest = (<usize>n & 3) << 2; j < rest; j += 4) store<f32>(c + j, clamp(load<f32>(c + j), low, high));
}

/** NaN stays. */
@inline function clamp(v: f32, low: f32, high: f32): f32 {
  return v < low ? low : v > high ? high : v;
}

function axpyStrip(c: usize, x: usize, y: usize, m: i32, n: i32, k: i32, cDown: usize, xDown: usize, xRight: usize, yDown: usize): void {
  let p = 0;
  // As many products for each load and store of C as there are registers for the values of X, and for the rows' addresses.
  if (m == 1) {
    for (; p + 4 <= k; p += 4) {
      axpy(1, 4, c, x, y, n, cDown, xDown, xRight, yDown);
      x += xRight << 2;
      y += yDown << 2;
    }
  } else if (m == 2) {
    for (; p + 4 <= k; p += 4) {
      axpy(2, 4, c, x, y, n, cDown, xDown, xRight, yDown);
      x += xRight << 2;
      y += yDown << 2;
    }
  } else if (m == 3) {
    for (; p + 2 <= k; p += 2) {
      axpy(3, 2, c, x, y, n, cDown, xDown, xRight, yDown);
      x += xRight << 1;
      y += yDown << 1;
    }
  } else {
    for (; p + 2 <= k; p += 2) {
      axpy(4, 2, c, x, y, n, cDown, xDown, xRight, yDown);
      x += xRight << 1;
      y += yDown << 1;
    }
  }
  for (; p < k; p++) {
    for (let i = 0; i < m; i++) axpy(1, 1, c + <usize>i * cDown, x + <usize>i * xDown, y, n, cDown, xDown, xRight, yDown);
    x += xRight;
    y += yDown;
  }
}

/**
 * C [rows, n] += X [rows, depth] · Y [depth, n]; both are constants, depth ≤ 4 and rows · depth ≤ 8. The products of one call are summed before C is
 * added, so that the error grows with k / depth.
 */
@inline function axpy(rows: i32, depth: i32, c: usize, x: usize, y: usize, n: i32, cDown: usize, xDown: usize, xRight: usize, yDown: usize): void {
  // x0…x7 are X's values row by row.
  const x0 = v128.load32_splat(x);
  const x1 = splatAt(1, rows, depth, x, xDown, xRight, x0);
  const x2 = splatAt(2, rows, depth, x, xDown, xRight, x0);
  const x3 = splatAt(3, rows, depth, x, xDown, xRight, x0);
  const x4 = splatAt(4, rows, depth, x, xDown, xRight, x0);
  const x5 = splatAt(5, rows, depth, x, xDown, xRight, x0);
  const x6 = splatAt(6, rows, depth, x, xDown, xRight, x0);
  const x7 = splatAt(7, rows, depth, x, xDown, xRight, x0);
  const c1 = c + cDown;
  const c2 = c1 + cDown;
  const c3 = c2 + cDown;
  const y1 = y + yDown;
  const y2 = y1 + yDown;
  const y3 = y2 + yDown;
  const bytes = <usize>n << 2;
  const whole = bytes & ~15;
  let j: usize = 0;
  // Four vectors a turn share their address sums; the offsets 16, 32, 48 become part of the instructions.
  if (rows * depth > 1) for (const unrolled = bytes & ~63; j < unrolled; j += 64) {
    const p0 = y + j, p1 = y1 + j, p2 = y2 + j, p3 = y3 + j;
    const q0 = c + j, q1 = c1 + j, q2 = c2 + j, q3 = c3 + j;
    axpyVector(rows, depth, 4, q0, q1, q2, q3, x0, x1, x2, x3, x4, x5, x6, x7, p0, p1, p2, p3);
    axpyVector(rows, depth, 4, q0 + 16, q1 + 16, q2 + 16, q3 + 16, x0, x1, x2, x3, x4, x5, x6, x7, p0 + 16, p1 + 16, p2 + 16, p3 + 16);
    axpyVector(rows, depth, 4, q0 + 32, q1 + 32, q2 + 32, q3 + 32, x0, x1, x2, x3, x4, x5, x6, x7, p0 + 32, p1 + 32, p2 + 32, p3 + 32);
    axpyVector(rows, depth, 4, q0 + 48, q1 + 48, q2 + 48, q3 + 48, x0, x1, x2, x3, x4, x5, x6, x7, p0 + 48, p1 + 48, p2 + 48, p3 + 48);
  }
  for (; j < bytes; j += 16) {
    const count = j < whole ? 4 : n & 3;
    axpyVector(rows, depth, count, c + j, c1 + j, c2 + j, c3 + j, x0, x1, x2, x3, x4, x5, x6, x7, y + j, y1 + j, y2 + j, y3 + j);
  }
}

/** Four columns of `axpy`, of which `count` are stored. */
@inline function axpyVector(
  rows: i32, depth: i32, count: i32, c: usize, c1: usize, c2: usize, c3: usize,
  x0: v128, x1: v128, x2: v128, x3: v128, x4: v128, x5: v128, x6: v128, x7: v128,
  y: usize, y1: usize, y2: usize, y3: usize,
): void {
  const v0 = v128.load(y);
  let s0 = f32x4.mul(x0, v0);
  let s1 = rows > 1 ? f32x4.mul(depth == 4 ? x4 : depth == 2 ? x2 : x1, v0) : v0;
  let s2 = rows > 2 ? f32x4.mul(depth == 2 ? x4 : x2, v0) : v0;
  let s3 = rows > 3 ? f32x4.mul(depth == 2 ? x6 : x3, v0) : v0;
  if (depth > 1) {
    const v = v128.load(y1);
    s0 = madd(x1, v, s0);
    if (rows > 1) s1 = madd(depth == 4 ? x5 : x3, v, s1);
    if (rows > 2) s2 = madd(x5, v, s2);
    if (rows > 3) s3 = madd(x7, v, s3);
  }
  if (depth > 2) {
    const v = v128.load(y2);
    s0 = madd(x2, v, s0);
    if (rows > 1) s1 = madd(x6, v, s1);
  }
  if (depth > 3) {
    const v = v128.load(y3);
    s0 = madd(x3, v, s0);
    if (rows > 1) s1 = madd(x7, v, s1);
  }
  addLanes(c, s0, count);
  if (rows > 1) addLanes(c1, s1, count);
  if (rows > 2) addLanes(c2, s2, count);
  if (rows > 3) addLanes(c3, s3, count);
}

/** C += v in the first 1 to 4 lanes. */
@inline function addLanes(c: usize, v: v128, count: i32): void {
  const sum = f32x4.add(v128.load(c), v);
  if (count == 4) v128.store(c, sum);
  else storeSome(c, sum, count);
}

/** One copy in the binary for all the tails. */
function storeSome(c: usize, v: v128, count: i32): void { storeLanes(c, v, count); }

/** The index-th value of X [rows, depth] in all lanes; `none` beyond the last. */
@inline function splatAt(index: i32, rows: i32, depth: i32, x: usize, xDown: usize, xRight: usize, none: v128): v128 {
  return index < rows * depth ? v128.load32_splat(x + <usize>(index / depth) * xDown + <usize>(index % depth) * xRight) : none;
}

/** The rows of X and Y are contiguous; C is written one value at a time, through cDown and cRight. work has 64 bytes. */
export function dotRows(
  c: usize, x: usize, y: usize, bias: usize, work: usize, m: i32, n: i32, k: i32,
  cDown: usize, cRight: usize, xDown: usize, yDown: usize, start: i32, low: f32, high: f32,
): void {
  assert(m > 0 && m <= FEW_ROWS && work != 0);
  let s = bias;
  let sDown: usize = 0;
  let sRight: usize = 0;
  if (start == START_C) {
    s = c;
    sDown = cDown;
    sRight = cRight;
  } else if (start == START_COLUMN) sRight = 4;
  else if (start == START_ROW) sDown = 4;
  const whole = k & ~3;
  const tail = <usize>whole << 2;
  const width = m <= 2 ? 4 : 2;
  for (let j = 0; j < n; j += width) {
    const count = min(n - j, width);
    // A row that is not there repeats the last one: it is computed, but not stored.
    const y1 = y + (count > 1 ? yDown : 0);
    if (m > 2) {
      const x2 = x + 2 * xDown;
      dots4x2(work, x, x + xDown, x2, x2 + (m > 3 ? xDown : 0), y, y1, whole);
    } else {
      const y2 = y1 + (count > 2 ? yDown : 0);
      const y3 = y2 + (count > 3 ? yDown : 0);
      if (m == 2) dots2x4(work, x, x + xDown, y, y1, y2, y3, whole);
      else dots1x4(work, x, y, y1, y2, y3, whole);
    }
    if (cRight == 4 && whole == k && count == width) {
      for (let i = 0; i < m; i++) {
        let v = v128.load(work + (<usize>(i * width) << 2));
        const from = s + <usize>i * sDown;
        if (start != START_ZERO) v = f32x4.add(v, sRight == 0 ? v128.load32_splat(from) : v128.load(from));
        v = f32x4.pmin(f32x4.pmax(v, f32x4.splat(low)), f32x4.splat(high));
        if (width == 4) v128.store(c + <usize>i * cDown, v);
        else v128.store64_lane(c + <usize>i * cDown, v, 0);
      }
    } else for (let i = 0; i < m; i++) {
      for (let l = 0; l < count; l++) {
        let v = load<f32>(work + (<usize>(i * width + l) << 2));
        v += dotTail(x + <usize>i * xDown + tail, y + <usize>l * yDown + tail, k & 3);
        if (start != START_ZERO) v += load<f32>(s + <usize>i * sDown + <usize>l * sRight);
        store<f32>(c + <usize>i * cDown + <usize>l * cRight, clamp(v, low, high));
      }
    }
    c += cRight * width;
    s += sRight * width;
    y += yDown * width;
  }
}

@inline function dotTail(x: usize, y: usize, k: i32): f32 {
  let v: f32 = 0;
  for (let p: usize = 0, end = <usize>k << 2; p < end; p += 4) v += load<f32>(x + p) * load<f32>(y + p);
  return v;
}

/** The sums of the lanes of four vectors. */
@inline function sums(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.add(v128.shuffle<f32>(a, b, 0, 4, 1, 5), v128.shuffle<f32>(a, b, 2, 6, 3, 7));
  const cd = f32x4.add(v128.shuffle<f32>(c, d, 0, 4, 1, 5), v128.shuffle<f32>(c, d, 2, 6, 3, 7));
  return f32x4.add(v128.shuffle<f64>(ab, cd, 0, 2), v128.shuffle<f64>(ab, cd, 1, 3));
}

/** One row by four, k a multiple of 4: two accumulators for each product, because one would wait for its own last addition. */
function dots1x4(to: usize, x: usize, y0: usize, y1: usize, y2: usize, y3: usize, k: i32): void {
  let a0 = f32x4.splat(0), a1 = a0, b0 = a0, b1 = a0, c0 = a0, c1 = a0, d0 = a0, d1 = a0;
  for (; k >= 16; k -= 16) {
    const v0 = v128.load(x);
    const v1 = v128.load(x, 16);
    const v2 = v128.load(x, 32);
    const v3 = v128.load(x, 48);
    a0 = madd(v2, v128.load(y0, 32), madd(v0, v128.load(y0), a0));
    a1 = madd(v3, v128.load(y0, 48), madd(v1, v128.load(y0, 16), a1));
    b0 = madd(v2, v128.load(y1, 32), madd(v0, v128.load(y1), b0));
    b1 = madd(v3, v128.load(y1, 48), madd(v1, v128.load(y1, 16), b1));
    c0 = madd(v2, v128.load(y2, 32), madd(v0, v128.load(y2), c0));
    c1 = madd(v3, v128.load(y2, 48), madd(v1, v128.load(y2, 16), c1));
    d0 = madd(v2, v128.load(y3, 32), madd(v0, v128.load(y3), d0));
    d1 = madd(v3, v128.load(y3, 48), madd(v1, v128.load(y3, 16), d1));
    x += 64;
    y0 += 64;
    y1 += 64;
    y2 += 64;
    y3 += 64;
  }
  for (; k > 0; k -= 4) {
    const v = v128.load(x);
    a0 = madd(v, v128.load(y0), a0);
    b0 = madd(v, v128.load(y1), b0);
    c0 = madd(v, v128.load(y2), c0);
    d0 = madd(v, v128.load(y3), d0);
    x += 16;
    y0 += 16;
    y1 += 16;
    y2 += 16;
    y3 += 16;
  }
  v128.store(to, sums(f32x4.add(a0, a1), f32x4.add(b0, b1), f32x4.add(c0, c1), f32x4.add(d0, d1)));
}

/** Two rows by four. */
function dots2x4(to: usize, x0: usize, x1: usize, y0: usize, y1: usize, y2: usize, y3: usize, k: i32): void {
  let a0 = f32x4.splat(0), a1 = a0, b0 = a0, b1 = a0, c0 = a0, c1 = a0, d0 = a0, d1 = a0;
  for (; k > 0; k -= 4) {
    const v0 = v128.load(x0);
    const v1 = v128.load(x1);
    const w0 = v128.load(y0);
    a0 = madd(v0, w0, a0);
    a1 = madd(v1, w0, a1);
    const w1 = v128.load(y1);
    b0 = madd(v0, w1, b0);
    b1 = madd(v1, w1, b1);
    const w2 = v128.load(y2);
    c0 = madd(v0, w2, c0);
    c1 = madd(v1, w2, c1);
    const w3 = v128.load(y3);
    d0 = madd(v0, w3, d0);
    d1 = madd(v1, w3, d1);
    x0 += 16;
    x1 += 16;
    y0 += 16;
    y1 += 16;
    y2 += 16;
    y3 += 16;
  }
  v128.store(to, sums(a0, b0, c0, d0));
  v128.store(to, sums(a1, b1, c1, d1), 16);
}

/** Four rows by two. */
function dots4x2(to: usize, x0: usize, x1: usize, x2: usize, x3: usize, y0: usize, y1: usize, k: i32): void {
  let a0 = f32x4.splat(0), a1 = a0, b0 = a0, b1 = a0, c0 = a0, c1 = a0, d0 = a0, d1 = a0;
  for (; k > 0; k -= 4) {
    const w0 = v128.load(y0);
    const w1 = v128.load(y1);
    const v0 = v128.load(x0);
    a0 = madd(v0, w0, a0);
    a1 = madd(v0, w1, a1);
    const v1 = v128.load(x1);
    b0 = madd(v1, w0, b0);
    b1 = madd(v1, w1, b1);
    const v2 = v128.load(x2);
    c0 = madd(v2, w0, c0);
    c1 = madd(v2, w1, c1);
    const v3 = v128.load(x3);
    d0 = madd(v3, w0, d0);
    d1 = madd(v3, w1, d1);
    x0 += 16;
    x1 += 16;
    x2 += 16;
    x3 += 16;
    y0 += 16;
    y1 += 16;
  }
  v128.store(to, sums(a0, a1, b0, b1));
  v128.store(to, sums(c0, c1, d0, d1), 16);
}
