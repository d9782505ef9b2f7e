import { checkNumber, checkOptions } from "../check.js";
import * as ops from "../ops/rows.js";
import type { Tensor } from "../tensor.js";

/** The given int32 indices [m] of dimension `dim`, in that order. Errors: an index outside [0, size). */
export function indexSelect(x: Tensor, index: Tensor, options: { dim: number }): Tensor {
  checkOptions("indexSelect", options, ["dim"]);
  return ops.indexSelect(x, index, options.dim);
}

/** A copy of x with the indexed slices of `dim` replaced by those of `source`; where an index repeats, the last one stays. */
export function indexCopy(x: Tensor, index: Tensor, source: Tensor, options: { dim: number }): Tensor {
  checkOptions("indexCopy", options, ["dim"]);
  return ops.indexCopy(x, index, source, options.dim);
}

/** x + alpha · source at the indexed slices of `dim` (alpha 1); where an index repeats, they sum up in order. */
export function indexAdd(x: Tensor, index: Tensor, source: Tensor, options: { dim: number; alpha?: number }): Tensor {
  checkOptions("indexAdd", options, ["dim", "alpha"]);
  return ops.indexAdd(x, index, source, options.dim, checkNumber("indexAdd", "alpha", options.alpha ?? 1));
}

/** A copy of x with one value in the indexed slices of `dim`. */
export function indexFill(x: Tensor, index: Tensor, options: { dim: number; value: number }): Tensor {
  checkOptions("indexFill", options, ["dim", "value"]);
  return ops.indexFill(x, index, options.dim, options.value);
}
