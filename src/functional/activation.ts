import { checkOneOf, checkOptions } from "../check.js";
import * as ops from "../ops/activation.js";
import { map } from "../ops/unary.js";
import type { Tensor } from "../tensor.js";

export interface GeluOptions {
  /** "none" (the default): exact, by erf. "tanh": y = 0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))), within 5e-4 of it. */
  readonly approximate?: "none" | "tanh";
}

/** y = x·Φ(x), Φ(x) = (1 + erf(x/√2))/2 (Hendrycks, Gimpel, Gaussian Error Linear Units, 2016). */
export function gelu(x: Tensor, options: GeluOptions = {}): Tensor {
  checkOptions("GELU", options, ["approximate"]);
  const approximate = checkOneOf("GELU", "approximate", options.approximate ?? "none", ["none", "tanh"]);
  return map(approximate === "tanh" ? ops.geluTanhOp : ops.geluOp, x);
}

/** y = x·σ(x), also called swish (Ramachandran, Zoph, Le, Searching for Activation Functions, 2017). */
export function silu(x: Tensor): Tensor {
  return map(ops.siluOp, x);
}
