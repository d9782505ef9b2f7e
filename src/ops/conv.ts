import { type ConvAttrs, forwardFloats, inputGradFloats, prepare, weightGradFloats } from "../backend/convolution.js";
import { K } from "../backend/index.js";
import { checkDType, checkInteger, checkOneOf, checkOperand, checkRank, checkTuple } from "../check.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { NULL } from "../runtime/arena.js";
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
 * Checks dtypes, ranks, channels and bias. The channels of x are those of the weight's dimension 1 in every group, for a transposed
 * convolution all of its dimension 0; the outputs are the other one. Returns the outputs' number, and `context` for further messages.
 */
export function checkConvOperands(
  op: string,
  x: Spec,
  weight: Spec,
  bias: Spec | null,
  { stride, groups }: ConvAttrs,
  transposed: boolean,
): { outChannels: number; context: () => string } {
  const rank = stride.length;
  checkDType(op, "input", x, "float32");
  checkDType(op, "weight", weight, "float32");
  checkRank(op, "input", x.shape, rank + 1, rank + 2);
  checkRank(op, "weight", weight.shape, rank + 2);
  const [all, perGroup] = weight.shape as readonly [number, number, ...number[]];
  const [inChannels, outChannels] = transposed ? [all, perGroup * groups] : [perGroup * groups, all];
  const channels = x.shape[x.shape.length - rank - 1]!;
  const context = (): string => `weight ${formatShape(weight.shape)}, groups ${groups}, input ${formatShape(x.shape)}`;
  if (channels !== inChannels) {
    throw new ShapeError(op, `input has ${channels} channels; expected ${inChannels} (${context()})`);
  }
  if (all % groups !== 0) {
    const what = transposed ? "input" : "output";
    throw new ShapeError(
      op,
      `weight has ${all} ${what} channels; expected a multiple of groups ${groups} (${context()})`,
    );
  }
  if (bias !== null) {
    checkDType(op, "bias", bias, "float32");
    if (bias.shape.length !== 1 || bias.shape[0] !== outChannels) {
      throw new ShapeError(op, `bias has shape ${formatShape(bias.shape)}; expected [${outChannels}] (${context()})`);
    }
  }
  return { outChannels, context };
}

function inferConv(x: Spec, weight: Spec, bias: Spec | null, residual: Spec | null, attrs: ConvAttrs): Spec[] {
  const { stride, padding, dilation } = attrs;
  const rank = stride.length;
  const op = `Conv${rank}d`;
  const { outChannels, context } = checkConvOperands(op, x, weight, bias, attrs, false);
  const shape = x.shape.slice();
  const lead = shape.length - rank;
  shape[lead - 1] = outChannels;
  for (let d = 0; d < rank; d++) {
    const kernel = weight.shape[d + 2]!;
    const reach = dilation[d]! * (kernel - 1) + 1;
    const padded = x.shape[lead + d]! + padding[d]![0] + padding[d]![1];
    if (kernel === 0 || reach > padded) throw misfit(op, x, weight, attrs, context());
    shape[lead + d] = Math.floor((padded - reach) / stride[d]!) + 1;
  }
  if (residual !== null) checkOperand(op, "residual", residual, shape, context());
  return [{ shape, dtype: "float32" }];
}

/** A kernel of no size, or larger than the input with its padding. */
function misfit(op: string, x: Spec, weight: Spec, { padding, dilation }: ConvAttrs, context: string): ShapeError {
  const kernel = weight.shape.slice(2);
  const padded = x.shape.slice(-kernel.length).map((n, d) => n + padding[d]![0] + padding[d]![1]);
  const reach = kernel.map((k, d) => dilation[d]! * (k - 1) + 1);
  const spans = dilation.some((d) => d !== 1) ? ` (dilation ${formatShape(dilation)}: ${formatShape(reach)})` : "";
  return new ShapeError(
    op,
    `kernel ${formatShape(kernel)}${spans} does not fit into the padded input ${formatShape(padded)}; ` +
      `expected sizes from 1 to the input's (${context})`,
  );
}

/**
 * y = act(conv(x, w) + b + r). x [N, C, I…] or [C, I…], w [O, C/G, K…], b [O] or null, r as y or null → y [N, O, Q…] or [O, Q…].
 */
export const convOp = defineOp<Operands, One, ConvAttrs & { activation: ConvActivation }>({
  name: "conv",
  infer: ([x, weight, bias, residual], attrs) => inferConv(x, weight, bias, residual, attrs),
  forward: ([y], [x, weight, bias, residual], attrs) => {
    const { geometry, scratch, counts } = prepare(x.shape, weight.shape, y.shape, attrs, forwardFloats);
    const [n, groups, cg, og] = counts;
    const [low, high] = CONV_ACTIVATIONS[attrs.activation];
    const added = [bias?.ptr ?? NULL, residual?.ptr ?? NULL] as const;
    const units = K.conv_units(geometry, ...counts);
    const run = (packed: Ptr): void =>
      K.conv_f32(y.ptr, x.ptr, weight.ptr, packed, ...added, geometry, scratch, ...counts, low, high, 0, units);
    const bytes = K.conv_packed_bytes(geometry, groups, cg, og);
    if (bytes === 0) {
      run(NULL);
      return;
    }
    const panels = K.conv_pack_units(groups, og);
    const form = {
      name: `conv ${groups} ${cg} ${og} ${panels} ${bytes}`,
      bytes,
      needed: K.conv_needs_packed(geometry, n, cg, og) !== 0,
      fill: (to: Ptr) => K.conv_pack_f32(to, weight.ptr, cg, og, 0, panels),
    };
    weight.storage.withPacked(4 * weight.offset, form, run);
  },
  flops: ([, weight], [y]) => convFlops(weight, y),
  saves: ({ activation }) => ({ inputs: [0, 1], outs: activation === "none" ? [] : [0] }),
  backward: ([g], [x, weight, bias, residual], [y], { activation, ...attrs }) => {
    // Shared by the thunks, made by the first of them.
    const beforeActivation = once(() => activationGrad(g, y, activation));
    return [
      () => convInputGrad(beforeActivation(), weight, x.shape, attrs),
      () => convWeightGrad(beforeActivation(), x, weight.shape, attrs),
      bias && (() => channelSum(beforeActivation(), attrs.stride.length)),
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
export const convInputGradOp = defineOp<readonly [Tensor, Tensor], One, ConvAttrs & { inputShape: Shape }>({
  name: "conv_input_grad",
  infer: (_, { inputShape }) => [{ shape: inputShape, dtype: "float32" }],
  forward: ([dx], [g, weight], attrs) => {
    runInputGrad(dx, g, weight, attrs);
  },
  flops: ([g, weight]) => convFlops(weight, g),
  backward: ([gg], [g, weight], _, attrs) => [
    () => conv(gg, weight, null, attrs),
    () => convWeightGrad(g, gg, weight.shape, attrs),
  ],
});

/** The kernel call of `convInputGradOp`. */
export function runInputGrad(dx: Tensor, g: Tensor, weight: Tensor, attrs: ConvAttrs): void {
  const { geometry, scratch, counts } = prepare(dx.shape, weight.shape, g.shape, attrs, inputGradFloats);
  const [n, groups, cg, og] = counts;
  const units = K.conv_input_grad_units(geometry, ...counts);
  const run = (packed: Ptr): void =>
    K.conv_input_grad_f32(dx.ptr, g.ptr, weight.ptr, packed, geometry, scratch, ...counts, 0, units);
  const bytes = K.conv_input_grad_packed_bytes(geometry, groups, cg, og);
  if (bytes === 0) {
    run(NULL);
    return;
  }
  const panels = K.conv_pack_units(groups, cg);
  const form = {
    name: `conv_input_grad ${groups} ${cg} ${og} ${panels} ${bytes}`,
    bytes,
    needed: K.conv_input_grad_needs_packed(geometry, n, cg, og) !== 0,
    fill: (to: Ptr) => K.conv_input_grad_pack_f32(to, weight.ptr, cg, og, 0, panels),
  };
  weight.storage.withPacked(4 * weight.offset, form, run);
}

/** dw, the adjoint of conv in w: dw[o, c, k] = Σ over images and outputs of g[o, q] · x[c, q·stride − padding + k·dilation]. */
export const convWeightGradOp = defineOp<readonly [Tensor, Tensor], One, ConvAttrs & { weightShape: Shape }>({
  name: "conv_weight_grad",
  infer: (_, { weightShape }) => [{ shape: weightShape, dtype: "float32" }],
  forward: ([dw], [g, x], attrs) => {
    const { geometry, scratch, counts } = prepare(x.shape, dw.shape, g.shape, attrs, weightGradFloats);
    const units = K.conv_weight_grad_units(geometry, ...counts);
    K.conv_weight_grad_f32(dw.ptr, g.ptr, x.ptr, geometry, scratch, ...counts, 0, units);
  },
  flops: ([g], [dw]) => convFlops(dw, g),
  backward: ([gg], [g, x], _, attrs) => [() => conv(x, gg, null, attrs), () => convInputGrad(g, gg, x.shape, attrs)],
});

export function conv(
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  attrs: ConvAttrs,
  activation: ConvActivation = "none",
  residual: Tensor | null = null,
): Tensor {
  const { stride, padding, dilation, groups } = attrs;
  return apply(convOp, [x, weight, bias, residual], { stride, padding, dilation, groups, activation })[0];
}

function convInputGrad(g: Tensor, weight: Tensor, inputShape: Shape, attrs: ConvAttrs): Tensor {
  return apply(convInputGradOp, [g, weight], { ...attrs, inputShape })[0];
}

export function convWeightGrad(g: Tensor, x: Tensor, weightShape: Shape, attrs: ConvAttrs): Tensor {
  return apply(convWeightGradOp, [g, x], { ...attrs, weightShape })[0];
}
