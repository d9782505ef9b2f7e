import { DTypeError } from "../errors.js";
import { sub } from "../ops/arithmetic.js";
import * as ops from "../ops/loss.js";
import { absOp, map } from "../ops/unary.js";
import { formatShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { CROSS_ENTROPY, NLL, REDUCTION, readOptions } from "./loss_options.js";

export type { Reduction } from "../ops/loss.js";

export interface LossOptions {
  /** "none": a loss for each element; "mean" (default): their mean; "sum": their sum. */
  readonly reduction?: ops.Reduction;
}

export interface NLLLossOptions extends LossOptions {
  /** A factor for each class, [classes]. Default: 1. */
  readonly weight?: Tensor | null;
  /** Targets of this value have loss 0 and do not count in the mean. Default −100. */
  readonly ignoreIndex?: number;
}

export interface CrossEntropyOptions extends NLLLossOptions {
  /** How much of each target is spread evenly over all classes, 0 to 1. Default 0. */
  readonly labelSmoothing?: number;
}

/**
 * Cross-entropy between scores (logits) and classes: loss = −w_t·ln softmax(x)_t for a class index t, −Σ w_c·t_c·ln softmax(x)_c for
 * probabilities t. With labelSmoothing s the target is (1 − s)·t + s/classes.
 * Shape: input [classes], [N, classes] or [N, classes, d1, …]; target int32 [], [N] or [N, d1, …], or float32 of the input's shape.
 * The mean divides by Σ w_t over the targets that count; with probabilities by the number of rows.
 * Errors: ShapeError; ArgumentError for a target that is no class; nothing has been written then.
 */
export function crossEntropy(input: Tensor, target: Tensor, options: CrossEntropyOptions = {}): Tensor {
  const op = "CrossEntropyLoss";
  const { weight, ignoreIndex, labelSmoothing, reduction } = readOptions(op, options, CROSS_ENTROPY);
  if (target.dtype === "float32") {
    const loss = ops.crossEntropyProbabilities(input, target, weight, labelSmoothing);
    return ops.reduced(loss, reduction);
  }
  if (target.dtype === "bool") {
    throw new DTypeError(
      op,
      `target ${formatShape(target.shape)} is bool; expected int32 classes or float32 probabilities`,
    );
  }
  const loss = ops.crossEntropyIndices(input, target, weight, ignoreIndex, labelSmoothing);
  return reduction === "mean"
    ? ops.reduced(loss, reduction, ops.targetWeight(target, weight, ignoreIndex))
    : ops.reduced(loss, reduction);
}

/**
 * Negative log-likelihood: loss = −w_t·x_t for log-probabilities x and class indices t.
 * Shape: input [classes], [N, classes] or [N, classes, d1, …]; target int32 [], [N] or [N, d1, …].
 * The mean divides by Σ w_t over the targets that count. Errors: as `crossEntropy`.
 */
export function nllLoss(input: Tensor, target: Tensor, options: NLLLossOptions = {}): Tensor {
  const op = "NLLLoss";
  const { weight, ignoreIndex, reduction } = readOptions(op, options, NLL);
  const loss = ops.nll(input, target, weight, ignoreIndex);
  return reduction === "mean"
    ? ops.reduced(loss, reduction, ops.targetWeight(target, weight, ignoreIndex))
    : ops.reduced(loss, reduction);
}

/**
 * Mean squared error: loss = (x − t)²; with reduction "sum" the summed squared error. Errors: ShapeError unless input and target have
 * one shape.
 */
export function mseLoss(input: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  const { reduction } = readOptions("MSELoss", options, REDUCTION);
  return ops.reduced(ops.squaredDifference(input, target), reduction);
}

/** Mean absolute error: loss = |x − t|; the gradient at 0 is 0. Errors: ShapeError unless input and target have one shape. */
export function l1Loss(input: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  const { reduction } = readOptions("L1Loss", options, REDUCTION);
  ops.checkSameShape("L1Loss", input, target);
  return ops.reduced(map(absOp, sub(input, target)), reduction);
}
