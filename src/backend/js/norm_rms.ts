import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";

// Root-mean-square normalisation of the rows of x [rows, n]; the contract is in assembly/norm_rms.ts.

function scaleOf(square: number, eps: number, outside: number): number {
  return outside ? 1 / (Math.sqrt(square) + eps) : 1 / Math.sqrt(square + eps);
}

export function rms_norm_f32(
  y: Ptr,
  square: Ptr,
  x: Ptr,
  weight: Ptr,
  rows: number,
  n: number,
  eps: number,
  outside: number,
): void {
  const f = arena.f32;
  for (let r = 0; r < rows; r++) {
    const from = (x >>> 2) + r * n;
    const to = (y >>> 2) + r * n;
    let sum = 0;
    for (let i = 0; i < n; i++) sum += f[from + i]! ** 2;
    const q = n > 0 ? sum / n : 0;
    const a = scaleOf(q, eps, outside);
    f[(square >>> 2) + r] = q;
    if (weight === 0) for (let i = 0; i < n; i++) f[to + i] = f[from + i]! * a;
    else for (let i = 0; i < n; i++) f[to + i] = f[from + i]! * a * f[(weight >>> 2) + i]!;
  }
}

export function rms_norm_grad_f32(
  dx: Ptr,
  dweight: Ptr,
  g: Ptr,
  x: Ptr,
  weight: Ptr,
  square: Ptr,
  _scratch: Ptr,
  rows: number,
  n: number,
  eps: number,
  outside: number,
): void {
  const f = arena.f32;
  const w = weight === 0 ? new Float32Array(n).fill(1) : f.subarray(weight >>> 2, (weight >>> 2) + n);
  const dw = new Float64Array(n);
  for (let r = 0; r < rows; r++) {
    const pg = (g >>> 2) + r * n;
    const px = (x >>> 2) + r * n;
    const q = f[(square >>> 2) + r]!;
    const a = scaleOf(q, eps, outside);
    let sum = 0;
    for (let i = 0; i < n; i++) sum += f[pg + i]! * w[i]! * f[px + i]!;
    const k = outside ? (q === 0 ? 0 : (a * a) / Math.sqrt(q)) : a ** 3;
    const b = (-k * sum) / n;
    for (let i = 0; i < n; i++) {
      const v = f[pg + i]! * a;
      dw[i]! += v * f[px + i]!;
      f[(dx >>> 2) + r * n + i] = v * w[i]! + f[px + i]! * b;
    }
  }
  f.set(dw, dweight >>> 2);
}
