// The recurrence of a GRU layer in one direction, the reset gate applied after the hidden product as in PyTorch. x = (x_r, x_z, x_n) is the
// input's share with its bias; with (u_r, u_z, u_n) = W h + b:
//   r = σ(x_r + u_r),  z = σ(x_z + u_z),  n = tanh(x_n + r u_n),  h' = (1 − z) n + z h
// Letters and the order of rows are those of lib/recurrent.ts; H hidden size. A reversed layer walks the steps from the last to the first.

import { put } from "./lib/loops";
import { sigmoid, tanh } from "./lib/math";
import { accumulate, at, atOr0, begins, endOf, multiplyBy, prepare, rowsAt, weightsBytes } from "./lib/recurrent";
import { madd } from "./lib/simd";

/** Bytes of work space for both kernels. */
export function gru_scratch_bytes(steps: i32, n: i32, hidden: i32): i32 {
  const width = 3 * hidden;
  return <i32>(max(weightsBytes(steps, n, width, hidden), weightsBytes(steps, n, hidden, width)) + (<usize>(n * width + 4) << 2));
}

/**
 * y [R, H] the states of all steps, h [N, H] the last one of each row. gates [R, 3H] holds x and gets r, z, n. For the gradient, or 0:
 * candidate [R, H] u_n; before [R, H] the state each step began with. weight [3H, H], and packed the same from `recurrent_pack_f32`, or
 * 0; bias [3H] or 0, h0 [N, H] or 0 for zeros.
 */
export function gru_f32(y: usize, h: usize, gates: usize, candidate: usize, before: usize, weight: usize, packed: usize, bias: usize, h0: usize, sizes: usize, scratch: usize, rows: i32, steps: i32, n: i32, hidden: i32, reverse: i32, begin: i32, end: i32): void {
  const width = 3 * hidden;
  end = endOf(begin, end, steps, n);
  if (begin >= end) return;
  const weights = prepare(scratch, weight, packed, true, steps, n, width, hidden);
  const u = scratch + weightsBytes(steps, n, width, hidden);
  h = begins(h, h0, begin, end, hidden);
  let row = reverse ? rows : 0;
  for (let s = 0; s < steps; s++) {
    const all = rowsAt(sizes, reverse ? steps - 1 - s : s, n);
    if (reverse) row -= all;
    const m = min(all, end) - begin;
    const first = row + begin;
    if (!reverse) row += all;
    if (m <= 0) continue;
    multiplyBy(weights, u, width, h, hidden, m, false);
    for (let r = 0; r < m; r++) {
      const i = first + r;
      cell(at(y, i * hidden), at(h, r * hidden), at(gates, i * width), atOr0(candidate, i * hidden), atOr0(before, i * hidden), at(u, r * width), bias, hidden);
    }
  }
}

/** One row: y and h ← h', and the gates in place; candidate gets u_n and before what h was, unless they are 0. u is W h without b. */
function cell(y: usize, h: usize, gates: usize, candidate: usize, before: usize, u: usize, bias: usize, hidden: i32): void {
  const step = <usize>hidden << 2;
  let left = hidden;
  if (left <= 0) return;
  do {
    let ur = v128.load(u);
    let uz = v128.load(u + step);
    let un = v128.load(u + 2 * step);
    if (bias != 0) {
      ur = f32x4.add(ur, v128.load(bias));
      uz = f32x4.add(uz, v128.load(bias + step));
      un = f32x4.add(un, v128.load(bias + 2 * step));
      bias += 16;
    }
    const r = sigmoid(f32x4.add(v128.load(gates), ur));
    put(gates, r, left);
    const z = sigmoid(f32x4.add(v128.load(gates + step), uz));
    put(gates + step, z, left);
    const n = tanh(madd(un, r, v128.load(gates + 2 * step)));
    put(gates + 2 * step, n, left);
    if (candidate != 0) {
      put(candidate, un, left);
      candidate += 16;
    }
    const was = v128.load(h);
    if (before != 0) {
      put(before, was, left);
      before += 16;
    }
    const next = madd(z, f32x4.sub(was, n), n);
    put(h, next, left);
    put(y, next, left);
    y += 16;
    h += 16;
    gates += 16;
    u += 16;
    left -= 4;
  } while (left > 0);
}

/**
 * dx [R, 3H] the gradient of x; du [R, 3H] that of W h + b; dh [N, H] that of h0. dy [R, H] and dhn [N, H] are those of y and h, or 0
 * for none.
 */
export function gru_grad_f32(dx: usize, du: usize, dh: usize, dy: usize, dhn: usize, gates: usize, candidate: usize, before: usize, weight: usize, sizes: usize, scratch: usize, rows: i32, steps: i32, n: i32, hidden: i32, reverse: i32, begin: i32, end: i32): void {
  const width = 3 * hidden;
  end = endOf(begin, end, steps, n);
  if (begin >= end) return;
  const weights = prepare(scratch, weight, 0, false, steps, n, hidden, width);
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
    for (let r = 0; r < m; r++) {
      const i = first + r;
      cellGrad(at(dx, i * width), at(du, i * width), at(dh, r * hidden), at(gates, i * width), at(candidate, i * hidden), at(before, i * hidden), hidden);
    }
    multiplyBy(weights, dh, hidden, at(du, first * width), width, m, true);
  }
}

/** One row: dx and du from the gradient of h', which becomes the part of h's that does not come through W. */
function cellGrad(dx: usize, du: usize, dh: usize, gates: usize, candidate: usize, h: usize, hidden: i32): void {
  const step = <usize>hidden << 2;
  const one = f32x4.splat(1);
  for (let left = hidden; left > 0; left -= 4) {
    const r = v128.load(gates);
    const z = v128.load(gates + step);
    const n = v128.load(gates + 2 * step);
    const un = v128.load(candidate);
    const d = v128.load(dh);
    const keep = f32x4.mul(d, z);
    const dn = f32x4.mul(f32x4.sub(d, keep), f32x4.sub(one, f32x4.mul(n, n)));
    const dz = f32x4.mul(f32x4.mul(keep, f32x4.sub(v128.load(h), n)), f32x4.sub(one, z));
    const dun = f32x4.mul(dn, r);
    const dr = f32x4.mul(f32x4.mul(dun, un), f32x4.sub(one, r));
    put(dx, dr, left);
    put(dx + step, dz, left);
    put(dx + 2 * step, dn, left);
    put(du, dr, left);
    put(du + step, dz, left);
    put(du + 2 * step, dun, left);
    put(dh, keep, left);
    dx += 16;
    du += 16;
    dh += 16;
    gates += 16;
    candidate += 16;
    h += 16;
  }
}
