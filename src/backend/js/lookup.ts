import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";

// From one index a dimension to one into the flattened dimensions; the contract is in assembly/lookup.ts.

export function index_linear_i32(y: Ptr, index: Ptr, n: number, size: number, step: number): void {
  const v = arena.i32;
  const to = y >>> 2;
  const from = index >>> 2;
  for (let i = 0; i < n; i++) {
    const k = v[from + i]!;
    v[to + i] = v[to + i]! + (k < 0 ? k + size : k) * step;
  }
}
