import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";
import { map, zip } from "./lib/loops.js";
import { erf, pow, sigmoid } from "./lib/math.js";

// Transcendental functions, element by element; the contract is in assembly/transcendental.ts.

export const exp_f32 = map((f, n, y, x) => {
  for (let i = 0; i < n; i++) f[y + i] = Math.exp(f[x + i]!);
});

export const expm1_f32 = map((f, n, y, x) => {
  for (let i = 0; i < n; i++) f[y + i] = Math.expm1(f[x + i]!);
});

export const log_f32 = map((f, n, y, x) => {
  for (let i = 0; i < n; i++) f[y + i] = Math.log(f[x + i]!);
});

export const log1p_f32 = map((f, n, y, x) => {
  for (let i = 0; i < n; i++) f[y + i] = Math.log1p(f[x + i]!);
});

export const tanh_f32 = map((f, n, y, x) => {
  for (let i = 0; i < n; i++) f[y + i] = Math.tanh(f[x + i]!);
});

export const tanh_grad_f32 = zip((f, n, dx, g, y) => {
  for (let i = 0; i < n; i++) f[dx + i] = f[g + i]! * (1 - f[y + i]! * f[y + i]!);
});

export const sigmoid_f32 = map((f, n, y, x) => {
  for (let i = 0; i < n; i++) f[y + i] = sigmoid(f[x + i]!);
});

export const sigmoid_grad_f32 = zip((f, n, dx, g, y) => {
  for (let i = 0; i < n; i++) f[dx + i] = f[g + i]! * f[y + i]! * (1 - f[y + i]!);
});

export const erf_f32 = map((f, n, y, x) => {
  for (let i = 0; i < n; i++) f[y + i] = erf(f[x + i]!);
});

export const erf_grad_f32 = zip((f, n, dx, g, x) => {
  for (let i = 0; i < n; i++) f[dx + i] = f[g + i]! * (2 / Math.sqrt(Math.PI)) * Math.exp(-f[x + i]! * f[x + i]!);
});

export const sin_f32 = map((f, n, y, x) => {
  for (let i = 0; i < n; i++) f[y + i] = Math.sin(f[x + i]!);
});

export const cos_f32 = map((f, n, y, x) => {
  for (let i = 0; i < n; i++) f[y + i] = Math.cos(f[x + i]!);
});

export const pow_f32 = zip((f, n, y, a, b) => {
  for (let i = 0; i < n; i++) f[y + i] = pow(f[a + i]!, f[b + i]!);
});

export function pow_scalar_f32(y: Ptr, x: Ptr, n: number, exponent: number): void {
  const f = arena.f32;
  const p = Math.fround(exponent);
  for (let i = 0; i < n; i++) f[(y >>> 2) + i] = pow(f[(x >>> 2) + i]!, p);
}
