import { checkNoOptions, checkOptions, type NoOptions } from "../check.js";
import * as ops from "../ops/lookup.js";
import type { Tensor } from "../tensor.js";

export type { Index } from "../ops/lookup.js";

/**
 * x[i0, i1, …] as in PyTorch: one int32 tensor (negative counts from the end), bool mask or null (all of it) a dimension. The
 * tensors broadcast; their shape replaces the indexed dimensions, or comes first if those are not neighbours. Gradient to x:
 * what was read several times sums up.
 * PyTorch: the subscript x[i0, i1, …].
 */
export function index(x: Tensor, indices: readonly ops.Index[], ...none: NoOptions): Tensor {
  checkNoOptions("index", none);
  return ops.index(x, indices);
}

/** A copy of x with x[i0, i1, …] = values, which broadcast; `accumulate: true` adds them instead, repeated places in order. */
export function indexPut(
  x: Tensor,
  indices: readonly ops.Index[],
  values: Tensor,
  options: { accumulate?: boolean } = {},
): Tensor {
  checkOptions("indexPut", options, ["accumulate"]);
  return ops.indexPut(x, indices, values, options.accumulate ?? false);
}

/** The elements of the flattened x at int32 indices of any shape; negative ones count from the end. */
export function take(x: Tensor, index: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("take", none);
  return ops.take(x, index);
}

/** The elements where the mask is true, [count]; x and mask broadcast. */
export function maskedSelect(x: Tensor, mask: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("maskedSelect", none);
  return ops.maskedSelect(x, mask);
}

/** A copy of x whose elements under the mask are the first ones of `source`, in order. */
export function maskedScatter(x: Tensor, mask: Tensor, source: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("maskedScatter", none);
  return ops.maskedScatter(x, mask, source);
}
