import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";

// Optimizer steps; the contract is in assembly/optim.ts.

/** Smallest normal float32. */
const TINY = 2 ** -126;

export function sgd_f32(
  p: Ptr,
  buf: Ptr,
  g: Ptr,
  n: number,
  lr: number,
  decay: number,
  momentum: number,
  fresh: number,
  nesterov: number,
  sign: number,
): void {
  const f = arena.f32;
  for (let i = 0; i < n; i++) {
    const x = f[(p >>> 2) + i]!;
    let d = sign * f[(g >>> 2) + i]! + decay * x;
    if (buf !== 0) {
      let b = momentum * f[(buf >>> 2) + i]! + fresh * d;
      if (Math.abs(b) < TINY) b = 0;
      f[(buf >>> 2) + i] = b;
      d = nesterov ? d + momentum * b : b;
    }
    f[(p >>> 2) + i] = x - lr * d;
  }
}

export function adam_f32(
  p: Ptr,
  m: Ptr,
  v: Ptr,
  vmax: Ptr,
  g: Ptr,
  n: number,
  shrink: number,
  decay: number,
  sign: number,
  beta1: number,
  beta2: number,
  eps: number,
  step: number,
  root: number,
): void {
  const f = arena.f32;
  const tinySquare = eps > 0 ? TINY : 0;
  for (let i = 0; i < n; i++) {
    let x = f[(p >>> 2) + i]!;
    x -= shrink * x;
    const d = sign * f[(g >>> 2) + i]! + decay * x;
    let first = beta1 * f[(m >>> 2) + i]! + (1 - beta1) * d;
    if (Math.abs(first) < TINY) first = 0;
    f[(m >>> 2) + i] = first;
    let second = beta2 * f[(v >>> 2) + i]! + (1 - beta2) * d * d;
    if (second < tinySquare) second = 0;
    f[(v >>> 2) + i] = second;
    if (vmax !== 0) {
      second = Math.max(f[(vmax >>> 2) + i]!, second);
      f[(vmax >>> 2) + i] = second;
    }
    f[(p >>> 2) + i] = x - (step * first) / (Math.sqrt(second) * root + eps);
  }
}
