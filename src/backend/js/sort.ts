import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";

// Order of rows; the contract is in assembly/sort.ts.

type Values = Float32Array | Int32Array;
type Argsort = (order: Ptr, x: Ptr, rows: number, n: number, flip: number, scratch: Ptr) => void;
type Topk = (order: Ptr, x: Ptr, rows: number, n: number, k: number, flip: number, scratch: Ptr) => void;

/** Fills `key` with unsigned numbers whose order is that of the values; as the work space, it is the engine's own. */
type FillKeys = (key: Uint32Array, from: number, flip: number) => void;

const floatKeys: FillKeys = (key, from, flip) => {
  const f = arena.f32;
  const bits = arena.i32;
  for (let i = 0; i < key.length; i++) {
    const v = f[from + i]!;
    const b = v === 0 ? 0 : bits[from + i]!;
    key[i] = (Number.isNaN(v) ? -1 : b ^ ((b >> 31) | 0x80000000)) ^ flip;
  }
};

const intKeys: FillKeys = (key, from, flip) => {
  const v = arena.i32;
  for (let i = 0; i < key.length; i++) key[i] = v[from + i]! ^ 0x80000000 ^ flip;
};

/** The positions of the keys in ascending order; equal ones keep theirs. The keys are used up. */
function sortKeys(key: Uint32Array): Int32Array {
  const n = key.length;
  let order = new Int32Array(n);
  for (let i = 0; i < n; i++) order[i] = i;
  if (n <= 48) {
    for (let i = 0; i < n; i++) insert(order, key, i, key[i]!, i);
    return order;
  }
  let keys: Uint32Array = key;
  let nextKeys: Uint32Array = new Uint32Array(n);
  let nextOrder = new Int32Array(n);
  for (let shift = 0; shift < 32; shift += 8) {
    const starts = new Int32Array(257);
    for (let i = 0; i < n; i++) starts[((keys[i]! >>> shift) & 255) + 1]!++;
    for (let b = 0; b < 256; b++) starts[b + 1]! += starts[b]!;
    for (let i = 0; i < n; i++) {
      const to = starts[(keys[i]! >>> shift) & 255]!++;
      nextKeys[to] = keys[i]!;
      nextOrder[to] = order[i]!;
    }
    const [usedKeys, usedOrder] = [keys, order];
    keys = nextKeys;
    order = nextOrder;
    nextKeys = usedKeys;
    nextOrder = usedOrder;
  }
  return order;
}

/** Puts a key behind all that are not larger, among the `count` sorted ones. */
function insert(order: Int32Array, key: Uint32Array, count: number, k: number, position: number): void {
  let p = count;
  for (; p > 0 && key[p - 1]! > k; p--) {
    key[p] = key[p - 1]!;
    order[p] = order[p - 1]!;
  }
  key[p] = k;
  order[p] = position;
}

/** The positions of the k smallest keys, kept sorted while the row goes by. */
function few(key: Uint32Array, k: number): Int32Array {
  const order = new Int32Array(k);
  const best = new Uint32Array(k);
  for (let i = 0; i < key.length; i++) {
    if (i < k) insert(order, best, i, key[i]!, i);
    else if (key[i]! < best[k - 1]!) insert(order, best, k - 1, key[i]!, i);
  }
  return order;
}

const FEW = 128;

function topk(fillKeys: FillKeys, order: Ptr, x: Ptr, rows: number, n: number, k: number, flip: number): void {
  for (let r = 0; r < rows; r++) {
    const key = new Uint32Array(n);
    fillKeys(key, (x >>> 2) + r * n, flip);
    const positions = k <= FEW && k < n ? few(key, k) : sortKeys(key).subarray(0, k);
    arena.i32.set(positions, (order >>> 2) + r * k);
  }
}

export const argsort_f32: Argsort = (order, x, rows, n, flip, _scratch) => topk(floatKeys, order, x, rows, n, n, flip);

export const argsort_i32: Argsort = (order, x, rows, n, flip, _scratch) => topk(intKeys, order, x, rows, n, n, flip);

export const topk_f32: Topk = (order, x, rows, n, k, flip, _scratch) => topk(floatKeys, order, x, rows, n, k, flip);

export const topk_i32: Topk = (order, x, rows, n, k, flip, _scratch) => topk(intKeys, order, x, rows, n, k, flip);

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
