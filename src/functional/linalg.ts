import { checkNoOptions, checkOptions, type NoOptions } from "../check.js";
import { ArgumentError } from "../errors.js";
import * as ops from "../ops/linalg.js";
import { tril, triu } from "../ops/rearrange.js";
import type { Tensor } from "../tensor.js";

// Linear algebra on float32 matrices [.., n, n]; the leading dimensions are a batch. Sums run in float64.

/** The lower triangular L with A = L Lᵀ. Only A's lower triangle is read. Errors: A is not positive-definite. */
export function cholesky(a: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("cholesky", none);
  return ops.cholesky(a);
}

/**
 * X with A X = B, by elimination with partial pivoting. Shapes: A [.., n, n], B [.., n, k] or one vector a matrix; the leading
 * dimensions broadcast. Errors: a singular matrix.
 */
export function solve(a: Tensor, b: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("solve", none);
  return ops.withColumns(a, b, (m, columns) => ops.solve(m, columns));
}

/** `solve` that reads only one triangle of A: the upper one with `upper: true`, the lower one with `upper: false`. */
export function solveTriangular(a: Tensor, b: Tensor, options: { upper: boolean }): Tensor {
  checkOptions("solveTriangular", options, ["upper"]);
  if (typeof options?.upper !== "boolean") {
    throw new ArgumentError("solveTriangular", `upper is ${String(options?.upper)}; expected true or false`);
  }
  const half = options.upper ? triu(a, 0) : tril(a, 0);
  return ops.withColumns(half, b, (m, columns) => ops.solve(m, columns, "solveTriangular"));
}

/** A⁻¹. Errors: a singular matrix. To solve a system, `solve` is faster and more exact. */
export function inv(a: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("inv", none);
  return ops.inv(a);
}

/** The determinant of each matrix. Its gradient, det(A) A⁻ᵀ, needs A to be regular. */
export function det(a: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("det", none);
  return ops.det(a);
}

/**
 * X that minimises ‖A X − B‖₂, by Householder's QR: linear regression in closed form. Shapes: A [.., m, n] with m ≥ n, B [.., m, k] or
 * one vector a matrix. Errors: a matrix without full rank.
 */
export function lstsq(a: Tensor, b: Tensor, ...none: NoOptions): { readonly solution: Tensor } {
  checkNoOptions("lstsq", none);
  return { solution: ops.withColumns(a, b, ops.lstsq) };
}

/** [Q, R] with A = Q R; Q [.., m, p] has orthonormal columns, R [.., p, n] is upper triangular, p = min(m, n). */
export function qr(a: Tensor, ...none: NoOptions): readonly [q: Tensor, r: Tensor] {
  checkNoOptions("qr", none);
  return ops.qr(a);
}
