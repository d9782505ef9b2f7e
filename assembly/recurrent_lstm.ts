// The recurrence of an LSTM layer in one direction. x is the input's share of the gates with both biases; with (i, f, g, o) the
// four parts of x + W h:  c' = σ(f) c + σ(i) tanh(g),  h' = σ(o) tanh(c'), or V σ(o) tanh(c') with a projection V.
// Letters and the order of rows are those of lib/recurrent.ts; H hidden size, P size of h (H without a projection). A reversed layer
// walks the steps from the last to the first.

import { put } from "./lib/loops";
import { tanh } from "./lib/math";
import { accumulate, addProduct, assign, at, prepare, rowsAt, scale, weightsBytes } from "./lib/recurrent";
import { madd } from "./lib/simd";
import { sigmoid_f32, tanh_f32 } from "./transcendental";

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
 * before a projection. weight [4H, P], projection [P, H] or 0, h0 [N, P] and c0 [N, H] or 0 for zeros.
 */
export function lstm_f32(y: usize, h: usize, c: usize, gates: usize, hBefore: usize, cBefore: usize, full: usize, weight: usize, projection: usize, h0: usize, c0: usize, sizes: usize, scratch: usize, rows: i32, steps: i32, n: i32, hidden: i32, proj: i32, reverse: i32): void {
  const width = hidden << 2;
  const size = projection == 0 ? hidden : proj;
  const weights = prepare(scratch, weight, true, steps, n, width, size);
  scratch += weightsBytes(steps, n, width, size);
  let projections = weights;
  if (projection != 0) {
    projections = prepare(scratch, projection, true, steps, n, size, hidden);
    scratch += weightsBytes(steps, n, size, hidden);
  }
  assign(h, h0, n * size);
  assign(c, c0, n * hidden);
  let row = reverse ? rows : 0;
  for (let s = 0; s < steps; s++) {
    const m = rowsAt(sizes, reverse ? steps - 1 - s : s, n);
    if (reverse) row -= m;
    const g = at(gates, row * width);
    const u = projection == 0 ? h : full == 0 ? scratch : at(full, row * hidden);
    if (hBefore != 0) assign(at(hBefore, row * size), h, m * size);
    if (cBefore != 0) assign(at(cBefore, row * hidden), c, m * hidden);
    addProduct(g, width, h, size, m, weights);
    for (let r = 0; r < m; r++) cell(at(u, r * hidden), at(c, r * hidden), at(g, r * width), hidden);
    if (projection != 0) {
      assign(h, 0, m * size);
      addProduct(h, size, u, hidden, m, projections);
    }
    assign(at(y, row * size), h, m * size);
    if (!reverse) row += m;
  }
}

/** One row: h ← σ(o) tanh(c'), c ← c', and the gates in place. A row stays in the first-level cache, so several walks cost little. */
function cell(h: usize, c: usize, gates: usize, hidden: i32): void {
  const step = <usize>hidden << 2;
  const state = c;
  const output = gates + 3 * step;
  sigmoid_f32(gates, gates, 2 * hidden);
  tanh_f32(gates + 2 * step, gates + 2 * step, hidden);
  sigmoid_f32(output, output, hidden);
  for (let left = hidden; left > 0; left -= 4) {
    const v = madd(v128.load(gates + step), v128.load(c), f32x4.mul(v128.load(gates), v128.load(gates + 2 * step)));
    put(c, v, left);
    gates += 16;
    c += 16;
  }
  tanh_f32(h, state, hidden);
  scale(h, output, hidden);
}

/**
 * dx [R, 4H] the gradient of x; dh [N, P] and dc [N, H] those of h0 and c0; dproj [R, P], with a projection: that of y with what
 * later steps add. dy [R, P], dhn [N, P] and dcn [N, H] are those of y, h and c, or 0 for none.
 */
export function lstm_grad_f32(dx: usize, dh: usize, dc: usize, dproj: usize, dy: usize, dhn: usize, dcn: usize, gates: usize, cBefore: usize, weight: usize, projection: usize, sizes: usize, scratch: usize, rows: i32, steps: i32, n: i32, hidden: i32, proj: i32, reverse: i32): void {
  const width = hidden << 2;
  const size = projection == 0 ? hidden : proj;
  const weights = prepare(scratch, weight, false, steps, n, size, width);
  scratch += weightsBytes(steps, n, size, width);
  let projections = weights;
  if (projection != 0) {
    projections = prepare(scratch, projection, false, steps, n, hidden, size);
    scratch += weightsBytes(steps, n, hidden, size);
  }
  assign(dh, dhn, n * size);
  assign(dc, dcn, n * hidden);
  let row = reverse ? 0 : rows;
  for (let s = 0; s < steps; s++) {
    const m = rowsAt(sizes, reverse ? s : steps - 1 - s, n);
    if (!reverse) row -= m;
    let du = dh;
    if (dy != 0) accumulate(dh, at(dy, row * size), m * size);
    if (projection != 0) {
      du = scratch;
      assign(at(dproj, row * size), dh, m * size);
      assign(du, 0, m * hidden);
      addProduct(du, hidden, dh, size, m, projections);
    }
    for (let r = 0; r < m; r++) {
      const i = row + r;
      cellGrad(at(dx, i * width), at(dc, r * hidden), at(du, r * hidden), at(gates, i * width), at(cBefore, i * hidden), hidden);
    }
    assign(dh, 0, m * size);
    addProduct(dh, size, at(dx, row * width), width, m, weights);
    if (reverse) row += m;
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
