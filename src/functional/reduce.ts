import { checkDType, checkOptions } from "../check.js";
import { affine } from "../ops/arithmetic.js";
import { cast } from "../ops/copy.js";
import { apply } from "../ops/op.js";
import * as ops from "../ops/reduce.js";
import { normalizeDim } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { type ReduceOptions, reduceAttrs } from "./dims.js";

export type { ReduceOptions } from "./dims.js";

export interface ReduceDimOptions {
  /** The dimension to reduce. Default: all. */
  readonly dim?: number | null;
  /** Leave reduced dimensions as size 1. Default false. */
  readonly keepdim?: boolean;
}

/** y = Σ x over the given dimensions. int32 stays int32, bool is counted. */
export function sum(x: Tensor, options: ReduceOptions = {}): Tensor {
  return ops.sum(x.dtype === "bool" ? cast(x, "int32") : x, reduceAttrs("sum", x, options));
}

/** y = (1/n) Σ x over the given dimensions of n elements in all. Errors: DTypeError unless float32. */
export function mean(x: Tensor, options: ReduceOptions = {}): Tensor {
  const attrs = reduceAttrs("mean", x, options);
  checkDType("mean", "input", x, "float32");
  return affine(ops.sum(x, attrs), 1 / ops.countOf(x.shape, attrs.dims), 0);
}

/** y = Π x over one dimension or all. int32 stays int32. The gradient is right where elements are 0 too. */
export function prod(x: Tensor, options: ReduceDimOptions = {}): Tensor {
  return apply(ops.prodOp, [x.dtype === "bool" ? cast(x, "int32") : x], reduceAttrs("prod", x, options))[0];
}

/** y_i = x_0 + … + x_i along `dim`. int32 stays int32. */
export function cumsum(x: Tensor, options: { dim: number }): Tensor {
  checkOptions("cumsum", options, ["dim"]);
  return ops.cumsum(x.dtype === "bool" ? cast(x, "int32") : x, normalizeDim("cumsum", options.dim, x.ndim));
}

/** True where every element over the given dimensions is true; what is no bool counts as true unless it is 0. */
export function all(x: Tensor, options: ReduceOptions = {}): Tensor {
  return apply(ops.allOp, [cast(x, "bool")], reduceAttrs("all", x, options))[0];
}

/** True where an element over the given dimensions is true; what is no bool counts as true unless it is 0. */
export function any(x: Tensor, options: ReduceOptions = {}): Tensor {
  return apply(ops.anyOp, [cast(x, "bool")], reduceAttrs("any", x, options))[0];
}
