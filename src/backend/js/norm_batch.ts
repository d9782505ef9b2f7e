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
): void {
  const f = arena.f32;
  const count = n * s;
  const sums = new Float64Array(c);
  const squares = new Float64Array(c);
  let p = x >>> 2;
  for (let k = 0; k < n; k++) {
    for (let i = 0; i < c; i++) {
      let sum = 0;
      for (const end = p + s; p < end; p++) sum += f[p]!;
      sums[i]! += sum;
    }
  }
  p = x >>> 2;
  for (let k = 0; k < n; k++) {
    for (let i = 0; i < c; i++) {
      const m = sums[i]! / count;
      let sum = 0;
      for (const end = p + s; p < end; p++) sum += (f[p]! - m) ** 2;
      squares[i]! += sum;
    }
  }
  for (let i = 0; i < c; i++) {
    f[(mean >>> 2) + i] = count > 0 ? sums[i]! / count : 0;
    f[(variance >>> 2) + i] = count > 0 ? squares[i]! / count : 0;
  }
  batch_norm_eval_f32(y, x, weight, bias, mean, variance, scratch, n, c, s, eps);
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
): void {
  const f = arena.f32;
  const scales = inverseRoots(variance, c, eps);
  if (weight !== 0) for (let i = 0; i < c; i++) scales[i]! *= f[(weight >>> 2) + i]!;
  let to = y >>> 2;
  let from = x >>> 2;
  for (let k = 0; k < n; k++) {
    for (let i = 0; i < c; i++) {
      const m = f[(mean >>> 2) + i]!;
      const a = scales[i]!;
      const b = bias === 0 ? 0 : f[(bias >>> 2) + i]!;
      for (const end = from + s; from < end; from++, to++) f[to] = (f[from]! - m) * a + b;
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
  mean: Ptr,
  variance: Ptr,
  _scratch: Ptr,
  n: number,
  c: number,
  s: number,
  eps: number,
  batchStats: number,
): void {
  const f = arena.f32;
  const inverse = inverseRoots(variance, c, eps);
  const sums = new Float64Array(c);
  const products = new Float64Array(c);
  let at = 0;
  for (let k = 0; k < n; k++) {
    for (let i = 0; i < c; i++) {
      const m = f[(mean >>> 2) + i]!;
      let sum = 0;
      let product = 0;
      for (const end = at + s; at < end; at++) {
        const v = f[(g >>> 2) + at]!;
        sum += v;
        product += v * (f[(x >>> 2) + at]! - m);
      }
      sums[i]! += sum;
      products[i]! += product;
    }
  }
  for (let i = 0; i < c; i++) {
    f[(dweight >>> 2) + i] = products[i]! * inverse[i]!;
    f[(dbias >>> 2) + i] = sums[i]!;
  }
  const share = batchStats ? 1 / (n * s) : 0;
  at = 0;
  for (let k = 0; k < n; k++) {
    for (let i = 0; i < c; i++) {
      const m = f[(mean >>> 2) + i]!;
      const r = inverse[i]!;
      const a = (weight === 0 ? 1 : f[(weight >>> 2) + i]!) * r;
      const b = -a * r * r * products[i]! * share;
      const d = -a * sums[i]! * share;
      for (const end = at + s; at < end; at++) {
        f[(dx >>> 2) + at] = f[(g >>> 2) + at]! * a + (f[(x >>> 2) + at]! - m) * b + d;
      }
    }
  }
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
