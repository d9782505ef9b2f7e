// Softmax and its logarithm along the middle dimension of x [outer, n, inner]; y, g and dx have x's shape, work is [2, inner].

import { mapWith, storeLanes, zip, zip3, zipWith } from "./lib/loops";
import { logScalar, logs } from "./lib/logs";
import { exp } from "./lib/math";
import { COLUMNS } from "./lib/reduce";
import { columnsExp, columnsMax, columnsSumExp, rowDot, rowExp, rowMax, rowSum, rowSumExp } from "./lib/softmax";

@unmanaged class Mul {
  @inline v(a: v128, b: v128): v128 { return f32x4.mul(a, b); }
}
@unmanaged class Scale {
  @inline v(x: v128, scale: v128, _q: v128): v128 { return f32x4.mul(x, scale); }
}
@unmanaged class Reciprocal {
  @inline v(x: v128, one: v128, _q: v128): v128 { return f32x4.div(one, x); }
}
@unmanaged class Shift {
  @inline v(x: v128, m: v128, l: v128): v128 { return f32x4.sub(f32x4.sub(x, m), l); }
}
@unmanaged class AddProduct {
  @inline v(s: v128, a: v128, b: v128): v128 { return f32x4.add(s, f32x4.mul(a, b)); }
}
@unmanaged class Add {
  @inline v(a: v128, b: v128): v128 { return f32x4.add(a, b); }
}
@unmanaged class SoftmaxGrad {
  @inline v(g: v128, y: v128, s: v128): v128 { return f32x4.mul(y, f32x4.sub(g, s)); }
}
/** SoftmaxGrad whose last operand is the same in all lanes. */
@unmanaged class SoftmaxGradRow {
  @inline v(g: v128, y: v128, s: v128, _q: v128): v128 { return f32x4.mul(y, f32x4.sub(g, s)); }
}

/** y = e^{x − max} / Σ e^{x − max}: the exponentials are stored and summed in one pass. A row of −infinity gives NaN. */
export function softmax_f32(y: usize, x: usize, work: usize, outer: i32, n: i32, inner: i32): void {
  const step = <usize>inner << 2;
  const sum = work + step;
  for (let o = 0; o < outer; o++) {
    if (inner == 1) {
      const scale = f32x4.splat(<f32>(1 / rowExp(y, x, n, rowMax(x, n))));
      mapWith<Scale>(y, y, n, scale, scale);
    } else {
      for (let j = 0; j < inner; j += COLUMNS) {
        const width = min(inner - j, COLUMNS);
        const at = <usize>j << 2;
        columnsMax(work, x + at, n, width, step);
        columnsExp(y + at, sum, x + at, work, n, width, step);
        const one = f32x4.splat(1);
        mapWith<Reciprocal>(sum, sum, width, one, one);
        for (let i = 0; i < n; i++) {
          const p = y + at + step * <usize>i;
          zip<Mul>(p, p, sum, width);
        }
      }
    }
    x += step * <usize>n;
    y += step * <usize>n;
  }
}

/** y = x − max − ln Σ e^{x − max}. */
export function log_softmax_f32(y: usize, x: usize, work: usize, outer: i32, n: i32, inner: i32): void {
  const step = <usize>inner << 2;
  const sum = work + step;
  for (let o = 0; o < outer; o++) {
    if (inner == 1) {
      const m = rowMax(x, n);
      mapWith<Shift>(y, x, n, f32x4.splat(m), f32x4.splat(logScalar(<f32>rowSumExp(x, n, m))));
    } else {
      for (let j = 0; j < inner; j += COLUMNS) {
        const width = min(inner - j, COLUMNS);
        const at = <usize>j << 2;
        columnsMax(work, x + at, n, width, step);
        columnsSumExp(sum, x + at, work, n, width, step);
        logs(sum, sum, width);
        for (let i = 0; i < n; i++) {
          const row = at + step * <usize>i;
          zip3<Shift>(y + row, x + row, work, sum, width);
        }
      }
    }
    x += step * <usize>n;
    y += step * <usize>n;
  }
}

/** dx = y·(g − Σ g·y). */
export function softmax_grad_f32(dx: usize, g: usize, y: usize, work: usize, outer: i32, n: i32, inner: i32): void {
  const step = <usize>inner << 2;
  for (let o = 0; o < outer; o++) {
    if (inner == 1) {
      const s = f32x4.splat(<f32>rowDot(g, y, n));
      zipWith<SoftmaxGradRow>(dx, g, y, n, s, s);
    } else {
      for (let j = 0; j < inner; j += COLUMNS) {
        const width = min(inner - j, COLUMNS);
        const at = <usize>j << 2;
        memory.fill(work, 0, <usize>width << 2);
        for (let i = 0; i < n; i++) {
          const row = at + step * <usize>i;
          zip3<AddProduct>(work, work, g + row, y + row, width);
        }
        for (let i = 0; i < n; i++) {
          const row = at + step * <usize>i;
          zip3<SoftmaxGrad>(dx + row, g + row, y + row, work, width);
        }
      }
    }
    dx += step * <usize>n;
    g += step * <usize>n;
    y += step * <usize>n;
  }
}

/** dx = g − e^y·Σ g. */
export function log_softmax_grad_f32(dx: usize, g: usize, y: usize, work: usize, outer: i32, n: i32, inner: i32): void {
  const step = <usize>inner << 2;
  for (let o = 0; o < outer; o++) {
    if (inner == 1) {
      store<f32>(work, <f32>rowSum(g, n));
      lessShare(dx, g, y, work, n, false);
    } else {
      for (let j = 0; j < inner; j += COLUMNS) {
        const width = min(inner - j, COLUMNS);
        const at = <usize>j << 2;
        memory.fill(work, 0, <usize>width << 2);
        for (let i = 0; i < n; i++) zip<Add>(work, work, g + at + step * <usize>i, width);
        for (let i = 0; i < n; i++) {
          const row = at + step * <usize>i;
          lessShare(dx + row, g + row, y + row, work, width, true);
        }
      }
    }
    dx += step * <usize>n;
    g += step * <usize>n;
    y += step * <usize>n;
  }
}

/** dx = g − e^y·s for n elements, s being one for `each` of them or for all. */
function lessShare(dx: usize, g: usize, y: usize, s: usize, n: i32, each: bool): void {
  if (n <= 0) return;
  do {
    const share = each ? v128.load(s) : v128.load32_splat(s);
    const v = f32x4.sub(v128.load(g), f32x4.mul(exp(v128.load(y)), share));
    if (n < 4) return storeLanes(dx, v, n);
    v128.store(dx, v);
    dx += 16;
    g += 16;
    y += 16;
    if (each) s += 16;
    n -= 4;
  } while (n > 0);
}
