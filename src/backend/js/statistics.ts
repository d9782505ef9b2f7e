import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";
import { reduce } from "./lib/reduce.js";

// Variance, norms and log-sum-exp of the middle dimension of x [outer, n, inner]; the contract is in assembly/statistics.ts.

const f32 = (): Float32Array => arena.f32;

const variance = reduce(f32, (f, at, n, step, correction: number) => {
  let mean = 0;
  for (let i = 0; i < n; i++) mean += f[at + i * step]!;
  mean /= n;
  let s = 0;
  for (let i = 0; i < n; i++) s += (f[at + i * step]! - mean) ** 2;
  return s / Math.max(n - correction, 0);
});

const logSumExp = reduce(f32, (f, at, n, step) => {
  let top = -Infinity;
  for (let i = 0; i < n; i++) top = Math.max(top, f[at + i * step]!);
  const m = Math.abs(top) === Infinity ? 0 : top;
  let s = 0;
  for (let i = 0; i < n; i++) s += Math.exp(f[at + i * step]! - m);
  return m + Math.log(s);
});

export function var_f32(y: Ptr, x: Ptr, _work: Ptr, outer: number, n: number, inner: number, correction: number): void {
  variance(y, x, outer, n, inner, correction);
}

export function logsumexp_f32(y: Ptr, x: Ptr, _work: Ptr, outer: number, n: number, inner: number): void {
  logSumExp(y, x, outer, n, inner);
}

export const sum_abs_f32 = reduce(f32, (f, at, n, step) => {
  let s = 0;
  for (let i = 0; i < n; i++) s += Math.abs(f[at + i * step]!);
  return s;
});

export const sum_squares_f32 = reduce(f32, (f, at, n, step) => {
  let s = 0;
  for (let i = 0; i < n; i++) s += f[at + i * step]! ** 2;
  return s;
});

export const max_abs_f32 = reduce(f32, (f, at, n, step) => {
  let m = 0;
  for (let i = 0; i < n; i++) m = Math.max(m, Math.abs(f[at + i * step]!));
  return m;
});

export const min_abs_f32 = reduce(f32, (f, at, n, step) => {
  let m = Infinity;
  for (let i = 0; i < n; i++) m = Math.min(m, Math.abs(f[at + i * step]!));
  return m;
});
