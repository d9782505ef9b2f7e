import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";
import { sigmoid } from "./lib/math.js";
import { addDots, addRows, assign, walk } from "./lib/recurrent.js";

// The recurrence of an LSTM layer; the contract is in assembly/recurrent_lstm.ts.

/** These loops need no work space. */
export function lstm_scratch_bytes(_steps: number, _n: number, _hidden: number, _proj: number): number {
  return 0;
}

export function lstm_f32(
  y: Ptr,
  h: Ptr,
  c: Ptr,
  gates: Ptr,
  hBefore: Ptr,
  cBefore: Ptr,
  full: Ptr,
  weight: Ptr,
  _packed: Ptr,
  projection: Ptr,
  h0: Ptr,
  c0: Ptr,
  sizes: Ptr,
  _scratch: Ptr,
  rows: number,
  steps: number,
  n: number,
  hidden: number,
  proj: number,
  reverse: number,
  begin: number,
  end: number,
): void {
  const f = arena.f32;
  const width = 4 * hidden;
  const size = projection === 0 ? hidden : proj;
  const sums = new Float64Array(width);
  const output = new Float32Array(hidden);
  const projected = new Float64Array(size);
  assign(h, h0, size, begin, end);
  assign(c, c0, hidden, begin, end);
  walk(sizes, rows, steps, n, reverse !== 0, (row, m) => {
    for (let r = begin; r < Math.min(m, end); r++) {
      const i = row + r;
      const ph = (h >>> 2) + r * size;
      const pc = (c >>> 2) + r * hidden;
      if (hBefore !== 0) f.copyWithin((hBefore >>> 2) + i * size, ph, ph + size);
      if (cBefore !== 0) f.copyWithin((cBefore >>> 2) + i * hidden, pc, pc + hidden);
      sums.set(f.subarray((gates >>> 2) + i * width, (gates >>> 2) + (i + 1) * width));
      addDots(f, sums, ph, weight >>> 2, width, size);
      for (let j = 0; j < hidden; j++) {
        const input = sigmoid(sums[j]!);
        const forget = sigmoid(sums[hidden + j]!);
        const candidate = Math.tanh(sums[2 * hidden + j]!);
        const open = sigmoid(sums[3 * hidden + j]!);
        const v = forget * f[pc + j]! + input * candidate;
        f[pc + j] = v;
        output[j] = open * Math.tanh(v);
        const to = (gates >>> 2) + i * width + j;
        f[to] = input;
        f[to + hidden] = forget;
        f[to + 2 * hidden] = candidate;
        f[to + 3 * hidden] = open;
      }
      if (projection === 0) {
        f.set(output, ph);
      } else {
        if (full !== 0) f.set(output, (full >>> 2) + i * hidden);
        for (let q = 0; q < size; q++) {
          let s = 0;
          for (let j = 0; j < hidden; j++) s += output[j]! * f[(projection >>> 2) + q * hidden + j]!;
          projected[q] = s;
        }
        f.set(projected, ph);
      }
      f.copyWithin((y >>> 2) + i * size, ph, ph + size);
    }
  });
}

export function lstm_grad_f32(
  dx: Ptr,
  dh: Ptr,
  dc: Ptr,
  dproj: Ptr,
  dy: Ptr,
  dhn: Ptr,
  dcn: Ptr,
  gates: Ptr,
  cBefore: Ptr,
  weight: Ptr,
  projection: Ptr,
  sizes: Ptr,
  _scratch: Ptr,
  rows: number,
  steps: number,
  n: number,
  hidden: number,
  proj: number,
  reverse: number,
  begin: number,
  end: number,
): void {
  const f = arena.f32;
  const width = 4 * hidden;
  const size = projection === 0 ? hidden : proj;
  const sums = new Float64Array(size);
  const du = new Float64Array(hidden);
  assign(dh, dhn, size, begin, end);
  assign(dc, dcn, hidden, begin, end);
  walk(sizes, rows, steps, n, reverse === 0, (row, m) => {
    for (let r = begin; r < Math.min(m, end); r++) {
      const i = row + r;
      const pd = (dh >>> 2) + r * size;
      if (dy !== 0) for (let q = 0; q < size; q++) f[pd + q]! += f[(dy >>> 2) + i * size + q]!;
      if (projection === 0) {
        du.set(f.subarray(pd, pd + hidden));
      } else {
        f.copyWithin((dproj >>> 2) + i * size, pd, pd + size);
        du.fill(0);
        addRows(f, du, pd, projection >>> 2, hidden, size);
      }
      for (let j = 0; j < hidden; j++) {
        const at = (gates >>> 2) + i * width + j;
        const [input, forget] = [f[at]!, f[at + hidden]!];
        const [candidate, open] = [f[at + 2 * hidden]!, f[at + 3 * hidden]!];
        const before = f[(cBefore >>> 2) + i * hidden + j]!;
        const t = Math.tanh(forget * before + input * candidate);
        const dv = du[j]! * open * (1 - t * t) + f[(dc >>> 2) + r * hidden + j]!;
        const to = (dx >>> 2) + i * width + j;
        f[to] = dv * candidate * input * (1 - input);
        f[to + hidden] = dv * before * forget * (1 - forget);
        f[to + 2 * hidden] = dv * input * (1 - candidate * candidate);
        f[to + 3 * hidden] = du[j]! * t * open * (1 - open);
        f[(dc >>> 2) + r * hidden + j] = dv * forget;
      }
      sums.fill(0);
      addRows(f, sums, (dx >>> 2) + i * width, weight >>> 2, size, width);
      f.set(sums, pd);
    }
  });
}
