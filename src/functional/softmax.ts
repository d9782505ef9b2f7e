import { checkDType, checkOptions } from "../check.js";
import { ArgumentError } from "../errors.js";
import { neg } from "../ops/arithmetic.js";
import * as ops from "../ops/softmax.js";
import { normalizeDim } from "../shape.js";
import type { Tensor } from "../tensor.js";

export interface SoftmaxOptions {
  /** The dimension along which the results sum to 1. */
  readonly dim: number;
}

function dimOf(op: string, x: Tensor, options: SoftmaxOptions): number {
  checkOptions(op, options, ["dim"]);
  if (options?.dim === undefined) throw new ArgumentError(op, "no dim is given; expected an integer");
  return normalizeDim(op, options.dim, x.ndim);
}

/** y = e^x / Σ e^x along `dim`, shifted by the maximum so that nothing overflows; −infinity everywhere gives NaN. */
export function softmax(x: Tensor, options: SoftmaxOptions): Tensor {
  return ops.softmax(x, dimOf("Softmax", x, options));
}

/** y = x − ln Σ e^x along `dim`: the logarithm of `softmax`, without its rounding to 0. */
export function logSoftmax(x: Tensor, options: SoftmaxOptions): Tensor {
  return ops.logSoftmax(x, dimOf("LogSoftmax", x, options));
}

/** y = e^−x / Σ e^−x along `dim`. */
export function softmin(x: Tensor, options: SoftmaxOptions): Tensor {
  checkDType("Softmin", "input", x, "float32");
  return ops.softmax(neg(x), dimOf("Softmin", x, options));
}
