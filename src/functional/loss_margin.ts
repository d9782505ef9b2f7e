import { checkDType, checkOperand, checkRank } from "../check.js";
import { ShapeError } from "../errors.js";
import { checkSameShape, reduced } from "../ops/loss.js";
import { formatShape, sameShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { add, div, minimum, mul, neg, sub } from "./arithmetic.js";
import { ne, where } from "./compare.js";
import { pairwiseDistance } from "./distance.js";
import type { LossOptions } from "./loss.js";
import {
  COSINE_EMBEDDING,
  type Distance,
  HINGE_EMBEDDING,
  MARGIN_RANKING,
  readOptions,
  TRIPLET_MARGIN,
  TRIPLET_MARGIN_WITH_DISTANCE,
} from "./loss_options.js";
import { signs } from "./operand.js";
import { sum } from "./reduce.js";
import { clamp, sqrt } from "./unary.js";

export interface MarginOptions extends LossOptions {
  /** How far apart things must be to cost nothing. */
  readonly margin?: number;
}

export interface TripletMarginOptions extends MarginOptions {
  /** The order of the distance's norm, no less than 0. Default 2. */
  readonly p?: number;
  /** Added to every difference, against an infinite slope at 0. Default 1e-6. */
  readonly eps?: number;
  /** The negative's distance is the smaller one of those to the anchor and to the positive. Default false. */
  readonly swap?: boolean;
}

export interface TripletMarginWithDistanceOptions extends MarginOptions {
  /** Default null: `pairwiseDistance`. */
  readonly distanceFunction?: Distance | null;
  /** The negative's distance is the smaller one of those to the anchor and to the positive. Default false. */
  readonly swap?: boolean;
}

/** max(x, 0). */
function hinge(x: Tensor): Tensor {
  return clamp(x, { min: 0 });
}

/**
 * loss = x where the target is 1, max(0, margin − x) where it is −1, for distances x. Shape: input and target alike; the target is
 * float32 or int32. Default margin 1. Errors: ShapeError.
 */
export function hingeEmbeddingLoss(input: Tensor, target: Tensor, options: MarginOptions = {}): Tensor {
  const op = "HingeEmbeddingLoss";
  const { margin, reduction } = readOptions(op, options, HINGE_EMBEDDING);
  const sign = signs(op, target);
  checkSameShape(op, input, sign);
  const loss = add(where(ne(sign, 1), hinge(sub(margin, input)), 0), where(ne(sign, -1), input, 0));
  return reduced(loss, reduction);
}

/** Added to squared lengths, so that a zero vector has a direction; PyTorch's. */
const LEAST_SQUARE = 1e-12;

/**
 * loss = 1 − cos(x1, x2) where the target is 1, max(0, cos(x1, x2) − margin) where it is −1. Shape: x1 and x2 [N, D] with a target [N],
 * or [D] with []; the target is float32 or int32. Default margin 0. Errors: ShapeError.
 */
export function cosineEmbeddingLoss(x1: Tensor, x2: Tensor, target: Tensor, options: MarginOptions = {}): Tensor {
  const op = "CosineEmbeddingLoss";
  const { margin, reduction } = readOptions(op, options, COSINE_EMBEDDING);
  checkDType(op, "input1", x1, "float32");
  checkRank(op, "input1", x1.shape, 1, 2);
  checkOperand(op, "input2", x2, x1.shape, "as input1");
  const sign = signs(op, target);
  checkOperand(op, "target", sign, x1.shape.slice(0, -1), `one for each row of ${formatShape(x1.shape)}`);
  const dot = (a: Tensor, b: Tensor): Tensor => sum(mul(a, b), { dim: -1 });
  const lengths = sqrt(mul(add(dot(x1, x1), LEAST_SQUARE), add(dot(x2, x2), LEAST_SQUARE)));
  const cos = div(dot(x1, x2), lengths);
  const loss = add(where(ne(sign, 1), 0, sub(1, cos)), where(ne(sign, -1), 0, hinge(sub(cos, margin))));
  return reduced(loss, reduction);
}

/**
 * loss = max(0, margin − t·(x1 − x2)): t = 1 wants x1 above x2, t = −1 below. Shape: all alike; the target is float32 or int32.
 * Default margin 0. Errors: ShapeError.
 */
export function marginRankingLoss(x1: Tensor, x2: Tensor, target: Tensor, options: MarginOptions = {}): Tensor {
  const op = "MarginRankingLoss";
  const { margin, reduction } = readOptions(op, options, MARGIN_RANKING);
  checkDType(op, "input1", x1, "float32");
  checkOperand(op, "input2", x2, x1.shape, "as input1");
  const sign = signs(op, target);
  checkOperand(op, "target", sign, x1.shape, "as input1");
  return reduced(hinge(add(mul(neg(sign), sub(x1, x2)), margin)), reduction);
}

/**
 * loss = max(0, margin + d(anchor, positive) − d(anchor, negative)) with d(a, b) = ‖a − b + eps‖_p over the last dimension. Shape: all
 * three alike, [N, D] or [D]. Default margin 1. Errors: ShapeError. Source: V. Balntas et al., BMVC 2016 (also for swap).
 */
export function tripletMarginLoss(
  anchor: Tensor,
  positiveExample: Tensor,
  negative: Tensor,
  options: TripletMarginOptions = {},
): Tensor {
  const op = "TripletMarginLoss";
  const { p, eps, ...rest } = readOptions(op, options, TRIPLET_MARGIN);
  const distance: Distance = (a, b) => pairwiseDistance(a, b, { p, eps });
  return tripletLoss(op, anchor, positiveExample, negative, distance, rest);
}

/** As `tripletMarginLoss`, with any function of two tensors as the distance; a similarity will not do. Errors: ShapeError. */
export function tripletMarginWithDistanceLoss(
  anchor: Tensor,
  positiveExample: Tensor,
  negative: Tensor,
  options: TripletMarginWithDistanceOptions = {},
): Tensor {
  const op = "TripletMarginWithDistanceLoss";
  const { distanceFunction, ...rest } = readOptions(op, options, TRIPLET_MARGIN_WITH_DISTANCE);
  return tripletLoss(op, anchor, positiveExample, negative, distanceFunction, rest);
}

function tripletLoss(
  op: string,
  anchor: Tensor,
  positiveExample: Tensor,
  negative: Tensor,
  distance: Distance,
  { margin, swap, reduction }: { margin: number; swap: boolean } & Required<LossOptions>,
): Tensor {
  checkDType(op, "anchor", anchor, "float32");
  if (anchor.ndim === 0) throw new ShapeError(op, "anchor is a scalar; expected [D] or [N, D]");
  checkOperand(op, "positive", positiveExample, anchor.shape, "as the anchor");
  checkOperand(op, "negative", negative, anchor.shape, "as the anchor");
  const near = distance(anchor, positiveExample);
  const far = distance(anchor, negative);
  const other = swap ? minimum(far, distance(positiveExample, negative)) : far;
  if (!sameShape(near.shape, other.shape)) {
    throw new ShapeError(
      op,
      `distances are ${formatShape(near.shape)} and ${formatShape(other.shape)}; expected one shape`,
    );
  }
  return reduced(hinge(add(sub(near, other), margin)), reduction);
}
