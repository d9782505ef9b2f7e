import { checkInteger, checkOptions } from "../check.js";
import * as ops from "../ops/embedding.js";
import type { Tensor } from "../tensor.js";

export interface EmbeddingOptions {
  /** This row gets no gradient; negative counts from the end. Default null: none. */
  readonly paddingIdx?: number | null;
}

/**
 * y[…, :] = weight[input[…], :]. Shapes: input int32 [*], weight [num, dim], y [*, dim]. Gradient to weight: rows that were read
 * several times sum up, in the order of the input. Errors: an index outside [0, num).
 */
export function embedding(input: Tensor, weight: Tensor, options: EmbeddingOptions = {}): Tensor {
  checkOptions("Embedding", options, ["paddingIdx"]);
  return ops.embedding(input, weight, { paddingIdx: paddingRow(options.paddingIdx ?? null, weight) });
}

/** The padding row counted from the start, -1 for none. */
function paddingRow(paddingIdx: number | null, weight: Tensor): number {
  if (paddingIdx === null) return -1;
  const rows = weight.shape[0] ?? 0;
  checkInteger("Embedding", "paddingIdx", paddingIdx, -rows, rows - 1);
  return paddingIdx < 0 ? paddingIdx + rows : paddingIdx;
}

/** int32 with a new last dimension: 1 at each index, 0 elsewhere. `numClasses` default -1: the largest index + 1. */
export function oneHot(x: Tensor, options: { numClasses?: number } = {}): Tensor {
  checkOptions("oneHot", options, ["numClasses"]);
  return ops.oneHot(x, options.numClasses ?? -1);
}
