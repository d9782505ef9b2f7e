// The recurrence of an LSTM layer in one direction. x is the input's share of the gates with both biases; with (i, f, g, o) the
// four parts of x + W h:  c' = σ(f) c + σ(i) tanh(g),  h' = σ(o) tanh(c'), or V σ(o) tanh(c') with a projection V.
// Letters and the order of rows are those of lib/recurrent.ts; H hidden size, P size of h (H without a projection). A reversed layer
// walks the steps from the last to the first.

import { put } from "./lib/loops";
import { sigmoid, tanh } from "./lib/math";
import { accumulate, assign, at, atOr0, begins, endOf, multiplyBy, prepare, rowsAt, weightsBytes } from "./lib/recurrent";
import { madd } from "./lib/simd";

/** Bytes of work space for both kernels; proj is 0 without a projection. */
export function lstm_scratch_bytes(steps: i32, n: i32, hidden: i32, proj: i32): i32 {
  const gates = hidden << 2;
  const size = proj == 0 ? hidden : proj;
  const weights = max(weightsBytes(steps, n, gates, size), weightsBytes(steps, n, size, gates));
  const projection = proj == 0 ? <usize>0 : max(weightsBytes(steps, n, proj, hidden), weightsBytes(steps, n, hidden, proj));
  return <i32>(weights + projection + (<usize>(n * hidden + 4) << 2));
}

/**
 * y [R, P] the outputs h of all steps; h [N, P] and c [N, H] the last states of each row. gates [R, 4H] holds x and gets σ(i), σ(f),
 * tanh(g), σ(o). For the gradient, or 0: hBefore [R, P] and cBefore [R, H] the states each step began with; full [R, H] σ(o) tanh(c')
 * before a projection. weight [4H, P], and packed the same from `recurrent_pack_f32`, or 0; projection [P, H] or 0, h0 [N, P] and c0 [N, H]
 * or 0 for zeros.
 */
export function lstm_f32(y: usize, h: usize, c: usize, gates: usize, hBefore: usize, cBefore: usize, full: usize, weight: usize, packed: usize, projection: usize, h0: usize, c0: usize, sizes: usize, scratch: usize, rows: i32, steps: i32, n: i32, hidden: i32, proj: i32, reverse: i32, begin: i32, end: i32): void {
  const width = hidden << 2;
  const size = projection == 0 ? hidden : proj;
  end = endOf(begin, end, steps, n);
  if (begin >= end) return;
  const weights = prepare(scratch, weight, packed, true, steps, n, width, size);
  scratch += weightsBytes(steps, n, width, size);
  let projections = weights;
  if (projection != 0) {
    projections = prepare(scratch, projection, 0, true, steps, n, size, hidden);
    scratch += weightsBytes(steps, n, size, hidden);
  }
  h = begins(h, h0, begin, end, size);
  c = begins(c, c0, begin, end, hidden);
  let row = reverse ? rows : 0;
  for (let s = 0; s < steps; s++) {
    const all = rowsAt(sizes, reverse ? steps - 1 - s : s, n);
    if (reverse) row -= all;
    const m = min(all, end) - begin;
    const first = row + begin;
    if (!reverse) row += all;
    if (m <= 0) continue;
    const g = at(gates, first * width);
    const before = atOr0(hBefore, first * size);
    const out = at(y, first * size);
    multiplyBy(weights, g, width, h, size, m, true);
    if (projection == 0) {
      for (let r = 0; r < m; r++) {
        cell(at(h, r * hidden), at(c, r * hidden), at(g, r * width), at(out, r * hidden), atOr0(before, r * hidden), atOr0(cBefore, (first + r) * hidden), hidden);
      }
    } else {
      const u = full == 0 ? scratch : at(full, first * hidden);
      for (let r = 0; r < m; r++) {
        cell(0, at(c, r * hidden), at(g, r * width), at(u, r * hidden), 0, atOr0(cBefore, (first + r) * hidden), hidden);
      }
      if (before != 0) assign(before, h, m * size);
      multiplyBy(projections, h, size, u, hidden, m, false);
      assign(out, h, m * size);
    }
  }
}

/** One row: h and out ← σ(o) tanh(c'), c ← c', and the gates in place; hBefore and cBefore get what h and c were. h, hBefore and cBefore may be 0. */
function cell(h: usize, c: usize, gates: usize, out: usize, hBefore: usize, cBefore: usize, hidden: i32): void {
  const step = <usize>hidden << 2;
  let left = hidden;
  if (left <= 0) return;
  do {
    const i = sigmoid(v128.load(gates));
    put(gates, i, left);
    const f = sigmoid(v128.load(gates + step));
    put(gates + step, f, left);
    const g = tanh(v128.load(gates + 2 * step));
    put(gates + 2 * step, g, left);
    const o = sigmoid(v128.load(gates + 3 * step));
    put(gates + 3 * step, o, left);
    const before = v128.load(c);
    if (cBefore != 0) {
      put(cBefore, before, left);
      cBefore += 16;
    }
    const next = madd(f, before, f32x4.mul(i, g));
    put(c, next, left);
    const v = f32x4.mul(o, tanh(next));
    put(out, v, left);
    if (hBefore != 0) {
      put(hBefore, v128.load(h), left);
      hBefore += 16;
    }
    if (h != 0) {
      put(h, v, left);
      h += 16;
    }
    gates += 16;
    c += 16;
    out += 16;
    left -= 4;
  } while (left > 0);
}

/**
 * dx [R, 4H] the gradient of x; dh [N, P] and dc [N, H] those of h0 and c0; dproj [R, P], with a projection: that of y with what
 * later steps add. dy [R, P], dhn [N, P] and dcn [N, H] are those of y, h and c, or 0 for none.
 */
export function lstm_grad_f32(dx: usize, dh: usize, dc: usize, dproj: usize, dy: usize, dhn: usize, dcn: usize, gates: usize, cBefore: usize, weight: usize, projection: usize, sizes: usize, scratch: usize, rows: i32, steps: i32, n: i32, hidden: i32, proj: i32, reverse: i32, begin: i32, end: i32): void {
  const width = hidden << 2;
  const size = projection == 0 ? hidden : proj;
  end = endOf(begin, end, steps, n);
  if (begin >= end) return;
  const weights = prepare(scratch, weight, 0, false, steps, n, size, width);
  scratch += weightsBytes(steps, n, size, width);
  let projections = weights;
  if (projection != 0) {
    projections = prepare(scratch, projection, 0, false, steps, n, hidden, size);
    scratch += weightsBytes(steps, n, hidden, size);
  }
  dh = begins(dh, dhn, begin, end, size);
  dc = begins(dc, dcn, begin, end, hidden);
  let row = reverse ? 0 : rows;
  for (let s = 0; s < steps; s++) {
    const all = rowsAt(sizes, reverse ? s : steps - 1 - s, n);
    if (!reverse) row -= all;
    const m = min(all, end) - begin;
    const first = row + begin;
    if (reverse) row += all;
    if (m <= 0) continue;
    let du = dh;
    if (dy != 0) accumulate(dh, at(dy, first * size), m * size);
    if (projection != 0) {
      du = scratch;
      assign(at(dproj, first * size), dh, m * size);
      multiplyBy(projections, du, hidden, dh, size, m, false);
    }
    for (let r = 0; r < m; r++) {
      const i = first + r;
      cellGrad(at(dx, i * width), at(dc, r * hidden), at(du, r * hidden), at(gates, i * width), at(cBefore, i * hidden), hidden);
    }
    multiplyBy(weights, dh, size, at(dx, first * width), width, m, false);
  }
}

/** One row: dx from the gradients of σ(o) tanh(c') and of c', which becomes that of c. */
function cellGrad(dx: usize, dc: usize, du: usize, gates: usize, c: usize, hidden: i32): void {
  const step = <usize>hidden << 2;
  const one = f32x4.splat(1);
  for (let left = hidden; left > 0; left -= 4) {
    const i = v128.load(gates);
    const f = v128.load(gates + step);
    const g = v128.load(gates + 2 * step);
    const o = v128.load(gates + 3 * step);
    const before = v128.load(c);
    const t = tanh(madd(f, before, f32x4.mul(i, g)));
    const d = v128.load(du);
    const dv = madd(f32x4.mul(d, o), f32x4.sub(one, f32x4.mul(t, t)), v128.load(dc));
    const di = f32x4.mul(f32x4.mul(dv, g), f32x4.mul(i, f32x4.sub(one, i)));
    const df = f32x4.mul(f32x4.mul(dv, before), f32x4.mul(f, f32x4.sub(one, f)));
    const dg = f32x4.mul(f32x4.mul(dv, i), f32x4.sub(one, f32x4.mul(g, g)));
    const dO = f32x4.mul(f32x4.mul(d, t), f32x4.mul(o, f32x4.sub(one, o)));
    const next = f32x4.mul(dv, f);
    put(dx, di, left);
    put(dx + step, df, left);
    put(dx + 2 * step, dg, left);
    put(dx + 3 * step, dO, left);
    put(dc, next, left);
    dx += 16;
    dc += 16;
    du += 16;
    gates += 16;
    c += 16;
  }
}
