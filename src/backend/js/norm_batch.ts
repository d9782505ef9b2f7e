import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";

// Batch normalisation of x [n, c, s]; the contract is in assembly/norm_batch.ts.

export function batch_norm_f32(
  y: Ptr,
  mean: Ptr,
  variance: Ptr,
  x: Ptr,
  weight: Ptr,
  bias: Ptr,
  scratch: Ptr,
  n: number,
  c: number,
  s: number,
  eps: number,
  low: number,
  begin: number,
  end: number,
): void {
  const f = arena.f32;
  const count = n * s;
  const sums = new Float64Array(c);
  const squares = new Float64Array(c);
  for (let k = 0; k < n; k++) {
    for (let i = begin; i < end; i++) {
      let sum = 0;
      let p = (x >>> 2) + (k * c + i) * s;
      for (const last = p + s; p < last; p++) sum += f[p]!;
      sums[i]! += sum;
    }
  }
  for (let k = 0; k < n; k++) {
    for (let i = begin; i < end; i++) {
      const m = sums[i]! / count;
      let sum = 0;
      let p = (x >>> 2) + (k * c + i) * s;
      for (const last = p + s; p < last; p++) sum += (f[p]! - m) ** 2;
      squares[i]! += sum;
    }
  }
  for (let i = begin; i < end; i++) {
    f[(mean >>> 2) + i] = count > 0 ? sums[i]! / count : 0;
    f[(variance >>> 2) + i] = count > 0 ? squares[i]! / count : 0;
  }
  batch_norm_eval_f32(y, x, weight, bias, mean, variance, scratch, n, c, s, eps, low, begin, end);
}

export function batch_norm_eval_f32(
  y: Ptr,
  x: Ptr,
  weight: Ptr,
  bias: Ptr,
  mean: Ptr,
  variance: Ptr,
  _scratch: Ptr,
  n: number,
  c: number,
  s: number,
  eps: number,
  low: number,
  begin: number,
  end: number,
): void {
  const f = arena.f32;
  const inverse = inverseRoots(variance, c, eps);
  for (let k = 0; k < n; k++) {
    for (let i = begin; i < end; i++) {
      const m = f[(mean >>> 2) + i]!;
      const a = valueOr(weight, i, 1) * inverse[i]!;
      const b = valueOr(bias, i, 0);
      const at = (k * c + i) * s;
      let from = (x >>> 2) + at;
      let to = (y >>> 2) + at;
      for (const last = from + s; from < last; from++, to++) {
        const v = (f[from]! - m) * a + b;
        f[to] = v < low ? low : v;
      }
    }
  }
}

export function batch_norm_grad_f32(
  dx: Ptr,
  dweight: Ptr,
  dbias: Ptr,
  g: Ptr,
  x: Ptr,
  weight: Ptr,
  bias: Ptr,
  mean: Ptr,
  variance: Ptr,
  _scratch: Ptr,
  n: number,
  c: number,
  s: number,
  eps: number,
  batchStats: number,
  low: number,
  begin: number,
  end: number,
): void {
  const f = arena.f32;
  const relu = low === 0;
  const inverse = inverseRoots(variance, c, eps);
  const sums = new Float64Array(c);
  const products = new Float64Array(c);
  for (let k = 0; k < n; k++) {
    for (let i = begin; i < end; i++) {
      const m = f[(mean >>> 2) + i]!;
      const a = valueOr(weight, i, 1) * inverse[i]!;
      const shift = valueOr(bias, i, 0);
      let sum = 0;
      let product = 0;
      let at = (k * c + i) * s;
      for (const last = at + s; at < last; at++) {
        const d = f[(x >>> 2) + at]! - m;
        const v = relu && d * a + shift <= 0 ? 0 : f[(g >>> 2) + at]!;
        sum += v;
        product += v * d;
      }
      sums[i]! += sum;
      products[i]! += product;
    }
  }
  for (let i = begin; i < end; i++) {
    f[(dweight >>> 2) + i] = products[i]! * inverse[i]!;
    f[(dbias >>> 2) + i] = sums[i]!;
  }
  const share = batchStats ? 1 / (n * s) : 0;
  for (let k = 0; k < n; k++) {
    for (let i = begin; i < end; i++) {
      const m = f[(mean >>> 2) + i]!;
      const r = inverse[i]!;
      const a = valueOr(weight, i, 1) * r;
      const shift = valueOr(bias, i, 0);
      const b = -a * r * r * products[i]! * share;
      const c0 = -a * sums[i]! * share;
      let at = (k * c + i) * s;
      for (const last = at + s; at < last; at++) {
        const d = f[(x >>> 2) + at]! - m;
        const v = relu && d * a + shift <= 0 ? 0 : f[(g >>> 2) + at]!;
        f[(dx >>> 2) + at] = v * a + d * b + c0;
      }
    }
  }
}

/** p[i], or a constant where p is absent. */
function valueOr(p: Ptr, i: number, absent: number): number {
  return p === 0 ? absent : arena.f32[(p >>> 2) + i]!;
}

/** 1 / √(variance + eps) for c channels. */
function inverseRoots(variance: Ptr, c: number, eps: number): Float64Array {
  const f = arena.f32;
  return Float64Array.from({ length: c }, (_, i) => 1 / Math.sqrt(f[(variance >>> 2) + i]! + eps));
}

export function running_average_f32(y: Ptr, x: Ptr, n: number, momentum: number, scale: number): void {
  const f = arena.f32;
  for (let i = 0; i < n; i++) {
    f[(y >>> 2) + i] = (1 - momentum) * f[(y >>> 2) + i]! + momentum * scale * f[(x >>> 2) + i]!;
  }
}
