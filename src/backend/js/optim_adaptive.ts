import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";
import { flush, partsOf, TINY } from "./lib/state.js";

// Optimizer steps that divide by the size of past gradients; the contract is in assembly/optim_adaptive.ts.

export function rmsprop_f32(
  table: Ptr,
  rows: number,
  decay: number,
  sign: number,
  alpha: number,
  eps: number,
  lr: number,
  momentum: number,
  begin: number,
  end: number,
): void {
  const f = arena.f32;
  const tinySquare = eps > 0 ? TINY : 0;
  for (const [n, operands] of partsOf(table, rows, 5, begin, end)) {
    const [p, g, v, mean, buf] = operands as [Ptr, Ptr, Ptr, Ptr, Ptr];
    for (let i = 0; i < n; i++) {
      const x = f[(p >>> 2) + i]!;
      const d = sign * f[(g >>> 2) + i]! + decay * x;
      let square = flush(alpha * f[(v >>> 2) + i]! + (1 - alpha) * d * d, tinySquare);
      f[(v >>> 2) + i] = square;
      if (mean !== 0) {
        f[(mean >>> 2) + i] = flush(alpha * f[(mean >>> 2) + i]! + (1 - alpha) * d);
        // As it is stored: a variance of 0 should not come out as the square root of a rounding error.
        square = Math.max(f[(v >>> 2) + i]! - f[(mean >>> 2) + i]! ** 2, 0);
      }
      let step = d / (Math.sqrt(square) + eps);
      if (buf !== 0) {
        step = flush(momentum * f[(buf >>> 2) + i]! + step);
        f[(buf >>> 2) + i] = step;
      }
      f[(p >>> 2) + i] = x - lr * step;
    }
  }
}

export function adagrad_f32(
  table: Ptr,
  rows: number,
  decay: number,
  sign: number,
  eps: number,
  lr: number,
  begin: number,
  end: number,
): void {
  const f = arena.f32;
  for (const [n, operands] of partsOf(table, rows, 3, begin, end)) {
    const [p, g, sum] = operands as [Ptr, Ptr, Ptr];
    for (let i = 0; i < n; i++) {
      const x = f[(p >>> 2) + i]!;
      const d = sign * f[(g >>> 2) + i]! + decay * x;
      const total = f[(sum >>> 2) + i]! + d * d;
      f[(sum >>> 2) + i] = total;
      f[(p >>> 2) + i] = x - (lr * d) / (Math.sqrt(total) + eps);
    }
  }
}

export function adadelta_f32(
  table: Ptr,
  rows: number,
  decay: number,
  sign: number,
  rho: number,
  eps: number,
  lr: number,
  begin: number,
  end: number,
): void {
  const f = arena.f32;
  const tiny = eps > 0 ? TINY : 0;
  for (const [n, operands] of partsOf(table, rows, 4, begin, end)) {
    const [p, g, v, acc] = operands as [Ptr, Ptr, Ptr, Ptr];
    for (let i = 0; i < n; i++) {
      const x = f[(p >>> 2) + i]!;
      const d = sign * f[(g >>> 2) + i]! + decay * x;
      const square = flush(rho * f[(v >>> 2) + i]! + (1 - rho) * d * d, tiny);
      f[(v >>> 2) + i] = square;
      const moved = f[(acc >>> 2) + i]!;
      const step = (Math.sqrt(moved + eps) / Math.sqrt(square + eps)) * d;
      f[(acc >>> 2) + i] = flush(rho * moved + (1 - rho) * step * step, tiny);
      f[(p >>> 2) + i] = x - lr * step;
    }
  }
}
