// Attention, head by head: y = softmax(scale · q kᵀ + bias, where allowed) v. Letters: L queries, S keys, E features of queries and
// keys, V features of values.
//
//   q [L, E], k [S, E], v [S, V], y [L, V], stats [L]: the logarithm of each row's sum of exponentials
//   bias [L, S] float32 or 0, added; allow [L, S] one byte each or 0: a key whose byte is 0 is left out
//   diagonal: query i sees the keys j ≤ i + diagonal (S or more: all of them)
//
// `table` holds the addresses of each head's matrices, 4 bytes each, in the order that a kernel names. Heads are independent of each
// other; a call works on those from `begin` to `end`. ld… are the elements from one row to the next (0: the same row for all).
// 
// The score matrix is made in tiles of ROWS × KEYS: while it fits one tile, that is two products with a softmax between; larger ones keep
// a running maximum and sum a row (Milakov, Gimelshein: Online normalizer calculation for softmax, 2018), and the gradient makes the
// tiles again from `stats` (Dao et al.: FlashAttention, 2022).
//
// Dropout: threshold and keep are those of dropout_f32, 0 for none; (k0, k1) and (c0, c1) begin a draw that has ⌈S/4⌉ blocks a row and
// L rows a head.
// A query without any key gets NaN, as softmax gives for −∞ everywhere; if there are no keys at all (S = 0), it gets 0.

import { START_C, START_ZERO } from "./lib/gemm";
import { put, storeLanes } from "./lib/loops";
import { expScalar, logScalar } from "./lib/logs";
import { exp } from "./lib/math";
import { product, productBytes } from "./lib/product";
import { hsum } from "./lib/simd";
import { rowDot } from "./lib/softmax";
import { dropout_f32 } from "./random";

/** A tile of scores, 128 KB at most, stays in the second-level cache together with the rows of k and v that it needs. */
const ROWS: i32 = 128;
const KEYS: i32 = 256;

/** Rows of a tile: fewer if queries see only keys before them, so that less of the last tile of a row of tiles is in vain. */
@inline function tileRows(s: i32, diagonal: i32): i32 { return diagonal < s ? ROWS >> 1 : ROWS; }

@inline function at(p: usize, i: i32): usize { return p + (<usize>i << 2); }

/** The element at (i, j) of a matrix, or 0 where there is none. */
@inline function element(p: usize, i: i32, j: i32, ld: i32, shift: usize): usize { return p ? p + (<usize>(i * ld + j) << shift) : 0; }

/** Elements of a tile's row, in whole vectors. */
@inline function tileWidth(s: i32): i32 { return (min(s, KEYS) + 3) & ~3; }

/** Work space of the products; edges of a tile may be narrower and then take another way. */
function productsBytes(l: i32, s: i32, e: i32, ev: i32): usize {
  const m = min(l, ROWS);
  const n = min(s, KEYS);
  const scores = max(room(m, n, e), room(m, n, ev));
  const rows = max(room(m, ev, n), room(m, e, n));
  const columns = max(room(n, ev, m), room(n, e, m));
  return (max(scores, max(rows, columns)) + 63) & ~63;
}

function room(m: i32, n: i32, k: i32): usize { return max(productBytes(m, n, k), productBytes(m, min(n, 4), k)); }

/** Bytes of work space of both kernels: the products', a sum for each row, two tiles. */
export function attention_scratch_bytes(l: i32, s: i32, e: i32, ev: i32): i32 {
  return <i32>(productsBytes(l, s, e, ev) + (ROWS << 3) + (<usize>(min(l, ROWS) * tileWidth(s)) << 3));
}

/** How many of n keys from j on query i sees. */
@inline function seen(i: i32, j: i32, n: i32, diagonal: i32): i32 { return max(0, min(n, i + 1 + diagonal - j)); }

/** The lanes below n. */
@inline function lanesBelow(n: i32): v128 { return i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(n)); }

/**
 * t = scale · t + bias, −∞ where not allowed; whole vectors, t has room for them. Returns the largest of the first n; NaN may be passed
 * over, whoever sums exponentials meets it there.
 */
function scoreRow(t: usize, bias: usize, allow: usize, n: i32, scale: f32): f32 {
  const factor = f32x4.splat(scale);
  const none = f32x4.splat(-Infinity);
  let top = none;
  for (; n > 0; n -= 4) {
    let v = f32x4.mul(v128.load(t), factor);
    if (bias) {
      v = f32x4.add(v, v128.load(bias));
      bias += 16;
    }
    if (allow) {
      const wide = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(v128.load32_zero(allow)));
      v = v128.bitselect(none, v, i32x4.eq(wide, i32x4.splat(0)));
      allow += 4;
    }
    v128.store(t, v);
    top = f32x4.pmax(top, n < 4 ? v128.bitselect(v, none, lanesBelow(n)) : v);
    t += 16;
  }
  top = f32x4.pmax(top, v128.shuffle<i32>(top, top, 2, 3, 0, 1));
  top = f32x4.pmax(top, v128.shuffle<i32>(top, top, 1, 0, 3, 2));
  return f32x4.extract_lane(top, 0);
}

/** t = e^{t − shift}, in whole vectors; returns the sum of the first n. A row of a tile is short enough for a sum in float32. */
function expRow(t: usize, n: i32, shift: f32): f32 {
  const m = f32x4.splat(shift);
  let s0 = f32x4.splat(0);
  let s1 = s0;
  for (; n >= 8; n -= 8) {
    const e0 = exp(f32x4.sub(v128.load(t), m));
    const e1 = exp(f32x4.sub(v128.load(t, 16), m));
    v128.store(t, e0);
    v128.store(t, e1, 16);
    s0 = f32x4.add(s0, e0);
    s1 = f32x4.add(s1, e1);
    t += 32;
  }
  for (; n > 0; n -= 4) {
    const e = exp(f32x4.sub(v128.load(t), m));
    v128.store(t, e);
    // Lanes behind the row are cut off, not multiplied by 0: they may hold NaN.
    s0 = f32x4.add(s0, v128.and(e, lanesBelow(n)));
    t += 16;
  }
  return hsum(f32x4.add(s0, s1));
}

/** Zeros in rows [n, width] that lie ld elements apart. */
function clearRows(p: usize, n: i32, width: i32, ld: i32): void {
  for (let i = 0; i < n; i++) memory.fill(at(p, i * ld), 0, <usize>width << 2);
}

/** y = factor · y. */
function scaleRow(y: usize, n: i32, factor: f32): void {
  const f = f32x4.splat(factor);
  for (; n >= 4; n -= 4) {
    v128.store(y, f32x4.mul(v128.load(y), f));
    y += 16;
  }
  if (n > 0) storeLanes(y, f32x4.mul(v128.load(y), f), n);
}

/** Drops elements of a row in place; `block` counts from the draw's beginning. */
function dropRow(t: usize, n: i32, k0: i32, k1: i32, c0: i32, c1: i32, block: u64, threshold: i32, keep: f32): void {
  const c = (<u64><u32>c1 << 32 | <u64><u32>c0) + block;
  dropout_f32(t, t, n, k0, k1, <i32>c, <i32>(c >> 32), threshold, keep);
}

/** Block of the draw for key j of a row, rows being counted over all heads. */
@inline function blockOf(row: i32, j: i32, s: i32): u64 { return <u64>row * <u64>((s + 3) >> 2) + (j >> 2); }

/** Address of matrix i of a head. */
@inline function matrix(heads: usize, i: usize): usize { return <usize>load<u32>(heads + (i << 2)); }

/** A head's row of `table`: y, stats, q, k, v, bias, allow. */
export function attention_f32(
  table: usize, scratch: usize, l: i32, s: i32, e: i32, ev: i32, ldy: i32, ldq: i32, ldk: i32, ldv: i32, ldBias: i32, ldAllow: i32,
  diagonal: i32, scale: f32, k0: i32, k1: i32, c0: i32, c1: i32, threshold: i32, keep: f32, begin: i32, end: i32,
): void {
  const sums = scratch + productsBytes(l, s, e, ev);
  const tile = sums + (ROWS << 3);
  const width = tileWidth(s);
  const step = tileRows(s, diagonal);
  for (let head = begin; head < end; head++) {
    const own = table + <usize>(head * 28);
    const y = matrix(own, 0);
    const stats = matrix(own, 1);
    const q = matrix(own, 2);
    const k = matrix(own, 3);
    const v = matrix(own, 4);
    const bias = matrix(own, 5);
    const allow = matrix(own, 6);
    if (s == 0) clearRows(y, l, ev, ldy);
    for (let i = 0; i < l; i += step) {
      const rows = min(l - i, step);
      for (let r = 0; r < rows; r++) {
        store<f64>(sums + (<usize>r << 3), 0);
        store<f32>(at(stats, i + r), -Infinity);
      }
      const last = min(s, i + rows + diagonal);
      for (let j = 0; j < last; j += KEYS) {
        const keys = min(last - j, KEYS);
        product(tile, at(q, i * ldq), at(k, j * ldk), 0, scratch, rows, keys, e, width, ldq, 1, ldk, true, START_ZERO, -Infinity, Infinity);
        for (let r = 0; r < rows; r++) {
          const t = at(tile, r * width);
          const n = seen(i + r, j, keys, diagonal);
          const most = scoreRow(t, element(bias, i + r, j, ldBias, 2), element(allow, i + r, j, ldAllow, 0), n, scale);
          // The running maximum is in `stats` until the row is done. Where it is −∞ still, exponentials are taken as they are, so
          // that the sum stays 0, or becomes NaN.
          const before = load<f32>(at(stats, i + r));
          const top = max(before, most);
          const shift: f32 = top == -Infinity ? 0 : top;
          const sum = sums + (<usize>r << 3);
          store<f32>(at(stats, i + r), top);
          if (j > 0 && before != shift) {
            const fade = expScalar(before - shift);
            store<f64>(sum, load<f64>(sum) * fade);
            scaleRow(at(y, (i + r) * ldy), ev, fade);
          }
          store<f64>(sum, load<f64>(sum) + expRow(t, n, shift));
          if (n < keys) memory.fill(at(t, n), 0, <usize>(keys - n) << 2);
          if (threshold) dropRow(t, n, k0, k1, c0, c1, blockOf(head * l + i + r, j, s), threshold, keep);
        }
        product(at(y, i * ldy), tile, at(v, j * ldv), 0, scratch, rows, ev, keys, ldy, width, 1, ldv, false, j == 0 ? START_ZERO : START_C, -Infinity, Infinity);
      }
      if (s == 0) continue;
      for (let r = 0; r < rows; r++) {
        const sum = load<f64>(sums + (<usize>r << 3));
        const p = at(stats, i + r);
        store<f32>(p, load<f32>(p) + logScalar(<f32>sum));
        scaleRow(at(y, (i + r) * ldy), ev, <f32>(1 / sum));
      }
    }
  }
}

/** t = p = e^{t − log} and, u holding p's gradients, u = scale · p·(u − mean); dbias, if it is wanted, gets u without the factor. */
function gradRow(u: usize, t: usize, dbias: usize, n: i32, log: f32, mean: f32, scale: f32): void {
  const l = f32x4.splat(log);
  const m = f32x4.splat(mean);
  const factor = f32x4.splat(scale);
  for (; n > 0; n -= 4) {
    const p = exp(f32x4.sub(v128.load(t), l));
    const d = f32x4.mul(p, f32x4.sub(v128.load(u), m));
    v128.store(t, p);
    v128.store(u, f32x4.mul(d, factor));
    if (dbias) {
      put(dbias, d, n);
      dbias += 16;
    }
    t += 16;
    u += 16;
  }
}

/**
 * All gradients. A head's row of `table`: dq [L, E], dk [S, E], dv [S, V], dbias [L, S] or 0, g [L, V], y and stats as the forward kernel
 * gave them, q, k, v, bias, allow. The gradients of q, k and v lie as q, k and v do if `alike`, else row after row.
 */
export function attention_grad_f32(
  table: usize, scratch: usize, l: i32, s: i32, e: i32, ev: i32, ldg: i32, ldy: i32, ldq: i32, ldk: i32, ldv: i32, ldBias: i32, ldAllow: i32,
  alike: i32, diagonal: i32, scale: f32, k0: i32, k1: i32, c0: i32, c1: i32, threshold: i32, keep: f32, begin: i32, end: i32,
): void {
  const means = scratch + productsBytes(l, s, e, ev);
  const probabilities = means + (ROWS << 3);
  const width = tileWidth(s);
  const scores = at(probabilities, min(l, ROWS) * width);
  const step = tileRows(s, diagonal);
  const downQ = alike ? ldq : e;
  const downK = alike ? ldk : e;
  const downV = alike ? ldv : ev;
  for (let head = begin; head < end; head++) {
    const own = table + <usize>(head * 48);
    const dq = matrix(own, 0);
    const dk = matrix(own, 1);
    const dv = matrix(own, 2);
    const dbias = matrix(own, 3);
    const g = matrix(own, 4);
    const y = matrix(own, 5);
    const stats = matrix(own, 6);
    const q = matrix(own, 7);
    const k = matrix(own, 8);
    const v = matrix(own, 9);
    const bias = matrix(own, 10);
    const allow = matrix(own, 11);
    if (s == 0) clearRows(dq, l, e, downQ);
    // The first rows of tiles begin the sums of the keys that they see; the other keys' begin with 0.
    const met = l == 0 ? 0 : max(0, min(s, min(l, step) + diagonal));
    clearRows(at(dk, met * downK), s - met, e, downK);
    clearRows(at(dv, met * downV), s - met, ev, downV);
    if (dbias) memory.fill(dbias, 0, <usize>(l * s) << 2);
    for (let i = 0; i < l; i += step) {
      const rows = min(l - i, step);
      const pg = at(g, i * ldg);
      const pq = at(q, i * ldq);
      const start = i == 0 ? START_ZERO : START_C;
      // Σ p·dp over a row's keys is the product of the row of y with its gradient.
      for (let r = 0; r < rows; r++) store<f32>(at(means, r), <f32>rowDot(at(pg, r * ldg), at(y, (i + r) * ldy), ev));
      const last = min(s, i + rows + diagonal);
      for (let j = 0; j < last; j += KEYS) {
        const keys = min(last - j, KEYS);
        const pk = at(k, j * ldk);
        product(probabilities, pq, pk, 0, scratch, rows, keys, e, width, ldq, 1, ldk, true, START_ZERO, -Infinity, Infinity);
        product(scores, pg, at(v, j * ldv), 0, scratch, rows, keys, ev, width, ldg, 1, ldv, true, START_ZERO, -Infinity, Infinity);
        for (let r = 0; r < rows; r++) {
          const t = at(probabilities, r * width);
          const u = at(scores, r * width);
          const n = seen(i + r, j, keys, diagonal);
          const block = blockOf(head * l + i + r, j, s);
          scoreRow(t, element(bias, i + r, j, ldBias, 2), element(allow, i + r, j, ldAllow, 0), n, scale);
          if (threshold) dropRow(u, n, k0, k1, c0, c1, block, threshold, keep);
          gradRow(u, t, element(dbias, i + r, j, s, 2), n, load<f32>(at(stats, i + r)), load<f32>(at(means, r)), scale);
          if (threshold) dropRow(t, n, k0, k1, c0, c1, block, threshold, keep);
          if (n < keys) {
            memory.fill(at(t, n), 0, <usize>(keys - n) << 2);
            memory.fill(at(u, n), 0, <usize>(keys - n) << 2);
          }
        }
        product(at(dv, j * downV), probabilities, pg, 0, scratch, keys, ev, rows, downV, 1, width, ldg, false, start, -Infinity, Infinity);
        product(at(dq, i * downQ), scores, pk, 0, scratch, rows, e, keys, downQ, width, 1, ldk, false, j == 0 ? START_ZERO : START_C, -Infinity, Infinity);
        product(at(dk, j * downK), scores, pq, 0, scratch, keys, e, rows, downK, 1, width, ldq, false, start, -Infinity, Infinity);
      }
    }
  }
}
