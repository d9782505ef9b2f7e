// Products of a few rows with a matrix B [k, n] that is used again and again. A product reads every weight once and is bound by loads,
// so the weights are laid out as they are read: groups of eight columns of B; in each, for every four steps of k, four floats of the
// first column, four of the second, and so on. Columns and steps that B does not have are zeros.

import { put, storeLanes } from "./loops";
import { madd } from "./simd";

/** k, as the groups have it. */
@inline function padded(k: i32): i32 { return (k + 7) & ~7; }

/** Bytes of a group of columns. */
@inline function groupBytes(k: i32): usize { return <usize>padded(k) << 5; }

/** Bytes of B [k, n] in groups. */
export function interleavedBytes(k: i32, n: i32): usize {
  return <usize>((n + 7) >> 3) * groupBytes(k);
}

/** Bytes of the accumulators. */
@inline const SUMS_BYTES: usize = 128;

/** Bytes that `multiplyRows` works in: the accumulators and the rows. */
export function rowsBytes(m: i32, k: i32): usize {
  return SUMS_BYTES + (<usize>(m * padded(k)) << 2);
}

/** groups ← the transpose of w [n, k]. */
export function interleaveRows(groups: usize, w: usize, k: i32, n: i32): void {
  const step = <usize>k << 2;
  for (let j = 0; j < n; j += 8) {
    const whole = n - j < 8 ? 0 : k & ~3;
    interleaveEight(groups, w, step, <usize>whole << 2);
    for (let r = 0; r < 8; r++) {
      let to = groups + (<usize>whole << 5) + (<usize>r << 4);
      let from = w + <usize>r * step + (<usize>whole << 2);
      let left = j + r < n ? k - whole : 0;
      for (const end = groups + groupBytes(k); to < end; to += 128) {
        if (left >= 4) v128.store(to, v128.load(from));
        else {
          v128.store(to, i32x4.splat(0));
          if (left > 0) storeLanes(to, v128.load(from), left);
        }
        from += 16;
        left -= 4;
      }
    }
    w += step << 3;
    groups += groupBytes(k);
  }
}

/** The first `bytes` of eight rows, vector by vector: what is written lies in one piece. */
function interleaveEight(to: usize, w: usize, step: usize, bytes: usize): void {
  const w1 = w + step;
  const w2 = w1 + step;
  const w3 = w2 + step;
  const w4 = w3 + step;
  const w5 = w4 + step;
  const w6 = w5 + step;
  const w7 = w6 + step;
  for (let i: usize = 0; i < bytes; i += 16) {
    v128.store(to, v128.load(w + i));
    v128.store(to, v128.load(w1 + i), 16);
    v128.store(to, v128.load(w2 + i), 32);
    v128.store(to, v128.load(w3 + i), 48);
    v128.store(to, v128.load(w4 + i), 64);
    v128.store(to, v128.load(w5 + i), 80);
    v128.store(to, v128.load(w6 + i), 96);
    v128.store(to, v128.load(w7 + i), 112);
    to += 128;
  }
}

/** groups ← w [k, n]. */
export function interleaveColumns(groups: usize, w: usize, k: i32, n: i32): void {
  const step = <usize>n << 2;
  for (let j = 0; j < n; j += 8) {
    for (let p = 0; p < padded(k); p += 4) {
      for (let half = 0; half < 8; half += 4) {
        block(groups, w + <usize>p * step + (<usize>(j + half) << 2), step, k - p, n - j - half);
        groups += 64;
      }
    }
  }
}

/** Four columns of four steps, each column's steps side by side; the first `rows` and `columns` of them exist. */
function block(to: usize, w: usize, step: usize, rows: i32, columns: i32): void {
  if (rows < 4 || columns < 4) {
    for (let c = 0; c < 4; c++) {
      for (let r = 0; r < 4; r++) {
        store<f32>(to, r < rows && c < columns ? load<f32>(w + <usize>r * step + (<usize>c << 2)) : 0);
        to += 4;
      }
    }
    return;
  }
  const r0 = v128.load(w);
  const r1 = v128.load(w + step);
  const r2 = v128.load(w + 2 * step);
  const r3 = v128.load(w + 3 * step);
  const t0 = v128.shuffle<i32>(r0, r1, 0, 4, 1, 5);
  const t1 = v128.shuffle<i32>(r2, r3, 0, 4, 1, 5);
  const t2 = v128.shuffle<i32>(r0, r1, 2, 6, 3, 7);
  const t3 = v128.shuffle<i32>(r2, r3, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<i64>(t0, t1, 0, 2));
  v128.store(to, v128.shuffle<i64>(t0, t1, 1, 3), 16);
  v128.store(to, v128.shuffle<i64>(t2, t3, 0, 2), 32);
  v128.store(to, v128.shuffle<i64>(t2, t3, 1, 3), 48);
}

/**
 * C [m, n] = or += X [m, k] · B for a few rows, ldc and ldx elements apart; work has rowsBytes(m, k) bytes. A row gets the same bits
 * however many others there are.
 */
export function multiplyRows(c: usize, ldc: i32, x: usize, ldx: i32, m: i32, groups: usize, work: usize, n: i32, k: i32, adds: bool): void {
  const depth = <usize>padded(k) << 2;
  const rows = work + SUMS_BYTES;
  const cDown = <usize>ldc << 2;
  let xDown = <usize>ldx << 2;
  if (padded(k) != k) {
    // Behind the end of a row lies something else, perhaps a NaN.
    let to = rows;
    for (let r = 0; r < m; r++) {
      memory.fill(to + depth - 32, 0, 32);
      memory.copy(to, x, <usize>k << 2);
      to += depth;
      x += xDown;
    }
    x = rows;
    xDown = depth;
  }
  for (; m > 1; m -= 2) {
    twoRows(c, cDown, x, xDown, groups, work, n, depth, adds);
    c += 2 * cDown;
    x += 2 * xDown;
  }
  if (m > 0) oneRow(c, x, groups, work, n, depth, adds);
}

/** Up to four columns of one row, from their accumulators. */
@inline function finish(c: usize, sums: usize, left: i32, adds: bool): void {
  const v = sumsAt(sums);
  put(c, adds ? f32x4.add(v128.load(c), v) : v, left);
}

/**
 * One row by all groups. The accumulators go through memory, in this order: V8 schedules the loop by the uses behind it, and any other
 * way costs a fifth of its speed.
 */
function oneRow(c: usize, x: usize, groups: usize, work: usize, n: i32, depth: usize, adds: bool): void {
  const end = x + depth;
  for (let left = n; left > 0; left -= 8) {
    let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0, a7 = a0;
    let p = x;
    while (p < end) {
      const v = v128.load(p);
      const w = v128.load(p, 16);
      a0 = madd(v, v128.load(groups), a0);
      a1 = madd(v, v128.load(groups, 16), a1);
      a2 = madd(v, v128.load(groups, 32), a2);
      a3 = madd(v, v128.load(groups, 48), a3);
      a4 = madd(v, v128.load(groups, 64), a4);
      a5 = madd(v, v128.load(groups, 80), a5);
      a6 = madd(v, v128.load(groups, 96), a6);
      a7 = madd(v, v128.load(groups, 112), a7);
      a0 = madd(w, v128.load(groups, 128), a0);
      a1 = madd(w, v128.load(groups, 144), a1);
      a2 = madd(w, v128.load(groups, 160), a2);
      a3 = madd(w, v128.load(groups, 176), a3);
      a4 = madd(w, v128.load(groups, 192), a4);
      a5 = madd(w, v128.load(groups, 208), a5);
      a6 = madd(w, v128.load(groups, 224), a6);
      a7 = madd(w, v128.load(groups, 240), a7);
      p += 32;
      groups += 256;
    }
    v128.store(work, a0);
    v128.store(work, a1, 16);
    v128.store(work, a2, 32);
    v128.store(work, a3, 48);
    v128.store(work, a4, 64);
    v128.store(work, a5, 80);
    v128.store(work, a6, 96);
    v128.store(work, a7, 112);
    finish(c, work, left, adds);
    // Not read either, if it does not exist: it may lie beyond the slack behind C.
    if (left > 4) finish(c + 16, work + 64, left - 4, adds);
    c += 32;
  }
}

/** Two rows by all groups, half a group at a time: the registers hold no more. */
function twoRows(c: usize, cDown: usize, x: usize, xDown: usize, groups: usize, work: usize, n: i32, depth: usize, adds: bool): void {
  const end = x + depth;
  for (let left = n; left > 0; left -= 4) {
    let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
    let p = x;
    let q = x + xDown;
    let from = groups;
    while (p < end) {
      const v = v128.load(p);
      const w = v128.load(q);
      const g0 = v128.load(from);
      a0 = madd(v, g0, a0);
      b0 = madd(w, g0, b0);
      const g1 = v128.load(from, 16);
      a1 = madd(v, g1, a1);
      b1 = madd(w, g1, b1);
      const g2 = v128.load(from, 32);
      a2 = madd(v, g2, a2);
      b2 = madd(w, g2, b2);
      const g3 = v128.load(from, 48);
      a3 = madd(v, g3, a3);
      b3 = madd(w, g3, b3);
      p += 16;
      q += 16;
      from += 128;
    }
    v128.store(work, a0);
    v128.store(work, b0, 64);
    v128.store(work, a1, 16);
    v128.store(work, b1, 80);
    v128.store(work, a2, 32);
    v128.store(work, b2, 96);
    v128.store(work, a3, 48);
    v128.store(work, b3, 112);
    finish(c, work, left, adds);
    finish(c + cDown, work + 64, left, adds);
    c += 16;
    // From the first half of a group to its second, or to the next group.
    groups += ((n - left) & 4) == 0 ? 64 : (depth << 3) - 64;
  }
}

/** The sums of the lanes of four vectors in memory. */
@inline function sumsAt(p: usize): v128 {
  const a = v128.load(p);
  const b = v128.load(p, 16);
  const c = v128.load(p, 32);
  const d = v128.load(p, 48);
  const ab = f32x4.add(v128.shuffle<f32>(a, b, 0, 4, 1, 5), v128.shuffle<f32>(a, b, 2, 6, 3, 7));
  const cd = f32x4.add(v128.shuffle<f32>(c, d, 0, 4, 1, 5), v128.shuffle<f32>(c, d, 2, 6, 3, 7));
  return f32x4.add(v128.shuffle<f64>(ab, cd, 0, 2), v128.shuffle<f64>(ab, cd, 1, 3));
}
