import { checkDType } from "../check.js";
import { ShapeError } from "../errors.js";
import { formatShape, normalizeDim, sameShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { div, mul } from "./arithmetic.js";
import { apply } from "./op.js";
import { type ReduceAttrs, reducedShape, sumOp } from "./reduce.js";
import { powScalar } from "./transcendental.js";
import { absOp, clamp, map, sqrtOp, squareOp } from "./unary.js";

// Weights and vectors brought to a given length, composed of other ops: they are small beside activations.

/** Every dimension but one, kept as size 1; all of them, dropped, without one. */
function exceptDim(op: string, v: Tensor, dim: number | null): ReduceAttrs {
  checkDType(op, "v", v, "float32");
  const kept = dim === null ? -1 : normalizeDim(op, dim, v.ndim);
  return { dims: [...v.shape.keys()].filter((d) => d !== kept), keepdim: dim !== null };
}

/** √Σ v² over every dimension but `dim`, which stay as size 1; over all of them, to a scalar, with null. */
export function normExceptDim(v: Tensor, dim: number | null, op = "normExceptDim"): Tensor {
  return map(sqrtOp, apply(sumOp, [map(squareOp, v)], exceptDim(op, v, dim))[0]);
}

/** g · v / ‖v‖. */
export function weightNorm(v: Tensor, g: Tensor, dim: number | null, op = "weightNorm"): Tensor {
  const attrs = exceptDim(op, v, dim);
  checkDType(op, "g", g, "float32");
  const expected = reducedShape(v.shape, attrs);
  if (!sameShape(g.shape, expected)) {
    throw new ShapeError(
      op,
      `g has shape ${formatShape(g.shape)}; expected ${formatShape(expected)} (v ${formatShape(v.shape)}, dim ${dim})`,
    );
  }
  return mul(v, div(g, normExceptDim(v, dim, op)));
}

/** x / max(‖x‖_p, eps) over the given dimensions. The bound is applied under the root, whose slope at 0 is infinite. */
export function normalize(x: Tensor, p: number, dims: readonly number[], eps: number): Tensor {
  const sum = (powers: Tensor): Tensor => clamp(apply(sumOp, [powers], { dims, keepdim: true })[0], eps ** p, Infinity);
  if (p === 1) return div(x, sum(map(absOp, x)));
  if (p === 2) return div(x, map(sqrtOp, sum(map(squareOp, x))));
  return div(x, powScalar(sum(powScalar(map(absOp, x), p)), 1 / p));
}
