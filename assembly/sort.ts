// Order of rows. Values are compared as unsigned keys whose order is theirs: NaN is the largest, both zeros are equal. Ties keep
// their order. `flip` is 0 for ascending, -1 for descending: all bits of the key are turned.

const BINS: usize = 256 * 4;

@unmanaged class FloatKeys {
  @inline v(p: usize): v128 {
    const x = f32x4.add(v128.load(p), f32x4.splat(0)); // -0 becomes 0
    const key = v128.xor(x, v128.or(i32x4.shr_s(x, 31), i32x4.splat(0x80000000)));
    return v128.or(key, f32x4.ne(x, x));
  }
  @inline s(p: usize): u32 {
    const x = load<f32>(p) + 0;
    const bits = reinterpret<i32>(x);
    return x == x ? <u32>(bits ^ ((bits >> 31) | 0x80000000)) : 0xffffffff;
  }
}
@unmanaged class IntKeys {
  @inline v(p: usize): v128 { return v128.xor(v128.load(p), i32x4.splat(0x80000000)); }
  @inline s(p: usize): u32 { return load<u32>(p) ^ 0x80000000; }
}

@inline function fillKeys<Keys>(key: usize, x: usize, n: i32, flip: i32): void {
  const keys = changetype<Keys>(0);
  const turn = i32x4.splat(flip);
  const bytes = <usize>n << 2;
  let i: usize = 0;
  for (; i + 16 <= bytes; i += 16) v128.store(key + i, v128.xor(keys.v(x + i), turn));
  for (; i < bytes; i += 4) store<u32>(key + i, keys.s(x + i) ^ <u32>flip);
}

/** Sorts n keys with their positions 0 … n−1; the positions end up in `order`. key, key2 and order2 hold n, bins 4·256. */
function sortKeys(order: usize, key: usize, order2: usize, key2: usize, bins: usize, n: i32): void {
  if (n <= 48) {
    insertionSort(order, key, n);
    return;
  }
  memory.fill(bins, 0, 4 * BINS);
  for (let i = 0; i < n; i++) {
    const k = load<u32>(key + (<usize>i << 2));
    store<i32>(order + (<usize>i << 2), i);
    for (let b: usize = 0; b < 4; b++) {
      const bin = bins + b * BINS + (<usize>((k >> (<u32>b << 3)) & 255) << 2);
      store<i32>(bin, load<i32>(bin) + 1);
    }
  }
  let from = order;
  let fromKey = key;
  let to = order2;
  let toKey = key2;
  for (let b: u32 = 0; b < 4; b++) {
    const bin = bins + <usize>b * BINS;
    const shift = b << 3;
    // A byte that is the same everywhere, as the upper ones of small integers, needs no pass.
    if (load<i32>(bin + (<usize>((load<u32>(fromKey) >> shift) & 255) << 2)) == n) continue;
    let at: i32 = 0;
    for (let i: usize = 0; i < BINS; i += 4) {
      const count = load<i32>(bin + i);
      store<i32>(bin + i, at);
      at += count;
    }
    for (let i: usize = 0, bytes = <usize>n << 2; i < bytes; i += 4) {
      const k = load<u32>(fromKey + i);
      const slot = bin + (<usize>((k >> shift) & 255) << 2);
      const place = <usize>load<i32>(slot) << 2;
      store<i32>(slot, load<i32>(slot) + 1);
      store<u32>(toKey + place, k);
      store<i32>(to + place, load<i32>(from + i));
    }
    const t = from;
    from = to;
    to = t;
    const tk = fromKey;
    fromKey = toKey;
    toKey = tk;
  }
  if (from != order) memory.copy(order, from, <usize>n << 2);
}

function insertionSort(order: usize, key: usize, n: i32): void {
  for (let i = 0; i < n; i++) insert(order, key, i, load<u32>(key + (<usize>i << 2)), i);
}

/** Puts a key behind all that are not larger, among the `count` sorted ones. */
@inline function insert(order: usize, key: usize, count: i32, k: u32, position: i32): void {
  let p = <usize>count << 2;
  for (; p > 0; p -= 4) {
    const before = load<u32>(key + p - 4);
    if (before <= k) break;
    store<u32>(key + p, before);
    store<i32>(order + p, load<i32>(order + p - 4));
  }
  store<u32>(key + p, k);
  store<i32>(order + p, position);
}

@inline function argsort<Keys>(order: usize, x: usize, rows: i32, n: i32, flip: i32, scratch: usize): void {
  const row = <usize>n << 2;
  for (let r = 0; r < rows; r++) {
    fillKeys<Keys>(scratch, x, n, flip);
    sortKeys(order, scratch, scratch + row, scratch + 2 * row, scratch + 3 * row, n);
    order += row;
    x += row;
  }
}

/** order [rows, n]: the positions of each row's values in ascending order, descending with flip -1. scratch: 3n + 1024 words. */
export function argsort_f32(order: usize, x: usize, rows: i32, n: i32, flip: i32, scratch: usize): void {
  argsort<FloatKeys>(order, x, rows, n, flip, scratch);
}
export function argsort_i32(order: usize, x: usize, rows: i32, n: i32, flip: i32, scratch: usize): void {
  argsort<IntKeys>(order, x, rows, n, flip, scratch);
}

/** Up to this many, the best ones so far are kept sorted while the row goes by; above it the whole row is sorted. */
const FEW: i32 = 128;

@inline function topk<Keys>(order: usize, x: usize, rows: i32, n: i32, k: i32, flip: i32, scratch: usize): void {
  const row = <usize>n << 2;
  const key = scratch;
  for (let r = 0; r < rows; r++) {
    if (k > FEW) {
      fillKeys<Keys>(key, x, n, flip);
      const all = scratch + row;
      sortKeys(all, key, scratch + 2 * row, scratch + 3 * row, scratch + 4 * row, n);
      memory.copy(order, all, <usize>k << 2);
    } else if (k > 0) {
      few<Keys>(order, key, x, n, k, flip);
    }
    order += <usize>k << 2;
    x += row;
  }
}

@inline function few<Keys>(order: usize, key: usize, x: usize, n: i32, k: i32, flip: i32): void {
  const keys = changetype<Keys>(0);
  const turn = i32x4.splat(flip);
  const last = key + (<usize>(k - 1) << 2);
  let i = 0;
  for (; i < k; i++) insert(order, key, i, keys.s(x + (<usize>i << 2)) ^ <u32>flip, i);
  while (i < n) {
    // Four at a time, as long as none of them gets in.
    if (i + 4 <= n) {
      const four = v128.xor(keys.v(x + (<usize>i << 2)), turn);
      if (!v128.any_true(i32x4.lt_u(four, v128.load32_splat(last)))) {
        i += 4;
        continue;
      }
    }
    const end = min(i + 4, n);
    for (; i < end; i++) {
      const candidate = keys.s(x + (<usize>i << 2)) ^ <u32>flip;
      if (candidate < load<u32>(last)) insert(order, key, k - 1, candidate, i);
    }
  }
}

/** order [rows, k]: the positions of the k smallest values of each row, smallest first; largest with flip -1. scratch: 4n + 1024 words. */
export function topk_f32(order: usize, x: usize, rows: i32, n: i32, k: i32, flip: i32, scratch: usize): void {
  topk<FloatKeys>(order, x, rows, n, k, flip, scratch);
}
export function topk_i32(order: usize, x: usize, rows: i32, n: i32, k: i32, flip: i32, scratch: usize): void {
  topk<IntKeys>(order, x, rows, n, k, flip, scratch);
}

/** position [rows]: of the lower median of each row, whose ascending order is given; of the first NaN if there is one. */
export function median_f32(position: usize, order: usize, x: usize, rows: i32, n: i32): void {
  const row = <usize>n << 2;
  for (let r = 0; r < rows; r++) {
    let at = n - 1;
    while (at >= 0 && isNaN(load<f32>(x + (<usize>load<i32>(order + (<usize>at << 2)) << 2)))) at--;
    const chosen = at == n - 1 ? (n - 1) >> 1 : at + 1;
    store<i32>(position, load<i32>(order + (<usize>chosen << 2)));
    position += 4;
    order += row;
    x += row;
  }
}

@inline function at<T>(x: usize, order: usize, i: i32): T {
  return load<T>(x + (<usize>load<i32>(order + (<usize>i << 2)) << 2));
}

@inline function uniqueCount<T>(x: usize, order: usize, n: i32): i32 {
  let count = n > 0 ? 1 : 0;
  for (let i = 1; i < n; i++) count += i32(at<T>(x, order, i) != at<T>(x, order, i - 1));
  return count;
}

/** How many different values there are among n in ascending order; every NaN is one of its own. */
export function unique_count_f32(x: usize, order: usize, n: i32): i32 { return uniqueCount<f32>(x, order, n); }
export function unique_count_i32(x: usize, order: usize, n: i32): i32 { return uniqueCount<i32>(x, order, n); }

@inline function unique<T>(values: usize, inverse: usize, counts: usize, x: usize, order: usize, n: i32): void {
  let group = -1;
  let start = 0;
  for (let i = 0; i < n; i++) {
    const v = at<T>(x, order, i);
    if (i == 0 || v != at<T>(x, order, i - 1)) {
      group++;
      start = i;
      store<T>(values + (<usize>group << 2), v);
    }
    store<i32>(counts + (<usize>group << 2), i - start + 1);
    store<i32>(inverse + (<usize>load<i32>(order + (<usize>i << 2)) << 2), group);
  }
}

/** The different values in ascending order, for each element the position of its value among them, and how often each occurs. */
export function unique_f32(values: usize, inverse: usize, counts: usize, x: usize, order: usize, n: i32): void {
  unique<f32>(values, inverse, counts, x, order, n);
}
export function unique_i32(values: usize, inverse: usize, counts: usize, x: usize, order: usize, n: i32): void {
  unique<i32>(values, inverse, counts, x, order, n);
}

@inline function searchSorted<T>(y: usize, sorted: usize, x: usize, rows: i32, n: i32, m: i32, step: i32, right: i32): void {
  for (let r = 0; r < rows; r++) {
    for (let j = 0; j < m; j++) {
      const v = load<T>(x);
      let low = 0;
      let high = n;
      while (low < high) {
        const middle = (low + high) >> 1;
        const other = load<T>(sorted + (<usize>middle << 2));
        // Negated, so that a NaN goes behind everything.
        if (right ? !(other > v) : !(other >= v)) low = middle + 1;
        else high = middle;
      }
      store<i32>(y, low);
      y += 4;
      x += 4;
    }
    sorted += <usize>step << 2;
  }
}

/**
 * y [rows, m]: where each x [rows, m] goes in an ascending row of n values, before equal ones or (right) behind them.
 * `step` is n, or 0 where one row serves all.
 */
export function searchsorted_f32(y: usize, sorted: usize, x: usize, rows: i32, n: i32, m: i32, step: i32, right: i32): void {
  searchSorted<f32>(y, sorted, x, rows, n, m, step, right);
}
export function searchsorted_i32(y: usize, sorted: usize, x: usize, rows: i32, n: i32, m: i32, step: i32, right: i32): void {
  searchSorted<i32>(y, sorted, x, rows, n, m, step, right);
}
