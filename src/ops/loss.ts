import { K } from "../backend/index.js";
import { checkDType, checkOneOf, checkOperand } from "../check.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { arena, NULL } from "../runtime/arena.js";
import { formatShape, sameShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import type { Shape, Spec } from "../types.js";
import { affine, div, mul, neg, sub } from "./arithmetic.js";
import { reshape } from "./copy.js";
import { apply, defineOp, notDifferentiable } from "./op.js";
import { span, sum } from "./reduce.js";
import { logSoftmax } from "./softmax.js";

type Binary = readonly [Tensor, Tensor];
type One = readonly [Tensor];

/** How the losses of the elements become one number, if they do. */
export type Reduction = "none" | "mean" | "sum";

const REDUCTIONS: readonly Reduction[] = ["none", "mean", "sum"];

/** Throws unless `value` is one of PyTorch's reductions. */
export function checkReduction(op: string, value: unknown): Reduction {
  return checkOneOf(op, "reduction", value, REDUCTIONS);
}

/** The losses as they are, their sum, or their sum over `count` (default: how many they are). */
export function reduced(loss: Tensor, reduction: Reduction, count: number | Tensor = loss.numel): Tensor {
  if (reduction === "none") return loss;
  const total = sum(loss, { dims: [...loss.shape.keys()], keepdim: false });
  if (reduction === "sum") return total;
  return typeof count === "number" ? affine(total, 1 / count, 0) : div(total, count);
}

/** Throws unless input and target are float32 of one shape. */
export function checkSameShape(op: string, input: Spec, target: Spec): void {
  checkDType(op, "input", input, "float32");
  checkDType(op, "target", target, "float32");
  if (!sameShape(input.shape, target.shape)) {
    throw new ShapeError(
      op,
      `target has shape ${formatShape(target.shape)}; expected ${formatShape(input.shape)}, the input's`,
    );
  }
}

/** The classes stand in dimension 1, or in the only one. */
function classDim(shape: Shape): number {
  return shape.length === 1 ? 0 : 1;
}

/** Scores, class indices, and a weight for each class. */
type Classified = readonly [input: Tensor, target: Tensor, weight: Tensor | null];

function checkClassified(op: string, input: Spec, target: Spec, weight: Spec | null): void {
  checkDType(op, "input", input, "float32");
  checkDType(op, "target", target, "int32");
  if (input.shape.length === 0) {
    throw new ShapeError(op, "input is a scalar; expected [classes], [N, classes] or [N, classes, d1, …]");
  }
  const dim = classDim(input.shape);
  const expected = input.shape.filter((_, d) => d !== dim);
  if (!sameShape(target.shape, expected)) {
    throw new ShapeError(
      op,
      `target has shape ${formatShape(target.shape)}; expected ${formatShape(expected)} for input ${formatShape(input.shape)}`,
    );
  }
  checkWeight(op, weight, input.shape[dim]!);
}

/** Throws unless the weights of the classes, if there are any, are [classes]. */
export function checkWeight(op: string, weight: Spec | null, classes: number): void {
  checkOperand(op, "weight", weight, [classes], "one for each class");
}

/** Refuses a target that is neither a class nor `ignoreIndex`: the kernels read and write where it points. */
function checkClasses(op: string, target: Tensor, classes: number, ignoreIndex: number): void {
  const at = K.class_outside_i32(target.ptr, target.numel, classes, ignoreIndex);
  if (at < 0) return;
  throw new ArgumentError(
    op,
    `target ${target.data()[at]} (element ${at} of ${formatShape(target.shape)}) is no class; ` +
      `expected 0 to ${classes - 1} for ${classes} classes, or ignoreIndex ${ignoreIndex}`,
  );
}

interface NLLAttrs {
  readonly ignoreIndex: number;
}

export const nllOp = defineOp<Classified, One, NLLAttrs>({
  name: "nll",
  infer: ([input, target, weight]) => {
    checkClassified("NLLLoss", input, target, weight);
    return [{ shape: target.shape, dtype: "float32" }];
  },
  forward: ([loss], [x, target, weight], { ignoreIndex }) => {
    const { outer, n, inner } = span(x.shape, [classDim(x.shape)]);
    checkClasses("NLLLoss", target, n, ignoreIndex);
    K.nll_f32(loss.ptr, x.ptr, target.ptr, weight?.ptr ?? NULL, outer, n, inner, ignoreIndex);
  },
  saves: { inputs: [1, 2] },
  backward: ([g], [x, target, weight], _, { ignoreIndex }) => [
    () => apply(nllGradOp, [g, target, weight], { ignoreIndex, shape: x.shape })[0],
    null,
    null,
  ],
});

export const nllGradOp = defineOp<Classified, One, NLLAttrs & { shape: Shape }>({
  name: "nll_grad",
  infer: (_, { shape }) => [{ shape, dtype: "float32" }],
  forward: ([dx], [g, target, weight], { ignoreIndex, shape }) => {
    const { outer, n, inner } = span(shape, [classDim(shape)]);
    K.nll_grad_f32(dx.ptr, g.ptr, target.ptr, weight?.ptr ?? NULL, outer, n, inner, ignoreIndex);
  },
  saves: { inputs: [1, 2] },
  backward: ([gg], [, target, weight], _, { ignoreIndex }) => [() => nll(gg, target, weight, ignoreIndex), null, null],
});

/** Σ weight[target] over the targets that count: what the mean divides by. The targets have been checked. */
export const targetWeightOp = defineOp<readonly [Tensor, Tensor | null], One, NLLAttrs>({
  name: "target_weight",
  infer: () => [{ shape: [], dtype: "float32" }],
  forward: ([y], [target, weight], { ignoreIndex }) =>
    K.target_weight_f32(y.ptr, target.ptr, weight?.ptr ?? NULL, target.numel, ignoreIndex),
  backward: notDifferentiable("class indices and class weights are not trained"),
});

/** −weight[target]·input[target] for each target. */
export function nll(input: Tensor, target: Tensor, weight: Tensor | null, ignoreIndex: number): Tensor {
  return apply(nllOp, [input, target, weight], { ignoreIndex })[0];
}

/** The mean's denominator for losses of class indices. */
export function targetWeight(target: Tensor, weight: Tensor | null, ignoreIndex: number): Tensor {
  return apply(targetWeightOp, [target, weight], { ignoreIndex })[0];
}

interface CrossEntropyAttrs extends NLLAttrs {
  readonly labelSmoothing: number;
}

/** The losses, and the maximum and log-sum of each row of scores for the gradient. */
export const crossEntropyOp = defineOp<Classified, readonly [loss: Tensor, stats: Tensor], CrossEntropyAttrs>({
  name: "cross_entropy",
  infer: ([input, target, weight]) => {
    checkClassified("CrossEntropyLoss", input, target, weight);
    return [
      { shape: target.shape, dtype: "float32" },
      { shape: [2, ...target.shape], dtype: "float32" },
    ];
  },
  forward: ([loss, stats], [x, target, weight], { ignoreIndex, labelSmoothing }) => {
    const { outer, n, inner } = span(x.shape, [classDim(x.shape)]);
    checkClasses("CrossEntropyLoss", target, n, ignoreIndex);
    const w = weight?.ptr ?? NULL;
    K.cross_entropy_f32(loss.ptr, stats.ptr, x.ptr, target.ptr, w, outer, n, inner, ignoreIndex, labelSmoothing);
  },
  saves: { inputs: [0, 1, 2], outs: [1] },
  backward: ([g], [x, target, weight], [, stats], attrs) => [
    () => apply(crossEntropyGradOp, [g!, stats, x, target, weight], attrs)[0],
    null,
    null,
  ],
});

type CrossEntropyGrad = readonly [g: Tensor, stats: Tensor, input: Tensor, target: Tensor, weight: Tensor | null];

export const crossEntropyGradOp = defineOp<CrossEntropyGrad, One, CrossEntropyAttrs>({
  name: "cross_entropy_grad",
  infer: ([, , input]) => [input],
  forward: ([dx], [g, stats, x, target, weight], { ignoreIndex, labelSmoothing }) => {
    const { outer, n, inner } = span(x.shape, [classDim(x.shape)]);
    const w = weight?.ptr ?? NULL;
    K.cross_entropy_grad_f32(
      dx.ptr,
      g.ptr,
      stats.ptr,
      x.ptr,
      target.ptr,
      w,
      arena.scratch(8 * inner),
      outer,
      n,
      inner,
      ignoreIndex,
      labelSmoothing,
    );
  },
  backward: notDifferentiable("it is fused with softmax; compose logSoftmax and nll for second derivatives"),
});

/** Cross-entropy with class indices, one loss for each target. */
export function crossEntropyIndices(
  input: Tensor,
  target: Tensor,
  weight: Tensor | null,
  ignoreIndex: number,
  labelSmoothing: number,
): Tensor {
  const [loss, stats] = apply(crossEntropyOp, [input, target, weight], { ignoreIndex, labelSmoothing });
  // The tape holds what it needs.
  stats.dispose();
  return loss;
}

/** Cross-entropy with a probability for each class, one loss for each row; `weight` is [classes]. */
export function crossEntropyProbabilities(
  input: Tensor,
  target: Tensor,
  weight: Tensor | null,
  labelSmoothing: number,
): Tensor {
  checkSameShape("CrossEntropyLoss", input, target);
  if (input.ndim === 0) throw new ShapeError("CrossEntropyLoss", "input is a scalar; expected at least one dimension");
  const dim = classDim(input.shape);
  const classes = input.shape[dim]!;
  checkWeight("CrossEntropyLoss", weight, classes);
  const smooth = labelSmoothing > 0 ? affine(target, 1 - labelSmoothing, labelSmoothing / classes) : target;
  const weighted =
    weight === null ? smooth : mul(smooth, reshape(weight, [classes, ...input.shape.slice(dim + 1).map(() => 1)]));
  return neg(sum(mul(logSoftmax(input, dim), weighted), { dims: [dim], keepdim: false }));
}

/** (a − b)², element by element, for operands of one shape. */
export const squaredDifferenceOp = defineOp<Binary, One>({
  name: "squared_difference",
  infer: ([a, b]) => {
    checkSameShape("MSELoss", a, b);
    return [a];
  },
  forward: ([y], [a, b]) => K.squared_difference_f32(y.ptr, a.ptr, b.ptr, y.numel),
  backward: ([g], [a, b]) => [() => squaredDifferenceGrad(g, a, b), () => squaredDifferenceGrad(g, b, a)],
});

/** 2·g·(a − b). */
export const squaredDifferenceGradOp = defineOp<readonly [Tensor, Tensor, Tensor], One>({
  name: "squared_difference_grad",
  infer: ([g]) => [g],
  forward: ([da], [g, a, b]) => K.squared_difference_grad_f32(da.ptr, g.ptr, a.ptr, b.ptr, g.numel),
  backward: ([gg], [g, a, b]) => {
    const twice = (): Tensor => affine(mul(gg, g), 2, 0);
    return [() => affine(mul(gg, sub(a, b)), 2, 0), twice, () => neg(twice())];
  },
});

function squaredDifferenceGrad(g: Tensor, a: Tensor, b: Tensor): Tensor {
  return apply(squaredDifferenceGradOp, [g, a, b], undefined)[0];
}

export function squaredDifference(a: Tensor, b: Tensor): Tensor {
  return apply(squaredDifferenceOp, [a, b], undefined)[0];
}
