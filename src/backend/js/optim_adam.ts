import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";
import { flush, partsOf, TINY } from "./lib/state.js";

// Optimizer steps with two moments; the contract is in assembly/optim_adam.ts.

export function adam_f32(
  table: Ptr,
  rows: number,
  shrink: number,
  decay: number,
  sign: number,
  beta1: number,
  beta2: number,
  eps: number,
  step: number,
  ahead: number,
  root: number,
  begin: number,
  end: number,
): void {
  const f = arena.f32;
  const tinySquare = eps > 0 ? TINY : 0;
  for (const [n, operands] of partsOf(table, rows, 5, begin, end)) {
    const [p, g, m, v, vmax] = operands as [Ptr, Ptr, Ptr, Ptr, Ptr];
    for (let i = 0; i < n; i++) {
      let x = f[(p >>> 2) + i]!;
      x -= shrink * x;
      const d = sign * f[(g >>> 2) + i]! + decay * x;
      const first = flush(beta1 * f[(m >>> 2) + i]! + (1 - beta1) * d);
      f[(m >>> 2) + i] = first;
      let second = flush(beta2 * f[(v >>> 2) + i]! + (1 - beta2) * d * d, tinySquare);
      f[(v >>> 2) + i] = second;
      if (vmax !== 0) {
        second = Math.max(f[(vmax >>> 2) + i]!, second);
        f[(vmax >>> 2) + i] = second;
      }
      f[(p >>> 2) + i] = x - (step * first + ahead * d) / (Math.sqrt(second) * root + eps);
    }
  }
}

export function adamax_f32(
  table: Ptr,
  rows: number,
  decay: number,
  sign: number,
  beta1: number,
  beta2: number,
  eps: number,
  step: number,
  begin: number,
  end: number,
): void {
  const f = arena.f32;
  for (const [n, operands] of partsOf(table, rows, 4, begin, end)) {
    const [p, g, m, u] = operands as [Ptr, Ptr, Ptr, Ptr];
    for (let i = 0; i < n; i++) {
      const x = f[(p >>> 2) + i]!;
      const d = sign * f[(g >>> 2) + i]! + decay * x;
      const first = flush(beta1 * f[(m >>> 2) + i]! + (1 - beta1) * d);
      f[(m >>> 2) + i] = first;
      const size = Math.max(beta2 * f[(u >>> 2) + i]!, Math.abs(d) + eps);
      f[(u >>> 2) + i] = size;
      f[(p >>> 2) + i] = x - (step * first) / size;
    }
  }
}
