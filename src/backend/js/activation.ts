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
