import { K } from "../backend/index.js";
import { checkDType, checkOperand } from "../check.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { materialize } from "../layout.js";
import { arena, NULL } from "../runtime/arena.js";
import { formatShape, numel } from "../shape.js";
import type { Tensor } from "../tensor.js";
import type { Ptr, Shape, Spec } from "../types.js";
import { copyInto } from "./copy.js";
import type { FusedActivation } from "./matmul.js";
import { apply, defineOp, notDifferentiable, once } from "./op.js";

// N samples, C channels, S positions: x is [N, C, …] with S = the product of the rest.

type Maybe = Tensor | null;

export interface BatchNormAttrs {
  /** Class name that messages start with. */
  readonly op: string;
  readonly eps: number;
  /** Applied in the same pass. */
  readonly activation: FusedActivation;
}

function fused({ activation }: BatchNormAttrs): boolean {
  return activation !== "none";
}

/** What a result is at least: where relu follows, 0. */
function lowest(activation: FusedActivation): number {
  return activation === "relu" ? 0 : -Infinity;
}

/** Most tables that a kernel asks for, and the positions below which they have an entry for each (SHORT in assembly/lib/affine.ts). */
const TABLES = 5;
const SHORT = 16;

/** Work space for tables of whole vectors with an entry per channel and, where there are few, per position, and float64 pairs. */
export function normScratch(channels: number, positions: number): Ptr {
  const entries = positions < SHORT ? channels * positions : channels;
  return arena.scratch(4 * TABLES * (entries + 3) + 16 * channels);
}

/** [N, C, S] of an input [N, C, …]. */
export function channelSizes(shape: Shape): [n: number, c: number, s: number] {
  return [shape[0]!, shape[1]!, numel(shape.slice(2))];
}

function inferBatchNorm(op: string, x: Spec, weight: Spec | null, bias: Spec | null): number[] {
  checkDType(op, "input", x, "float32");
  if (x.shape.length < 2) {
    throw new ShapeError(op, `input has shape ${formatShape(x.shape)}; expected [N, C, …] of rank 2 or more`);
  }
  const perChannel = [x.shape[1]!];
  checkOperand(op, "weight", weight, perChannel, `input ${formatShape(x.shape)}`);
  checkOperand(op, "bias", bias, perChannel, `input ${formatShape(x.shape)}`);
  return perChannel;
}

/** x, weight, bias → y, and the batch's mean and biased variance [C], which only the gradient and the running averages see. */
export const batchNormOp = defineOp<
  readonly [Tensor, Maybe, Maybe],
  readonly [y: Tensor, mean: Tensor, variance: Tensor],
  BatchNormAttrs
>({
  name: "batch_norm",
  infer: ([x, weight, bias], { op }) => {
    const shape = inferBatchNorm(op, x, weight, bias);
    const [n, , s] = channelSizes(x.shape);
    if (n * s === 1) {
      throw new ShapeError(op, `input ${formatShape(x.shape)} has one value per channel; expected more in training`);
    }
    return [x, { shape, dtype: "float32" }, { shape, dtype: "float32" }];
  },
  forward: ([y, mean, variance], [x, weight, bias], { eps, activation }) => {
    const [n, c, s] = channelSizes(x.shape);
    const [w, b] = [weight?.ptr ?? NULL, bias?.ptr ?? NULL];
    const low = lowest(activation);
    K.batch_norm_f32(y.ptr, mean.ptr, variance.ptr, x.ptr, w, b, normScratch(c, s), n, c, s, eps, low, 0, c);
  },
  saves: (attrs) => ({ inputs: fused(attrs) ? [0, 1, 2] : [0, 1], outs: [1, 2] }),
  backward: ([g], inputs, [, mean, variance], attrs) => gradients([g!, ...inputs, mean, variance], attrs, true),
});

/** The same with given statistics [C], which get no gradient. */
export const batchNormEvalOp = defineOp<
  readonly [x: Tensor, weight: Maybe, bias: Maybe, mean: Tensor, variance: Tensor],
  readonly [Tensor],
  BatchNormAttrs
>({
  name: "batch_norm_eval",
  infer: ([x, weight, bias, mean, variance], { op }) => {
    const perChannel = inferBatchNorm(op, x, weight, bias);
    checkOperand(op, "runningMean", mean, perChannel, `input ${formatShape(x.shape)}`);
    checkOperand(op, "runningVar", variance, perChannel, `input ${formatShape(x.shape)}`);
    return [x];
  },
  forward: ([y], [x, weight, bias, mean, variance], { eps, activation }) => {
    const [n, c, s] = channelSizes(x.shape);
    const [w, b] = [weight?.ptr ?? NULL, bias?.ptr ?? NULL];
    const low = lowest(activation);
    K.batch_norm_eval_f32(y.ptr, x.ptr, w, b, mean.ptr, variance.ptr, normScratch(c, s), n, c, s, eps, low, 0, c);
  },
  inPlace: [0],
  saves: (attrs) => ({ inputs: fused(attrs) ? [0, 1, 2, 3, 4] : [0, 1, 3, 4] }),
  backward: ([g], inputs, _, attrs) => [...gradients([g, ...inputs], attrs, false), null, null],
});

type GradOperands = readonly [g: Tensor, x: Tensor, weight: Maybe, bias: Maybe, mean: Tensor, variance: Tensor];

/** dx, dweight and dbias of both, in one go: with the batch's statistics they share two sums. */
export const batchNormGradOp = defineOp<
  GradOperands,
  readonly [dx: Tensor, dweight: Tensor, dbias: Tensor],
  BatchNormAttrs & { readonly batchStats: boolean }
>({
  name: "batch_norm_grad",
  infer: ([g, , , , mean]) => [g, mean, mean],
  forward: ([dx, dweight, dbias], [g, x, weight, bias, mean, variance], { eps, batchStats, activation }) => {
    const [n, c, s] = channelSizes(x.shape);
    const [w, b] = [weight?.ptr ?? NULL, bias?.ptr ?? NULL];
    const [dw, db, flag] = [dweight.ptr, dbias.ptr, batchStats ? 1 : 0];
    // biome-ignore format: one line for each kind of argument
    K.batch_norm_grad_f32(
      dx.ptr, dw, db, g.ptr, x.ptr, w, b, mean.ptr, variance.ptr, normScratch(c, s),
      n, c, s, eps, flag, lowest(activation), 0, c,
    );
  },
  backward: notDifferentiable(
    "the fused gradient is not recorded; compose the normalisation from mean and var instead",
  ),
});

/** Only behind an activation does the gradient depend on the bias. */
function gradients(
  [g, x, weight, bias, mean, variance]: GradOperands,
  attrs: BatchNormAttrs,
  batchStats: boolean,
): (() => Tensor)[] {
  const shift = fused(attrs) ? bias : null;
  const all = once(() => apply(batchNormGradOp, [g, x, weight, shift, mean, variance], { ...attrs, batchStats }));
  return [() => all()[0], () => all()[1], () => all()[2]];
}

export interface RunningStats {
  readonly mean: Tensor;
  readonly variance: Tensor;
}

/** Running statistics from the two tensors that users pass: both or neither, [channels] each. */
export function runningStats(op: string, x: Spec, mean: Tensor | null, variance: Tensor | null): RunningStats | null {
  if (mean === null && variance === null) return null;
  if (mean === null || variance === null) {
    throw new ArgumentError(op, "one of runningMean and runningVar is null; expected both or neither");
  }
  mean.assertAlive(op);
  variance.assertAlive(op);
  checkOperand(op, "runningMean", mean, [x.shape[1]!], `input ${formatShape(x.shape)}`);
  checkOperand(op, "runningVar", variance, [x.shape[1]!], `input ${formatShape(x.shape)}`);
  return { mean, variance };
}

/** The running statistics where nothing else will do. */
export function needStats(op: string, running: RunningStats | null): RunningStats {
  if (running === null) {
    throw new ArgumentError(
      op,
      "runningMean and runningVar are null; expected tensors, as the input's statistics are not used",
    );
  }
  return running;
}

/** y = act(weight · (x − mean) / √(var + eps) + bias) with the batch's statistics, which then move the running ones, if any. */
export function batchNorm(
  x: Tensor,
  weight: Tensor | null,
  bias: Tensor | null,
  running: RunningStats | null,
  momentum: number,
  attrs: BatchNormAttrs,
): Tensor {
  const [y, mean, variance] = apply(batchNormOp, [x, weight, bias], attrs);
  const [n, , s] = channelSizes(x.shape);
  if (running !== null && n * s > 0) moveRunning(running, mean, variance, momentum, n * s);
  mean.dispose();
  variance.dispose();
  return y;
}

/** The same with given statistics. */
export function batchNormEval(
  x: Tensor,
  weight: Tensor | null,
  bias: Tensor | null,
  given: RunningStats,
  attrs: BatchNormAttrs,
): Tensor {
  return apply(batchNormEvalOp, [x, weight, bias, given.mean, given.variance], attrs)[0];
}

/** running ← (1 − momentum) · running + momentum · new, in place; the variance of `count` values is made unbiased first. */
export function moveRunning(
  running: RunningStats,
  mean: Tensor,
  variance: Tensor,
  momentum: number,
  count: number,
): void {
  average(running.mean, mean, momentum, 1);
  average(running.variance, variance, momentum, count / (count - 1));
}

function average(y: Tensor, x: Tensor, momentum: number, scale: number): void {
  const flat = y.isContiguous ? y : materialize(y);
  K.running_average_f32(flat.ptr, x.ptr, y.numel, momentum, scale);
  if (flat === y) y.storage.written();
  else {
    copyInto(y, flat);
    flat.dispose();
  }
}
