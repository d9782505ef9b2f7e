// What recurrent layers share: products with weights that stay the same for a whole sequence, and the rows of its steps.
//
// R rows of all steps, T steps, N rows of the largest step. Step t has the rows [row, row + sizes[t]) of what has R rows; sizes do
// not grow with t, and row i of a step continues row i of the step before. sizes may be absent (0): then every step has N rows.

import { KC, multiply, packColumns, packTransposed, panelBytes, panelsBytes, START_C, workBytes } from "./gemm";
import { axpyRows, dotRows, FEW_ROWS } from "./gemv";
import { storeLanes } from "./loops";
import { madd } from "./simd";

/** The address of element i. */
@inline export function at(p: usize, i: i32): usize { return p + (<usize>i << 2); }

/** Rows of step t. */
@inline export function rowsAt(sizes: usize, t: i32, n: i32): i32 { return sizes == 0 ? n : load<i32>(at(sizes, t)); }

/** Stores up to four of the lanes that are left. */
@inline export function put(p: usize, v: v128, left: i32): void {
  if (left >= 4) v128.store(p, v);
  else storeLanes(p, v, left);
}

/** y ← x, or zeros without an x. */
export function assign(y: usize, x: usize, n: i32): void {
  if (x == 0) memory.fill(y, 0, <usize>n << 2);
  else memory.copy(y, x, <usize>n << 2);
}

/** y += x. */
export function accumulate(y: usize, x: usize, n: i32): void {
  const whole = at(y, n & ~3);
  for (; y < whole; y += 16) {
    v128.store(y, f32x4.add(v128.load(y), v128.load(x)));
    x += 16;
  }
  for (const end = at(y, n & 3); y < end; y += 4) {
    store<f32>(y, load<f32>(y) + load<f32>(x));
    x += 4;
  }
}

/** A right operand B [k, n] of many products, at the start of its work space. */
@unmanaged export class Weights {
  n: i32;
  k: i32;
  /** B, or its transpose [n, k]. */
  w: usize;
  transposed: bool;
  /** Blocks of KC rows of B, in panels. */
  panels: usize;
  work: usize;
}

/** Bytes of Weights, and of what dotRows works in. */
// @ts-ignore: decorator
@inline const HEAD_BYTES: usize = 64;

/** Bytes of work space for the weights [k, n] of products with up to `rows` rows; a multiple of 64. */
export function weightsBytes(rows: i32, n: i32, k: i32): usize {
  if (rows <= FEW_ROWS) return 2 * HEAD_BYTES;
  return (2 * HEAD_BYTES + workBytes(min(k, KC)) + panelsBytes(k, n) + 63) & ~63;
}

/** Makes the weights ready; they are packed if a step can have so many rows that it pays. */
export function prepare(space: usize, w: usize, transposed: bool, rows: i32, n: i32, k: i32): Weights {
  const weights = changetype<Weights>(space);
  weights.n = n;
  weights.k = k;
  weights.w = w;
  weights.transposed = transposed;
  weights.work = space + HEAD_BYTES;
  weights.panels = weights.work + HEAD_BYTES + workBytes(min(k, KC));
  if (rows <= FEW_ROWS) return weights;
  let panels = weights.panels;
  for (let p = 0; p < k; p += KC) {
    const depth = min(k - p, KC);
    if (transposed) packTransposed(panels, at(w, p), depth, n, k);
    else packColumns(panels, at(w, p * n), depth, n, n);
    panels += panelsBytes(depth, n);
  }
  return weights;
}

/** C [m, n] += A [m, k] · B; rows of A and C lie lda and ldc elements apart. */
export function addProduct(c: usize, ldc: i32, a: usize, lda: i32, m: i32, weights: Weights): void {
  const n = weights.n;
  const k = weights.k;
  const w = weights.w;
  if (m > FEW_ROWS) {
    let panels = weights.panels;
    for (let p = 0; p < k; p += KC) {
      const depth = min(k - p, KC);
      multiply(c, at(a, p), panels, 0, weights.work, m, n, depth, ldc, lda, 1, 32, panelBytes(depth), START_C, -Infinity, Infinity);
      panels += panelsBytes(depth, n);
    }
  } else if (m == 0) {
    return;
  } else if (!weights.transposed) {
    axpyRows(c, a, w, 0, m, n, k, <usize>ldc << 2, <usize>lda << 2, 4, <usize>n << 2, START_C, -Infinity, Infinity);
  } else {
    const done = m == 1 ? addDots(c, a, w, n, k) : 0;
    dotRows(
      at(c, done), a, at(w, done * k), 0, weights.work, m, n - done, k,
      <usize>ldc << 2, 4, <usize>lda << 2, <usize>k << 2, START_C, -Infinity, Infinity,
    );
  }
}

/** c[j] += x · w[j, :] for groups of four rows of w [n, k]; returns how many have been done. */
function addDots(c: usize, x: usize, w: usize, n: i32, k: i32): i32 {
  const step = <usize>k << 2;
  const whole = <usize>(k & ~7) << 2;
  const end = at(c, n & ~3);
  while (c < end) {
    let y0 = w;
    let y1 = y0 + step;
    let y2 = y1 + step;
    let y3 = y2 + step;
    let p = x;
    let a0 = f32x4.splat(0), a1 = a0, b0 = a0, b1 = a0, c0 = a0, c1 = a0, d0 = a0, d1 = a0;
    for (const stop = x + whole; p < stop; p += 32) {
      const v0 = v128.load(p);
      const v1 = v128.load(p, 16);
      a0 = madd(v0, v128.load(y0), a0);
      a1 = madd(v1, v128.load(y0, 16), a1);
      b0 = madd(v0, v128.load(y1), b0);
      b1 = madd(v1, v128.load(y1, 16), b1);
      c0 = madd(v0, v128.load(y2), c0);
      c1 = madd(v1, v128.load(y2, 16), c1);
      d0 = madd(v0, v128.load(y3), d0);
      d1 = madd(v1, v128.load(y3, 16), d1);
      y0 += 32;
      y1 += 32;
      y2 += 32;
      y3 += 32;
    }
    let sum = f32x4.add(v128.load(c), sums(f32x4.add(a0, a1), f32x4.add(b0, b1), f32x4.add(c0, c1), f32x4.add(d0, d1)));
    for (const stop = x + step; p < stop; p += 4) {
      const column = f32x4(load<f32>(y0), load<f32>(y1), load<f32>(y2), load<f32>(y3));
      sum = madd(v128.load32_splat(p), column, sum);
      y0 += 4;
      y1 += 4;
      y2 += 4;
      y3 += 4;
    }
    v128.store(c, sum);
    c += 16;
    w += step << 2;
  }
  return n & ~3;
}

/** The sums of the lanes of four vectors. */
@inline function sums(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.add(v128.shuffle<f32>(a, b, 0, 4, 1, 5), v128.shuffle<f32>(a, b, 2, 6, 3, 7));
  const cd = f32x4.add(v128.shuffle<f32>(c, d, 0, 4, 1, 5), v128.shuffle<f32>(c, d, 2, 6, 3, 7));
  return f32x4.add(v128.shuffle<f64>(ab, cd, 0, 2), v128.shuffle<f64>(ab, cd, 1, 3));
}
