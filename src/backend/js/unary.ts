import { map, zip } from "./lib/loops.js";

// Element-wise functions of one operand; the contract is in assembly/unary.ts.

export const relu_f32 = map((f, n, y, x) => {
  for (let i = 0; i < n; i++) f[y + i] = Math.max(f[x + i]!, 0);
});

export const relu_grad_f32 = zip((f, n, dx, g, y) => {
  for (let i = 0; i < n; i++) f[dx + i] = f[y + i]! > 0 ? f[g + i]! : 0;
});
