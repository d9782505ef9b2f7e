import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";

// Whole vectors; the contract is in assembly/vector.ts.

export function dot_f32(x: Ptr, z: Ptr, n: number): number {
  const f = arena.f32;
  let sum = 0;
  for (let i = 0; i < n; i++) sum += f[(x >>> 2) + i]! * f[(z >>> 2) + i]!;
  return sum;
}

export function combine_f32(y: Ptr, x: Ptr, z: Ptr, n: number, a: number, b: number): void {
  const f = arena.f32;
  for (let i = 0; i < n; i++) f[(y >>> 2) + i] = a * f[(x >>> 2) + i]! + b * f[(z >>> 2) + i]!;
}
