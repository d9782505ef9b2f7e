// Softmax and its logarithm along the middle dimension of x [outer, n, inner]; y, g and dx have x's shape.

import { storeLanes } from "./lib/loops";
import { exp, logScalar, log } from "./lib/math";
import { columnMax, columnSumExp, rowDot, rowExp, rowMax, rowSum } from "./lib/softmax";

/** Stores four lanes, or the `left` < 4 of them that the row still has. */
@inline function put(y: usize, v: v128, left: i32): void {
  if (left >= 4) v128.store(y, v);
  else storeLanes(y, v, left);
}

/** y = e^{x − max} / Σ e^{x − max}: the exponentials are stored and summed in one pass. A row of −infinity gives NaN. */
export function softmax_f32(y: usize, x: usize, outer: i32, n: i32, inner: i32): void {
  const step = <usize>inner << 2;
  for (let o = 0; o < outer; o++) {
    if (inner == 1) {
      const s = rowExp(y, x, n, rowMax(x, n));
      const scale = f32x4.splat(<f32>(1 / s));
      for (let i = 0; i < n; i += 4) {
        const p = y + (<usize>i << 2);
        put(p, f32x4.mul(v128.load(p), scale), n - i);
      }
    } else {
      for (let j = 0; j < inner; j += 4) {
        const left = inner - j;
        let px = x + (<usize>j << 2);
        let py = y + (<usize>j << 2);
        const m = columnMax(px, n, step);
        let s = f32x4.splat(0);
        for (let i = 0; i < n; i++) {
          const e = exp(f32x4.sub(v128.load(px), m));
          s = f32x4.add(s, e);
          put(py, e, left);
          px += step;
          py += step;
        }
        const scale = f32x4.div(f32x4.splat(1), s);
        for (let i = 0; i < n; i++) {
          py -= step;
          put(py, f32x4.mul(v128.load(py), scale), left);
        }
      }
    }
    x += step * <usize>n;
    y += step * <usize>n;
  }
}

/** y = x − max − ln Σ e^{x − max}. */
export function log_softmax_f32(y: usize, x: usize, outer: i32, n: i32, inner: i32): void {
  const step = <usize>inner << 2;
  for (let o = 0; o < outer; o++) {
    if (inner == 1) {
      const top = rowMax(x, n);
      const l = f32x4.splat(logScalar(<f32>rowExp(0, x, n, top)));
      const m = f32x4.splat(top);
      for (let i = 0; i < n; i += 4) {
        const at = <usize>i << 2;
        put(y + at, f32x4.sub(f32x4.sub(v128.load(x + at), m), l), n - i);
      }
    } else {
      for (let j = 0; j < inner; j += 4) {
        let px = x + (<usize>j << 2);
        let py = y + (<usize>j << 2);
        const m = columnMax(px, n, step);
        const l = log(columnSumExp(px, n, step, m));
        for (let i = 0; i < n; i++) {
          put(py, f32x4.sub(f32x4.sub(v128.load(px), m), l), inner - j);
          px += step;
          py += step;
        }
      }
    }
    x += step * <usize>n;
    y += step * <usize>n;
  }
}

/** dx = y·(g − Σ g·y). */
export function softmax_grad_f32(dx: usize, g: usize, y: usize, outer: i32, n: i32, inner: i32): void {
  const step = <usize>inner << 2;
  for (let o = 0; o < outer; o++) {
    if (inner == 1) {
      const s = f32x4.splat(<f32>rowDot(g, y, n));
      for (let i = 0; i < n; i += 4) {
        const at = <usize>i << 2;
        put(dx + at, f32x4.mul(v128.load(y + at), f32x4.sub(v128.load(g + at), s)), n - i);
      }
    } else {
      for (let j = 0; j < inner; j += 4) {
        let at = <usize>j << 2;
        let s = f32x4.splat(0);
        for (let i = 0; i < n; i++) {
          s = f32x4.add(s, f32x4.mul(v128.load(g + at), v128.load(y + at)));
          at += step;
        }
        for (let i = 0; i < n; i++) {
          at -= step;
          put(dx + at, f32x4.mul(v128.load(y + at), f32x4.sub(v128.load(g + at), s)), inner - j);
        }
      }
    }
    dx += step * <usize>n;
    g += step * <usize>n;
    y += step * <usize>n;
  }
}

/** dx = g − e^y·Σ g. */
export function log_softmax_grad_f32(dx: usize, g: usize, y: usize, outer: i32, n: i32, inner: i32): void {
  const step = <usize>inner << 2;
  for (let o = 0; o < outer; o++) {
    if (inner == 1) {
      const s = f32x4.splat(<f32>rowSum(g, n));
      for (let i = 0; i < n; i += 4) {
        const at = <usize>i << 2;
        put(dx + at, f32x4.sub(v128.load(g + at), f32x4.mul(exp(v128.load(y + at)), s)), n - i);
      }
    } else {
      for (let j = 0; j < inner; j += 4) {
        let at = <usize>j << 2;
        let s = f32x4.splat(0);
        for (let i = 0; i < n; i++) {
          s = f32x4.add(s, v128.load(g + at));
          at += step;
        }
        for (let i = 0; i < n; i++) {
          at -= step;
          put(dx + at, f32x4.sub(v128.load(g + at), f32x4.mul(exp(v128.load(y + at)), s)), inner - j);
        }
      }
    }
    dx += step * <usize>n;
    g += step * <usize>n;
    y += step * <usize>n;
  }
}
