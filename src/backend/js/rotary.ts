import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";

// Rotary positions; the contract is in assembly/rotary.ts.

export function rotary_f32(
  y: Ptr,
  x: Ptr,
  cos: Ptr,
  sin: Ptr,
  outer: number,
  length: number,
  half: number,
  interleaved: number,
  sign: number,
): void {
  const f = arena.f32;
  const [step, apart] = interleaved ? [2, 1] : [1, half];
  for (let r = 0; r < outer * length; r++) {
    const angle = (r % length) * half;
    const row = r * 2 * half;
    for (let p = 0; p < half; p++) {
      const at = row + p * step;
      const a = f[(x >>> 2) + at]!;
      const b = f[(x >>> 2) + at + apart]!;
      const c = f[(cos >>> 2) + angle + p]!;
      const s = f[(sin >>> 2) + angle + p]! * sign;
      f[(y >>> 2) + at] = a * c - b * s;
      f[(y >>> 2) + at + apart] = b * c + a * s;
    }
  }
}
