import { checkNumber } from "../check.js";
import { ArgumentError } from "../errors.js";
import { compare, neOp } from "../ops/compare.js";
import { zero } from "../ops/copy.js";
import { maskedFill } from "../ops/mask.js";
import { apply } from "../ops/op.js";
import { sum } from "../ops/reduce.js";
import * as ops from "../ops/statistics.js";
import { map, roundOp } from "../ops/unary.js";
import type { Tensor } from "../tensor.js";
import { type ReduceOptions, reduceAttrs } from "./dims.js";
import { float } from "./operand.js";

export interface VarOptions extends ReduceOptions {
  /** What is taken off the number of elements before dividing. Default 1 (Bessel's). */
  readonly correction?: number;
  /** true stands for correction 1, false for 0. */
  readonly unbiased?: boolean;
}

function varAttrs(op: string, x: Tensor, options: VarOptions): ops.VarAttrs {
  const attrs = reduceAttrs(op, x, options, "correction", "unbiased");
  if (options.correction !== undefined && options.unbiased !== undefined) {
    throw new ArgumentError(op, "correction and unbiased are both given; expected one of them");
  }
  const correction = checkNumber(op, "correction", options.correction ?? (options.unbiased === false ? 0 : 1));
  return { ...attrs, correction };
}

/** Variance: y = Σ (x − mean)² / (n − correction) over the given dimensions of n elements in all. */
function variance(x: Tensor, options: VarOptions = {}): Tensor {
  return apply(ops.varOp, [x], varAttrs("var", x, options))[0];
}

// `var` is a reserved word: it can be exported, not declared.
export { variance as var };

/** Standard deviation: the square root of `var`. The gradient is 0 where all elements are equal. */
export function std(x: Tensor, options: VarOptions = {}): Tensor {
  return apply(ops.stdOp, [x], varAttrs("std", x, options))[0];
}

/** y = ln Σ e^x over the given dimensions, shifted by the maximum so that nothing overflows. */
export function logsumexp(x: Tensor, options: ReduceOptions = {}): Tensor {
  return apply(ops.logsumexpOp, [float(x)], reduceAttrs("logsumexp", x, options))[0];
}

export interface NormOptions extends ReduceOptions {
  /**
   * The order; Infinity for the largest magnitude, −Infinity for the smallest, 0 for the number of non-zeros, "fro" for 2. Default 2.
   */
  readonly p?: number | "fro";
}

/** y = (Σ |x|^p)^{1/p} over the given dimensions. The gradient is 0 where y is 0. PyTorch: it also has p "nuc". */
export function norm(x: Tensor, options: NormOptions = {}): Tensor {
  const attrs = reduceAttrs("norm", x, options, "p");
  const p = options.p === "fro" ? 2 : checkNumber("norm", "p", options.p ?? 2);
  if (p === 0) return sum(counted(float(x)), attrs);
  return apply(ops.normOp, [float(x)], { ...attrs, p })[0];
}

/** 1 for each element that is not 0; rounding keeps it on the tape, with the gradient 0. */
function counted(x: Tensor): Tensor {
  return map(roundOp, maskedFill(x, compare(neOp, x, zero()), 1));
}
