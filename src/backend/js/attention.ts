import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";
import { philox_i32 } from "./random.js";

// Attention, head by head; the contract is in assembly/attention.ts. Row by row: nothing larger than one row of scores is kept.

/** Room for the random words of one row. */
export function attention_scratch_bytes(_l: number, s: number, _e: number, _ev: number): number {
  return s * 4;
}

/** What a row's probabilities are made from. */
interface Scores {
  readonly q: Ptr;
  readonly k: Ptr;
  readonly bias: Ptr;
  readonly allow: Ptr;
  readonly e: number;
  readonly ldq: number;
  readonly ldk: number;
  readonly ldBias: number;
  readonly ldAllow: number;
  readonly scale: number;
}

/** row[j] = scale · q[i]·k[j] + bias[i, j] for the first n keys, −∞ where not allowed; returns the largest. */
function scoreRow(row: Float64Array, i: number, n: number, from: Scores): number {
  const { f32: f, u8 } = arena;
  const { e, scale, bias, allow } = from;
  let top = -Infinity;
  for (let j = 0; j < n; j++) {
    const a = (from.q >>> 2) + i * from.ldq;
    const b = (from.k >>> 2) + j * from.ldk;
    let s = 0;
    for (let p = 0; p < e; p++) s += f[a + p]! * f[b + p]!;
    s *= scale;
    if (bias !== 0) s += f[(bias >>> 2) + i * from.ldBias + j]!;
    if (allow !== 0 && u8[allow + i * from.ldAllow + j] === 0) s = -Infinity;
    row[j] = s;
    if (s > top) top = s;
  }
  return top;
}

/** factors[j] = keep or 0, as the draw says for row i. */
function dropFactors(
  factors: Float64Array,
  words: Ptr,
  i: number,
  k0: number,
  k1: number,
  c0: number,
  c1: number,
  threshold: number,
  keep: number,
): void {
  const s = factors.length;
  if (threshold === 0) {
    factors.fill(1);
    return;
  }
  const low = (c0 >>> 0) + i * Math.ceil(s / 4);
  philox_i32(words, s, k0, k1, low | 0, c1 + Math.floor(low / 2 ** 32), 0, 0);
  const m = arena.i32;
  const factor = Math.fround(keep);
  for (let j = 0; j < s; j++) factors[j] = m[(words >>> 2) + j]! >>> 1 >= threshold ? factor : 0;
}

/** The addresses in a head's row of the table. */
function matricesOf(table: Ptr, head: number, count: number): Ptr[] {
  const from = (table >>> 2) + head * count;
  return Array.from(arena.i32.subarray(from, from + count), (p) => (p >>> 0) as Ptr);
}

export function attention_f32(
  table: Ptr,
  scratch: Ptr,
  l: number,
  s: number,
  e: number,
  ev: number,
  ldy: number,
  ldq: number,
  ldk: number,
  ldv: number,
  ldBias: number,
  ldAllow: number,
  diagonal: number,
  scale: number,
  k0: number,
  k1: number,
  c0: number,
  c1: number,
  threshold: number,
  keep: number,
  begin: number,
  end: number,
): void {
  const f = arena.f32;
  const row = new Float64Array(s);
  const factors = new Float64Array(s);
  const sums = new Float64Array(ev);
  for (let head = begin; head < end; head++) {
    const [y, stats, q, k, v, bias, allow] = matricesOf(table, head, 7) as [Ptr, Ptr, Ptr, Ptr, Ptr, Ptr, Ptr];
    const from = { q, k, bias, allow, e, ldq, ldk, ldBias, ldAllow, scale: Math.fround(scale) };
    for (let i = 0; i < l; i++) {
      const n = Math.max(0, Math.min(s, i + 1 + diagonal));
      const top = scoreRow(row, i, n, from);
      dropFactors(factors, scratch, head * l + i, k0, k1, c0, c1, threshold, keep);
      const shift = top === -Infinity ? 0 : top;
      let total = 0;
      sums.fill(0);
      for (let j = 0; j < n; j++) {
        const p = Math.exp(row[j]! - shift);
        total += p;
        const kept = p * factors[j]!;
        const at = (v >>> 2) + j * ldv;
        for (let c = 0; c < ev; c++) sums[c]! += kept * f[at + c]!;
      }
      f[(stats >>> 2) + i] = top + Math.log(total);
      const factor = s === 0 ? 0 : 1 / total;
      for (let c = 0; c < ev; c++) f[(y >>> 2) + i * ldy + c] = sums[c]! * factor;
    }
  }
}

export function attention_grad_f32(
  table: Ptr,
  scratch: Ptr,
  l: number,
  s: number,
  e: number,
  ev: number,
  ldg: number,
  ldy: number,
  ldq: number,
  ldk: number,
  ldv: number,
  ldBias: number,
  ldAllow: number,
  alike: number,
  diagonal: number,
  scale: number,
  k0: number,
  k1: number,
  c0: number,
  c1: number,
  threshold: number,
  keep: number,
  begin: number,
  end: number,
): void {
  const f = arena.f32;
  const row = new Float64Array(s);
  const factors = new Float64Array(s);
  const keySums = new Float64Array(s * e);
  const valueSums = new Float64Array(s * ev);
  const querySums = new Float64Array(e);
  const [downQ, downK, downV] = alike !== 0 ? [ldq, ldk, ldv] : [e, e, ev];
  for (let head = begin; head < end; head++) {
    const [dq, dk, dv, dbias, g, y, stats, q, k, v, bias, allow] = matricesOf(table, head, 12) as [
      Ptr,
      Ptr,
      Ptr,
      Ptr,
      Ptr,
      Ptr,
      Ptr,
      Ptr,
      Ptr,
      Ptr,
      Ptr,
      Ptr,
    ];
    const from = { q, k, bias, allow, e, ldq, ldk, ldBias, ldAllow, scale: Math.fround(scale) };
    keySums.fill(0);
    valueSums.fill(0);
    if (dbias !== 0) f.fill(0, dbias >>> 2, (dbias >>> 2) + l * s);
    for (let i = 0; i < l; i++) {
      const n = Math.max(0, Math.min(s, i + 1 + diagonal));
      scoreRow(row, i, n, from);
      dropFactors(factors, scratch, head * l + i, k0, k1, c0, c1, threshold, keep);
      const log = f[(stats >>> 2) + i]!;
      const gi = (g >>> 2) + i * ldg;
      let mean = 0;
      for (let c = 0; c < ev; c++) mean += f[gi + c]! * f[(y >>> 2) + i * ldy + c]!;
      querySums.fill(0);
      for (let j = 0; j < n; j++) {
        const p = Math.exp(row[j]! - log);
        const vj = (v >>> 2) + j * ldv;
        const kept = p * factors[j]!;
        let dp = 0;
        for (let c = 0; c < ev; c++) {
          dp += f[gi + c]! * f[vj + c]!;
          valueSums[j * ev + c]! += kept * f[gi + c]!;
        }
        const d = p * (dp * factors[j]! - mean);
        if (dbias !== 0) f[(dbias >>> 2) + i * s + j] = d;
        const scaled = d * from.scale;
        const qi = (q >>> 2) + i * ldq;
        const kj = (k >>> 2) + j * ldk;
        for (let c = 0; c < e; c++) {
          querySums[c]! += scaled * f[kj + c]!;
          keySums[j * e + c]! += scaled * f[qi + c]!;
        }
      }
      f.set(querySums, (dq >>> 2) + i * downQ);
    }
    for (let j = 0; j < s; j++) {
      f.set(keySums.subarray(j * e, (j + 1) * e), (dk >>> 2) + j * downK);
      f.set(valueSums.subarray(j * ev, (j + 1) * ev), (dv >>> 2) + j * downV);
    }
  }
}
