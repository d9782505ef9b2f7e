import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";
import { addDots, addRows, assign, walk } from "./lib/recurrent.js";

// The recurrence of a plain recurrent layer; the contract is in assembly/recurrent_rnn.ts.

/** These loops need no work space. */
export function rnn_scratch_bytes(_steps: number, _n: number, _hidden: number): number {
  return 0;
}

export function rnn_f32(
  y: Ptr,
  h: Ptr,
  before: Ptr,
  weight: Ptr,
  _packed: Ptr,
  h0: Ptr,
  sizes: Ptr,
  _scratch: Ptr,
  rows: number,
  steps: number,
  n: number,
  hidden: number,
  reverse: number,
  relu: number,
  begin: number,
  end: number,
): void {
  const f = arena.f32;
  const sums = new Float64Array(hidden);
  assign(h, h0, hidden, begin, end);
  walk(sizes, rows, steps, n, reverse !== 0, (row, m) => {
    for (let r = begin; r < Math.min(m, end); r++) {
      const state = (h >>> 2) + r * hidden;
      const from = (row + r) * hidden;
      sums.set(f.subarray((y >>> 2) + from, (y >>> 2) + from + hidden));
      addDots(f, sums, state, weight >>> 2, hidden, hidden);
      if (before !== 0) f.copyWithin((before >>> 2) + from, state, state + hidden);
      for (let j = 0; j < hidden; j++) {
        const v = relu ? Math.max(sums[j]!, 0) : Math.tanh(sums[j]!);
        f[state + j] = v;
        f[(y >>> 2) + from + j] = v;
      }
    }
  });
}

export function rnn_grad_f32(
  dx: Ptr,
  dh: Ptr,
  dy: Ptr,
  dhn: Ptr,
  y: Ptr,
  weight: Ptr,
  sizes: Ptr,
  _scratch: Ptr,
  rows: number,
  steps: number,
  n: number,
  hidden: number,
  reverse: number,
  relu: number,
  begin: number,
  end: number,
): void {
  const f = arena.f32;
  const sums = new Float64Array(hidden);
  assign(dh, dhn, hidden, begin, end);
  walk(sizes, rows, steps, n, reverse === 0, (row, m) => {
    for (let r = begin; r < Math.min(m, end); r++) {
      const state = (dh >>> 2) + r * hidden;
      const from = (row + r) * hidden;
      for (let j = 0; j < hidden; j++) {
        const g = f[state + j]! + (dy === 0 ? 0 : f[(dy >>> 2) + from + j]!);
        const v = f[(y >>> 2) + from + j]!;
        f[(dx >>> 2) + from + j] = relu ? (v <= 0 ? 0 : g) : g * (1 - v * v);
      }
      sums.fill(0);
      addRows(f, sums, (dx >>> 2) + from, weight >>> 2, hidden, hidden);
      f.set(sums, state);
    }
  });
}
