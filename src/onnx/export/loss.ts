import { crossEntropyOp, nllOp, squaredDifferenceOp, targetWeightOp } from "../../ops/loss.js";
import { bceOp, bceWithLogitsOp, huberOp } from "../../ops/loss_elementwise.js";
import { type Rule, rule, type Site } from "../export_rule.js";
import { reduce, reshape, unsqueeze } from "../export_shapes.js";
import { fixedSizes } from "../export_sizes.js";
import type { Name, Writer } from "../export_writer.js";
import { clip, scaled } from "./elementwise.js";

interface Ignoring {
  readonly ignoreIndex: number;
}

/** 1 for targets that count, 0 for those to be ignored, and a class that is one. */
function targets(to: Writer, target: Name, ignoreIndex: number): { counts: Name; classes: Name } {
  const counts = to.op("Not", [to.op("Equal", [target, to.scalar(ignoreIndex, "int32")])]);
  return { counts, classes: to.op("Where", [counts, target, to.scalar(0, "int32")]) };
}

/** A value for each class at the place of each target, 0 for one to be ignored. */
function weights(to: Writer, target: Name, weight: Name | null, ignoreIndex: number): Name {
  const { counts, classes } = targets(to, target, ignoreIndex);
  const own = weight === null ? to.scalar(1) : to.op("Gather", [weight, classes], { axis: 0 });
  return to.op("Where", [counts, own, to.scalar(0)]);
}

/** −weight[target] · scores[target]. */
function nll(to: Writer, scores: Name, rank: number, target: Name, weight: Name | null, ignoreIndex: number): Name {
  const axis = rank === 1 ? 0 : 1;
  const { classes } = targets(to, target, ignoreIndex);
  const picked = to.op("GatherElements", [scores, unsqueeze(to, classes, [axis])], { axis });
  const score = to.op("Squeeze", [picked, to.ints([axis])]);
  return to.op("Neg", [to.op("Mul", [score, weights(to, target, weight, ignoreIndex)])]);
}

function nllLoss(to: Writer, { x: [x, target, weight = null], attrs, value }: Site<Ignoring>): Name {
  return nll(to, x!, value(0).shape.length, target!, weight, attrs.ignoreIndex);
}

/** With smoothing, a part of the target is spread over all classes, each with its weight. */
function crossEntropy(
  to: Writer,
  { x: [x, target, weight = null], attrs, value }: Site<Ignoring & { labelSmoothing: number }>,
): Name {
  const { ignoreIndex, labelSmoothing } = attrs;
  const rank = value(0).shape.length;
  const axis = rank === 1 ? 0 : 1;
  const scores = to.op("LogSoftmax", [x!], { axis });
  const own = nll(to, scores, rank, target!, weight, ignoreIndex);
  if (labelSmoothing === 0) return own;
  const [classes] = fixedSizes("the scores", value(0).dims.slice(axis, axis + 1)) as [number];
  const behind = new Array<number>(Math.max(0, rank - axis - 1)).fill(1);
  const each = weight === null ? scores : to.op("Mul", [scores, reshape(to, weight, [classes, ...behind])]);
  const all = reduce(to, "ReduceSum", each, [axis], false);
  const counted = to.op("Where", [targets(to, target!, ignoreIndex).counts, all, to.scalar(0)]);
  return to.op("Sub", [scaled(to, own, 1 - labelSmoothing), scaled(to, counted, labelSmoothing / classes)]);
}

/** −t·a − (1 − t)·b. */
function mixed(to: Writer, t: Name, a: Name, b: Name): Name {
  const rest = to.op("Sub", [to.scalar(1), t]);
  return to.op("Neg", [to.op("Add", [to.op("Mul", [t, a]), to.op("Mul", [rest, b])])]);
}

/** Logarithms from −100 on. */
function bce(to: Writer, { x: [x, t] }: Site<void>): Name {
  const log = (v: Name): Name => clip(to, to.op("Log", [v]), -100, Infinity);
  return mixed(to, t!, log(x!), log(to.op("Sub", [to.scalar(1), x!])));
}

/** ln σ(x) = −softplus(−x), ln(1 − σ(x)) = −softplus(x). */
function bceWithLogits(to: Writer, { x: [x, t] }: Site<unknown>): Name {
  const log = (v: Name): Name => to.op("Neg", [to.op("Softplus", [v])]);
  return mixed(to, t!, log(to.op("Neg", [x!])), log(x!));
}

/** A parabola up to the knee, then a line. */
function huber(to: Writer, { x, attrs: { knee, slope } }: Site<{ knee: number; slope: number }>): Name {
  const d = to.op("Abs", [to.op("Sub", x)]);
  const line = scaled(to, d, slope, (-slope * knee) / 2);
  if (knee === 0) return line;
  const parabola = scaled(to, to.op("Mul", [d, d]), slope / (2 * knee));
  return to.op("Where", [to.op("Less", [d, to.scalar(knee)]), parabola, line]);
}

function squared(to: Writer, { x }: Site<void>): Name {
  const d = to.op("Sub", x);
  return to.op("Mul", [d, d]);
}

function targetWeight(to: Writer, { x: [target, weight = null], attrs, value }: Site<Ignoring>): Name {
  const each = weights(to, target!, weight, attrs.ignoreIndex);
  const axes = value(0).shape.map((_, d) => d);
  return reduce(to, "ReduceSum", each, axes, false);
}

export const losses: readonly Rule[] = [
  rule(nllOp, nllLoss),
  rule(crossEntropyOp, crossEntropy),
  rule(targetWeightOp, targetWeight),
  rule(bceOp, bce),
  rule(bceWithLogitsOp, bceWithLogits),
  rule(huberOp, huber),
  rule(squaredDifferenceOp, squared),
];
