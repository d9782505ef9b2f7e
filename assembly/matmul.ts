// Matrix products. Letters: M rows of c, N columns of c, K the summed dimension.
//
//   c [M, N] = clamp(start + a · b), c row-major with rows ldc elements apart
//   nn: a [M, K], b [K, N]     nt: a [M, K], b [N, K]     tn: a [K, M], b [K, N]
//
// lda and ldb are the elements from one stored row to the next. `batch` such products follow each other, cBatch, aBatch, bBatch elements
// apart (0: the same operand for all). start: 0 nothing, 1 c itself, 2 bias [N] per column, 3 bias [M] per row; the bias is the same for
// all of the batch. The result is clamped into [low, high]: (0, ∞) is relu, (−∞, ∞) leaves it; NaN stays.
// scratch has gemm_scratch_bytes(m, n, k) bytes.

import { PANEL } from "./lib/gemm";
import { blocks, packPanels, product, productBytes, suitsPacked } from "./lib/product";

/** Bytes of work space for one product of these sizes. */
export function gemm_scratch_bytes(m: i32, n: i32, k: i32): i32 {
  return <i32>productBytes(m, n, k);
}

export function gemm_nn_f32(c: usize, a: usize, b: usize, bias: usize, scratch: usize, batch: i32, m: i32, n: i32, k: i32, cBatch: i32, aBatch: i32, bBatch: i32, ldc: i32, lda: i32, ldb: i32, start: i32, low: f32, high: f32): void {
  for (let i = 0; i < batch; i++) {
    product(c, a, b, bias, scratch, m, n, k, ldc, lda, 1, ldb, false, start, low, high);
    c += cBatch << 2;
    a += aBatch << 2;
    b += bBatch << 2;
  }
}

export function gemm_nt_f32(c: usize, a: usize, b: usize, bias: usize, scratch: usize, batch: i32, m: i32, n: i32, k: i32, cBatch: i32, aBatch: i32, bBatch: i32, ldc: i32, lda: i32, ldb: i32, start: i32, low: f32, high: f32): void {
  for (let i = 0; i < batch; i++) {
    product(c, a, b, bias, scratch, m, n, k, ldc, lda, 1, ldb, true, start, low, high);
    c += cBatch << 2;
    a += aBatch << 2;
    b += bBatch << 2;
  }
}

export function gemm_tn_f32(c: usize, a: usize, b: usize, bias: usize, scratch: usize, batch: i32, m: i32, n: i32, k: i32, cBatch: i32, aBatch: i32, bBatch: i32, ldc: i32, lda: i32, ldb: i32, start: i32, low: f32, high: f32): void {
  for (let i = 0; i < batch; i++) {
    product(c, a, b, bias, scratch, m, n, k, ldc, 1, lda, ldb, false, start, low, high);
    c += cBatch << 2;
    a += aBatch << 2;
    b += bBatch << 2;
  }
}

/**
 * Columns of a panel, if gemm_nt_f32 packs b for a product of these sizes and it pays to keep the panels, else 0. They take k floats for
 * each column, and their number is rounded up to whole panels.
 */
export function gemm_panel(m: i32, n: i32, k: i32): i32 {
  return suitsPacked(m, n, k) ? PANEL : 0;
}

/** packed ← the panels of b [N, K]. */
export function gemm_pack_f32(packed: usize, b: usize, n: i32, k: i32): void {
  packPanels(packed, b, true, n, k);
}

/** gemm_nt_f32 with a packed b, for the columns [begin, end) of c: the same bits. begin is a multiple of 16. */
export function gemm_packed_f32(c: usize, a: usize, packed: usize, bias: usize, scratch: usize, m: i32, n: i32, k: i32, ldc: i32, lda: i32, start: i32, low: f32, high: f32, begin: i32, end: i32): void {
  blocks(c, a, 0, packed, bias, scratch, m, n, k, ldc, lda, 1, 0, true, start, low, high, begin, end);
}
