import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";

// Order of rows; the contract is in assembly/sort.ts.

type Values = Float32Array | Int32Array;
type Argsort = (order: Ptr, x: Ptr, rows: number, n: number, flip: number, scratch: Ptr) => void;
type Topk = (order: Ptr, x: Ptr, rows: number, n: number, k: number, flip: number, scratch: Ptr) => void;

/** NaN is the largest; numbers otherwise compare as they are. */
function compare(a: number, b: number): number {
  if (a < b) return -1;
  if (a > b) return 1;
  if (a === b) return 0;
  return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
}

/** The positions of row r in order; the engine's sort is stable. */
function orderOf(v: Values, x: Ptr, r: number, n: number, flip: number): number[] {
  const row = v.subarray((x >>> 2) + r * n, (x >>> 2) + (r + 1) * n);
  const positions = Array.from({ length: n }, (_, i) => i);
  return positions.sort(flip === 0 ? (a, b) => compare(row[a]!, row[b]!) : (a, b) => compare(row[b]!, row[a]!));
}

function topk(v: Values, order: Ptr, x: Ptr, rows: number, n: number, k: number, flip: number): void {
  const out = arena.i32;
  for (let r = 0; r < rows; r++) {
    const positions = orderOf(v, x, r, n, flip);
    for (let i = 0; i < k; i++) out[(order >>> 2) + r * k + i] = positions[i]!;
  }
}

export const argsort_f32: Argsort = (order, x, rows, n, flip, _scratch) => topk(arena.f32, order, x, rows, n, n, flip);

export const argsort_i32: Argsort = (order, x, rows, n, flip, _scratch) => topk(arena.i32, order, x, rows, n, n, flip);

export const topk_f32: Topk = (order, x, rows, n, k, flip, _scratch) => topk(arena.f32, order, x, rows, n, k, flip);

export const topk_i32: Topk = (order, x, rows, n, k, flip, _scratch) => topk(arena.i32, order, x, rows, n, k, flip);

export function median_f32(position: Ptr, order: Ptr, x: Ptr, rows: number, n: number): void {
  const f = arena.f32;
  const v = arena.i32;
  for (let r = 0; r < rows; r++) {
    const from = (order >>> 2) + r * n;
    let at = n - 1;
    while (at >= 0 && Number.isNaN(f[(x >>> 2) + r * n + v[from + at]!]!)) at--;
    v[(position >>> 2) + r] = v[from + (at === n - 1 ? (n - 1) >> 1 : at + 1)]!;
  }
}

export function unique_count_f32(x: Ptr, order: Ptr, n: number): number {
  return uniqueCount(arena.f32, x, order, n);
}

export function unique_count_i32(x: Ptr, order: Ptr, n: number): number {
  return uniqueCount(arena.i32, x, order, n);
}

function uniqueCount(v: Values, x: Ptr, order: Ptr, n: number): number {
  const positions = arena.i32;
  let count = n > 0 ? 1 : 0;
  for (let i = 1; i < n; i++) {
    const [p, q] = [positions[(order >>> 2) + i]!, positions[(order >>> 2) + i - 1]!];
    if (v[(x >>> 2) + p] !== v[(x >>> 2) + q]) count++;
  }
  return count;
}

type Unique = (values: Ptr, inverse: Ptr, counts: Ptr, x: Ptr, order: Ptr, n: number) => void;

export const unique_f32: Unique = (...operands) => unique(arena.f32, ...operands);

export const unique_i32: Unique = (...operands) => unique(arena.i32, ...operands);

function unique(v: Values, values: Ptr, inverse: Ptr, counts: Ptr, x: Ptr, order: Ptr, n: number): void {
  const out = arena.i32;
  let group = -1;
  let before = 0;
  for (let i = 0; i < n; i++) {
    const position = out[(order >>> 2) + i]!;
    const value = v[(x >>> 2) + position]!;
    if (i === 0 || value !== before) {
      group++;
      v[(values >>> 2) + group] = value;
      out[(counts >>> 2) + group] = 0;
    }
    out[(counts >>> 2) + group]!++;
    out[(inverse >>> 2) + position] = group;
    before = value;
  }
}

type SearchSorted = (
  y: Ptr,
  sorted: Ptr,
  x: Ptr,
  rows: number,
  n: number,
  m: number,
  step: number,
  right: number,
) => void;

export const searchsorted_f32: SearchSorted = (...operands) => searchSorted(arena.f32, ...operands);

export const searchsorted_i32: SearchSorted = (...operands) => searchSorted(arena.i32, ...operands);

function searchSorted(
  v: Values,
  y: Ptr,
  sorted: Ptr,
  x: Ptr,
  rows: number,
  n: number,
  m: number,
  step: number,
  right: number,
): void {
  const out = arena.i32;
  for (let r = 0; r < rows; r++) {
    const row = (sorted >>> 2) + r * step;
    for (let j = 0; j < m; j++) {
      const value = v[(x >>> 2) + r * m + j]!;
      let low = 0;
      let high = n;
      while (low < high) {
        const middle = (low + high) >> 1;
        const other = v[row + middle]!;
        // Negated, so that a NaN goes behind everything.
        if (right ? !(other > value) : !(other >= value)) low = middle + 1;
        else high = middle;
      }
      out[(y >>> 2) + r * m + j] = low;
    }
  }
}
