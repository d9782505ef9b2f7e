// Matrix products. Letters: M rows of c, N columns of c, K the summed dimension.
//
//   c [M, N] = clamp(start + a · b), c row-major with rows ldc elements apart
//   nn: a [M, K], b [K, N]     nt: a [M, K], b [N, K]     tn: a [K, M], b [K, N]
//
// lda and ldb are the elements from one stored row to the next. `batch` such products follow each other, cBatch, aBatch, bBatch elements
// apart (0: the same operand for all). start: 0 nothing, 1 c itself, 2 bias [N] per column, 3 bias [M] per row; the bias is the same for
// all of the batch. The result is clamped into [low, high]: (0, ∞) is relu, (−∞, ∞) leaves it; NaN stays.
// scratch has gemm_scratch_bytes(m, n, k) bytes.

import { KC, multiply, NC, PANEL, packColumns, packTransposed, panelBytes, panelsBytes, START_C, START_COLUMN, START_ROW, workBytes } from "./lib/gemm";
import { axpyRows, dotRows, FEW_ROWS } from "./lib/gemv";

/** Bytes that `dotRows` works in. */
// @ts-ignore: decorator
@inline const DOTS_BYTES: usize = 64;

/** Bytes of work space for one product of these sizes. */
export function gemm_scratch_bytes(m: i32, n: i32, k: i32): i32 {
  if (m <= FEW_ROWS) return <i32>DOTS_BYTES;
  const depth = min(k, KC);
  const blocks = workBytes(depth) + panelsBytes(depth, min(n, NC));
  const columns = n <= FEW_ROWS ? DOTS_BYTES + (<usize>(n * k) << 2) : 0;
  return <i32>max(blocks, columns);
}

export function gemm_nn_f32(c: usize, a: usize, b: usize, bias: usize, scratch: usize, batch: i32, m: i32, n: i32, k: i32, cBatch: i32, aBatch: i32, bBatch: i32, ldc: i32, lda: i32, ldb: i32, start: i32, low: f32, high: f32): void {
  for (let i = 0; i < batch; i++) {
    gemm(c, a, b, bias, scratch, m, n, k, ldc, lda, 1, ldb, false, start, low, high);
    c += cBatch << 2;
    a += aBatch << 2;
    b += bBatch << 2;
  }
}

export function gemm_nt_f32(c: usize, a: usize, b: usize, bias: usize, scratch: usize, batch: i32, m: i32, n: i32, k: i32, cBatch: i32, aBatch: i32, bBatch: i32, ldc: i32, lda: i32, ldb: i32, start: i32, low: f32, high: f32): void {
  for (let i = 0; i < batch; i++) {
    gemm(c, a, b, bias, scratch, m, n, k, ldc, lda, 1, ldb, true, start, low, high);
    c += cBatch << 2;
    a += aBatch << 2;
    b += bBatch << 2;
  }
}

export function gemm_tn_f32(c: usize, a: usize, b: usize, bias: usize, scratch: usize, batch: i32, m: i32, n: i32, k: i32, cBatch: i32, aBatch: i32, bBatch: i32, ldc: i32, lda: i32, ldb: i32, start: i32, low: f32, high: f32): void {
  for (let i = 0; i < batch; i++) {
    gemm(c, a, b, bias, scratch, m, n, k, ldc, 1, lda, ldb, false, start, low, high);
    c += cBatch << 2;
    a += aBatch << 2;
    b += bBatch << 2;
  }
}

/** One product, by the kernel that suits its shape. */
function gemm(c: usize, a: usize, b: usize, bias: usize, scratch: usize, m: i32, n: i32, k: i32, ldc: i32, aRow: i32, aCol: i32, ldb: i32, transposed: bool, start: i32, low: f32, high: f32): void {
  const cDown = <usize>ldc << 2;
  const aDown = <usize>aRow << 2;
  const aRight = <usize>aCol << 2;
  const bDown = <usize>ldb << 2;
  if (m <= FEW_ROWS) {
    if (transposed) dotRows(c, a, b, bias, scratch, m, n, k, cDown, 4, aDown, bDown, start, low, high);
    else axpyRows(c, a, b, bias, m, n, k, cDown, aDown, aRight, bDown, start, low, high);
  } else if (n <= FEW_ROWS && aCol == 1) {
    // Cᵀ = Bᵀ · Aᵀ: the few columns of B take the part of the few rows.
    const flipped = start == START_COLUMN ? START_ROW : start == START_ROW ? START_COLUMN : start;
    let columns = b;
    let step = bDown;
    if (!transposed && (n > 1 || ldb > 1)) {
      columns = scratch + DOTS_BYTES;
      step = <usize>k << 2;
      gatherColumns(columns, b, n, k, bDown);
    }
    dotRows(c, columns, a, bias, scratch, n, m, k, 4, cDown, step, aDown, flipped, low, high);
  } else if (n == 1 && ldc == 1 && aRow == 1) {
    const flipped = start == START_COLUMN ? START_ROW : start == START_ROW ? START_COLUMN : start;
    axpyRows(c, b, a, bias, 1, m, k, 0, 0, transposed ? 4 : bDown, aRight, flipped, low, high);
  } else {
    blocks(c, a, b, bias, scratch, m, n, k, ldc, aRow, aCol, ldb, transposed, start, low, high);
  }
}

/** to [n, k] ← the transpose of b [k, n], for a few columns. */
function gatherColumns(to: usize, b: usize, n: i32, k: i32, bDown: usize): void {
  for (let j = 0; j < n; j++) {
    let p = b + (<usize>j << 2);
    const end = to + (<usize>k << 2);
    for (; to < end; to += 4) {
      store<f32>(to, load<f32>(p));
      p += bDown;
    }
  }
}

/** Blocks of B are packed, and multiplied by all rows of A. */
function blocks(c: usize, a: usize, b: usize, bias: usize, scratch: usize, m: i32, n: i32, k: i32, ldc: i32, aRow: i32, aCol: i32, ldb: i32, transposed: bool, start: i32, low: f32, high: f32): void {
  const panels = scratch + workBytes(min(k, KC));
  for (let j = 0; j < n; j += NC) {
    const width = min(n - j, NC);
    const pc = c + (<usize>j << 2);
    const shift: usize = start == START_COLUMN ? <usize>j << 2 : 0;
    let p = 0;
    // An empty sum is a sum too: with k = 0 the loop runs once, for the start values and the clamp.
    do {
      const depth = min(k - p, KC);
      const last = p + depth == k;
      if (transposed) packTransposed(panels, b + (<usize>(j * ldb + p) << 2), depth, width, ldb);
      else packColumns(panels, b + (<usize>(p * ldb + j) << 2), depth, width, ldb);
      multiply(
        pc, a + (<usize>(p * aCol) << 2), panels, bias + shift, scratch, m, width, depth, ldc, aRow, aCol,
        PANEL << 2, panelBytes(depth), p == 0 ? start : START_C, last ? low : -Infinity, last ? high : Infinity,
      );
      p += depth;
    } while (p < k);
  }
}
