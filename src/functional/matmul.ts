import {
  checkNoOptions,
  checkNumber,
  checkOneOf,
  checkOperand,
  checkOptions,
  checkRank,
  type NoOptions,
} from "../check.js";
import { ShapeError } from "../errors.js";
import { add, affine } from "../ops/arithmetic.js";
import { reshape } from "../ops/copy.js";
import * as ops from "../ops/matmul.js";
import { broadcastShapes, formatShape, sameShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { type BiasAndOptions, splitOptions } from "./operand.js";

export type { FusedActivation } from "../ops/matmul.js";

/**
 * y[…, i, j] = Σ_k a[…, i, k] · b[…, k, j]. A vector on the left counts as a row and on the right as a column, and that dimension
 * disappears again; leading dimensions broadcast. Transposed views are read in place. Errors: scalars; other inner sizes.
 */
export function matmul(a: Tensor, b: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("matmul", none);
  return ops.matmul(a, b);
}

/** Product of two matrices, [M, K] · [K, N] → [M, N]. */
export function mm(a: Tensor, b: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("mm", none);
  checkRanks("mm", a, 2, b, 2);
  return ops.matmul(a, b, "mm");
}

/** Products of two batches of matrices, [B, M, K] · [B, K, N] → [B, M, N]; the batch does not broadcast. */
export function bmm(a: Tensor, b: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("bmm", none);
  checkRanks("bmm", a, 3, b, 3);
  if (a.shape[0] !== b.shape[0]) {
    throw new ShapeError(
      "bmm",
      `batch sizes are ${a.shape[0]} and ${b.shape[0]}; expected equal ones, got ${formatShape(a.shape)} and ${formatShape(b.shape)}`,
    );
  }
  return ops.matmul(a, b, "bmm");
}

/** Matrix times vector, [M, K] · [K] → [M]. */
export function mv(a: Tensor, x: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("mv", none);
  checkRanks("mv", a, 2, x, 1);
  return ops.matmul(a, x, "mv");
}

/** Σ_k a[k] · b[k] of two vectors; a scalar. */
export function dot(a: Tensor, b: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("dot", none);
  checkRanks("dot", a, 1, b, 1);
  return ops.matmul(a, b, "dot");
}

/** y[i, j] = a[i] · b[j] of two vectors. */
export function outer(a: Tensor, b: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("outer", none);
  checkRanks("outer", a, 1, b, 1);
  return ops.matmul(reshape(a, [a.numel, 1]), reshape(b, [1, b.numel]), "outer");
}

function checkRanks(op: string, a: Tensor, rankA: number, b: Tensor, rankB: number): void {
  checkRank(op, "first operand", a.shape, rankA);
  checkRank(op, "second operand", b.shape, rankB);
}

export interface AddMatmulOptions {
  /** Factor of the summand; at 0 it is not read, so that NaN in it does not matter. Default 1. */
  readonly beta?: number;
  /** Factor of the product. Default 1. */
  readonly alpha?: number;
}

/** y = beta · input + alpha · a · b for matrices a and b; input broadcasts to [M, N]. */
export function addmm(input: Tensor, a: Tensor, b: Tensor, options: AddMatmulOptions = {}): Tensor {
  checkRanks("addmm", a, 2, b, 2);
  return addProduct("addmm", input, a, b, options);
}

/** y = beta · input + alpha · a · b for batches of matrices a and b; input broadcasts to [B, M, N]. */
export function baddbmm(input: Tensor, a: Tensor, b: Tensor, options: AddMatmulOptions = {}): Tensor {
  checkRanks("baddbmm", a, 3, b, 3);
  if (a.shape[0] !== b.shape[0]) {
    throw new ShapeError("baddbmm", `batch sizes are ${a.shape[0]} and ${b.shape[0]}; expected equal ones`);
  }
  return addProduct("baddbmm", input, a, b, options);
}

function addProduct(op: string, input: Tensor, a: Tensor, b: Tensor, options: AddMatmulOptions): Tensor {
  checkOptions(op, options, ["beta", "alpha"]);
  const beta = checkNumber(op, "beta", options.beta ?? 1);
  const alpha = checkNumber(op, "alpha", options.alpha ?? 1);
  const shape = [...a.shape.slice(0, -1), b.shape[b.ndim - 1]!];
  if (!sameShape(broadcastShapes(op, input.shape, shape), shape)) {
    throw new ShapeError(
      op,
      `input has shape ${formatShape(input.shape)}; expected one that broadcasts to ${formatShape(shape)}`,
    );
  }
  const product = scaled(ops.matmul(a, b, op), alpha);
  return beta === 0 ? product : add(scaled(input, beta), product);
}

function scaled(x: Tensor, factor: number): Tensor {
  return factor === 1 ? x : affine(x, factor, 0);
}

export interface LinearOptions {
  /** Applied in the same pass. Default "none". */
  readonly activation?: ops.FusedActivation;
}

/**
 * y = act(x Wᵀ + b); x [..., in], weight W [out, in], bias b [out] or null, y [..., out].
 * Errors: another number of features or another length of the bias.
 * PyTorch: it has no fused activation.
 */
export function linear(x: Tensor, weight: Tensor, ...rest: BiasAndOptions<LinearOptions>): Tensor {
  const {
    tensors: [bias = null],
    options = {},
  } = splitOptions(rest);
  checkOptions("Linear", options, ["activation"]);
  const activation = checkOneOf("Linear", "activation", options.activation ?? "none", ["none", "relu"]);
  return ops.linear(x, weight, bias, { activation });
}

/**
 * y[…, o] = Σ_ij x1[…, i] · W[o, i, j] · x2[…, j] + b[o]; x1 [..., in1] and x2 [..., in2] of equal leading dimensions,
 * weight W [out, in1, in2], bias b [out] or null, y [..., out]. Errors: other feature counts or leading dimensions.
 */
export function bilinear(
  x1: Tensor,
  x2: Tensor,
  weight: Tensor,
  bias: Tensor | null = null,
  ...none: NoOptions
): Tensor {
  checkNoOptions("bilinear", [bias, ...none]);
  checkRank("Bilinear", "weight", weight.shape, 3);
  const [out, in1, in2] = weight.shape as [number, number, number];
  const lead = x1.shape.slice(0, -1);
  const checkInput = (what: string, x: Tensor, features: number): void => {
    if (x.shape[x.ndim - 1] === features && sameShape(x.shape.slice(0, -1), lead)) return;
    throw new ShapeError(
      "Bilinear",
      `${what} is ${formatShape(x.shape)}; expected ${formatShape([...lead, features])} (weight ${formatShape(weight.shape)})`,
    );
  };
  checkInput("first input", x1, in1);
  checkInput("second input", x2, in2);
  checkOperand("Bilinear", "bias", bias, [out], `weight ${formatShape(weight.shape)}`);
  const perOutput = ops.linear(x2, reshape(weight, [out * in1, in2]), null);
  const y = ops.matmul(reshape(perOutput, [...lead, out, in1]), reshape(x1, [...lead, in1, 1]));
  const product = reshape(y, [...lead, out]);
  return bias === null ? product : add(product, bias);
}
