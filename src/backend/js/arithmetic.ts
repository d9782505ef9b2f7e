import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";
import { broadcastF32, broadcastI32 } from "./lib/broadcast.js";
import { map, mapI32 } from "./lib/loops.js";

// Arithmetic; the contract is in assembly/arithmetic.ts.

export const add_f32 = broadcastF32((x, y, n, py, pa, sa, pb, sb) => {
  for (let i = 0; i < n; i++) y[py + i] = x[pa + i * sa]! + x[pb + i * sb]!;
});

export const sub_f32 = broadcastF32((x, y, n, py, pa, sa, pb, sb) => {
  for (let i = 0; i < n; i++) y[py + i] = x[pa + i * sa]! - x[pb + i * sb]!;
});

export const mul_f32 = broadcastF32((x, y, n, py, pa, sa, pb, sb) => {
  for (let i = 0; i < n; i++) y[py + i] = x[pa + i * sa]! * x[pb + i * sb]!;
});

export const div_f32 = broadcastF32((x, y, n, py, pa, sa, pb, sb) => {
  for (let i = 0; i < n; i++) y[py + i] = x[pa + i * sa]! / x[pb + i * sb]!;
});

export const minimum_f32 = broadcastF32((x, y, n, py, pa, sa, pb, sb) => {
  for (let i = 0; i < n; i++) y[py + i] = Math.min(x[pa + i * sa]!, x[pb + i * sb]!);
});

export const maximum_f32 = broadcastF32((x, y, n, py, pa, sa, pb, sb) => {
  for (let i = 0; i < n; i++) y[py + i] = Math.max(x[pa + i * sa]!, x[pb + i * sb]!);
});

export const maximum_share_f32 = broadcastF32((x, y, n, py, pa, sa, pb, sb) => {
  for (let i = 0; i < n; i++) {
    const a = x[pa + i * sa]!;
    const b = x[pb + i * sb]!;
    y[py + i] = a < b ? 0 : a === b ? 0.5 : 1;
  }
});

export const add_i32 = broadcastI32((x, y, n, py, pa, sa, pb, sb) => {
  for (let i = 0; i < n; i++) y[py + i] = x[pa + i * sa]! + x[pb + i * sb]!;
});

export const sub_i32 = broadcastI32((x, y, n, py, pa, sa, pb, sb) => {
  for (let i = 0; i < n; i++) y[py + i] = x[pa + i * sa]! - x[pb + i * sb]!;
});

export const mul_i32 = broadcastI32((x, y, n, py, pa, sa, pb, sb) => {
  for (let i = 0; i < n; i++) y[py + i] = Math.imul(x[pa + i * sa]!, x[pb + i * sb]!);
});

export const minimum_i32 = broadcastI32((x, y, n, py, pa, sa, pb, sb) => {
  for (let i = 0; i < n; i++) y[py + i] = Math.min(x[pa + i * sa]!, x[pb + i * sb]!);
});

export const maximum_i32 = broadcastI32((x, y, n, py, pa, sa, pb, sb) => {
  for (let i = 0; i < n; i++) y[py + i] = Math.max(x[pa + i * sa]!, x[pb + i * sb]!);
});

export const neg_f32 = map((f, n, y, x) => {
  for (let i = 0; i < n; i++) f[y + i] = -f[x + i]!;
});

export const neg_i32 = mapI32((m, n, y, x) => {
  for (let i = 0; i < n; i++) m[y + i] = -m[x + i]!;
});

export function affine_f32(y: Ptr, x: Ptr, n: number, scale: number, shift: number): void {
  const f = arena.f32;
  const to = y >>> 2;
  const from = x >>> 2;
  for (let i = 0; i < n; i++) f[to + i] = f[from + i]! * scale + shift;
}
