import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";

// Resampling along one dimension; the contract is in assembly/upsample.ts.

export function resample_f32(
  y: Ptr,
  x: Ptr,
  starts: Ptr,
  places: Ptr,
  weights: Ptr,
  outer: number,
  n: number,
  m: number,
  inner: number,
): void {
  const { f32: f, i32 } = arena;
  const sums = new Float64Array(inner);
  let to = y >>> 2;
  for (let o = 0; o < outer; o++) {
    const from = (x >>> 2) + o * n * inner;
    for (let i = 0; i < m; i++) {
      const end = i32[(starts >>> 2) + i + 1]!;
      sums.fill(0);
      for (let t = i32[(starts >>> 2) + i]!; t < end; t++) {
        const weight = f[(weights >>> 2) + t]!;
        const row = from + i32[(places >>> 2) + t]! * inner;
        for (let j = 0; j < inner; j++) sums[j]! += weight * f[row + j]!;
      }
      f.set(sums, to);
      to += inner;
    }
  }
}
