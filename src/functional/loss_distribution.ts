import { checkDType, checkOperand } from "../check.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { checkSameShape, reduced } from "../ops/loss.js";
import { formatShape, sameShape } from "../shape.js";
import { withGradMode } from "../tape.js";
import type { Tensor } from "../tensor.js";
import type { Spec } from "../types.js";
import { add, div, mul, sub } from "./arithmetic.js";
import { eq, gt, lt, where } from "./compare.js";
import type { LossOptions } from "./loss.js";
import { type BatchReduction, GAUSSIAN_KL, GAUSSIAN_NLL, KL_DIV, POISSON_NLL, readOptions } from "./loss_options.js";
import { any } from "./reduce.js";
import { exp, expm1, log } from "./transcendental.js";
import { clamp, square } from "./unary.js";
import { unsqueeze } from "./view.js";

export interface BatchLossOptions {
  /** "none", "mean" (default), "sum", or "batchmean": the sum over the size of the first dimension. */
  readonly reduction?: BatchReduction;
}

export interface KLDivOptions extends BatchLossOptions {
  /** The target is given as logarithms, as the input is. Default false. */
  readonly logTarget?: boolean;
}

export interface GaussianNLLOptions extends LossOptions {
  /** Add the constant ln(2π)/2. Default false. */
  readonly full?: boolean;
  /** The variance counts as no less than this. Default 1e-6. */
  readonly eps?: number;
}

export interface PoissonNLLOptions extends LossOptions {
  /** The input is the logarithm of the rate. Default true. */
  readonly logInput?: boolean;
  /** Add Stirling's approximation of ln(t!) where t > 1. Default false. */
  readonly full?: boolean;
  /** Added to the rate before its logarithm is taken, if logInput is false. Default 1e-8. */
  readonly eps?: number;
}

function batchReduced(op: string, loss: Tensor, reduction: BatchReduction): Tensor {
  if (reduction !== "batchmean") return reduced(loss, reduction);
  const batch = loss.shape[0];
  if (batch === undefined) throw new ShapeError(op, `input is a scalar; expected [batch, …] for reduction "batchmean"`);
  return reduced(loss, "mean", batch);
}

/**
 * Kullback–Leibler divergence: loss = t·(ln t − x) for log-probabilities x, 0·ln 0 being 0; with logTarget e^t·(t − x). Shape: input
 * and target alike. The mean is over all elements; reduction "batchmean" is the divergence as it is defined. Errors: ShapeError.
 */
export function klDiv(input: Tensor, target: Tensor, options: KLDivOptions = {}): Tensor {
  const op = "KLDivLoss";
  const { logTarget, reduction } = readOptions(op, options, KL_DIV);
  checkSameShape(op, input, target);
  if (logTarget) return batchReduced(op, mul(exp(target), sub(target, input)), reduction);
  // At 0 the logarithm and its slope are infinite; any number will do there.
  const logs = log(where(eq(target, 0), 1, target));
  return batchReduced(op, mul(target, sub(logs, input)), reduction);
}

/**
 * Negative log-likelihood of a normal distribution: loss = ½·(ln v + (x − t)²/v), v = max(variance, eps); the gradient passes that bound
 * as if it were not there. Shape: input and target alike; variance as well, or with a last dimension of 1, or without it.
 * Errors: ShapeError; ArgumentError for a negative variance.
 */
export function gaussianNllLoss(
  input: Tensor,
  target: Tensor,
  variance: Tensor,
  options: GaussianNLLOptions = {},
): Tensor {
  const op = "GaussianNLLLoss";
  const { full, eps, reduction } = readOptions(op, options, GAUSSIAN_NLL);
  checkSameShape(op, input, target);
  checkVariance(op, input, variance);
  const v = variance.ndim < input.ndim ? unsqueeze(variance, { dim: -1 }) : variance;
  const missing = withGradMode(false, () => sub(clamp(v, { min: eps }), v));
  const bounded = add(v, missing);
  const loss = mul(add(log(bounded), div(square(sub(input, target)), bounded)), 0.5);
  return reduced(full ? add(loss, 0.5 * Math.log(2 * Math.PI)) : loss, reduction);
}

function checkVariance(op: string, input: Spec, variance: Tensor): void {
  checkDType(op, "variance", variance, "float32");
  const rows = input.shape.slice(0, -1);
  const known = input.shape.length === 0 ? [[]] : [input.shape, rows, [...rows, 1]];
  if (!known.some((shape) => sameShape(shape, variance.shape))) {
    throw new ShapeError(
      op,
      `variance has shape ${formatShape(variance.shape)}; expected ${known.map(formatShape).join(" or ")} for input ${formatShape(input.shape)}`,
    );
  }
  if (any(lt(variance, 0)).item() === 0) return;
  const at = variance.data().findIndex((v) => v < 0);
  throw new ArgumentError(op, `variance is ${variance.data()[at]} at element ${at}; expected no negative number`);
}

/**
 * Negative log-likelihood of a Poisson distribution: loss = e^x − t·x for x the logarithm of the rate, or x − t·ln(x + eps) for the rate.
 * With `full`, t·ln t − t + ½·ln(2π·t) is added where t > 1. Shape: input and target alike. Errors: ShapeError.
 */
export function poissonNllLoss(input: Tensor, target: Tensor, options: PoissonNLLOptions = {}): Tensor {
  const op = "PoissonNLLLoss";
  const { logInput, full, eps, reduction } = readOptions(op, options, POISSON_NLL);
  checkSameShape(op, input, target);
  const loss = logInput ? sub(exp(input), mul(target, input)) : sub(input, mul(target, log(add(input, eps))));
  return reduced(full ? add(loss, stirling(target)) : loss, reduction);
}

/** ≈ ln(t!) where t > 1, else 0. */
function stirling(target: Tensor): Tensor {
  const large = gt(target, 1);
  const t = where(large, target, 1);
  const value = add(sub(mul(t, log(t)), t), mul(log(mul(t, 2 * Math.PI)), 0.5));
  return where(large, value, 0);
}

/**
 * Kullback–Leibler divergence of N(mu, e^logvar) from N(0, 1), a variational autoencoder's regulariser:
 * loss = ½·(mu² + e^logvar − 1 − logvar). Shape: mu and logvar alike. With [batch, latent], "batchmean" is the divergence of an example.
 * Source: D. P. Kingma and M. Welling, Auto-Encoding Variational Bayes, appendix B. Errors: ShapeError.
 */
export function gaussianKLLoss(mu: Tensor, logvar: Tensor, options: BatchLossOptions = {}): Tensor {
  const op = "GaussianKLLoss";
  const { reduction } = readOptions(op, options, GAUSSIAN_KL);
  checkDType(op, "mu", mu, "float32");
  checkOperand(op, "logvar", logvar, mu.shape, "as mu");
  const spread = sub(expm1(logvar), logvar);
  return batchReduced(op, mul(add(square(mu), spread), 0.5), reduction);
}
