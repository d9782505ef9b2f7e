// One product of two matrices in memory, by the kernel that suits its shape: what matmul and attention share above gemm.ts and gemv.ts.

import { KC, multiply, NC, packColumns, packTransposed, PANEL, panelBytes, panelsBytes, START_C, START_COLUMN, START_ROW, STEP, workBytes } from "./gemm";
import { axpyRows, dotRows, FEW_ROWS } from "./gemv";

/** Up to so many rows it is faster to read the rows of a transposed B where they lie, a few rows of A at a time, than to pack them. */
@inline const UNPACKED_ROWS: i32 = 12;
/** Rows of B that stay in the second-level cache meanwhile. */
@inline const STAY: i32 = 32;
/** Elements of a row that are summed in one go: four lanes share them. */
@inline const LONG: i32 = 4 * KC;

/** Up to so many rows of A packing takes more than a few hundredths of the time. */
@inline const KEEP_ROWS: i32 = 128;

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
  } else if (m <= UNPACKED_ROWS && transposed && aCol == 1) {
    bands(c, a, b, bias, scratch, m, n, k, cDown, aDown, bDown, start, low, high);
  } else if (n == 1 && ldc == 1 && aRow == 1) {
    const flipped = start == START_COLUMN ? START_ROW : start == START_ROW ? START_COLUMN : start;
    axpyRows(c, b, a, bias, 1, m, k, 0, 0, transposed ? 4 : bDown, aRight, flipped, low, high);
  } else {
    blocks(c, a, b, 0, bias, scratch, m, n, k, ldc, aRow, aCol, ldb, transposed, start, low, high, 0, n);
  }
}

/** A's rows against bands of the rows of a transposed B, a few at a time. Long rows are cut, for the sake of the sums' precision. */
function bands(c: usize, a: usize, b: usize, bias: usize, scratch: usize, m: i32, n: i32, k: i32, cDown: usize, aDown: usize, bDown: usize, start: i32, low: f32, high: f32): void {
  for (let j = 0; j < n; j += STAY) {
    const width = min(n - j, STAY);
    const right = <usize>j << 2;
    let p = 0;
    do {
      const depth = min(k - p, LONG);
      const last = p + depth == k;
      const x = a + (<usize>p << 2);
      const y = b + <usize>j * bDown + (<usize>p << 2);
      for (let i = 0; i < m; i += FEW_ROWS) {
        dotRows(
          c + <usize>i * cDown + right, x + <usize>i * aDown, y, bias + (start == START_COLUMN ? right : <usize>i << 2), scratch,
          min(m - i, FEW_ROWS), width, depth, cDown, 4, aDown, bDown, p == 0 ? start : START_C,
          last ? low : -Infinity, last ? high : Infinity,
        );
      }
      p += depth;
    } while (p < k);
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

/** Whether a product of m rows with a transposed B packs it, which takes so long that the panels are worth keeping. */
export function suitsPacked(m: i32, n: i32, k: i32): bool {
  return m > UNPACKED_ROWS && m <= KEEP_ROWS && n > FEW_ROWS && k > 0;
}

/** panels ← all of B [k, n], or of the transpose of b [n, k]: for every KC rows of B the panels of a block. */
export function packPanels(panels: usize, b: usize, transposed: bool, n: i32, k: i32): void {
  for (let p = 0; p < k; p += KC) {
    const depth = min(k - p, KC);
    if (transposed) packTransposed(panels, b + (<usize>p << 2), depth, n, k);
    else packColumns(panels, b + (<usize>(p * n) << 2), depth, n, n);
    panels += panelsBytes(depth, n);
  }
}

/**
 * Blocks of B are packed, or all of it is, by `packPanels`, if `packed` is not 0; they are multiplied by all rows of A, for the columns
 * [begin, end) of C; begin is a multiple of PANEL.
 */
export function blocks(c: usize, a: usize, b: usize, packed: usize, bias: usize, scratch: usize, m: i32, n: i32, k: i32, ldc: i32, aRow: i32, aCol: i32, ldb: i32, transposed: bool, start: i32, low: f32, high: f32, begin: i32, end: i32): void {
  assert(begin >= 0 && begin % PANEL == 0 && end <= n);
  for (let j = begin; j < end; j += NC) {
    const width = min(end - j, NC);
    const pc = c + (<usize>j << 2);
    const shift: usize = start == START_COLUMN ? <usize>j << 2 : 0;
    let p = 0;
    // An empty sum is a sum too: with k = 0 the loop runs once, for the start values and the clamp.
    do {
      const depth = min(k - p, KC);
      const last = p + depth == k;
      let panels = scratch + workBytes(min(k, KC));
      if (packed) panels = packed + panelsBytes(p, n) + panelsBytes(depth, j);
      else if (transposed) packTransposed(panels, b + (<usize>(j * ldb + p) << 2), depth, width, ldb);
      else packColumns(panels, b + (<usize>(p * ldb + j) << 2), depth, width, ldb);
      multiply(
        pc, a + (<usize>(p * aCol) << 2), panels, bias + shift, scratch, m, width, depth, ldc, aRow, aCol,
        STEP, panelBytes(depth), p == 0 ? start : START_C, last ? low : -Infinity, last ? high : Infinity,
      );
      p += depth;
    } while (p < k);
  }
}
