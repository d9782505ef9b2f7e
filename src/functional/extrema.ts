import { checkOptions } from "../check.js";
import { cast } from "../ops/copy.js";
import * as ops from "../ops/extrema.js";
import { apply, type Op } from "../ops/op.js";
import type { ReduceAttrs } from "../ops/reduce.js";
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

/** bool is compared as 0 and 1. */
function comparable(x: Tensor): Tensor {
  return x.dtype === "bool" ? cast(x, "int32") : x;
}

/** The largest value over the given dimensions; NaN is larger than everything. The gradient is shared evenly among equals. */
export function amax(x: Tensor, options: ReduceOptions = {}): Tensor {
  return overall("amax", ops.amaxOp, x, options);
}

/** The smallest value over the given dimensions; NaN is smaller than everything. The gradient is shared evenly among equals. */
export function amin(x: Tensor, options: ReduceOptions = {}): Tensor {
  return overall("amin", ops.aminOp, x, options);
}

/**
 * The largest value of all, as `amax`; or with `dim` the largest values along it and their int32 positions. There the gradient goes to
 * the first of equal elements alone. NaN is larger than everything. Errors: ShapeError if there is nothing to choose from.
 */
export function max(x: Tensor): Tensor;
export function max(x: Tensor, options: AlongOptions): [values: Tensor, indices: Tensor];
export function max(x: Tensor, options: ReduceDimOptions): Tensor | [values: Tensor, indices: Tensor];
export function max(x: Tensor, options?: ReduceDimOptions): Tensor | [values: Tensor, indices: Tensor] {
  return isAlong(options) ? along("max", ops.maxOp, x, options) : overall("max", ops.amaxOp, x, options ?? {});
}

/** As `max`, the smallest value; NaN is smaller than everything. */
export function min(x: Tensor): Tensor;
export function min(x: Tensor, options: AlongOptions): [values: Tensor, indices: Tensor];
export function min(x: Tensor, options: ReduceDimOptions): Tensor | [values: Tensor, indices: Tensor];
export function min(x: Tensor, options?: ReduceDimOptions): Tensor | [values: Tensor, indices: Tensor] {
  return isAlong(options) ? along("min", ops.minOp, x, options) : overall("min", ops.aminOp, x, options ?? {});
}

function isAlong(options: ReduceDimOptions | undefined): options is AlongOptions {
  return options?.dim !== undefined && options.dim !== null;
}

type Reduced = Op<readonly [Tensor], readonly [Tensor], ReduceAttrs>;

function overall(name: string, op: Reduced, x: Tensor, options: ReduceOptions): Tensor {
  return cast(apply(op, [comparable(x)], reduceAttrs(name, x, options))[0], x.dtype);
}

type Indexed = Op<readonly [Tensor], readonly [Tensor, Tensor], { dim: number; keepdim: boolean }>;

function along(name: string, op: Indexed, x: Tensor, options: AlongOptions): [Tensor, Tensor] {
  checkOptions(name, options, ["dim", "keepdim"]);
  const attrs = { dim: normalizeDim(name, options.dim, x.ndim), keepdim: options.keepdim ?? false };
  const [values, indices] = apply(op, [comparable(x)], attrs);
  return [cast(values, x.dtype), indices];
}

/** int32 position of the largest element along `dim`, or in the flattened tensor; the first of equals, or the first NaN. */
export function argmax(x: Tensor, options: ReduceDimOptions = {}): Tensor {
  return apply(ops.argmaxOp, [x], reduceAttrs("argmax", x, options))[0];
}

/** int32 position of the smallest element along `dim`, or in the flattened tensor; the first of equals, or the first NaN. */
export function argmin(x: Tensor, options: ReduceDimOptions = {}): Tensor {
  return apply(ops.argminOp, [x], reduceAttrs("argmin", x, options))[0];
}
