import { checkOptions } from "../check.js";
import { affine } from "../ops/arithmetic.js";
import { apply } from "../ops/op.js";
import { sumOp } from "../ops/reduce.js";
import { normalizeDims } from "../shape.js";
import type { Tensor } from "../tensor.js";

export interface ReduceOptions {
  /** Dimensions to reduce. Default: all. */
  readonly dim?: number | readonly number[] | null;
  /** Leave reduced dimensions as size 1. Default false. */
  readonly keepdim?: boolean;
}

const OPTIONS = ["dim", "keepdim"];

/** y = Σ x over the given dimensions. */
export function sum(x: Tensor, options: ReduceOptions = {}): Tensor {
  checkOptions("sum", options, OPTIONS);
  const dims = normalizeDims("sum", options.dim, x.ndim);
  return apply(sumOp, [x], { dims, keepdim: options.keepdim ?? false })[0];
}

/** y = (1/n) Σ x over the given dimensions of n elements in all. */
export function mean(x: Tensor, options: ReduceOptions = {}): Tensor {
  checkOptions("mean", options, OPTIONS);
  const dims = normalizeDims("mean", options.dim, x.ndim);
  const n = dims.reduce((p, d) => p * x.shape[d]!, 1);
  return affine(apply(sumOp, [x], { dims, keepdim: options.keepdim ?? false })[0], 1 / n, 0);
}
