// Batch normalisation in evaluation is one more affine map of each channel: it can be folded into the layer before it.
import { ArgumentError, ShapeError } from "../errors.js";
import { add, mul, sub } from "../functional/arithmetic.js";
import { rsqrt } from "../functional/unary.js";
import { noGrad } from "../scoping.js";
import { formatShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import type { Shape } from "../types.js";
import { Conv1d, Conv2d, Conv3d, type Convolution } from "./conv.js";
import { type Epilogue, forwardWith } from "./epilogue.js";
import { Identity, Linear } from "./linear.js";
import type { Module } from "./module.js";
import { BatchNorm1d, BatchNorm2d, BatchNorm3d } from "./norm_batch.js";
import { Parameter } from "./parameter.js";

type BatchNorm = BatchNorm1d | BatchNorm2d | BatchNorm3d;

/** A layer with one row of weights an output channel. */
interface Affine extends Module {
  weight: Parameter;
  bias: Parameter | null;
}

/**
 * A convolution that gives what `conv` and then `bn` give in evaluation: w' = w · γ/√(σ² + ε), b' = (b − μ) · γ/√(σ² + ε) + β with the
 * running mean μ and variance σ². A new module with parameters of its own; the two are left as they are.
 * Errors: ArgumentError if `bn` is in training mode or keeps no running statistics; ShapeError if the channels differ.
 */
export function fuseConvBnEval<C extends Convolution>(conv: C, bn: BatchNorm): C {
  return folded("fuseConvBnEval", conv, bn);
}

/** As `fuseConvBnEval`, for a linear layer. */
export function fuseLinearBnEval(linear: Linear, bn: BatchNorm1d): Linear {
  return folded("fuseLinearBnEval", linear, bn);
}

/**
 * A copy of a model for inference: in evaluation mode, each batch normalisation folded into the convolution or linear layer that alone
 * feeds it, in Sequentials and in the blocks of this library. Same results but for rounding, fewer passes over memory.
 * State-dict keys of normalisations are gone, and the layers have biases. Errors: as `clone`.
 * PyTorch: it is torch.fx.experimental.optimization.fuse.
 */
export function fuse<M extends Module>(model: M): M {
  const copy = model.clone().eval();
  // The list first: folding replaces modules.
  for (const module of [...copy.modules()]) module.foldNorms();
  return copy;
}

/** The folded layer and what stands for the normalisation, if the two can be folded; both are used up. */
export function foldPair(layer: Module, norm: Module): readonly [Module, Identity] | null {
  if (layer instanceof Conv1d || layer instanceof Linear) return norm instanceof BatchNorm1d ? fold(layer, norm) : null;
  if (layer instanceof Conv2d) return norm instanceof BatchNorm2d ? fold(layer, norm) : null;
  return layer instanceof Conv3d && norm instanceof BatchNorm3d ? fold(layer, norm) : null;
}

/** As `foldPair`, for a block's own layers; the two themselves if they cannot be folded. */
export function foldConv(conv: Conv2d, norm: BatchNorm2d | Identity): readonly [Conv2d, BatchNorm2d | Identity] {
  return (norm instanceof Identity ? null : fold(conv, norm)) ?? [conv, norm];
}

function fold<L extends Affine>(layer: L, norm: BatchNorm): readonly [L, Identity] | null {
  if (norm.training || norm.runningMean === null || norm.numFeatures !== layer.weight.size(0)) return null;
  const made = folded("fuse", layer, norm);
  layer.dispose();
  norm.dispose();
  return [made, new Identity()];
}

/** act(norm(conv(x)) + residual), the epilogue being left to the normalisation, or to the convolution into which it has been folded. */
export function convNorm(conv: Conv2d, norm: BatchNorm2d | Identity, x: Tensor, epilogue: Epilogue): Tensor {
  if (norm instanceof Identity) return conv.forward(x, epilogue);
  return forwardWith(norm, conv.forward(x), epilogue) as Tensor;
}

/** What a batch normalisation applies to each channel in evaluation. */
export interface ChannelNorm {
  readonly gamma: Tensor | null;
  readonly beta: Tensor | null;
  readonly mean: Tensor;
  readonly variance: Tensor;
  readonly eps: number;
}

/**
 * Weight and bias [O] of a layer that gives what another one and then the normalisation give. `channels` is the shape in which the
 * outputs meet the weight, by default [O, 1, …].
 */
export function foldedWeights(
  weight: Tensor,
  bias: Tensor | null,
  { gamma, beta, mean, variance, eps }: ChannelNorm,
  channels: Shape = weight.shape.map((n, d) => (d === 0 ? n : 1)),
): { readonly weight: Tensor; readonly bias: Tensor } {
  const inverse = rsqrt(add(variance, eps));
  const scale = gamma === null ? inverse : mul(inverse, gamma);
  const centred = bias === null ? mul(mean, -1) : sub(bias, mean);
  const shift = mul(centred, scale);
  return { weight: mul(weight, scale.reshape(...channels)), bias: beta === null ? shift : add(shift, beta) };
}

function folded<L extends Affine>(op: string, layer: L, bn: BatchNorm): L {
  const { runningMean, runningVar, weight: gamma, bias: beta, eps } = bn;
  if (bn.training) throw new ArgumentError(op, "normalisation is in training mode; expected evaluation, call eval()");
  if (runningMean === null || runningVar === null) {
    throw new ArgumentError(op, "normalisation keeps no running statistics; expected trackRunningStats");
  }
  const channels = layer.weight.size(0);
  if (bn.numFeatures !== channels) {
    const shape = formatShape(layer.weight.shape);
    throw new ShapeError(op, `normalisation has ${bn.numFeatures} channels; expected ${channels} (weight ${shape})`);
  }
  const norm = { gamma, beta, mean: runningMean, variance: runningVar, eps };
  const { weight, bias } = noGrad(() => foldedWeights(layer.weight, layer.bias, norm));
  const made = layer.clone();
  made.dispose();
  made.weight = new Parameter(weight);
  made.bias = new Parameter(bias);
  return made;
}
