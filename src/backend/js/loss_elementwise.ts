import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";
import { zip } from "./lib/loops.js";
import { sigmoid } from "./lib/math.js";

// Losses element by element; the contract is in assembly/loss_elementwise.ts.

export function outside_f32(x: Ptr, n: number, low: number, high: number): number {
  const f = arena.f32;
  for (let i = 0; i < n; i++) {
    const v = f[(x >>> 2) + i]!;
    if (!(v >= low && v <= high)) return i;
  }
  return -1;
}

export const bce_f32 = zip((f, n, y, x, t) => {
  for (let i = 0; i < n; i++) {
    const hit = Math.max(Math.log(f[x + i]!), -100);
    const miss = Math.max(Math.log1p(-f[x + i]!), -100);
    f[y + i] = (f[t + i]! - 1) * miss - f[t + i]! * hit;
  }
});

export function bce_grad_f32(dx: Ptr, g: Ptr, x: Ptr, t: Ptr, n: number): void {
  const f = arena.f32;
  for (let i = 0; i < n; i++) {
    const p = f[(x >>> 2) + i]!;
    f[(dx >>> 2) + i] = (f[(g >>> 2) + i]! * (p - f[(t >>> 2) + i]!)) / Math.max(p * (1 - p), 1e-12);
  }
}

export const bce_with_logits_f32 = zip((f, n, y, x, t) => {
  for (let i = 0; i < n; i++) {
    const v = f[x + i]!;
    f[y + i] = ((v >= 0 ? 1 : 0) - f[t + i]!) * v + Math.log1p(Math.exp(-Math.abs(v)));
  }
});

export function bce_with_logits_grad_f32(dx: Ptr, g: Ptr, x: Ptr, t: Ptr, n: number): void {
  const f = arena.f32;
  for (let i = 0; i < n; i++) {
    f[(dx >>> 2) + i] = f[(g >>> 2) + i]! * (sigmoid(f[(x >>> 2) + i]!) - f[(t >>> 2) + i]!);
  }
}

export function huber_f32(y: Ptr, a: Ptr, b: Ptr, n: number, knee: number, slope: number): void {
  const f = arena.f32;
  for (let i = 0; i < n; i++) {
    const d = Math.abs(f[(a >>> 2) + i]! - f[(b >>> 2) + i]!);
    f[(y >>> 2) + i] = d < knee ? (slope * d * d) / (2 * knee) : slope * (d - knee / 2);
  }
}

export function huber_grad_f32(da: Ptr, g: Ptr, a: Ptr, b: Ptr, n: number, knee: number, slope: number): void {
  const f = arena.f32;
  for (let i = 0; i < n; i++) {
    const d = (f[(a >>> 2) + i]! - f[(b >>> 2) + i]!) / knee;
    f[(da >>> 2) + i] = f[(g >>> 2) + i]! * slope * Math.min(Math.max(d, -1), 1);
  }
}
