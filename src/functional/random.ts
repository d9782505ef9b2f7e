import { checkDType, checkNumber, checkOneOf, checkOptions, checkRank } from "../check.js";
import { full, ones, zeros } from "../creation.js";
import { ShapeError } from "../errors.js";
import { add, affine, mul } from "../ops/arithmetic.js";
import * as ops from "../ops/random.js";
import { defaultGenerator, type Generator } from "../random.js";
import { scope } from "../scoping.js";
import type { Tensor } from "../tensor.js";
import type { Shape } from "../types.js";

export interface DropoutOptions {
  /** Probability to drop an element. Default 0.5. */
  readonly p?: number;
  /** False: the input is returned as it is. Default true. */
  readonly training?: boolean;
  /** Where the mask comes from. Default: `defaultGenerator`. */
  readonly generator?: Generator;
}

/** y = x ⊙ m / (1 − p) with m[i] = 0 with probability p, else 1; the gradient draws the same mask again. p = 1 gives zeros. */
export function dropout(x: Tensor, options: DropoutOptions = {}): Tensor {
  const p = checkDropout("Dropout", x, options);
  if (p === 0 || options.training === false) return x;
  return ops.dropout(x, p, options.generator ?? defaultGenerator);
}

/** Drops whole channels of [N, C, L], or of [C, L] without a batch; otherwise as `dropout`. */
export function dropout1d(x: Tensor, options: DropoutOptions = {}): Tensor {
  return channelDropout("Dropout1d", x, 1, options);
}

/** Drops whole channels of [N, C, H, W], or of [C, H, W] without a batch; otherwise as `dropout`. */
export function dropout2d(x: Tensor, options: DropoutOptions = {}): Tensor {
  return channelDropout("Dropout2d", x, 2, options);
}

/** Drops whole channels of [N, C, D, H, W], or of [C, D, H, W] without a batch; otherwise as `dropout`. */
export function dropout3d(x: Tensor, options: DropoutOptions = {}): Tensor {
  return channelDropout("Dropout3d", x, 3, options);
}

function channelDropout(op: string, x: Tensor, spatial: number, options: DropoutOptions): Tensor {
  const p = checkDropout(op, x, options);
  checkRank(op, "input", x.shape, spatial + 1, spatial + 2);
  const lead = x.ndim - spatial;
  return dropBlocks(
    x,
    x.shape.map((n, i) => (i < lead ? n : 1)),
    p,
    options,
  );
}

/** Checks input and options; returns the probability. */
function checkDropout(op: string, x: Tensor, options: DropoutOptions, ...others: string[]): number {
  checkOptions(op, options, ["p", "training", "generator", ...others]);
  const p = ops.checkProbability(op, options.p ?? 0.5);
  checkDType(op, "input", x, "float32");
  return p;
}

/** Drops x in blocks: one draw for each element of `shape`, which is broadcast. */
function dropBlocks(x: Tensor, shape: Shape, p: number, { training = true, generator }: DropoutOptions): Tensor {
  if (p === 0 || !training) return x;
  return mul(x, ops.dropout(ones(shape), p, generator ?? defaultGenerator));
}

export interface StochasticDepthOptions extends DropoutOptions {
  /** Drop each sample on its own ("row", the default) or all of them at once ("batch"). */
  readonly mode?: "row" | "batch";
}

/** Drops whole samples of x [N, …], the outputs of a residual branch (Huang et al., Deep Networks with Stochastic Depth, 2016). */
export function stochasticDepth(x: Tensor, options: StochasticDepthOptions = {}): Tensor {
  const p = checkDropout("StochasticDepth", x, options, "mode");
  const mode = checkOneOf("StochasticDepth", "mode", options.mode ?? "row", ["row", "batch"]);
  if (x.ndim === 0) throw new ShapeError("StochasticDepth", "input is a scalar; expected [N, …]");
  return dropBlocks(
    x,
    x.shape.map((n, i) => (i === 0 && mode === "row" ? n : 1)),
    p,
    options,
  );
}

/** −SELU's lower bound: λα. */
const SELU_FLOOR = 1.7580993408473766;

/**
 * Dropout for SELU networks: dropped elements become −λα, and an affine map a·y + b keeps mean 0 and variance 1, with
 * a = ((1 − p)(1 + p(λα)²))^(−½) and b = a·p·λα (Klambauer et al., Self-Normalizing Neural Networks, 2017). p = 1 gives zeros.
 * PyTorch: `training` is false by default.
 */
export function alphaDropout(x: Tensor, options: DropoutOptions = {}): Tensor {
  const p = checkDropout("AlphaDropout", x, options);
  if (p === 0 || options.training === false) return x;
  if (p === 1) return mul(x, zeros(x.shape));
  const a = 1 / Math.sqrt((1 - p) * (1 + p * SELU_FLOOR ** 2));
  const kept = ops.bernoulli(full(x.shape, 1 - p), options.generator ?? defaultGenerator);
  return add(mul(x, affine(kept, a, 0)), affine(kept, a * SELU_FLOOR, a * SELU_FLOOR * (p - 1)));
}

export interface GaussianNoiseOptions {
  /** Standard deviation of the noise. Default 0.1. */
  readonly std?: number;
  /** False: the input is returned as it is. Default true. */
  readonly training?: boolean;
  /** Where the noise comes from. Default: `defaultGenerator`. */
  readonly generator?: Generator;
}

/** y = x + std·ε with ε standard normal, drawn anew for every element; the gradient is passed on. (Bishop, Training with Noise, 1995.) */
export function gaussianNoise(x: Tensor, options: GaussianNoiseOptions = {}): Tensor {
  const op = "GaussianNoise";
  checkOptions(op, options, ["std", "training", "generator"]);
  const std = checkNumber(op, "std", options.std ?? 0.1, 0);
  checkDType(op, "input", x, "float32");
  if (std === 0 || options.training === false) return x;
  return scope(() => add(x, ops.normal(x.shape, 0, std, options.generator ?? defaultGenerator)));
}
