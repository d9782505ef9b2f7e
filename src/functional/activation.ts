import { checkDType, checkNoOptions, checkNumber, checkOneOf, checkOptions, type NoOptions } from "../check.js";
import { ArgumentError, ShapeError } from "../errors.js";
import * as ops from "../ops/activation.js";
import { affine, div, mul, sub } from "../ops/arithmetic.js";
import { compare, leOp } from "../ops/compare.js";
import { constant, narrow } from "../ops/copy.js";
import { maskedFill } from "../ops/mask.js";
import { apply } from "../ops/op.js";
import { checkRange } from "../ops/random.js";
import { sigmoidOp, tanhOp } from "../ops/transcendental.js";
import { absOp, clamp, map } from "../ops/unary.js";
import { defaultGenerator, type Generator } from "../random.js";
import { formatShape, normalizeDim } from "../shape.js";
import type { Tensor } from "../tensor.js";

export interface GeluOptions {
  /** "none" (the default): exact, by erf. "tanh": y = 0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))), within 5e-4 of it. */
  readonly approximate?: "none" | "tanh";
}

/** y = x·Φ(x), Φ(x) = (1 + erf(x/√2))/2 (Hendrycks, Gimpel, Gaussian Error Linear Units, 2016). */
export function gelu(x: Tensor, options: GeluOptions = {}): Tensor {
  checkOptions("GELU", options, ["approximate"]);
  const approximate = checkOneOf("GELU", "approximate", options.approximate ?? "none", ["none", "tanh"]);
  return map(approximate === "tanh" ? ops.geluTanhOp : ops.geluOp, x);
}

/** y = x·σ(x), also called swish (Ramachandran, Zoph, Le, Searching for Activation Functions, 2017). */
export function silu(x: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("silu", none);
  return map(ops.siluOp, x);
}

export interface EluOptions {
  /** Minus the value for x → −∞. Default 1. */
  readonly alpha?: number;
}

/** y = x above 0, else alpha·(e^x − 1) (Clevert, Unterthiner, Hochreiter, 2016). The gradient at 0 is alpha. */
export function elu(x: Tensor, options: EluOptions = {}): Tensor {
  return apply(ops.eluOp, [x], { alpha: alphaOf("ELU", options) })[0];
}

/** y = max(x, 0) + min(alpha·(e^{x/alpha} − 1), 0), an elu with a continuous derivative (Barron, 2017). Errors: alpha is 0. */
export function celu(x: Tensor, options: EluOptions = {}): Tensor {
  const alpha = alphaOf("CELU", options);
  if (alpha === 0) throw new ArgumentError("CELU", "alpha is 0; expected another number");
  return apply(ops.celuOp, [x], { alpha })[0];
}

function alphaOf(op: string, options: EluOptions): number {
  checkOptions(op, options, ["alpha"]);
  return checkNumber(op, "alpha", options.alpha ?? 1);
}

/** y = λ·elu(x, α) with λ = 1.0507… and α = 1.6732…, which keep mean 0 and variance 1 (Klambauer et al., 2017). */
export function selu(x: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("selu", none);
  return map(ops.seluOp, x);
}

export interface SoftplusOptions {
  /** Sharpness. Default 1. */
  readonly beta?: number;
  /** y = x where beta·x is above it. Default 20. */
  readonly threshold?: number;
}

/** y = ln(1 + e^{beta·x})/beta, a smooth relu; nothing overflows. Errors: beta is 0. */
export function softplus(x: Tensor, options: SoftplusOptions = {}): Tensor {
  checkOptions("Softplus", options, ["beta", "threshold"]);
  const beta = checkNumber("Softplus", "beta", options.beta ?? 1);
  const threshold = checkNumber("Softplus", "threshold", options.threshold ?? 20);
  if (beta === 0) throw new ArgumentError("Softplus", "beta is 0; expected another number");
  return apply(ops.softplusOp, [x], { beta, threshold })[0];
}

/** y = ln σ(x) = −ln(1 + e^−x), without σ's rounding to 0. */
export function logsigmoid(x: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("logsigmoid", none);
  return map(ops.logsigmoidOp, x);
}

/** y = x·tanh(ln(1 + e^x)) (Misra, 2019). */
export function mish(x: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("mish", none);
  checkDType("Mish", "input", x, "float32");
  return mul(x, map(tanhOp, softplus(x)));
}

/** y = x/(1 + |x|). */
export function softsign(x: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("softsign", none);
  checkDType("Softsign", "input", x, "float32");
  return div(x, affine(map(absOp, x), 1, 1));
}

/** y = x − tanh x. */
export function tanhshrink(x: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("tanhshrink", none);
  checkDType("Tanhshrink", "input", x, "float32");
  return sub(x, map(tanhOp, x));
}

export interface HardtanhOptions {
  /** Lower bound. Default −1. */
  readonly minVal?: number;
  /** Upper bound. Default 1. */
  readonly maxVal?: number;
}

/** y = min(max(x, minVal), maxVal); the gradient is 0 on the bounds too. Errors: minVal is above maxVal. */
export function hardtanh(x: Tensor, options: HardtanhOptions = {}): Tensor {
  checkOptions("Hardtanh", options, ["minVal", "maxVal"]);
  const { minVal = -1, maxVal = 1 } = options;
  return apply(ops.hardtanhOp, [x], ops.checkBounds("Hardtanh", minVal, maxVal))[0];
}

/** y = min(max(x, 0), 6); the gradient is 0 on the bounds too. */
export function relu6(x: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("relu6", none);
  return map(ops.relu6Op, x);
}

/** y = min(max(x + 3, 0), 6)/6. */
export function hardsigmoid(x: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("hardsigmoid", none);
  checkDType("Hardsigmoid", "input", x, "float32");
  return affine(map(ops.relu6Op, affine(x, 1, 3)), 1 / 6, 0);
}

/** y = x·min(max(x + 3, 0), 6)/6 (Howard et al., Searching for MobileNetV3, 2019). */
export function hardswish(x: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("hardswish", none);
  checkDType("Hardswish", "input", x, "float32");
  return affine(mul(x, clamp(affine(x, 1, 3), 0, 6)), 1 / 6, 0);
}

export interface LeakyReluOptions {
  /** Slope below 0. Default 0.01. */
  readonly negativeSlope?: number;
}

/** y = x above 0, else negativeSlope·x; the gradient at 0 is negativeSlope. */
export function leakyRelu(x: Tensor, options: LeakyReluOptions = {}): Tensor {
  checkOptions("LeakyReLU", options, ["negativeSlope"]);
  const negativeSlope = checkNumber("LeakyReLU", "negativeSlope", options.negativeSlope ?? 0.01);
  return apply(ops.leakyReluOp, [x], { negativeSlope })[0];
}

/**
 * y = x above 0, else weight·x (He et al., Delving Deep into Rectifiers, 2015). Shapes: weight [1], or [C] for x [N, C, …]: a slope for each
 * channel. Gradients to both, the one at 0 being weight. Errors: ShapeError if weight fits neither.
 */
export function prelu(x: Tensor, weight: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("prelu", none);
  return apply(ops.preluOp, [x, weight], undefined)[0];
}

export interface RReluOptions {
  /** Least slope. Default 1/8. */
  readonly lower?: number;
  /** Bound of the slopes. Default 1/3. */
  readonly upper?: number;
  /** True: draw a slope for each element. False (the default): (lower + upper)/2 for all. */
  readonly training?: boolean;
  /** Where the slopes come from. Default: `defaultGenerator`. */
  readonly generator?: Generator;
}

/**
 * y = x above 0, else a·x with a uniform in [lower, upper) for each element (Xu et al., Empirical Evaluation of Rectified Activations,
 * 2015). The gradient draws the same slopes again.
 */
export function rrelu(x: Tensor, options: RReluOptions = {}): Tensor {
  checkOptions("RReLU", options, ["lower", "upper", "training", "generator"]);
  const { lower = 1 / 8, upper = 1 / 3, training = false, generator = defaultGenerator } = options;
  checkRange("RReLU", lower, upper);
  checkDType("RReLU", "input", x, "float32");
  if (!training) return apply(ops.leakyReluOp, [x], { negativeSlope: (lower + upper) / 2 })[0];
  return apply(ops.rreluOp, [x], { lower, upper, draw: generator.draw(x.numel) })[0];
}

export interface ShrinkOptions {
  /** Half the width of what becomes 0. Default 0.5. */
  readonly lambd?: number;
}

/** y = x where |x| > lambd, else 0. */
export function hardshrink(x: Tensor, options: ShrinkOptions = {}): Tensor {
  const lambd = lambdOf("Hardshrink", options, -Infinity);
  checkDType("Hardshrink", "input", x, "float32");
  return maskedFill(x, compare(leOp, map(absOp, x), constant([], lambd)), 0);
}

/** y = x − lambd above lambd, x + lambd below −lambd, 0 between. PyTorch: 1.13 gives 0 for NaN. Errors: lambd is negative. */
export function softshrink(x: Tensor, options: ShrinkOptions = {}): Tensor {
  const lambd = lambdOf("Softshrink", options, 0);
  checkDType("Softshrink", "input", x, "float32");
  return sub(x, clamp(x, -lambd, lambd));
}

function lambdOf(op: string, options: ShrinkOptions, least: number): number {
  checkOptions(op, options, ["lambd"]);
  return checkNumber(op, "lambd", options.lambd ?? 0.5, least);
}

export interface ThresholdOptions {
  /** What x must exceed. */
  readonly threshold: number;
  /** The value elsewhere. */
  readonly value: number;
}

/** y = x where x > threshold, else value. */
export function threshold(x: Tensor, options: ThresholdOptions): Tensor {
  checkOptions("Threshold", options, ["threshold", "value"]);
  const bound = checkNumber("Threshold", "threshold", options?.threshold);
  const value = checkNumber("Threshold", "value", options.value);
  checkDType("Threshold", "input", x, "float32");
  return maskedFill(x, compare(leOp, x, constant([], bound)), value);
}

/**
 * y = a ⊙ σ(b), a and b being the halves of x along `dim` (default −1) (Dauphin et al., Language Modeling with Gated Convolutional
 * Networks, 2017). Errors: ShapeError if that size is odd.
 */
export function glu(x: Tensor, options: { dim?: number } = {}): Tensor {
  checkOptions("GLU", options, ["dim"]);
  checkDType("GLU", "input", x, "float32");
  const dim = normalizeDim("GLU", options.dim ?? -1, x.ndim);
  const size = x.shape[dim];
  if (size === undefined || size % 2 !== 0) {
    throw new ShapeError("GLU", `dimension ${dim} of input ${formatShape(x.shape)} is ${size}; expected an even size`);
  }
  return mul(narrow(x, dim, 0, size / 2), map(sigmoidOp, narrow(x, dim, size / 2, size / 2)));
}
