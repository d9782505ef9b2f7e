import { checkOptions } from "../check.js";
import { ArgumentError } from "../errors.js";
import * as ops from "../ops/copy.js";
import { expand as expandTo } from "../ops/reduce.js";
import { normalizeDim, numel } from "../shape.js";
import type { Tensor } from "../tensor.js";
import type { Shape } from "../types.js";
import { alike } from "./operand.js";

export type { SliceOptions } from "../ops/copy.js";

/** The same elements in another shape; one size may be -1. A view where the layout allows it. */
export function reshape(x: Tensor, options: { shape: Shape }): Tensor {
  checkOptions("reshape", options, ["shape"]);
  return ops.reshape(x, options.shape);
}

/** Reorders all dimensions; a view. */
export function permute(x: Tensor, options: { dims: readonly number[] }): Tensor {
  checkOptions("permute", options, ["dims"]);
  return ops.permute(x, options.dims);
}

/** Swaps two dimensions; a view. */
export function transpose(x: Tensor, options: { dim0: number; dim1: number }): Tensor {
  checkOptions("transpose", options, ["dim0", "dim1"]);
  return ops.transpose(x, options.dim0, options.dim1);
}

/** Merges the dimensions from startDim (default 0) to endDim (default -1) into one. */
export function flatten(x: Tensor, options: { startDim?: number; endDim?: number } = {}): Tensor {
  checkOptions("flatten", options, ["startDim", "endDim"]);
  const from = normalizeDim("flatten", options.startDim ?? 0, x.ndim);
  const to = normalizeDim("flatten", options.endDim ?? -1, x.ndim);
  if (from > to)
    throw new ArgumentError("flatten", `startDim ${from} comes after endDim ${to}; expected startDim ≤ endDim`);
  const merged = numel(x.shape.slice(from, to + 1));
  return ops.reshape(x, [...x.shape.slice(0, from), merged, ...x.shape.slice(to + 1)]);
}

/** Joins tensors along a dimension (default 0); float32 comes before int32 and int32 before bool. */
export function cat(tensors: readonly Tensor[], options: { dim?: number } = {}): Tensor {
  checkOptions("cat", options, ["dim"]);
  return ops.cat(alike(tensors), options.dim ?? 0);
}

/** `length` elements of a dimension from `start` on; a view. */
export function narrow(x: Tensor, options: { dim: number; start: number; length: number }): Tensor {
  checkOptions("narrow", options, ["dim", "start", "length"]);
  return ops.narrow(x, options.dim, options.start, options.length);
}

/** Python's x[start:end:step] in one dimension (default 0); a view. PyTorch: the subscript x[start:end:step]. */
export function slice(x: Tensor, options: { dim?: number } & ops.SliceOptions = {}): Tensor {
  checkOptions("slice", options, ["dim", "start", "end", "step"]);
  return ops.slice(x, options.dim ?? 0, options);
}

/** One index of a dimension, which disappears; a view. */
export function select(x: Tensor, options: { dim: number; index: number }): Tensor {
  checkOptions("select", options, ["dim", "index"]);
  return ops.select(x, options.dim, options.index);
}

/** Stretches dimensions of size 1 to `shape`; -1 keeps a size. A view. */
export function expand(x: Tensor, options: { shape: Shape }): Tensor {
  checkOptions("expand", options, ["shape"]);
  return expandTo(x, options.shape);
}
