import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";

// Reductions of the middle dimension of x [outer, n, inner] to y [outer, inner]; the contract is in assembly/reduce.ts.

export function sum_f32(y: Ptr, x: Ptr, outer: number, n: number, inner: number): void {
  const f = arena.f32;
  for (let o = 0; o < outer; o++) {
    for (let j = 0; j < inner; j++) {
      let s = 0;
      let p = (x >>> 2) + o * n * inner + j;
      for (let i = 0; i < n; i++, p += inner) s += f[p]!;
      f[(y >>> 2) + o * inner + j] = s;
    }
  }
}
