import { behind, type ConvAttrs, ConvPlan, spatialSizes } from "../backend/convolution.js";
import { K } from "../backend/index.js";
import { checkDType, checkInteger, checkOneOf, checkOperand, checkRank, checkTuple } from "../check.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { NULL } from "../runtime/arena.js";
import { Plans } from "../runtime/plans.js";
import { formatShape, numel } from "../shape.js";
import type { Tensor } from "../tensor.js";
import type { Ptr, Shape, Sizes, Spec } from "../types.js";
import { neighbour } from "./copy.js";
import { apply, defineOp, once } from "./op.js";
import { sumOp } from "./reduce.js";
import { clampGrad, reluGradOp } from "./unary.js";

// Convolution (cross-correlation) over one to three spatial dimensions, and its two gradients. The three are each other's
// gradients: with y = conv(x, w), the form ⟨g, conv(x, w)⟩ is linear in g, x and w, and each op is its derivative in one of them.
//
// N batch, G groups, C and O input and output channels, C/G and O/G those of one group; spatial sizes I of the input, K of the
// kernel, Q of the output: Q = ⌊(I + padding − dilation·(K − 1) − 1) / stride⌋ + 1.

export type { ConvAttrs } from "../backend/convolution.js";

type One = readonly [Tensor];
type Operands = readonly [x: Tensor, weight: Tensor, bias: Tensor | null, residual: Tensor | null];

/** What a convolution applies to its sums in the same pass, as the bounds that it clamps them to. */
export const CONV_ACTIVATIONS = {
  none: [-Infinity, Infinity],
  relu: [0, Infinity],
  relu6: [0, 6],
} as const satisfies Readonly<Record<string, readonly [low: number, high: number]>>;

export type ConvActivation = keyof typeof CONV_ACTIVATIONS;

export interface ConvOptions {
  /** Step between outputs. Default 1. */
  readonly stride?: Sizes;
  /** Zeros on both sides; "same" keeps the size (stride 1 only), "valid" is 0. Default 0. */
  readonly padding?: Sizes | "same" | "valid";
  /** Step between the taps of the kernel. Default 1. */
  readonly dilation?: Sizes;
  /** Independent convolutions side by side; divides both channel counts. Default 1. */
  readonly groups?: number;
}

export const CONV_OPTIONS = ["stride", "padding", "dilation", "groups"];

/** Attributes from what the user wrote, checked. `op` is the class name that messages start with. */
export function convAttrs(op: string, kernel: Shape, options: ConvOptions): ConvAttrs {
  const rank = kernel.length;
  const stride = checkTuple(op, "stride", options.stride ?? 1, rank, 1);
  const dilation = checkTuple(op, "dilation", options.dilation ?? 1, rank, 1);
  const groups = checkInteger(op, "groups", options.groups ?? 1, 1);
  return { stride, padding: paddingOf(op, kernel, stride, dilation, options.padding ?? 0), dilation, groups };
}

function paddingOf(
  op: string,
  kernel: Shape,
  stride: readonly number[],
  dilation: readonly number[],
  padding: Sizes | string,
): [number, number][] {
  if (typeof padding !== "string") return checkTuple(op, "padding", padding, kernel.length, 0).map((p) => [p, p]);
  if (checkOneOf(op, "padding", padding, ["same", "valid"]) === "valid") return kernel.map(() => [0, 0]);
  if (stride.some((s) => s !== 1)) {
    throw new ArgumentError(op, `padding is "same" with stride ${formatShape(stride)}; expected stride 1`);
  }
  // As PyTorch: of an odd total the larger half comes behind.
  return kernel.map((k, d) => {
    const total = dilation[d]! * (k - 1);
    const before = Math.floor(total / 2);
    return [before, total - before];
  });
}

/**
 * Checks ranks and channels. The channels of x are those of the weight's dimension 1 in every group, for a transposed convolution all of its
 * dimension 0; the outputs are the other one. Returns the outputs' number.
 */
export function checkChannels(op: string, x: Shape, weight: Shape, attrs: ConvAttrs, transposed: boolean): number {
  const { groups } = attrs;
  const rank = attrs.stride.length;
  checkRank(op, "input", x, rank + 1, rank + 2);
  checkRank(op, "weight", weight, rank + 2);
  const [all, perGroup] = weight as readonly [number, number, ...number[]];
  const [inChannels, outChannels] = transposed ? [all, perGroup * groups] : [perGroup * groups, all];
  const channels = x[x.length - rank - 1]!;
  if (channels !== inChannels) {
    const context = contextOf(x, weight, attrs);
    throw new ShapeError(op, `input has ${channels} channels; expected ${inChannels} (${context})`);
  }
  if (all % groups !== 0) {
    const what = transposed ? "input" : "output";
    const context = contextOf(x, weight, attrs);
    throw new ShapeError(
      op,
      `weight has ${all} ${what} channels; expected a multiple of groups ${groups} (${context})`,
    );
  }
  return outChannels;
}

export function checkBias(
  op: string,
  x: Shape,
  weight: Shape,
  bias: Spec,
  attrs: ConvAttrs,
  outChannels: number,
): void {
  checkDType(op, "bias", bias, "float32");
  if (bias.shape.length !== 1 || bias.shape[0] !== outChannels) {
    const context = contextOf(x, weight, attrs);
    throw new ShapeError(op, `bias has shape ${formatShape(bias.shape)}; expected [${outChannels}] (${context})`);
  }
}

/** For messages. */
export function contextOf(x: Shape, weight: Shape, { groups }: ConvAttrs): string {
  return `weight ${formatShape(weight)}, groups ${groups}, input ${formatShape(x)}`;
}

const NAMES = ["", "Conv1d", "Conv2d", "Conv3d"];

function nameOf({ stride }: ConvAttrs): string {
  return NAMES[stride.length]!;
}

/** By the shapes of the input and the weight. */
const plans = new Plans<ConvAttrs, ConvPlan>((attrs, x, weight) => {
  const { stride, padding, dilation } = attrs;
  const rank = stride.length;
  const op = nameOf(attrs);
  const outChannels = checkChannels(op, x, weight, attrs, false);
  const shape = x.slice();
  const lead = shape.length - rank;
  shape[lead - 1] = outChannels;
  for (let d = 0; d < rank; d++) {
    const kernel = weight[d + 2]!;
    const reach = dilation[d]! * (kernel - 1) + 1;
    const padded = x[lead + d]! + padding[d]![0] + padding[d]![1];
    if (kernel === 0 || reach > padded) throw misfit(op, x, weight, attrs);
    shape[lead + d] = Math.floor((padded - reach) / stride[d]!) + 1;
  }
  return new ConvPlan(spatialSizes(x, weight, shape, attrs), shape);
});

function inferConv(x: Spec, weight: Spec, bias: Spec | null, residual: Spec | null, window: ConvAttrs): Spec[] {
  const op = nameOf(window);
  checkDType(op, "input", x, "float32");
  checkDType(op, "weight", weight, "float32");
  const shape = plans.of(window, x.shape, weight.shape).outputShape;
  const lead = shape.length - window.stride.length;
  if (bias !== null) checkBias(op, x.shape, weight.shape, bias, window, shape[lead - 1]!);
  if (residual !== null) checkOperand(op, "residual", residual, shape, contextOf(x.shape, weight.shape, window));
  return [{ shape, dtype: "float32" }];
}

/** A kernel of no size, or larger than the input with its padding. */
function misfit(op: string, x: Shape, weight: Shape, attrs: ConvAttrs): ShapeError {
  const { padding, dilation } = attrs;
  const kernel = weight.slice(2);
  const padded = x.slice(-kernel.length).map((n, d) => n + padding[d]![0] + padding[d]![1]);
  const reach = kernel.map((k, d) => dilation[d]! * (k - 1) + 1);
  const spans = dilation.some((d) => d !== 1) ? ` (dilation ${formatShape(dilation)}: ${formatShape(reach)})` : "";
  return new ShapeError(
    op,
    `kernel ${formatShape(kernel)}${spans} does not fit into the padded input ${formatShape(padded)}; ` +
      `expected sizes from 1 to the input's (${contextOf(x, weight, attrs)})`,
  );
}

/**
 * y = act(conv(x, w) + b + r). x [N, C, I…] or [C, I…], w [O, C/G, K…], b [O] or null, r as y or null → y [N, O, Q…] or [O, Q…].
 */
export const convOp = defineOp<Operands, One, { window: ConvAttrs; activation: ConvActivation }>({
  name: "conv",
  infer: ([x, weight, bias, residual], { window }) => inferConv(x, weight, bias, residual, window),
  forward: ([y], [x, weight, bias, residual], { window, activation }) => {
    const { sizes, weighted } = plans.of(window, x.shape, weight.shape);
    const { forward } = weighted;
    const geometry = forward.prepare();
    const [n, groups, cg, og] = sizes.counts;
    const [low, high] = CONV_ACTIVATIONS[activation];
    const b = bias?.ptr ?? NULL;
    const r = residual?.ptr ?? NULL;
    const scratch = behind(geometry);
    const { units, form } = forward;
    const run = (packed: Ptr): void =>
      K.conv_f32(y.ptr, x.ptr, weight.ptr, packed, b, r, geometry, scratch, n, groups, cg, og, low, high, 0, units);
    if (form === null) run(NULL);
    else weight.storage.withPacked(4 * weight.offset, form, run);
  },
  flops: ([, weight], [y]) => convFlops(weight, y),
  window: ([, weight], { window: { stride, dilation } }) => ({ kernel: weight.shape.slice(2), stride, dilation }),
  saves: ({ activation }) => ({ inputs: [0, 1], outs: activation === "none" ? [] : [0] }),
  backward: ([g], [x, weight, bias, residual], [y], { window, activation }) => {
    // Shared by the thunks, made by the first of them.
    const beforeActivation = once(() => activationGrad(g, y, activation));
    return [
      () => convInputGrad(beforeActivation(), weight, x.shape, window),
      () => convWeightGrad(beforeActivation(), x, weight.shape, window),
      bias && (() => channelSum(beforeActivation(), window.stride.length)),
      residual && beforeActivation,
    ];
  },
});

/** The gradient of what was clamped, from the result; on the bounds themselves there is none. */
function activationGrad(g: Tensor, y: Tensor, activation: ConvActivation): Tensor {
  if (activation === "none") return g;
  if (activation === "relu") return apply(reluGradOp, [g, y], undefined)[0];
  const [low, high] = CONV_ACTIVATIONS[activation];
  return clampGrad(g, y, { min: neighbour(low, Infinity), max: neighbour(high, -Infinity) });
}

/** Every element of y, the side with the outputs, is a sum over the taps of one output channel; so it is for the gradients. */
export function convFlops(weight: Tensor, y: Tensor): number {
  return 2 * y.numel * numel(weight.shape.slice(1));
}

/** Σ over all dimensions but the channels: the gradient of the bias. */
export function channelSum(g: Tensor, rank: number): Tensor {
  const spatial = g.shape.map((_, d) => d).slice(-rank);
  const perImage = apply(sumOp, [g], { dims: spatial, keepdim: false })[0];
  return perImage.ndim === 1 ? perImage : apply(sumOp, [perImage], { dims: [0], keepdim: false })[0];
}

/** dx, the adjoint of conv in x: every output's gradient spread over the inputs it read. It is a transposed convolution of g. */
export const convInputGradOp = defineOp<readonly [Tensor, Tensor], One, { window: ConvAttrs; inputShape: Shape }>({
  name: "conv_input_grad",
  infer: (_, { inputShape }) => [{ shape: inputShape, dtype: "float32" }],
  forward: ([dx], [g, weight], { window }) => {
    runInputGrad(dx, g, weight, window);
  },
  flops: ([g, weight]) => convFlops(weight, g),
  backward: ([gg], [g, weight], _, { window }) => [
    () => conv(gg, weight, null, window),
    () => convWeightGrad(g, gg, weight.shape, window),
  ],
});

/** The kernel call of `convInputGradOp`. */
export function runInputGrad(dx: Tensor, g: Tensor, weight: Tensor, window: ConvAttrs): void {
  const { sizes, weighted } = plans.of(window, dx.shape, weight.shape);
  const { inputGrad } = weighted;
  const geometry = inputGrad.prepare();
  const [n, groups, cg, og] = sizes.counts;
  const scratch = behind(geometry);
  const { units, form } = inputGrad;
  const run = (packed: Ptr): void =>
    K.conv_input_grad_f32(dx.ptr, g.ptr, weight.ptr, packed, geometry, scratch, n, groups, cg, og, 0, units);
  if (form === null) run(NULL);
  else weight.storage.withPacked(4 * weight.offset, form, run);
}

/** dw, the adjoint of conv in w: dw[o, c, k] = Σ over images and outputs of g[o, q] · x[c, q·stride − padding + k·dilation]. */
export const convWeightGradOp = defineOp<readonly [Tensor, Tensor], One, { window: ConvAttrs; weightShape: Shape }>({
  name: "conv_weight_grad",
  infer: (_, { weightShape }) => [{ shape: weightShape, dtype: "float32" }],
  forward: ([dw], [g, x], { window }) => {
    const { sizes, weightGrad } = plans.of(window, x.shape, dw.shape);
    const geometry = weightGrad.prepare();
    const [n, groups, cg, og] = sizes.counts;
    const scratch = behind(geometry);
    K.conv_weight_grad_f32(dw.ptr, g.ptr, x.ptr, geometry, scratch, n, groups, cg, og, 0, weightGrad.units);
  },
  flops: ([g], [dw]) => convFlops(dw, g),
  backward: ([gg], [g, x], _, { window }) => [
    () => conv(x, gg, null, window),
    () => convInputGrad(g, gg, x.shape, window),
  ],
});

export function conv(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  window: ConvAttrs,
  activation: ConvActivation = "none",
  residual: Tensor | null = null,
): Tensor {
  return apply(convOp, [x, weight, bias, residual], { window, activation })[0];
}

function convInputGrad(g: Tensor, weight: Tensor, inputShape: Shape, window: ConvAttrs): Tensor {
  return apply(convInputGradOp, [g, weight], { window, inputShape })[0];
}

export function convWeightGrad(g: Tensor, x: Tensor, weightShape: Shape, window: ConvAttrs): Tensor {
  return apply(convWeightGradOp, [g, x], { window, weightShape })[0];
}
