import { checkDType, checkRank } from "../check.js";
import { makeTensor } from "../creation.js";
import { ShapeError } from "../errors.js";
import { constant, contiguous, reshape } from "../ops/copy.js";
import { checkIndices, gather, scatter } from "../ops/gather.js";
import { checkSameShape, checkWeight, reduced } from "../ops/loss.js";
import { bceWithLogits } from "../ops/loss_elementwise.js";
import { indexSelect } from "../ops/rows.js";
import { formatShape, sameShape } from "../shape.js";
import { adopt, type Tensor } from "../tensor.js";
import type { Shape } from "../types.js";
import { add, mul, sub } from "./arithmetic.js";
import type { LossOptions } from "./loss.js";
import { MULTI_MARGIN, MULTILABEL_SOFT_MARGIN, REDUCTION, readOptions } from "./loss_options.js";
import { signs } from "./operand.js";
import { mean, sum } from "./reduce.js";
import { relu, square } from "./unary.js";

export interface MultiMarginOptions extends LossOptions {
  /** The power of each violation, 1 or 2. Default 1. */
  readonly p?: number;
  /** How far the target's score must be above the others. Default 1. */
  readonly margin?: number;
  /** A factor for each class, [C]. Default null: 1. */
  readonly weight?: Tensor | null;
}

export interface MultilabelSoftMarginOptions extends LossOptions {
  /** A factor for each class, [C]. Default null: 1. */
  readonly weight?: Tensor | null;
}

/** Scores are [N, C] or [C], with at least one class. */
function checkScores(op: string, input: Tensor): number {
  checkDType(op, "input", input, "float32");
  checkRank(op, "input", input.shape, 1, 2);
  const classes = input.size(-1);
  if (classes === 0) throw new ShapeError(op, `input ${formatShape(input.shape)} has no class; expected [N, C] or [C]`);
  return classes;
}

function checkTarget(op: string, target: Tensor, shape: Shape, input: Tensor): void {
  checkDType(op, "target", target, "int32");
  if (sameShape(target.shape, shape)) return;
  throw new ShapeError(
    op,
    `target has shape ${formatShape(target.shape)}; expected ${formatShape(shape)} for input ${formatShape(input.shape)}`,
  );
}

/**
 * Hinge loss of several classes: loss = Σ_{j ≠ t} w_t·max(0, margin − x_t + x_j)^p / C for the target class t. Shape: input [N, C] or [C],
 * target int32 [N] or []. Errors: ShapeError; ArgumentError for a target that is no class.
 */
export function multiMarginLoss(input: Tensor, target: Tensor, options: MultiMarginOptions = {}): Tensor {
  const op = "MultiMarginLoss";
  const { p, margin, weight, reduction } = readOptions(op, options, MULTI_MARGIN);
  const classes = checkScores(op, input);
  checkWeight(op, weight, classes);
  checkTarget(op, target, input.shape.slice(0, -1), input);
  const t = contiguous(target);
  checkIndices(op, t, 0, classes, `classes of input ${formatShape(input.shape)}`);
  const place = reshape(t, [...input.shape.slice(0, -1), 1]);
  const violations = relu(add(sub(input, gather(input, place, -1)), margin));
  const powers = p === 2 ? square(violations) : violations;
  const losses = mul(sum(scatter(powers, place, 0, -1), { dim: -1 }), 1 / classes);
  const factor = weight && reshape(indexSelect(weight, reshape(t, [-1]), 0), t.shape);
  return reduced(factor === null ? losses : mul(losses, factor), reduction);
}

/** The classes that a row of targets names, up to the first −1, for each row. */
interface Labels {
  /** [N, K, 1] int32, K the longest list; shorter ones end in 0. */
  readonly index: Tensor;
  /** [N, K, 1]: 1 for a label, 0 behind the end. */
  readonly counts: Tensor;
  /** [N, 1, C]: 1 for the classes that are not named. */
  readonly others: Tensor;
}

function labelsOf(target: Tensor, rows: number, classes: number): Labels {
  const flat = Array.from(target.data());
  const lists = Array.from({ length: rows }, (_, r) => {
    const row = flat.slice(r * classes, (r + 1) * classes);
    return row.includes(-1) ? row.slice(0, row.indexOf(-1)) : row;
  });
  const longest = Math.max(0, ...lists.map((l) => l.length));
  const index = new Int32Array(rows * longest);
  const counts = new Float32Array(rows * longest);
  const others = new Float32Array(rows * classes).fill(1);
  lists.forEach((list, r) => {
    list.forEach((label, k) => {
      index[r * longest + k] = label;
      counts[r * longest + k] = 1;
      others[r * classes + label] = 0;
    });
  });
  const made = (data: Int32Array | Float32Array, shape: Shape): Tensor => adopt(makeTensor(data, { shape }));
  return {
    index: made(index, [rows, longest]),
    counts: made(counts, [rows, longest, 1]),
    others: made(others, [rows, 1, classes]),
  };
}

/**
 * Hinge loss of several labels: loss = Σ_j Σ_i max(0, 1 − x_j + x_i) / C over the labels j and the classes i that are none. A row of the
 * target lists its labels, up to the first −1. Shape: input [N, C] or [C], target int32 alike. Errors: ShapeError; ArgumentError for a
 * target that is neither a class nor −1.
 */
export function multilabelMarginLoss(input: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  const op = "MultiLabelMarginLoss";
  const { reduction } = readOptions(op, options, REDUCTION);
  const classes = checkScores(op, input);
  checkTarget(op, target, input.shape, input);
  const t = contiguous(target);
  checkIndices(op, t, -1, classes, `classes of input ${formatShape(input.shape)}, or −1 for the end`);
  const rows = input.numel / classes;
  const x = reshape(input, [rows, classes]);
  const { index, counts, others } = labelsOf(t, rows, classes);
  const scores = reshape(gather(x, index, 1), counts.shape);
  const violations = relu(add(sub(reshape(x, [rows, 1, classes]), scores), 1));
  const losses = mul(sum(mul(mul(violations, others), counts), { dim: [1, 2] }), 1 / classes);
  return reduced(reshape(losses, input.shape.slice(0, -1)), reduction);
}

/**
 * Binary cross-entropy of scores, averaged over the classes: loss = −Σ_c w_c·(t_c·ln σ(x_c) + (1 − t_c)·ln(1 − σ(x_c))) / C. Shape: input
 * and target [N, C] or [C]. Errors: ShapeError.
 */
export function multilabelSoftMarginLoss(
  input: Tensor,
  target: Tensor,
  options: MultilabelSoftMarginOptions = {},
): Tensor {
  const op = "MultiLabelSoftMarginLoss";
  const { weight, reduction } = readOptions(op, options, MULTILABEL_SOFT_MARGIN);
  checkWeight(op, weight, checkScores(op, input));
  const loss = bceWithLogits(op, input, target);
  return reduced(mean(weight === null ? loss : mul(loss, weight), { dim: -1 }), reduction);
}

/** Logistic loss of two classes: loss = ln(1 + e^{−t·x}) for targets 1 and −1, float32 or int32. Shape: input and target alike. Errors: ShapeError. */
export function softMarginLoss(input: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  const op = "SoftMarginLoss";
  const { reduction } = readOptions(op, options, REDUCTION);
  const sign = signs(op, target);
  checkSameShape(op, input, sign);
  return reduced(bceWithLogits(op, mul(sign, input), constant(input.shape, 1)), reduction);
}
