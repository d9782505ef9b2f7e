// What recurrent layers share: products with weights that stay the same for a whole sequence, and the rows of its steps.
//
// R rows of all steps, T steps, N rows of the largest step. Step t has the rows [row, row + sizes[t]) of what has R rows; sizes do
// not grow with t, and row i of a step continues row i of the step before. sizes may be absent (0): then every step has N rows.
//
// Rows of a step do not know each other. Every kernel ends with a range [begin, end) of the N rows: it walks all steps for these, and
// touches no other. A row gets the same bits however the rows are cut; each part needs work space of its own.

import { KC, PANEL, panelsBytes, START_C, START_ZERO, workBytes } from "./gemm";
import { axpyRows, dotRows, FEW_ROWS } from "./gemv";
import { interleaveColumns, interleavedBytes, interleaveRows, multiplyRows, rowsBytes } from "./interleave";
import { put } from "./loops";
import { blocks, packPanels } from "./product";

/** The address of element i. */
@inline export function at(p: usize, i: i32): usize { return p + (<usize>i << 2); }

/** The address of element i of what may be absent. */
@inline export function atOr0(p: usize, i: i32): usize { return p == 0 ? 0 : at(p, i); }

/** Rows of step t. */
@inline export function rowsAt(sizes: usize, t: i32, n: i32): i32 { return sizes == 0 ? n : load<i32>(at(sizes, t)); }

/** y ← x, or zeros without an x. */
export function assign(y: usize, x: usize, n: i32): void {
  if (x == 0) memory.fill(y, 0, <usize>n << 2);
  else memory.copy(y, x, <usize>n << 2);
}

/** The first of the rows [begin, end) of states [N, width], which become those of x, or zeros without an x. */
export function begins(states: usize, x: usize, begin: i32, end: i32, width: i32): usize {
  const from = begin * width;
  assign(at(states, from), atOr0(x, from), (end - begin) * width);
  return at(states, from);
}

/** y += x. */
export function accumulate(y: usize, x: usize, n: i32): void {
  for (; n > 0; n -= 4) {
    put(y, f32x4.add(v128.load(y), v128.load(x)), n);
    y += 16;
    x += 16;
  }
}

/** A right operand B [k, n] of many products, at the start of its work space. */
@unmanaged export class Weights {
  n: i32;
  k: i32;
  /** B, or its transpose [n, k]. */
  w: usize;
  transposed: bool;
  /** How B is packed: one of AS_IT_IS, INTERLEAVED, PANELS. */
  form: i32;
  packed: usize;
  work: usize;
}

@inline const AS_IT_IS: i32 = 0;
@inline const INTERLEAVED: i32 = 1;
/** Blocks of KC rows of B, in the panels of gemm.ts. */
@inline const PANELS: i32 = 2;

/** Packing a few rows' weights pays from so many steps on. */
@inline const STEPS: i32 = 4;

/** Bytes of Weights, and of what dotRows works in. */
@inline const HEAD_BYTES: usize = 64;

@inline function formFor(steps: i32, rows: i32): i32 {
  return rows <= FEW_ROWS && steps < STEPS ? AS_IT_IS : rows <= FEW_ROWS ? INTERLEAVED : PANELS;
}

/**
 * The end of the range of rows that begins with `begin`. A few rows of a few steps are not worth a cut, and their kernels sum otherwise
 * for each number of rows: who has the first row does them all.
 */
export function endOf(begin: i32, end: i32, steps: i32, rows: i32): i32 {
  assert(begin >= 0 && end <= rows);
  return formFor(steps, rows) != AS_IT_IS ? end : begin == 0 && end > 0 ? rows : begin;
}

/** Bytes that the products work in; a multiple of 64. */
function workFor(form: i32, rows: i32, k: i32): usize {
  const bytes = form == INTERLEAVED ? rowsBytes(rows, k) : form == PANELS ? workBytes(min(k, KC)) : 0;
  return (max(bytes, HEAD_BYTES) + 63) & ~63;
}

/** Bytes of work space for the weights [k, n] of `steps` products with up to `rows` rows; a multiple of 64. */
export function weightsBytes(steps: i32, rows: i32, n: i32, k: i32): usize {
  const form = formFor(steps, rows);
  return HEAD_BYTES + workFor(form, rows, k) + ((packedBytes(form, n, k) + 63) & ~63);
}

/** Tells how the weights of so many products are packed best: 0 not at all, 1 interleaved, else in panels of so many columns. */
export function packedForm(steps: i32, rows: i32): i32 {
  const form = formFor(steps, rows);
  return form == PANELS ? PANEL : form;
}

/** Bytes of the packed weights. */
export function packedBytes(form: i32, n: i32, k: i32): usize {
  return form == INTERLEAVED ? interleavedBytes(k, n) : form == AS_IT_IS ? 0 : panelsBytes(k, n);
}

/** packed ← w in the form that `packedForm` tells. */
export function pack(form: i32, packed: usize, w: usize, transposed: bool, n: i32, k: i32): void {
  if (form >= PANELS) packPanels(packed, w, transposed, n, k);
  else if (form == INTERLEAVED) {
    if (transposed) interleaveRows(packed, w, k, n);
    else interleaveColumns(packed, w, k, n);
  }
}

/** Makes the weights ready for `steps` products with up to `rows` rows; packed: they are already, or 0. */
export function prepare(space: usize, w: usize, packed: usize, transposed: bool, steps: i32, rows: i32, n: i32, k: i32): Weights {
  assert(steps >= 0 && rows >= 0 && n >= 0 && k >= 0 && w != 0);
  const weights = changetype<Weights>(space);
  const form = formFor(steps, rows);
  weights.n = n;
  weights.k = k;
  weights.w = w;
  weights.transposed = transposed;
  weights.form = form;
  weights.work = space + HEAD_BYTES;
  if (packed == 0) {
    packed = weights.work + workFor(form, rows, k);
    pack(form, packed, w, transposed, n, k);
  }
  weights.packed = packed;
  return weights;
}

/**
 * C [m, n] += A [m, k] · B, or without the + if it does not `add`; rows of A and C lie lda and ldc elements apart. A row gets the same
 * bits whatever other rows there are, but for AS_IT_IS.
 */
export function multiplyBy(weights: Weights, c: usize, ldc: i32, a: usize, lda: i32, m: i32, adds: bool): void {
  const n = weights.n;
  const k = weights.k;
  const form = weights.form;
  const start = adds ? START_C : START_ZERO;
  if (form == PANELS) {
    blocks(c, a, 0, weights.packed, 0, weights.work, m, n, k, ldc, lda, 1, 0, false, start, -Infinity, Infinity, 0, n);
  } else if (form == INTERLEAVED) {
    multiplyRows(c, ldc, a, lda, m, weights.packed, weights.work, n, k, adds);
  } else if (weights.transposed) {
    dotRows(c, a, weights.w, 0, weights.work, m, n, k, <usize>ldc << 2, 4, <usize>lda << 2, <usize>k << 2, start, -Infinity, Infinity);
  } else {
    axpyRows(c, a, weights.w, 0, m, n, k, <usize>ldc << 2, <usize>lda << 2, 4, <usize>n << 2, start, -Infinity, Infinity);
  }
}
