import { ShapeError } from "../errors.js";
import { constant } from "../ops/copy.js";
import { checkSameShape, type Reduction, reduced } from "../ops/loss.js";
import * as ops from "../ops/loss_elementwise.js";
import { broadcastShapes, formatShape, sameShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import type { Shape } from "../types.js";
import { add, mul, sub } from "./arithmetic.js";
import { type LossOptions, l1Loss } from "./loss.js";
import { BCE, BCE_WITH_LOGITS, HUBER, readOptions, SMOOTH_L1 } from "./loss_options.js";

export interface BCEOptions extends LossOptions {
  /** A factor for each loss; broadcasts to the input's shape. Default null: 1. */
  readonly weight?: Tensor | null;
}

export interface BCEWithLogitsOptions extends BCEOptions {
  /** A factor for the part of the loss that belongs to target 1, usually one a class; broadcasts to the input's shape. Default null: 1. */
  readonly posWeight?: Tensor | null;
}

export interface SmoothL1Options extends LossOptions {
  /** Where the parabola ends; 0 gives `l1Loss`. Default 1. */
  readonly beta?: number;
}

export interface HuberOptions extends LossOptions {
  /** Where the parabola ends, and the slope behind it; above 0. Default 1. */
  readonly delta?: number;
}

function checkStretches(op: string, what: string, factor: Tensor | null, shape: Shape): void {
  if (factor === null || sameShape(broadcastShapes(op, factor.shape, shape), shape)) return;
  throw new ShapeError(
    op,
    `${what} has shape ${formatShape(factor.shape)}; expected one that stretches to the input's, ${formatShape(shape)}`,
  );
}

function weighted(loss: Tensor, weight: Tensor | null, reduction: Reduction): Tensor {
  return reduced(weight === null ? loss : mul(loss, weight), reduction);
}

/**
 * Binary cross-entropy of probabilities: loss = −w·(t·ln x + (1 − t)·ln(1 − x)), logarithms no less than −100. Shape: input and
 * target alike, both in [0, 1]. Errors: ShapeError; ArgumentError for a value outside [0, 1] or NaN.
 * PyTorch: does not check the target's range.
 */
export function binaryCrossEntropy(input: Tensor, target: Tensor, options: BCEOptions = {}): Tensor {
  const { weight, reduction } = readOptions("BCELoss", options, BCE);
  checkStretches("BCELoss", "weight", weight, input.shape);
  return weighted(ops.bce(input, target), weight, reduction);
}

/**
 * Binary cross-entropy of scores (logits): loss = −w·(p·t·ln σ(x) + (1 − t)·ln(1 − σ(x))) with σ the sigmoid and p = posWeight, in a
 * form that no score overflows. Shape: input and target alike. Errors: ShapeError.
 */
export function binaryCrossEntropyWithLogits(
  input: Tensor,
  target: Tensor,
  options: BCEWithLogitsOptions = {},
): Tensor {
  const op = "BCEWithLogitsLoss";
  const { weight, posWeight, reduction } = readOptions(op, options, BCE_WITH_LOGITS);
  checkStretches(op, "weight", weight, input.shape);
  checkStretches(op, "posWeight", posWeight, input.shape);
  const loss =
    posWeight === null ? ops.bceWithLogits(op, input, target) : positiveWeighted(op, input, target, posWeight);
  return weighted(loss, weight, reduction);
}

/** p·t·softplus(−x) + (1 − t)·softplus(x). */
function positiveWeighted(op: string, x: Tensor, t: Tensor, p: Tensor): Tensor {
  checkSameShape(op, x, t);
  const hit = ops.bceWithLogits(op, x, constant(x.shape, 1));
  const miss = ops.bceWithLogits(op, x, constant(x.shape, 0));
  return add(mul(mul(p, t), hit), mul(sub(1, t), miss));
}

/**
 * Smooth L1: loss = d²/(2·beta) where d = |x − t| < beta, else d − beta/2. Shape: input and target alike. Errors: ShapeError.
 */
export function smoothL1Loss(input: Tensor, target: Tensor, options: SmoothL1Options = {}): Tensor {
  const op = "SmoothL1Loss";
  const { beta, reduction } = readOptions(op, options, SMOOTH_L1);
  checkSameShape(op, input, target);
  if (beta === 0) return l1Loss(input, target, { reduction });
  return reduced(ops.huber(input, target, { op, knee: beta, slope: 1 }), reduction);
}

/** Huber's loss: d²/2 where d = |x − t| ≤ delta, else delta·(d − delta/2). Shape: input and target alike. Errors: ShapeError. */
export function huberLoss(input: Tensor, target: Tensor, options: HuberOptions = {}): Tensor {
  const op = "HuberLoss";
  const { delta, reduction } = readOptions(op, options, HUBER);
  return reduced(ops.huber(input, target, { op, knee: delta, slope: delta }), reduction);
}
