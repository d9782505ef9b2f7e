import { checkNoOptions, checkNumber, checkOptions, type NoOptions } from "../check.js";
import { add, affine, div, minimum, mul } from "../ops/arithmetic.js";
import { constant } from "../ops/copy.js";
import { sum } from "../ops/reduce.js";
import { absOp, clamp, map, squareOp } from "../ops/unary.js";
import { scope } from "../scoping.js";
import type { Tensor } from "../tensor.js";
import { floatList, NORM_EPS, totalNorm } from "./total_norm.js";

export interface ClipGradNormOptions {
  /** θ, the largest norm that is left as it is. */
  readonly maxNorm: number;
  /** Order of the norm; Infinity for the largest element. Default 2. */
  readonly normType?: number;
}

/**
 * [g·min(1, θ/(‖g‖ + 1e-6)), ‖g‖]: the gradients made shorter together so that the norm over all of them, which is returned, is at most θ.
 * New tensors; `nn.utils.clipGradNorm_` changes gradients in place. (Pascanu, Mikolov and Bengio, 2013.)
 */
export function clipGradNorm(grads: Tensor | Iterable<Tensor>, options: ClipGradNormOptions): [Tensor[], Tensor] {
  const op = "clipGradNorm";
  checkOptions(op, options, ["maxNorm", "normType"]);
  const list = floatList(op, grads);
  const maxNorm = checkNumber(op, "maxNorm", options?.maxNorm, 0);
  const normType = checkNumber(op, "normType", options.normType ?? 2);
  return scope(() => {
    const total = totalNorm(list, normType);
    const share = minimum(div(constant([], maxNorm), affine(total, 1, NORM_EPS)), constant([], 1));
    return [list.map((g) => mul(g, share)), total];
  });
}

/** Each element of the gradients clamped to [−clipValue, clipValue]; new tensors. */
export function clipGradValue(grads: Tensor | Iterable<Tensor>, options: { clipValue: number }): Tensor[] {
  const op = "clipGradValue";
  checkOptions(op, options, ["clipValue"]);
  const list = floatList(op, grads);
  const clipValue = checkNumber(op, "clipValue", options?.clipValue, 0);
  return list.map((g) => clamp(g, -clipValue, clipValue));
}

/** Σ |p| over all elements of the parameters, to be added to a loss; the gradient is sgn(p). 0 for no parameters. */
export function l1Penalty(params: Tensor | Iterable<Tensor>, ...none: NoOptions): Tensor {
  checkNoOptions("l1Penalty", none);
  return penalty("l1Penalty", params, (p) => map(absOp, p));
}

/** Σ p² over all elements of the parameters, to be added to a loss; the gradient is 2p. 0 for no parameters. */
export function l2Penalty(params: Tensor | Iterable<Tensor>, ...none: NoOptions): Tensor {
  checkNoOptions("l2Penalty", none);
  return penalty("l2Penalty", params, (p) => map(squareOp, p));
}

function penalty(op: string, params: Tensor | Iterable<Tensor>, size: (p: Tensor) => Tensor): Tensor {
  const list = floatList(op, params);
  return scope(() =>
    list
      .map((p) => sum(size(p), { dims: [...p.shape.keys()], keepdim: false }))
      .reduce((total, part) => add(total, part), constant([], 0)),
  );
}
