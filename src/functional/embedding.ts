import { checkNumber, checkOptions } from "../check.js";
import { reshape } from "../ops/copy.js";
import * as ops from "../ops/embedding.js";
import { overwriteRows } from "../ops/rows.js";
import { noGrad } from "../scoping.js";
import type { Tensor } from "../tensor.js";
import { add, div, mul } from "./arithmetic.js";
import { gt, where } from "./compare.js";
import { norm } from "./statistics.js";

export interface EmbeddingOptions {
  /** This row gets no gradient; negative counts from the end. Default null: none. */
  readonly paddingIdx?: number | null;
  /** Rows that are looked up and whose norm is larger are first scaled down to it, in the weight itself. Default null: none. */
  readonly maxNorm?: number | null;
  /** The p of that norm. Default 2. */
  readonly normType?: number;
  /** Divide the gradient of each row by how often it was read. Default false. */
  readonly scaleGradByFreq?: boolean;
}

/**
 * y[…, :] = weight[input[…], :]. Shapes: input int32 [*], weight [num, dim], y [*, dim]. Gradient to weight: rows that were read
 * several times sum up, in the order of the input. Errors: an index outside [0, num).
 * PyTorch: it also has sparse gradients.
 */
export function embedding(input: Tensor, weight: Tensor, options: EmbeddingOptions = {}): Tensor {
  checkOptions("Embedding", options, ops.EMBEDDING_OPTIONS);
  const { maxNorm = null, normType = 2, scaleGradByFreq = false } = options;
  const paddingIdx = ops.paddingRow(options.paddingIdx ?? null, weight.shape[0] ?? 0) ?? -1;
  if (maxNorm !== null) {
    checkNumber("Embedding", "maxNorm", maxNorm, 0);
    checkNumber("Embedding", "normType", normType, 0);
    noGrad(() => limitRows(weight, input, maxNorm, normType));
  }
  return ops.embedding(input, weight, { paddingIdx, scaleGradByFreq });
}

/** Against division by zero, as in PyTorch. */
const EPSILON = 1e-7;

/** Scales the rows that are about to be looked up down to the norm `max`, in place. */
function limitRows(weight: Tensor, input: Tensor, max: number, p: number): void {
  const index = reshape(input, [-1]);
  const rows = ops.embedding(index, weight, { paddingIdx: -1 });
  const norms = norm(rows, { p, dim: 1, keepdim: true });
  const factors = where(gt(norms, max), div(max, add(norms, EPSILON)), 1);
  overwriteRows(weight, index, mul(rows, factors));
}

/** int32 with a new last dimension: 1 at each index, 0 elsewhere. `numClasses` default -1: the largest index + 1. */
export function oneHot(x: Tensor, options: { numClasses?: number } = {}): Tensor {
  checkOptions("oneHot", options, ["numClasses"]);
  return ops.oneHot(x, options.numClasses ?? -1);
}
