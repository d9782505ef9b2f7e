import { checkOptions } from "../check.js";
import type { ReduceAttrs } from "../ops/reduce.js";
import { normalizeDims } from "../shape.js";
import type { Tensor } from "../tensor.js";

export interface ReduceOptions {
  /** Dimensions to reduce. Default: all. */
  readonly dim?: number | readonly number[] | null;
  /** Leave reduced dimensions as size 1. Default false. */
  readonly keepdim?: boolean;
}

/** Checks the options of a reduction; `more` names those that only this one has. */
export function reduceAttrs(op: string, x: Tensor, options: ReduceOptions, ...more: string[]): ReduceAttrs {
  checkOptions(op, options, ["dim", "keepdim", ...more]);
  return { dims: normalizeDims(op, options.dim, x.ndim), keepdim: options.keepdim ?? false };
}
