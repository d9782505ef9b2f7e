// The recurrence of a GRU layer in one direction, the reset gate applied before the hidden product as in the original paper. x = (x_r,
// x_z, x_n) is the input's share with both biases; W_r, W_z, W_n are the parts of W:
//   r = σ(x_r + W_r h),  z = σ(x_z + W_z h),  n = tanh(x_n + W_n (r h)),  h' = (1 − z) n + z h
// Letters and the order of rows are those of lib/recurrent.ts; H hidden size. A reversed layer walks the steps from the last to the first.

import { put } from "./lib/loops";
import { sigmoid, tanh } from "./lib/math";
import { accumulate, at, atOr0, begins, endOf, multiplyBy, prepare, rowsAt, weightsBytes } from "./lib/recurrent";
import { madd } from "./lib/simd";

/** Bytes of work space for both kernels. */
export function gru_classic_scratch_bytes(steps: i32, n: i32, hidden: i32): i32 {
  const two = 2 * hidden;
  const products = max(weightsBytes(steps, n, two, hidden), weightsBytes(steps, n, hidden, two)) + weightsBytes(steps, n, hidden, hidden);
  return <i32>(products + (<usize>(n * hidden + 4) << 2));
}

/**
 * y [R, H] the states of all steps, h [N, H] the last one of each row. gates [R, 3H] holds x and gets r, z, n. before [R, H], if it is
 * not 0, gets the state each step began with. weight [3H, H], h0 [N, H] or 0 for zeros.
 */
export function gru_classic_f32(y: usize, h: usize, gates: usize, before: usize, weight: usize, h0: usize, sizes: usize, scratch: usize, rows: i32, steps: i32, n: i32, hidden: i32, reverse: i32, begin: i32, end: i32): void {
  const width = 3 * hidden;
  const two = 2 * hidden;
  end = endOf(begin, end, steps, n);
  if (begin >= end) return;
  const both = prepare(scratch, weight, 0, true, steps, n, two, hidden);
  scratch += weightsBytes(steps, n, two, hidden);
  const candidate = prepare(scratch, at(weight, two * hidden), 0, true, steps, n, hidden, hidden);
  const reset = scratch + weightsBytes(steps, n, hidden, hidden);
  h = begins(h, h0, begin, end, hidden);
  let row = reverse ? rows : 0;
  for (let s = 0; s < steps; s++) {
    const all = rowsAt(sizes, reverse ? steps - 1 - s : s, n);
    if (reverse) row -= all;
    const m = min(all, end) - begin;
    const first = row + begin;
    if (!reverse) row += all;
    if (m <= 0) continue;
    const g = at(gates, first * width);
    multiplyBy(both, g, width, h, hidden, m, true);
    for (let r = 0; r < m; r++) {
      openGates(at(reset, r * hidden), at(g, r * width), at(h, r * hidden), atOr0(before, (first + r) * hidden), hidden);
    }
    multiplyBy(candidate, at(g, two), width, reset, hidden, m, true);
    for (let r = 0; r < m; r++) mix(at(y, (first + r) * hidden), at(h, r * hidden), at(g, r * width), hidden);
  }
}

/** One row: r and z in place, and reset ← r h; before ← h, unless it is 0. */
function openGates(reset: usize, gates: usize, h: usize, before: usize, hidden: i32): void {
  const step = <usize>hidden << 2;
  let left = hidden;
  if (left <= 0) return;
  do {
    const r = sigmoid(v128.load(gates));
    put(gates, r, left);
    put(gates + step, sigmoid(v128.load(gates + step)), left);
    const was = v128.load(h);
    put(reset, f32x4.mul(was, r), left);
    if (before != 0) {
      put(before, was, left);
      before += 16;
    }
    reset += 16;
    gates += 16;
    h += 16;
    left -= 4;
  } while (left > 0);
}

/** One row: n in place, and y and h ← h'. */
function mix(y: usize, h: usize, gates: usize, hidden: i32): void {
  const step = <usize>hidden << 2;
  let left = hidden;
  if (left <= 0) return;
  do {
    const n = tanh(v128.load(gates + 2 * step));
    put(gates + 2 * step, n, left);
    const next = madd(v128.load(gates + step), f32x4.sub(v128.load(h), n), n);
    put(h, next, left);
    put(y, next, left);
    y += 16;
    h += 16;
    gates += 16;
    left -= 4;
  } while (left > 0);
}

/** dx [R, 3H] the gradient of x; dh [N, H] that of h0. dy [R, H] and dhn [N, H] are those of y and h, or 0 for none. */
export function gru_classic_grad_f32(dx: usize, dh: usize, dy: usize, dhn: usize, gates: usize, before: usize, weight: usize, sizes: usize, scratch: usize, rows: i32, steps: i32, n: i32, hidden: i32, reverse: i32, begin: i32, end: i32): void {
  const width = 3 * hidden;
  const two = 2 * hidden;
  end = endOf(begin, end, steps, n);
  if (begin >= end) return;
  const both = prepare(scratch, weight, 0, false, steps, n, hidden, two);
  scratch += weightsBytes(steps, n, hidden, two);
  const candidate = prepare(scratch, at(weight, two * hidden), 0, false, steps, n, hidden, hidden);
  const dreset = scratch + weightsBytes(steps, n, hidden, hidden);
  dh = begins(dh, dhn, begin, end, hidden);
  let row = reverse ? 0 : rows;
  for (let s = 0; s < steps; s++) {
    const all = rowsAt(sizes, reverse ? s : steps - 1 - s, n);
    if (!reverse) row -= all;
    const m = min(all, end) - begin;
    const first = row + begin;
    if (reverse) row += all;
    if (m <= 0) continue;
    if (dy != 0) accumulate(dh, at(dy, first * hidden), m * hidden);
    const d = at(dx, first * width);
    const g = at(gates, first * width);
    const b = at(before, first * hidden);
    for (let r = 0; r < m; r++) mixGrad(at(d, r * width), at(dh, r * hidden), at(g, r * width), at(b, r * hidden), hidden);
    multiplyBy(candidate, dreset, hidden, at(d, two), width, m, false);
    for (let r = 0; r < m; r++) {
      resetGrad(at(d, r * width), at(dh, r * hidden), at(dreset, r * hidden), at(g, r * width), at(b, r * hidden), hidden);
    }
    multiplyBy(both, dh, hidden, d, width, m, true);
  }
}

/** One row: dx of z and n, and dh ← z dh. */
function mixGrad(dx: usize, dh: usize, gates: usize, h: usize, hidden: i32): void {
  const step = <usize>hidden << 2;
  const one = f32x4.splat(1);
  for (let left = hidden; left > 0; left -= 4) {
    const z = v128.load(gates + step);
    const n = v128.load(gates + 2 * step);
    const d = v128.load(dh);
    const keep = f32x4.mul(d, z);
    put(dx + step, f32x4.mul(f32x4.mul(keep, f32x4.sub(v128.load(h), n)), f32x4.sub(one, z)), left);
    put(dx + 2 * step, f32x4.mul(f32x4.sub(d, keep), f32x4.sub(one, f32x4.mul(n, n))), left);
    put(dh, keep, left);
    dx += 16;
    dh += 16;
    gates += 16;
    h += 16;
  }
}

/** One row: dx of r from the gradient of r h, whose share of h's is added to dh. */
function resetGrad(dx: usize, dh: usize, dreset: usize, gates: usize, h: usize, hidden: i32): void {
  const one = f32x4.splat(1);
  for (let left = hidden; left > 0; left -= 4) {
    const r = v128.load(gates);
    const through = f32x4.mul(v128.load(dreset), r);
    put(dx, f32x4.mul(f32x4.mul(through, v128.load(h)), f32x4.sub(one, r)), left);
    put(dh, f32x4.add(v128.load(dh), through), left);
    dx += 16;
    dh += 16;
    dreset += 16;
    gates += 16;
    h += 16;
  }
}
