import { checkDType, checkInteger, checkNumber, checkOneOf, checkOptions } from "../check.js";
import { ArgumentError } from "../errors.js";
import type { FusedActivation } from "../ops/matmul.js";
import * as batch from "../ops/norm_batch.js";
import * as group from "../ops/norm_group.js";
import * as local from "../ops/norm_local_response.js";
import * as rms from "../ops/norm_rms.js";
import * as weight from "../ops/norm_weight.js";
import { scope } from "../scoping.js";
import { normalizeDims } from "../shape.js";
import type { Tensor } from "../tensor.js";
import type { Shape } from "../types.js";
import { type Optional, splitOptions, type WeightBiasAndOptions } from "./operand.js";

type Maybe = Tensor | null;

export interface BatchNormOptions {
  /** Take the statistics from the batch, and move the running ones; otherwise use the running ones. Default false. */
  readonly training?: boolean;
  /** Weight of the batch in the running statistics. Default 0.1. */
  readonly momentum?: number;
  /** Added to the variance. Default 1e-5. */
  readonly eps?: number;
  /** Applied in the same pass. Default "none". */
  readonly activation?: FusedActivation;
}

/**
 * y = act(weight · (x − mean) / √(var + eps) + bias), mean and variance per channel over batch and space. In training they are the
 * batch's (variance biased), and running = (1 − momentum) · running + momentum · batch (variance unbiased) happens in place.
 * Shape: x [N, C, …], the others [C] or null → y as x.
 * Errors: ShapeError for other sizes, and for one value per channel in training; ArgumentError without running statistics outside
 * of training. PyTorch: it has no fused activation. Source: Ioffe, Szegedy, "Batch Normalization" (2015).
 */
export function batchNorm(
  x: Tensor,
  runningMean: Maybe,
  runningVar: Maybe,
  ...rest: Partial<WeightBiasAndOptions<BatchNormOptions>>
): Tensor {
  const op = "BatchNorm";
  const {
    tensors: [weight = null, bias = null],
    options = {},
  } = splitOptions(rest);
  checkOptions(op, options, ["training", "momentum", "eps", "activation"]);
  const momentum = checkNumber(op, "momentum", options.momentum ?? 0.1);
  const eps = checkNumber(op, "eps", options.eps ?? 1e-5, 0);
  const attrs = { op, eps, activation: checkOneOf(op, "activation", options.activation ?? "none", ["none", "relu"]) };
  const running = batch.runningStats(op, x, runningMean, runningVar);
  if (options.training ?? false) return batch.batchNorm(x, weight, bias, running, momentum, attrs);
  return batch.batchNormEval(x, weight, bias, batch.needStats(op, running), attrs);
}

export interface InstanceNormOptions {
  /** Take the statistics from the input, and move the running ones, if any; otherwise use the running ones. Default true. */
  readonly useInputStats?: boolean;
  /** Weight of the input in the running statistics. Default 0.1. */
  readonly momentum?: number;
  /** Added to the variance. Default 1e-5. */
  readonly eps?: number;
}

/**
 * y = weight · (x − mean) / √(var + eps) + bias, mean and variance per sample and channel over space. Running statistics take in the
 * mean over the samples, as in `batchNorm`.
 * Shape: x [N, C, …] of rank ≥ 3, the others [C] or null → y as x.
 * Errors: as `batchNorm`; ShapeError for one value per sample and channel. Source: Ulyanov, Vedaldi, Lempitsky (2016).
 */
export function instanceNorm(
  x: Tensor,
  ...rest:
    | [options?: InstanceNormOptions]
    | [runningMean: Optional, runningVar: Optional, ...Partial<WeightBiasAndOptions<InstanceNormOptions>>]
): Tensor {
  const op = "InstanceNorm";
  const {
    tensors: [runningMean = null, runningVar = null, weight = null, bias = null],
    options = {},
  } = splitOptions(rest);
  checkOptions(op, options, ["useInputStats", "momentum", "eps"]);
  const momentum = checkNumber(op, "momentum", options.momentum ?? 0.1);
  const attrs = { op, eps: checkNumber(op, "eps", options.eps ?? 1e-5, 0) };
  const running = batch.runningStats(op, x, runningMean, runningVar);
  if (options.useInputStats ?? true) return group.instanceNorm(x, weight, bias, running, momentum, attrs);
  return batch.batchNormEval(x, weight, bias, batch.needStats(op, running), { ...attrs, activation: "none" });
}

export interface GroupNormOptions {
  /** Groups of neighbouring channels; divides their number. */
  readonly numGroups: number;
  /** Added to the variance. Default 1e-5. */
  readonly eps?: number;
}

/**
 * y = weight · (x − mean) / √(var + eps) + bias, mean and variance per sample and group, over its channels and space.
 * Shape: x [N, C, …], weight and bias [C] or null → y as x.
 * Errors: ShapeError if the groups do not divide C, for other sizes, and for one value per group. Source: Wu, He (2018).
 */
export function groupNorm(x: Tensor, ...rest: WeightBiasAndOptions<GroupNormOptions>): Tensor {
  const op = "GroupNorm";
  const {
    tensors: [weight = null, bias = null],
    options,
  } = splitOptions(rest);
  if (options === undefined) throw new ArgumentError(op, "options are missing; expected numGroups");
  checkOptions(op, options, ["numGroups", "eps"]);
  const groups = checkInteger(op, "numGroups", options.numGroups, 1);
  return group.groupNorm(x, weight, bias, { op, groups, eps: checkNumber(op, "eps", options.eps ?? 1e-5, 0) });
}

export interface LayerNormOptions {
  /** The trailing sizes of the input, over which the statistics are taken. */
  readonly normalizedShape: number | Shape;
  /** Added to the variance. Default 1e-5. */
  readonly eps?: number;
}

/**
 * y = weight ⊙ (x − mean) / √(var + eps) + bias, mean and variance of each sample over the trailing dimensions.
 * Shape: x […, normalizedShape], weight and bias normalizedShape or null → y as x.
 * Errors: ShapeError for other sizes. Source: Ba, Kiros, Hinton (2016).
 */
export function layerNorm(x: Tensor, ...rest: WeightBiasAndOptions<LayerNormOptions>): Tensor {
  const op = "LayerNorm";
  const {
    tensors: [weight = null, bias = null],
    options,
  } = splitOptions(rest);
  if (options === undefined) throw new ArgumentError(op, "options are missing; expected normalizedShape");
  checkOptions(op, options, ["normalizedShape", "eps"]);
  const normalizedShape = group.checkNormalizedShape(op, options.normalizedShape);
  return group.layerNorm(x, weight, bias, { op, normalizedShape, eps: checkNumber(op, "eps", options.eps ?? 1e-5, 0) });
}

export interface RmsNormOptions {
  /** The trailing sizes of the input, over which the mean is taken. */
  readonly normalizedShape: number | Shape;
  /** Keeps the root from 0. Default null: 2⁻²³, the spacing of float32 at 1. */
  readonly eps?: number | null;
  /** Divide by √mean(x²) + eps instead of √(mean(x²) + eps). Default false. */
  readonly epsOutside?: boolean;
}

/**
 * y = weight ⊙ x / √(mean(x²) + eps), the mean of each sample over the trailing dimensions.
 * Shape: x […, normalizedShape], weight normalizedShape or null → y as x.
 * Errors: ShapeError for other sizes. Source: Zhang, Sennrich (2019).
 * PyTorch: from 2.4 on, without epsOutside.
 */
export function rmsNorm(
  x: Tensor,
  ...rest: [options: RmsNormOptions] | [weight: Optional, options: RmsNormOptions]
): Tensor {
  const op = "RMSNorm";
  const {
    tensors: [weight = null],
    options,
  } = splitOptions(rest);
  if (options === undefined) throw new ArgumentError(op, "options are missing; expected normalizedShape");
  checkOptions(op, options, ["normalizedShape", "eps", "epsOutside"]);
  const normalizedShape = group.checkNormalizedShape(op, options.normalizedShape);
  const eps = checkNumber(op, "eps", options.eps ?? FLOAT32_EPSILON, 0);
  return rms.rmsNorm(x, weight, { op, normalizedShape, eps, epsOutside: options.epsOutside ?? false });
}

const FLOAT32_EPSILON = 2 ** -23;

export interface LocalResponseNormOptions {
  /** Neighbouring channels in a window. */
  readonly size: number;
  /** Default 1e-4. */
  readonly alpha?: number;
  /** Default 0.75. */
  readonly beta?: number;
  /** Default 1. */
  readonly k?: number;
}

/**
 * y = x / (k + alpha / size · Σ x²)^beta, the sum over channels c − ⌊size / 2⌋ … c + ⌊(size − 1) / 2⌋ at the same position.
 * Shape: x [N, C, …] of rank ≥ 3 → y as x.
 * Errors: ShapeError for a lower rank; ArgumentError for a size below 1. Source: Krizhevsky, Sutskever, Hinton (2012), section 3.3.
 */
export function localResponseNorm(x: Tensor, options: LocalResponseNormOptions): Tensor {
  const op = "LocalResponseNorm";
  checkOptions(op, options, ["size", "alpha", "beta", "k"]);
  return local.localResponseNorm(x, {
    size: checkInteger(op, "size", options.size, 1),
    alpha: checkNumber(op, "alpha", options.alpha ?? 1e-4),
    beta: checkNumber(op, "beta", options.beta ?? 0.75),
    k: checkNumber(op, "k", options.k ?? 1),
  });
}

/**
 * w = g · v / ‖v‖, the Euclidean norm over every dimension but `dim` (default 0), or over all of them with null: direction and
 * length as separate parameters. Shape: v of every shape, g as v with size 1 but in `dim`, or [] with null → w as v.
 * Errors: ShapeError if g has another shape. Source: Salimans, Kingma, "Weight Normalization" (2016).
 */
export function weightNorm(v: Tensor, g: Tensor, options: { dim?: number | null } = {}): Tensor {
  checkOptions("weightNorm", options, ["dim"]);
  return scope(() => weight.weightNorm(v, g, options.dim === undefined ? 0 : options.dim));
}

export interface NormalizeOptions {
  /** Exponent of the norm, a finite number above 0. Default 2. */
  readonly p?: number;
  /** Dimensions of the vectors. Default 1. */
  readonly dim?: number | readonly number[];
  /** Smallest norm to divide by. Default 1e-12. */
  readonly eps?: number;
}

/**
 * y = x / max(‖x‖_p, eps), the norm over the given dimensions: vectors of length 1. Shape: x of every shape → y as x.
 * Errors: ArgumentError for a dimension that is not there or a p out of range.
 */
export function normalize(x: Tensor, options: NormalizeOptions = {}): Tensor {
  const op = "normalize";
  checkOptions(op, options, ["p", "dim", "eps"]);
  checkDType(op, "input", x, "float32");
  const p = checkNumber(op, "p", options.p ?? 2, Number.MIN_VALUE, Number.MAX_VALUE);
  const eps = checkNumber(op, "eps", options.eps ?? 1e-12, 0);
  const dims = normalizeDims(op, options.dim ?? 1, x.ndim);
  return scope(() => weight.normalize(x, p, dims, eps));
}
