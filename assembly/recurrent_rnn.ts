// The recurrence of a plain recurrent layer in one direction: h' = act(x + W h), x being the input's share with both biases.
// Letters and the order of rows are those of lib/recurrent.ts; H hidden size. A reversed layer walks the steps from the last to the first.

import { put } from "./lib/loops";
import * as math from "./lib/math";
import { accumulate, at, atOr0, begins, endOf, multiplyBy, prepare, rowsAt, weightsBytes } from "./lib/recurrent";

/** Bytes of work space for both kernels. */
export function rnn_scratch_bytes(steps: i32, n: i32, hidden: i32): i32 {
  return <i32>weightsBytes(steps, n, hidden, hidden);
}

/**
 * y [R, H] holds x and gets the states of all steps, h [N, H] the last one of each row; before [R, H], if it is not 0, the state each
 * step began with. weight [H, H], and packed the same from `recurrent_pack_f32`, or 0; h0 [N, H] or 0 for zeros.
 */
export function rnn_f32(y: usize, h: usize, before: usize, weight: usize, packed: usize, h0: usize, sizes: usize, scratch: usize, rows: i32, steps: i32, n: i32, hidden: i32, reverse: i32, relu: i32, begin: i32, end: i32): void {
  end = endOf(begin, end, steps, n);
  if (begin >= end) return;
  const weights = prepare(scratch, weight, packed, true, steps, n, hidden, hidden);
  h = begins(h, h0, begin, end, hidden);
  let row = reverse ? rows : 0;
  for (let s = 0; s < steps; s++) {
    const all = rowsAt(sizes, reverse ? steps - 1 - s : s, n);
    if (reverse) row -= all;
    const m = min(all, end) - begin;
    const first = row + begin;
    if (!reverse) row += all;
    if (m <= 0) continue;
    const to = at(y, first * hidden);
    multiplyBy(weights, to, hidden, h, hidden, m, true);
    activate(to, h, atOr0(before, first * hidden), m * hidden, relu);
  }
}

/** dx [R, H] the gradient of x; dh [N, H] that of h0. dy [R, H] and dhn [N, H] are those of y and h, or 0 for none. */
export function rnn_grad_f32(dx: usize, dh: usize, dy: usize, dhn: usize, y: usize, weight: usize, sizes: usize, scratch: usize, rows: i32, steps: i32, n: i32, hidden: i32, reverse: i32, relu: i32, begin: i32, end: i32): void {
  end = endOf(begin, end, steps, n);
  if (begin >= end) return;
  const weights = prepare(scratch, weight, 0, false, steps, n, hidden, hidden);
  dh = begins(dh, dhn, begin, end, hidden);
  let row = reverse ? 0 : rows;
  for (let s = 0; s < steps; s++) {
    const all = rowsAt(sizes, reverse ? s : steps - 1 - s, n);
    if (!reverse) row -= all;
    const m = min(all, end) - begin;
    const from = (row + begin) * hidden;
    if (reverse) row += all;
    if (m <= 0) continue;
    if (dy != 0) accumulate(dh, at(dy, from), m * hidden);
    if (relu) activateGrad(at(dx, from), dh, at(y, from), m * hidden, true);
    else activateGrad(at(dx, from), dh, at(y, from), m * hidden, false);
    multiplyBy(weights, dh, hidden, at(dx, from), hidden, m, false);
  }
}

/** y and h ← act(y); before ← what h was, unless it is 0. */
function activate(y: usize, h: usize, before: usize, n: i32, relu: i32): void {
  if (n <= 0) return;
  do {
    const x = v128.load(y);
    const v = relu ? f32x4.pmax(x, f32x4.splat(0)) : math.tanh(x);
    if (before != 0) {
      put(before, v128.load(h), n);
      before += 16;
    }
    put(y, v, n);
    put(h, v, n);
    y += 16;
    h += 16;
    n -= 4;
  } while (n > 0);
}

/** dx = g · act', act' from the output y; the last argument is a constant. */
@inline function activateGrad(dx: usize, g: usize, y: usize, n: i32, relu: bool): void {
  for (; n > 0; n -= 4) {
    const u = v128.load(g);
    const v = v128.load(y);
    const d = relu
      ? v128.andnot(u, f32x4.le(v, f32x4.splat(0)))
      : f32x4.mul(u, f32x4.sub(f32x4.splat(1), f32x4.mul(v, v)));
    put(dx, d, n);
    dx += 16;
    g += 16;
    y += 16;
  }
}
