import { checkOneOf, checkOptions, checkRank } from "../check.js";
import * as ops from "../ops/conv.js";
import { type ConvTransposeOptions, convTranspose, convTransposeAttrs } from "../ops/conv_transpose.js";
import type { Tensor } from "../tensor.js";
import { type BiasAndOptions, splitOptions } from "./operand.js";

export type { ConvActivation, ConvOptions } from "../ops/conv.js";
export type { ConvTransposeOptions } from "../ops/conv_transpose.js";

/** What a convolution does with its sums in the same pass: y = act(conv(x, w) + b + residual). PyTorch: it has no such options. */
export interface FusedConvOptions extends ops.ConvOptions {
  /** Default "none". */
  readonly activation?: ops.ConvActivation;
  /** A tensor of the output's shape, or null. Default null. */
  readonly residual?: Tensor | null;
}

const ACTIVATIONS: readonly ops.ConvActivation[] = ["none", "relu", "relu6"];

/**
 * y[n, o] = b[o] + Σ over c of w[o, c] ⋆ x[n, c], where ⋆ is the cross-correlation over one dimension.
 * Shape: x [N, C, L] or [C, L]; w [O, C / groups, k]; b [O] or null → [N, O, L'] or [O, L'] with
 * L' = ⌊(L + 2·padding − dilation·(k − 1) − 1) / stride⌋ + 1.
 * Errors: ShapeError if channels, groups, bias or residual do not fit, or the kernel is larger than the padded input.
 */
export function conv1d(x: Tensor, weight: Tensor, ...rest: BiasAndOptions<FusedConvOptions>): Tensor {
  return convolve("Conv1d", 1, x, weight, rest);
}

/** `conv1d` over two dimensions: x [N, C, H, W] or [C, H, W]; w [O, C / groups, kH, kW] → [N, O, H', W'] or [O, H', W']. */
export function conv2d(x: Tensor, weight: Tensor, ...rest: BiasAndOptions<FusedConvOptions>): Tensor {
  return convolve("Conv2d", 2, x, weight, rest);
}

/** `conv1d` over three dimensions: x [N, C, D, H, W] or [C, D, H, W]; w [O, C / groups, kD, kH, kW] → [N, O, D', H', W'] or [O, …]. */
export function conv3d(x: Tensor, weight: Tensor, ...rest: BiasAndOptions<FusedConvOptions>): Tensor {
  return convolve("Conv3d", 3, x, weight, rest);
}

function convolve(op: string, rank: number, x: Tensor, weight: Tensor, rest: BiasAndOptions<FusedConvOptions>): Tensor {
  const {
    tensors: [bias = null],
    options = {},
  } = splitOptions(rest);
  checkOptions(op, options, [...ops.CONV_OPTIONS, "activation", "residual"]);
  checkRank(op, "weight", weight.shape, rank + 2);
  const attrs = ops.convAttrs(op, weight.shape.slice(2), options);
  const activation = checkOneOf(op, "activation", options.activation ?? "none", ACTIVATIONS);
  return ops.conv(x, weight, bias, attrs, activation, options.residual ?? null);
}

/**
 * Transposed convolution over one dimension, the gradient of `conv1d` in its input: y[n, o, i·stride − padding + k·dilation] is the
 * sum of x[n, c, i] · w[c, o, k], plus b[o].
 * Shape: x [N, C, L] or [C, L]; w [C, O / groups, k]; b [O] or null → [N, O, L'] or [O, L'] with
 * L' = (L − 1)·stride − 2·padding + dilation·(k − 1) + outputPadding + 1.
 * Errors: ShapeError if channels, groups or bias do not fit or nothing is left; ArgumentError for too much outputPadding.
 */
export function convTranspose1d(x: Tensor, weight: Tensor, ...rest: BiasAndOptions<ConvTransposeOptions>): Tensor {
  return transposed("ConvTranspose1d", 1, x, weight, rest);
}

/** `convTranspose1d` over two dimensions: x [N, C, H, W] or [C, H, W]; w [C, O / groups, kH, kW]. */
export function convTranspose2d(x: Tensor, weight: Tensor, ...rest: BiasAndOptions<ConvTransposeOptions>): Tensor {
  return transposed("ConvTranspose2d", 2, x, weight, rest);
}

/** `convTranspose1d` over three dimensions: x [N, C, D, H, W] or [C, D, H, W]; w [C, O / groups, kD, kH, kW]. */
export function convTranspose3d(x: Tensor, weight: Tensor, ...rest: BiasAndOptions<ConvTransposeOptions>): Tensor {
  return transposed("ConvTranspose3d", 3, x, weight, rest);
}

function transposed(
  op: string,
  rank: number,
  x: Tensor,
  weight: Tensor,
  rest: BiasAndOptions<ConvTransposeOptions>,
): Tensor {
  const {
    tensors: [bias = null],
    options = {},
  } = splitOptions(rest);
  checkOptions(op, options, [...ops.CONV_OPTIONS, "outputPadding"]);
  checkRank(op, "weight", weight.shape, rank + 2);
  return convTranspose(x, weight, bias, convTransposeAttrs(op, weight.shape.slice(2), options));
}
