import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";
import { sigmoid } from "./lib/math.js";
import { addDots, addRows, assign, walk } from "./lib/recurrent.js";

// The recurrence of a GRU layer in the classic form; the contract is in assembly/recurrent_gru_classic.ts.

/** These loops need no work space. */
export function gru_classic_scratch_bytes(_steps: number, _n: number, _hidden: number): number {
  return 0;
}

export function gru_classic_f32(
  y: Ptr,
  h: Ptr,
  gates: Ptr,
  before: Ptr,
  weight: Ptr,
  h0: Ptr,
  sizes: Ptr,
  _scratch: Ptr,
  rows: number,
  steps: number,
  n: number,
  hidden: number,
  reverse: number,
  begin: number,
  end: number,
): void {
  const f = arena.f32;
  const width = 3 * hidden;
  const both = new Float64Array(2 * hidden);
  const candidate = new Float64Array(hidden);
  const last = (weight >>> 2) + 2 * hidden * hidden;
  assign(h, h0, hidden, begin, end);
  walk(sizes, rows, steps, n, reverse !== 0, (row, m) => {
    for (let k = begin; k < Math.min(m, end); k++) {
      const i = row + k;
      const state = (h >>> 2) + k * hidden;
      const g = (gates >>> 2) + i * width;
      const to = (y >>> 2) + i * hidden;
      if (before !== 0) f.copyWithin((before >>> 2) + i * hidden, state, state + hidden);
      both.set(f.subarray(g, g + 2 * hidden));
      addDots(f, both, state, weight >>> 2, 2 * hidden, hidden);
      for (let j = 0; j < 2 * hidden; j++) both[j] = sigmoid(both[j]!);
      // The output's place holds r h meanwhile.
      for (let j = 0; j < hidden; j++) f[to + j] = both[j]! * f[state + j]!;
      candidate.set(f.subarray(g + 2 * hidden, g + width));
      addDots(f, candidate, to, last, hidden, hidden);
      for (let j = 0; j < hidden; j++) {
        const v = Math.tanh(candidate[j]!);
        candidate[j] = v;
        f[state + j] = v + both[hidden + j]! * (f[state + j]! - v);
      }
      f.copyWithin(to, state, state + hidden);
      f.set(both, g);
      f.set(candidate, g + 2 * hidden);
    }
  });
}

export function gru_classic_grad_f32(
  dx: Ptr,
  dh: Ptr,
  dy: Ptr,
  dhn: Ptr,
  gates: Ptr,
  before: Ptr,
  weight: Ptr,
  sizes: Ptr,
  _scratch: Ptr,
  rows: number,
  steps: number,
  n: number,
  hidden: number,
  reverse: number,
  begin: number,
  end: number,
): void {
  const f = arena.f32;
  const width = 3 * hidden;
  const sums = new Float64Array(hidden);
  const dreset = new Float64Array(hidden);
  assign(dh, dhn, hidden, begin, end);
  walk(sizes, rows, steps, n, reverse === 0, (row, m) => {
    for (let k = begin; k < Math.min(m, end); k++) {
      const i = row + k;
      const state = (dh >>> 2) + k * hidden;
      const g = (gates >>> 2) + i * width;
      const b = (before >>> 2) + i * hidden;
      const to = (dx >>> 2) + i * width;
      for (let j = 0; j < hidden; j++) {
        const z = f[g + hidden + j]!;
        const v = f[g + 2 * hidden + j]!;
        const d = f[state + j]! + (dy === 0 ? 0 : f[(dy >>> 2) + i * hidden + j]!);
        f[to + hidden + j] = d * (f[b + j]! - v) * z * (1 - z);
        f[to + 2 * hidden + j] = d * (1 - z) * (1 - v * v);
        sums[j] = d * z;
      }
      dreset.fill(0);
      addRows(f, dreset, to + 2 * hidden, (weight >>> 2) + 2 * hidden * hidden, hidden, hidden);
      for (let j = 0; j < hidden; j++) {
        const r = f[g + j]!;
        f[to + j] = dreset[j]! * f[b + j]! * r * (1 - r);
        sums[j]! += dreset[j]! * r;
      }
      addRows(f, sums, to, weight >>> 2, hidden, 2 * hidden);
      f.set(sums, state);
    }
  });
}
