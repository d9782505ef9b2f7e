// One product of two matrices in memory, by the kernel that suits its shape: what matmul and attention share above gemm.ts and gemv.ts.

import { KC, multiply, NC, packColumns, packTransposed, panelBytes, panelsBytes, START_C, START_COLUMN, START_ROW, STEP, workBytes } from "./gemm";
import { axpyRows, dotRows, FEW_ROWS } from "./gemv";

/** Bytes that `dotRows` works in. */
@inline const DOTS_BYTES: usize = 64;

/** Bytes of work space for a product of these sizes. */
export function productBytes(m: i32, n: i32, k: i32): usize {
  if (m <= FEW_ROWS) return DOTS_BYTES;
  const depth = min(k, KC);
  const blocks = workBytes(depth) + panelsBytes(depth, min(n, NC));
  const columns = n <= FEW_ROWS ? DOTS_BYTES + (<usize>(n * k) << 2) : 0;
  return max(blocks, columns);
}

/**
 * C [m, n] = clamp(start + A · B), rows of C ldc elements apart. A is read through two element strides; B [k, n], or [n, k] if it is
 * `transposed`, has rows ldb elements apart. start, bias, low and high are those of `multiply`.
 */
export function product(c: usize, a: usize, b: usize, bias: usize, scratch: usize, m: i32, n: i32, k: i32, ldc: i32, aRow: i32, aCol: i32, ldb: i32, transposed: bool, start: i32, low: f32, high: f32): void {
  assert(m >= 0 && n >= 0 && k >= 0 && (ldc >= n || m <= 1));
  assert(ldb >= (transposed ? k : n) || ldb == 0 || (transposed ? n : k) <= 1);
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
        STEP, panelBytes(depth), p == 0 ? start : START_C, last ? low : -Infinity, last ? high : Infinity,
      );
      p += depth;
    } while (p < k);
  }
}
