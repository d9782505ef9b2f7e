import { K } from "../backend/index.js";
import { checkDType, checkOperand } from "../check.js";
import { ShapeError } from "../errors.js";
import { NULL } from "../runtime/arena.js";
import { checkSize, formatShape, numel, sameShape } from "../shape.js";
import { withGradMode } from "../tape.js";
import type { Tensor } from "../tensor.js";
import type { Shape, Spec } from "../types.js";
import { affine } from "./arithmetic.js";
import { channelSizes, moveRunning, normScratch, type RunningStats } from "./norm_batch.js";
import { apply, defineOp, notDifferentiable, once } from "./op.js";
import { sumOp } from "./reduce.js";

// Group, instance and layer normalisation. N samples, C channels in G groups, S positions; one kernel serves all three, as layer
// normalisation of R rows of n elements is N = R, C = n, S = 1 with one group.

type Maybe = Tensor | null;
type Operands = readonly [x: Tensor, weight: Maybe, bias: Maybe];
type Results = readonly [y: Tensor, mean: Tensor, variance: Tensor];
type Sizes = readonly [n: number, c: number, s: number, groups: number];
type GradOperands = readonly [g: Tensor, x: Tensor, weight: Maybe, mean: Tensor, variance: Tensor];
type GradResults = readonly [dx: Tensor, dweight: Tensor, dbias: Tensor];

export interface GroupNormAttrs {
  /** Class name that messages start with. */
  readonly op: string;
  readonly groups: number;
  readonly eps: number;
}

function groupSizes(shape: Shape, groups: number): Sizes {
  return [...channelSizes(shape), groups];
}

function runForward([y, mean, variance]: Results, [x, weight, bias]: Operands, sizes: Sizes, eps: number): void {
  const [w, b] = [weight?.ptr ?? NULL, bias?.ptr ?? NULL];
  const work = normScratch(sizes[1], sizes[2]);
  K.group_norm_f32(y.ptr, mean.ptr, variance.ptr, x.ptr, w, b, work, ...sizes, eps);
}

function runGrad(outs: GradResults, [g, x, weight, mean, variance]: GradOperands, sizes: Sizes, eps: number): void {
  const [dx, dw, db] = [outs[0].ptr, outs[1].ptr, outs[2].ptr];
  const work = normScratch(sizes[1], sizes[2]);
  K.group_norm_grad_f32(dx, dw, db, g.ptr, x.ptr, weight?.ptr ?? NULL, mean.ptr, variance.ptr, work, ...sizes, eps);
}

/** x, weight, bias → y, and mean and biased variance [N, G], which only the gradient sees. */
export const groupNormOp = defineOp<Operands, Results, GroupNormAttrs>({
  name: "group_norm",
  infer: ([x, weight, bias], { op, groups }) => {
    checkDType(op, "input", x, "float32");
    if (x.shape.length < 2) {
      throw new ShapeError(op, `input has shape ${formatShape(x.shape)}; expected [N, C, …] of rank 2 or more`);
    }
    const [n, c, s] = groupSizes(x.shape, groups);
    const context = `input ${formatShape(x.shape)}`;
    if (c % groups !== 0) {
      throw new ShapeError(op, `${c} channels do not split into ${groups} groups; expected a multiple (${context})`);
    }
    checkOperand(op, "weight", weight, [c], context);
    checkOperand(op, "bias", bias, [c], context);
    const stats: Spec = { shape: [n, groups], dtype: "float32" };
    if (n * (c / groups) * s === 1) {
      throw new ShapeError(op, `input ${formatShape(x.shape)} has one value per group; expected more`);
    }
    return [x, stats, stats];
  },
  forward: (outs, inputs, { groups, eps }) => runForward(outs, inputs, groupSizes(inputs[0].shape, groups), eps),
  inPlace: [0],
  saves: { inputs: [0, 1], outs: [1, 2] },
  backward: ([g], [x, weight], [, mean, variance], attrs) => {
    const all = once(() => apply(groupNormGradOp, [g!, x, weight, mean, variance], attrs));
    return [() => all()[0], () => all()[1], () => all()[2]];
  },
});

export const groupNormGradOp = defineOp<GradOperands, GradResults, GroupNormAttrs>({
  name: "group_norm_grad",
  infer: ([g, x]) => {
    const perChannel: Spec = { shape: [x.shape[1]!], dtype: "float32" };
    return [g, perChannel, perChannel];
  },
  forward: (outs, inputs, { groups, eps }) => runGrad(outs, inputs, groupSizes(inputs[1].shape, groups), eps),
  backward: notDifferentiable(
    "the fused gradient is not recorded; compose the normalisation from mean and var instead",
  ),
});

export function groupNorm(x: Tensor, weight: Maybe, bias: Maybe, attrs: GroupNormAttrs): Tensor {
  const [y, mean, variance] = apply(groupNormOp, [x, weight, bias], attrs);
  mean.dispose();
  variance.dispose();
  return y;
}

/** A group per channel. The running statistics, if any, take in the mean over the samples. */
export function instanceNorm(
  x: Tensor,
  weight: Maybe,
  bias: Maybe,
  running: RunningStats | null,
  momentum: number,
  attrs: { readonly op: string; readonly eps: number },
): Tensor {
  const { op } = attrs;
  if (x.ndim < 3)
    throw new ShapeError(op, `input has shape ${formatShape(x.shape)}; expected [N, C, …] of rank 3 or more`);
  const [n, groups, s] = groupSizes(x.shape, 1);
  if (s === 1) {
    throw new ShapeError(op, `input ${formatShape(x.shape)} has one value per sample and channel; expected more`);
  }
  const [y, mean, variance] = apply(groupNormOp, [x, weight, bias], { ...attrs, groups });
  if (running !== null && n * s > 0) {
    const [m, v] = withGradMode(false, () => [meanOverSamples(mean, n), meanOverSamples(variance, n)] as const);
    moveRunning(running, m, v, momentum, s);
    m.dispose();
    v.dispose();
  }
  mean.dispose();
  variance.dispose();
  return y;
}

function meanOverSamples(x: Tensor, n: number): Tensor {
  const sum = apply(sumOp, [x], { dims: [0], keepdim: false })[0];
  const mean = affine(sum, 1 / n, 0);
  sum.dispose();
  return mean;
}

export interface LayerNormAttrs {
  readonly op: string;
  /** Trailing sizes of the input, over which the statistics are taken. */
  readonly normalizedShape: Shape;
  readonly eps: number;
}

/** One size or several, as a list. */
export function checkNormalizedShape(op: string, shape: number | Shape): readonly number[] {
  const sizes = typeof shape === "number" ? [shape] : shape;
  for (const n of sizes) checkSize(op, n, sizes);
  return sizes;
}

/** Checks a normalisation over trailing dimensions and gives the shape of what is left. */
export function checkTrailing(op: string, x: Spec, normalizedShape: Shape): number[] {
  checkDType(op, "input", x, "float32");
  const lead = x.shape.length - normalizedShape.length;
  if (normalizedShape.length === 0 || lead < 0 || !sameShape(x.shape.slice(lead), normalizedShape)) {
    throw new ShapeError(
      op,
      `input has shape ${formatShape(x.shape)}; expected it to end in normalizedShape ${formatShape(normalizedShape)}`,
    );
  }
  return x.shape.slice(0, lead);
}

function layerSizes(x: Tensor, normalizedShape: Shape): Sizes {
  return [numel(x.shape.slice(0, x.ndim - normalizedShape.length)), numel(normalizedShape), 1, 1];
}

/** x, weight, bias → y, and mean and biased variance of each row, which only the gradient sees. */
export const layerNormOp = defineOp<Operands, Results, LayerNormAttrs>({
  name: "layer_norm",
  infer: ([x, weight, bias], { op, normalizedShape }) => {
    const stats: Spec = { shape: checkTrailing(op, x, normalizedShape), dtype: "float32" };
    checkOperand(op, "weight", weight, normalizedShape, `input ${formatShape(x.shape)}`);
    checkOperand(op, "bias", bias, normalizedShape, `input ${formatShape(x.shape)}`);
    return [x, stats, stats];
  },
  forward: (outs, inputs, { normalizedShape, eps }) =>
    runForward(outs, inputs, layerSizes(inputs[0], normalizedShape), eps),
  saves: { inputs: [0, 1], outs: [1, 2] },
  backward: ([g], [x, weight], [, mean, variance], attrs) => {
    const all = once(() => apply(layerNormGradOp, [g!, x, weight, mean, variance], attrs));
    return [() => all()[0], () => all()[1], () => all()[2]];
  },
});

export const layerNormGradOp = defineOp<GradOperands, GradResults, LayerNormAttrs>({
  name: "layer_norm_grad",
  infer: ([g], { normalizedShape }) => {
    const perElement: Spec = { shape: normalizedShape, dtype: "float32" };
    return [g, perElement, perElement];
  },
  forward: (outs, inputs, { normalizedShape, eps }) =>
    runGrad(outs, inputs, layerSizes(inputs[1], normalizedShape), eps),
  backward: notDifferentiable(
    "the fused gradient is not recorded; compose the normalisation from mean and var instead",
  ),
});

export function layerNorm(x: Tensor, weight: Maybe, bias: Maybe, attrs: LayerNormAttrs): Tensor {
  const [y, mean, variance] = apply(layerNormOp, [x, weight, bias], attrs);
  mean.dispose();
  variance.dispose();
  return y;
}
