import { checkNumber, checkOptions } from "../check.js";
import { ShapeError } from "../errors.js";
import { broadcastShapes, formatShape, normalizeDim } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { add, div, mul, sub } from "./arithmetic.js";
import { sum } from "./reduce.js";
import { norm } from "./statistics.js";
import { clamp, sqrt } from "./unary.js";
import { unsqueeze } from "./view.js";

export interface CosineSimilarityOptions {
  /** Default 1. */
  readonly dim?: number;
  /** Each length counts as no less than this. Default 1e-8. */
  readonly eps?: number;
}

/** y = x1·x2 / (max(‖x1‖, eps) max(‖x2‖, eps)) along `dim`, which disappears; x1 and x2 broadcast. */
export function cosineSimilarity(x1: Tensor, x2: Tensor, options: CosineSimilarityOptions = {}): Tensor {
  checkOptions("CosineSimilarity", options, ["dim", "eps"]);
  const { eps = 1e-8 } = options;
  checkNumber("CosineSimilarity", "eps", eps, 0);
  const shape = broadcastShapes("CosineSimilarity", x1.shape, x2.shape);
  const dim = normalizeDim("CosineSimilarity", options.dim ?? 1, shape.length) - shape.length;
  const dot = (a: Tensor, b: Tensor): Tensor => sum(mul(a, b), { dim });
  // Clamped before the root, whose slope at 0 is infinite.
  const length = (x: Tensor): Tensor => sqrt(clamp(dot(x, x), { min: eps * eps }));
  return div(dot(x1, x2), mul(length(x1), length(x2)));
}

export interface PairwiseDistanceOptions {
  /** The order of the norm. Default 2. */
  readonly p?: number;
  /** Added to every difference, against an infinite slope at 0. Default 1e-6. */
  readonly eps?: number;
  /** Leave the last dimension as size 1. Default false. */
  readonly keepdim?: boolean;
}

/** y = ‖x1 − x2 + eps‖_p over the last dimension; x1 and x2 broadcast. */
export function pairwiseDistance(x1: Tensor, x2: Tensor, options: PairwiseDistanceOptions = {}): Tensor {
  checkOptions("PairwiseDistance", options, ["p", "eps", "keepdim"]);
  const { p = 2, eps = 1e-6, keepdim = false } = options;
  checkNumber("PairwiseDistance", "eps", eps);
  broadcastShapes("PairwiseDistance", x1.shape, x2.shape);
  return norm(add(sub(x1, x2), eps), { p, dim: -1, keepdim });
}

/** y[.., i, j] = ‖x1[.., i, :] − x2[.., j, :]‖_p (p 2). Shapes: x1 [.., P, M], x2 [.., R, M], y [.., P, R]. */
export function cdist(x1: Tensor, x2: Tensor, options: { p?: number } = {}): Tensor {
  checkOptions("cdist", options, ["p"]);
  if (x1.ndim < 2 || x2.ndim < 2 || x1.size(-1) !== x2.size(-1)) {
    throw new ShapeError(
      "cdist",
      `inputs are ${formatShape(x1.shape)} and ${formatShape(x2.shape)}; expected [.., P, M] and [.., R, M]`,
    );
  }
  const difference = sub(unsqueeze(x1, { dim: -2 }), unsqueeze(x2, { dim: -3 }));
  return norm(difference, { p: options.p ?? 2, dim: -1 });
}
