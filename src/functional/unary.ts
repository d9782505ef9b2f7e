import { checkNoOptions, checkNumber, checkOptions, type NoOptions } from "../check.js";
import { ArgumentError } from "../errors.js";
import { compare, ltOp, where } from "../ops/compare.js";
import { cast, clone } from "../ops/copy.js";
import type { Op } from "../ops/op.js";
import * as ops from "../ops/unary.js";
import { Tensor } from "../tensor.js";
import { float, type Operand, promoted } from "./operand.js";

/** y = max(x, 0); the gradient at 0 is 0, NaN stays NaN. */
export function relu(x: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("relu", none);
  return ops.relu(x);
}

/** y = |x|; the gradient at 0 is 0. int32 stays int32. */
export function abs(x: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("abs", none);
  return ops.map(ops.absOp, x.dtype === "bool" ? cast(x, "int32") : x);
}

/** y = 1, 0 or −1 by the sign of x, 0 for NaN; the gradient is 0. int32 stays int32. */
export function sign(x: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("sign", none);
  return ops.map(ops.signOp, x.dtype === "bool" ? cast(x, "int32") : x);
}

/** y = √x, NaN below 0. */
export function sqrt(x: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("sqrt", none);
  return ops.map(ops.sqrtOp, float(x));
}

/** y = 1/√x. */
export function rsqrt(x: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("rsqrt", none);
  return ops.map(ops.rsqrtOp, float(x));
}

/** y = 1/x. */
export function reciprocal(x: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("reciprocal", none);
  return ops.map(ops.reciprocalOp, float(x));
}

/** y = x². */
export function square(x: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("square", none);
  return ops.map(ops.squareOp, float(x));
}

type Rounding = Op<readonly [Tensor], readonly [Tensor], void>;

/** Integers are round already. */
function rounded(op: Rounding, x: Tensor): Tensor {
  return x.dtype === "float32" ? ops.map(op, x) : clone(x);
}

/** The largest integer ≤ x; the gradient is 0. */
export function floor(x: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("floor", none);
  return rounded(ops.floorOp, x);
}

/** The smallest integer ≥ x; the gradient is 0. */
export function ceil(x: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("ceil", none);
  return rounded(ops.ceilOp, x);
}

/** The nearest integer, halves to the even one; the gradient is 0. */
export function round(x: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("round", none);
  return rounded(ops.roundOp, x);
}

export interface ClampOptions {
  /** Lower bound, or one for each element: then x and bounds broadcast. Default: none. */
  readonly min?: Operand;
  /** Upper bound. Default: none. */
  readonly max?: Operand;
}

/** x, and the bound for each element beyond it. */
function bounded(x: Tensor, bound: Operand, side: "below" | "above"): Tensor {
  const [value, limit] = promoted("clamp", x, bound);
  const beyond = side === "below" ? compare(ltOp, value, limit) : compare(ltOp, limit, value);
  return where(beyond, limit, value);
}

/**
 * y = min(max(x, min), max); NaN stays NaN, and the gradient is 0 outside the bounds. int32 stays int32 if the bounds are integers.
 * Errors: ArgumentError if there is no bound.
 */
export function clamp(x: Tensor, options: ClampOptions = {}): Tensor {
  checkOptions("clamp", options, ["min", "max"]);
  if (options.min === undefined && options.max === undefined) {
    throw new ArgumentError("clamp", "neither min nor max is given; expected at least one");
  }
  if (options.min instanceof Tensor || options.max instanceof Tensor) {
    const raised = options.min === undefined ? x : bounded(x, options.min, "below");
    return options.max === undefined ? raised : bounded(raised, options.max, "above");
  }
  const min = checkNumber("clamp", "min", options.min ?? -Infinity);
  const max = checkNumber("clamp", "max", options.max ?? Infinity);
  const whole = [min, max].every((v) => Number.isInteger(v) || !Number.isFinite(v));
  if (x.dtype === "float32" || !whole) return ops.clamp(float(x), min, max);
  return ops.clamp(cast(x, "int32"), min, max);
}
