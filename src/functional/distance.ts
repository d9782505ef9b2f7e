import { checkNumber, checkOptions } from "../check.js";
import { broadcastShapes, normalizeDim } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { div, mul } from "./arithmetic.js";
import { sum } from "./reduce.js";
import { clamp, sqrt } from "./unary.js";

export interface CosineSimilarityOptions {
  /** Default 1. */
  readonly dim?: number;
  /** The product of the lengths counts as no less than this. Default 1e-8. */
  readonly eps?: number;
}

/** y = x1·x2 / max(‖x1‖ ‖x2‖, eps) along `dim`, which disappears; x1 and x2 broadcast. */
export function cosineSimilarity(x1: Tensor, x2: Tensor, options: CosineSimilarityOptions = {}): Tensor {
  checkOptions("CosineSimilarity", options, ["dim", "eps"]);
  const { eps = 1e-8 } = options;
  checkNumber("CosineSimilarity", "eps", eps, 0);
  const shape = broadcastShapes("CosineSimilarity", x1.shape, x2.shape);
  const dim = normalizeDim("CosineSimilarity", options.dim ?? 1, shape.length) - shape.length;
  const dot = (a: Tensor, b: Tensor): Tensor => sum(mul(a, b), { dim });
  // Clamped before the root, whose slope at 0 is infinite.
  const lengths = sqrt(clamp(mul(dot(x1, x1), dot(x2, x2)), { min: eps * eps }));
  return div(dot(x1, x2), lengths);
}
