import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";

// Local response normalisation of x [n, c, s]; the contract is in assembly/norm_local_response.ts.

export function local_response_norm_f32(
  y: Ptr,
  d: Ptr,
  x: Ptr,
  n: number,
  c: number,
  s: number,
  size: number,
  alpha: number,
  beta: number,
  k: number,
): void {
  const f = arena.f32;
  for (let b = 0; b < n; b++) {
    for (let i = 0; i < c; i++) {
      const from = Math.max(0, i - Math.floor(size / 2));
      const to = Math.min(c, i + Math.floor((size + 1) / 2));
      for (let j = 0; j < s; j++) {
        const o = (b * c + i) * s + j;
        let sum = 0;
        for (let w = from; w < to; w++) sum += f[(x >>> 2) + (b * c + w) * s + j]! ** 2;
        const v = k + (alpha / size) * sum;
        f[(d >>> 2) + o] = v;
        f[(y >>> 2) + o] = f[(x >>> 2) + o]! / v ** beta;
      }
    }
  }
}

export function local_response_norm_grad_f32(
  dx: Ptr,
  g: Ptr,
  x: Ptr,
  y: Ptr,
  d: Ptr,
  scratch: Ptr,
  n: number,
  c: number,
  s: number,
  size: number,
  alpha: number,
  beta: number,
): void {
  const f = arena.f32;
  const factor = (-2 * alpha * beta) / size;
  const t = scratch >>> 2;
  for (let b = 0; b < n; b++) {
    const start = b * c * s;
    for (let e = 0; e < c * s; e++) {
      const o = start + e;
      f[t + e] = (f[(g >>> 2) + o]! * f[(y >>> 2) + o]!) / f[(d >>> 2) + o]!;
    }
    for (let i = 0; i < c; i++) {
      const from = Math.max(0, i - Math.floor((size - 1) / 2));
      const to = Math.min(c, i + Math.floor(size / 2) + 1);
      for (let j = 0; j < s; j++) {
        const o = start + i * s + j;
        let sum = 0;
        for (let w = from; w < to; w++) sum += f[t + w * s + j]!;
        f[(dx >>> 2) + o] = f[(g >>> 2) + o]! / f[(d >>> 2) + o]! ** beta + factor * f[(x >>> 2) + o]! * sum;
      }
    }
  }
}
