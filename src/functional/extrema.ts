import { checkOptions } from "../check.js";
import * as ops from "../ops/extrema.js";
import { apply, type Op } from "../ops/op.js";
import { normalizeDim } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { type ReduceOptions, reduceAttrs } from "./dims.js";
import type { ReduceDimOptions } from "./reduce.js";

/** Options of `max` and `min` along one dimension. */
export interface AlongOptions {
  readonly dim: number;
  /** Leave the reduced dimension as size 1. Default false. */
  readonly keepdim?: boolean;
}

/** The largest value over the given dimensions; NaN is larger than everything. The gradient is shared evenly among equals. */
export function amax(x: Tensor, options: ReduceOptions = {}): Tensor {
  return apply(ops.amaxOp, [x], reduceAttrs("amax", x, options))[0];
}

/** The smallest value over the given dimensions; NaN is smaller than everything. The gradient is shared evenly among equals. */
export function amin(x: Tensor, options: ReduceOptions = {}): Tensor {
  return apply(ops.aminOp, [x], reduceAttrs("amin", x, options))[0];
}

/**
 * The largest value of all, as `amax`; or with `dim` the largest values along it and their int32 positions. There the gradient goes to
 * the first of equal elements alone. NaN is larger than everything. Errors: ShapeError if there is nothing to choose from.
 */
export function max(x: Tensor): Tensor;
export function max(x: Tensor, options: AlongOptions): [values: Tensor, indices: Tensor];
export function max(x: Tensor, options: ReduceDimOptions): Tensor | [values: Tensor, indices: Tensor];
export function max(x: Tensor, options?: ReduceDimOptions): Tensor | [values: Tensor, indices: Tensor] {
  return isAlong(options)
    ? along("max", ops.maxOp, x, options)
    : apply(ops.amaxOp, [x], reduceAttrs("max", x, options ?? {}))[0];
}

/** As `max`, the smallest value; NaN is smaller than everything. */
export function min(x: Tensor): Tensor;
export function min(x: Tensor, options: AlongOptions): [values: Tensor, indices: Tensor];
export function min(x: Tensor, options: ReduceDimOptions): Tensor | [values: Tensor, indices: Tensor];
export function min(x: Tensor, options?: ReduceDimOptions): Tensor | [values: Tensor, indices: Tensor] {
  return isAlong(options)
    ? along("min", ops.minOp, x, options)
    : apply(ops.aminOp, [x], reduceAttrs("min", x, options ?? {}))[0];
}

function isAlong(options: ReduceDimOptions | undefined): options is AlongOptions {
  return options?.dim !== undefined && options.dim !== null;
}

type Indexed = Op<readonly [Tensor], readonly [Tensor, Tensor], { dim: number; keepdim: boolean }>;

function along(name: string, op: Indexed, x: Tensor, options: AlongOptions): [Tensor, Tensor] {
  checkOptions(name, options, ["dim", "keepdim"]);
  const attrs = { dim: normalizeDim(name, options.dim, x.ndim), keepdim: options.keepdim ?? false };
  const [values, indices] = apply(op, [x], attrs);
  return [values, indices];
}

/** int32 position of the largest element along `dim`, or in the flattened tensor; the first of equals, or the first NaN. */
export function argmax(x: Tensor, options: ReduceDimOptions = {}): Tensor {
  return apply(ops.argmaxOp, [x], reduceAttrs("argmax", x, options))[0];
}

/** int32 position of the smallest element along `dim`, or in the flattened tensor; the first of equals, or the first NaN. */
export function argmin(x: Tensor, options: ReduceDimOptions = {}): Tensor {
  return apply(ops.argminOp, [x], reduceAttrs("argmin", x, options))[0];
}
