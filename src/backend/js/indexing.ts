import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";

// Elements chosen by index; the contract is in assembly/indexing.ts.

export function lookup_u8_f32(y: Ptr, x: Ptr, table: Ptr, n: number): void {
  const { f32, u8 } = arena;
  const to = y >>> 2;
  const from = table >>> 2;
  for (let i = 0; i < n; i++) f32[to + i] = f32[from + u8[x + i]!]!;
}
