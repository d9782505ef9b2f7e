import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";
import { map, mapI32, zip } from "./lib/loops.js";
import { roundEven } from "./lib/math.js";

// Element-wise functions of one operand that are exact or one rounding away; the contract is in assembly/unary.ts.

export const relu_f32 = map((f, n, y, x) => {
  for (let i = 0; i < n; i++) f[y + i] = Math.max(f[x + i]!, 0);
});

export const abs_f32 = map((f, n, y, x) => {
  for (let i = 0; i < n; i++) f[y + i] = Math.abs(f[x + i]!);
});

export const abs_i32 = mapI32((m, n, y, x) => {
  for (let i = 0; i < n; i++) m[y + i] = Math.abs(m[x + i]!);
});

export const sign_f32 = map((f, n, y, x) => {
  for (let i = 0; i < n; i++) f[y + i] = Number(f[x + i]! > 0) - Number(f[x + i]! < 0);
});

export const sign_i32 = mapI32((m, n, y, x) => {
  for (let i = 0; i < n; i++) m[y + i] = Math.sign(m[x + i]!);
});

export const sqrt_f32 = map((f, n, y, x) => {
  for (let i = 0; i < n; i++) f[y + i] = Math.sqrt(f[x + i]!);
});

export const rsqrt_f32 = map((f, n, y, x) => {
  for (let i = 0; i < n; i++) f[y + i] = 1 / Math.sqrt(f[x + i]!);
});

export const reciprocal_f32 = map((f, n, y, x) => {
  for (let i = 0; i < n; i++) f[y + i] = 1 / f[x + i]!;
});

export const square_f32 = map((f, n, y, x) => {
  for (let i = 0; i < n; i++) f[y + i] = f[x + i]! * f[x + i]!;
});

export const floor_f32 = map((f, n, y, x) => {
  for (let i = 0; i < n; i++) f[y + i] = Math.floor(f[x + i]!);
});

export const ceil_f32 = map((f, n, y, x) => {
  for (let i = 0; i < n; i++) f[y + i] = Math.ceil(f[x + i]!);
});

export const round_f32 = map((f, n, y, x) => {
  for (let i = 0; i < n; i++) f[y + i] = roundEven(f[x + i]!);
});

export function clamp_f32(y: Ptr, x: Ptr, n: number, low: number, high: number): void {
  const f = arena.f32;
  for (let i = 0; i < n; i++) f[(y >>> 2) + i] = Math.min(Math.max(f[(x >>> 2) + i]!, low), high);
}

export function clamp_i32(y: Ptr, x: Ptr, n: number, low: number, high: number): void {
  const m = arena.i32;
  for (let i = 0; i < n; i++) m[(y >>> 2) + i] = Math.min(Math.max(m[(x >>> 2) + i]!, low), high);
}

export const relu_grad_f32 = zip((f, n, dx, g, y) => {
  for (let i = 0; i < n; i++) f[dx + i] = f[y + i]! <= 0 ? 0 : f[g + i]!;
});

export const abs_grad_f32 = zip((f, n, dx, g, x) => {
  for (let i = 0; i < n; i++) f[dx + i] = f[x + i]! > 0 ? f[g + i]! : f[x + i]! < 0 ? -f[g + i]! : 0;
});

export const sqrt_grad_f32 = zip((f, n, dx, g, y) => {
  for (let i = 0; i < n; i++) f[dx + i] = (0.5 * f[g + i]!) / f[y + i]!;
});

export const rsqrt_grad_f32 = zip((f, n, dx, g, y) => {
  for (let i = 0; i < n; i++) f[dx + i] = -0.5 * f[g + i]! * f[y + i]! * f[y + i]! * f[y + i]!;
});

export const reciprocal_grad_f32 = zip((f, n, dx, g, y) => {
  for (let i = 0; i < n; i++) f[dx + i] = -f[g + i]! * f[y + i]! * f[y + i]!;
});

export const square_grad_f32 = zip((f, n, dx, g, x) => {
  for (let i = 0; i < n; i++) f[dx + i] = 2 * f[g + i]! * f[x + i]!;
});

export function clamp_grad_f32(dx: Ptr, g: Ptr, x: Ptr, n: number, low: number, high: number): void {
  const f = arena.f32;
  const [lo, hi] = [Math.fround(low), Math.fround(high)];
  for (let i = 0; i < n; i++) {
    const v = f[(x >>> 2) + i]!;
    f[(dx >>> 2) + i] = v >= lo && v <= hi ? f[(g >>> 2) + i]! : 0;
  }
}
