import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";

// Element-wise functions of one operand; the contract is in assembly/unary.ts.

export function relu_f32(y: Ptr, x: Ptr, n: number): void {
  const f = arena.f32;
  const to = y >>> 2;
  const from = x >>> 2;
  for (let i = 0; i < n; i++) {
    const v = f[from + i]!;
    f[to + i] = Math.max(v, 0);
  }
}

export function relu_grad_f32(dx: Ptr, g: Ptr, y: Ptr, n: number): void {
  const f = arena.f32;
  for (let i = 0; i < n; i++) f[(dx >>> 2) + i] = f[(y >>> 2) + i]! > 0 ? f[(g >>> 2) + i]! : 0;
}
