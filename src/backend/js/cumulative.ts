import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";

// Running products along the middle dimension of [outer, n, inner]; the contract is in assembly/cumulative.ts.

export function cumprod_f32(y: Ptr, x: Ptr, outer: number, n: number, inner: number): void {
  const f = arena.f32;
  for (let o = 0; o < outer; o++) {
    for (let j = 0; j < inner; j++) {
      let p = 1;
      for (let i = 0; i < n; i++) {
        const at = (o * n + i) * inner + j;
        p *= f[(x >>> 2) + at]!;
        f[(y >>> 2) + at] = p;
      }
    }
  }
}

export function cumprod_grad_f32(dx: Ptr, g: Ptr, x: Ptr, outer: number, n: number, inner: number): void {
  const f = arena.f32;
  for (let o = 0; o < outer; o++) {
    for (let j = 0; j < inner; j++) {
      const first = o * n * inner + j;
      let s = 0;
      for (let i = n - 1; i >= 0; i--) {
        const at = first + i * inner;
        s += f[(g >>> 2) + at]!;
        f[(dx >>> 2) + at] = s;
        s *= f[(x >>> 2) + at]!;
      }
      let p = 1;
      for (let i = 0; i < n; i++) {
        const at = first + i * inner;
        f[(dx >>> 2) + at]! *= p;
        p *= f[(x >>> 2) + at]!;
      }
    }
  }
}
