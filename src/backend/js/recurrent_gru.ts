import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";
import { sigmoid } from "./lib/math.js";
import { addDots, addRows, assign, walk } from "./lib/recurrent.js";

// The recurrence of a GRU layer; the contract is in assembly/recurrent_gru.ts.

/** These loops need no work space. */
export function gru_scratch_bytes(_steps: number, _n: number, _hidden: number): number {
  return 0;
}

export function gru_f32(
  y: Ptr,
  h: Ptr,
  gates: Ptr,
  candidate: Ptr,
  before: Ptr,
  weight: Ptr,
  _packed: Ptr,
  bias: Ptr,
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
  const u = new Float64Array(width);
  assign(h, h0, hidden, begin, end);
  walk(sizes, rows, steps, n, reverse !== 0, (row, m) => {
    for (let k = begin; k < Math.min(m, end); k++) {
      const i = row + k;
      const state = (h >>> 2) + k * hidden;
      if (before !== 0) f.copyWithin((before >>> 2) + i * hidden, state, state + hidden);
      if (bias === 0) u.fill(0);
      else u.set(f.subarray(bias >>> 2, (bias >>> 2) + width));
      addDots(f, u, state, weight >>> 2, width, hidden);
      const g = (gates >>> 2) + i * width;
      for (let j = 0; j < hidden; j++) {
        const r = sigmoid(f[g + j]! + u[j]!);
        const z = sigmoid(f[g + hidden + j]! + u[hidden + j]!);
        const un = u[2 * hidden + j]!;
        const v = Math.tanh(f[g + 2 * hidden + j]! + r * un);
        f[state + j] = v + z * (f[state + j]! - v);
        f[g + j] = r;
        f[g + hidden + j] = z;
        f[g + 2 * hidden + j] = v;
        if (candidate !== 0) f[(candidate >>> 2) + i * hidden + j] = un;
      }
      f.copyWithin((y >>> 2) + i * hidden, state, state + hidden);
    }
  });
}

export function gru_grad_f32(
  dx: Ptr,
  du: Ptr,
  dh: Ptr,
  dy: Ptr,
  dhn: Ptr,
  gates: Ptr,
  candidate: Ptr,
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
  assign(dh, dhn, hidden, begin, end);
  walk(sizes, rows, steps, n, reverse === 0, (row, m) => {
    for (let k = begin; k < Math.min(m, end); k++) {
      const i = row + k;
      const state = (dh >>> 2) + k * hidden;
      for (let j = 0; j < hidden; j++) {
        const at = (gates >>> 2) + i * width + j;
        const r = f[at]!;
        const z = f[at + hidden]!;
        const v = f[at + 2 * hidden]!;
        const d = f[state + j]! + (dy === 0 ? 0 : f[(dy >>> 2) + i * hidden + j]!);
        const dn = d * (1 - z) * (1 - v * v);
        const dr = dn * f[(candidate >>> 2) + i * hidden + j]! * r * (1 - r);
        const dz = d * (f[(before >>> 2) + i * hidden + j]! - v) * z * (1 - z);
        const px = (dx >>> 2) + i * width + j;
        const pu = (du >>> 2) + i * width + j;
        f[px] = f[pu] = dr;
        f[px + hidden] = f[pu + hidden] = dz;
        f[px + 2 * hidden] = dn;
        f[pu + 2 * hidden] = dn * r;
        sums[j] = d * z;
      }
      addRows(f, sums, (du >>> 2) + i * width, weight >>> 2, hidden, width);
      f.set(sums, state);
    }
  });
}
