import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";
import { flush, partsOf } from "./lib/state.js";

// Optimizer steps that follow the gradient; the contract is in assembly/optim_sgd.ts.

export function sgd_f32(
  table: Ptr,
  rows: number,
  lr: number,
  decay: number,
  momentum: number,
  fresh: number,
  nesterov: number,
  sign: number,
  begin: number,
  end: number,
): void {
  const f = arena.f32;
  for (const [n, operands] of partsOf(table, rows, 3, begin, end)) {
    const [p, g, buf] = operands as [Ptr, Ptr, Ptr];
    for (let i = 0; i < n; i++) {
      const x = f[(p >>> 2) + i]!;
      let d = sign * f[(g >>> 2) + i]! + decay * x;
      if (buf !== 0) {
        const b = flush(momentum * f[(buf >>> 2) + i]! + fresh * d);
        f[(buf >>> 2) + i] = b;
        d = nesterov ? d + momentum * b : b;
      }
      f[(p >>> 2) + i] = x - lr * d;
    }
  }
}

export function asgd_f32(
  table: Ptr,
  rows: number,
  decay: number,
  sign: number,
  shrink: number,
  eta: number,
  mu: number,
  begin: number,
  end: number,
): void {
  const f = arena.f32;
  for (const [n, operands] of partsOf(table, rows, 3, begin, end)) {
    const [p, g, ax] = operands as [Ptr, Ptr, Ptr];
    for (let i = 0; i < n; i++) {
      let x = f[(p >>> 2) + i]!;
      const d = sign * f[(g >>> 2) + i]! + decay * x;
      x -= shrink * x + eta * d;
      f[(p >>> 2) + i] = x;
      const average = f[(ax >>> 2) + i]!;
      f[(ax >>> 2) + i] = mu === 1 ? x : average + mu * (x - average);
    }
  }
}

export function rprop_f32(
  table: Ptr,
  rows: number,
  sign: number,
  down: number,
  up: number,
  min: number,
  max: number,
  begin: number,
  end: number,
): void {
  const f = arena.f32;
  for (const [n, operands] of partsOf(table, rows, 4, begin, end)) {
    const [p, g, prev, size] = operands as [Ptr, Ptr, Ptr, Ptr];
    for (let i = 0; i < n; i++) {
      let d = sign * f[(g >>> 2) + i]!;
      const agreement = Math.fround(d * f[(prev >>> 2) + i]!);
      const factor = agreement > 0 ? up : agreement < 0 ? down : 1;
      const width = Math.min(Math.max(f[(size >>> 2) + i]! * factor, min), max);
      f[(size >>> 2) + i] = width;
      if (agreement < 0) d = 0;
      f[(prev >>> 2) + i] = d;
      if (d > 0) f[(p >>> 2) + i]! -= width;
      else if (d < 0) f[(p >>> 2) + i]! += width;
    }
  }
}
