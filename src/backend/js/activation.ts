import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";
import { map, zip } from "./lib/loops.js";
import { normalCdf, sigmoid } from "./lib/math.js";

// Activations that are more than a comparison; the contract is in assembly/activation.ts.

export const gelu_f32 = map((f, n, y, x) => {
  for (let i = 0; i < n; i++) f[y + i] = f[x + i]! * normalCdf(f[x + i]!);
});

export const gelu_grad_f32 = zip((f, n, dx, g, x) => {
  for (let i = 0; i < n; i++) {
    const v = f[x + i]!;
    f[dx + i] = f[g + i]! * (normalCdf(v) + (v * Math.exp(-0.5 * v * v)) / Math.sqrt(2 * Math.PI));
  }
});

export function self_gate_f32(y: Ptr, x: Ptr, n: number, linear: number, cubic: number): void {
  const f = arena.f32;
  for (let i = 0; i < n; i++) {
    const v = f[(x >>> 2) + i]!;
    f[(y >>> 2) + i] = v * sigmoid(v * (linear + cubic * Math.min(v * v, 1e30)));
  }
}

export function self_gate_grad_f32(dx: Ptr, g: Ptr, x: Ptr, n: number, linear: number, cubic: number): void {
  const f = arena.f32;
  for (let i = 0; i < n; i++) {
    const v = f[(x >>> 2) + i]!;
    const c = cubic * Math.min(v * v, 1e30);
    const s = sigmoid(v * (linear + c));
    f[(dx >>> 2) + i] = f[(g >>> 2) + i]! * (s + v * (1 - s) * s * (linear + 3 * c));
  }
}

export function elu_f32(y: Ptr, x: Ptr, n: number, positive: number, negative: number, rate: number): void {
  const f = arena.f32;
  for (let i = 0; i < n; i++) {
    const v = f[(x >>> 2) + i]!;
    f[(y >>> 2) + i] = v > 0 ? positive * v : negative * Math.expm1(rate * v);
  }
}

export function elu_grad_f32(
  dx: Ptr,
  g: Ptr,
  x: Ptr,
  n: number,
  positive: number,
  negative: number,
  rate: number,
): void {
  const f = arena.f32;
  for (let i = 0; i < n; i++) {
    const v = f[(x >>> 2) + i]!;
    f[(dx >>> 2) + i] = f[(g >>> 2) + i]! * (v > 0 ? positive : negative * rate * Math.exp(rate * v));
  }
}

export function softplus_f32(y: Ptr, x: Ptr, n: number, beta: number, threshold: number): void {
  const f = arena.f32;
  for (let i = 0; i < n; i++) {
    const v = f[(x >>> 2) + i]!;
    const z = v * beta;
    f[(y >>> 2) + i] = z > threshold ? v : (Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)))) / beta;
  }
}

export function softplus_grad_f32(dx: Ptr, g: Ptr, x: Ptr, n: number, beta: number, threshold: number): void {
  const f = arena.f32;
  for (let i = 0; i < n; i++) {
    const z = f[(x >>> 2) + i]! * beta;
    f[(dx >>> 2) + i] = f[(g >>> 2) + i]! * (z > threshold ? 1 : sigmoid(z));
  }
}

export function leak_f32(y: Ptr, v: Ptr, x: Ptr, n: number, slope: number): void {
  const f = arena.f32;
  for (let i = 0; i < n; i++) f[(y >>> 2) + i] = f[(v >>> 2) + i]! * (f[(x >>> 2) + i]! > 0 ? 1 : slope);
}

export function leak_slopes_f32(y: Ptr, v: Ptr, x: Ptr, slopes: Ptr, n: number): void {
  const f = arena.f32;
  for (let i = 0; i < n; i++) {
    f[(y >>> 2) + i] = f[(v >>> 2) + i]! * (f[(x >>> 2) + i]! > 0 ? 1 : f[(slopes >>> 2) + i]!);
  }
}
