import { K } from "../backend/index.js";
import { checkDType } from "../check.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { arena } from "../runtime/arena.js";
import { broadcastShapes, formatShape, numel, sameShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import type { Shape, Spec } from "../types.js";
import { add, affine, mul, sub } from "./arithmetic.js";
import { constant, reshape, transpose } from "./copy.js";
import { matmul } from "./matmul.js";
import { apply, defineOp } from "./op.js";
import { tril, triu } from "./rearrange.js";
import { expand } from "./reduce.js";
import { diagEmbed, squeeze, unsqueeze } from "./view.js";

type Unary = readonly [Tensor];
type Binary = readonly [Tensor, Tensor];
type One = readonly [Tensor];

function batchOf(x: Spec): number {
  return numel(x.shape.slice(0, -2));
}

function checkMatrices(op: string, what: string, x: Spec, square: boolean): void {
  checkDType(op, what, x, "float32");
  const [rows, cols] = x.shape.slice(-2);
  if (cols === undefined || (square && rows !== cols)) {
    throw new ShapeError(op, `${what} has shape ${formatShape(x.shape)}; expected [.., ${square ? "n, n" : "m, n"}]`);
  }
}

/** Throws for the matrix that a kernel gave up on. */
function refuse(op: string, failed: number, x: Spec, why: string): void {
  if (failed < 0) return;
  throw new ArgumentError(op, `matrix ${failed} of ${formatShape(x.shape)} ${why}`);
}

/** The transposes of the matrices. */
function mT(x: Tensor): Tensor {
  return transpose(x, -2, -1);
}

const DOUBLE = 8;

export const choleskyOp = defineOp<Unary, One>({
  name: "cholesky",
  infer: ([a]) => {
    checkMatrices("cholesky", "input", a, true);
    return [a];
  },
  forward: ([l], [a]) => {
    const n = a.size(-1);
    const failed = K.cholesky_f32(l.ptr, a.ptr, batchOf(a), n, arena.scratch(n * n * DOUBLE));
    refuse("cholesky", failed, a, "is not positive-definite; expected all of them to be");
  },
  saves: { inputs: [], outs: [0] },
  backward: ([g], _, [l]) => [
    () => {
      // L⁻ᵀ Φ(Lᵀ g) L⁻¹, symmetrised; Φ keeps the lower triangle and halves the diagonal.
      const p = matmul(mT(l), g);
      const phi = affine(add(tril(p, 0), tril(p, -1)), 0.5, 0);
      const s = mT(solve(mT(l), mT(solve(mT(l), phi))));
      return affine(add(s, mT(s)), 0.5, 0);
    },
  ],
});

/** Lower triangular L with A = L Lᵀ. */
export function cholesky(a: Tensor): Tensor {
  return apply(choleskyOp, [a], undefined)[0];
}

export const solveOp = defineOp<Binary, One, { op: string }>({
  name: "solve",
  infer: ([, b]) => [b],
  forward: ([x], [a, b], { op }) => {
    const [n, k] = [b.size(-2), b.size(-1)];
    const scratch = arena.scratch(n * (n + k) * DOUBLE);
    refuse(
      op,
      K.solve_f32(x.ptr, a.ptr, b.ptr, batchOf(a), n, k, scratch),
      a,
      "is singular; expected regular matrices",
    );
  },
  saves: { inputs: [0], outs: [0] },
  backward: ([g], [a], [x]) => {
    const gb = (): Tensor => solve(mT(a), g);
    return [() => affine(matmul(gb(), mT(x)), -1, 0), gb];
  },
});

/** X with A X = B for [.., n, n] and [.., n, k] whose leading dimensions broadcast. */
export function solve(a: Tensor, b: Tensor, op = "solve"): Tensor {
  checkMatrices(op, "matrix", a, true);
  checkMatrices(op, "right-hand side", b, false);
  if (a.size(-1) !== b.size(-2)) {
    throw new ShapeError(
      op,
      `right-hand side has shape ${formatShape(b.shape)}; expected ${a.size(-1)} rows, as the matrix ${formatShape(a.shape)}`,
    );
  }
  return apply(solveOp, [...sameBatch(op, a, b)], { op })[0];
}

function sameBatch(op: string, a: Tensor, b: Tensor): readonly [Tensor, Tensor] {
  const lead = broadcastShapes(op, a.shape.slice(0, -2), b.shape.slice(0, -2));
  const stretched = (x: Tensor): Tensor => expand(x, [...lead, ...x.shape.slice(-2)]);
  return [stretched(a), stretched(b)];
}

/** Runs a solver that takes matrices; a right-hand side that is one vector a matrix counts as a column. */
export function withColumns(a: Tensor, b: Tensor, run: (a: Tensor, b: Tensor) => Tensor): Tensor {
  const vector = b.ndim === 1 || sameShape(b.shape, a.shape.slice(0, -1));
  return vector ? squeeze(run(a, unsqueeze(b, -1)), -1) : run(a, b);
}

/** A⁻¹. */
export function inv(a: Tensor): Tensor {
  checkMatrices("inv", "input", a, true);
  return solve(a, expand(identity(a.size(-1)), a.shape), "inv");
}

function identity(n: number): Tensor {
  return diagEmbed(constant([n], 1), 0, 0, 1);
}

export const detOp = defineOp<Unary, One>({
  name: "det",
  infer: ([a]) => {
    checkMatrices("det", "input", a, true);
    return [{ shape: a.shape.slice(0, -2), dtype: "float32" }];
  },
  forward: ([d], [a]) => {
    const n = a.size(-1);
    K.det_f32(d.ptr, a.ptr, batchOf(a), n, arena.scratch(n * n * DOUBLE));
  },
  saves: { outs: [0] },
  backward: ([g], [a], [d]) => [() => mul(reshape(mul(g, d), [...d.shape, 1, 1]), mT(inv(a)))],
});

/** The determinants. */
export function det(a: Tensor): Tensor {
  return apply(detOp, [a], undefined)[0];
}

export const lstsqOp = defineOp<Binary, One>({
  name: "lstsq",
  infer: ([a, b]) => [{ shape: [...a.shape.slice(0, -2), a.shape.at(-1)!, b.shape.at(-1)!], dtype: "float32" }],
  forward: ([x], [a, b]) => {
    const [m, n, k] = [a.size(-2), a.size(-1), b.size(-1)];
    const scratch = arena.scratch((m * (n + k) + 3 * Math.max(m, n, k)) * DOUBLE);
    refuse(
      "lstsq",
      K.lstsq_f32(x.ptr, a.ptr, b.ptr, batchOf(a), m, n, k, scratch),
      a,
      "has not full rank; expected linearly independent columns",
    );
  },
  saves: { outs: [0] },
  backward: ([g], [a, b], [x]) => {
    // With S = (AᵀA)⁻¹ g: ∂B = A S, ∂A = (B − A X) Sᵀ − A S Xᵀ.
    const s = (): Tensor => solve(matmul(mT(a), a), g);
    return [
      () => {
        const step = s();
        const residual = sub(b, matmul(a, x));
        return sub(matmul(residual, mT(step)), matmul(matmul(a, step), mT(x)));
      },
      () => matmul(a, s()),
    ];
  },
});

/** X that minimises ‖A X − B‖ for A [.., m, n] of full rank, m ≥ n. */
export function lstsq(a: Tensor, b: Tensor): Tensor {
  checkMatrices("lstsq", "matrix", a, false);
  checkMatrices("lstsq", "right-hand side", b, false);
  const [m, n] = [a.size(-2), a.size(-1)];
  if (m < n || b.size(-2) !== m) {
    throw new ShapeError(
      "lstsq",
      `matrix has shape ${formatShape(a.shape)}, right-hand side ${formatShape(b.shape)}; expected [.., m, n] and [.., m, k] with m ≥ n`,
    );
  }
  return apply(lstsqOp, [...sameBatch("lstsq", a, b)], undefined)[0];
}

function factorShapes(shape: Shape): { q: number[]; r: number[] } {
  const [m, n] = shape.slice(-2) as [number, number];
  const lead = shape.slice(0, -2);
  return { q: [...lead, m, Math.min(m, n)], r: [...lead, Math.min(m, n), n] };
}

export const qrOp = defineOp<Unary, readonly [q: Tensor, r: Tensor]>({
  name: "qr",
  infer: ([a]) => {
    checkMatrices("qr", "input", a, false);
    const { q, r } = factorShapes(a.shape);
    return [
      { shape: q, dtype: "float32" },
      { shape: r, dtype: "float32" },
    ];
  },
  forward: ([q, r], [a]) => {
    const [m, n] = [a.size(-2), a.size(-1)];
    const doubles = m * n + m * Math.min(m, n) + 3 * Math.max(m, n);
    K.qr_f32(q.ptr, r.ptr, a.ptr, batchOf(a), m, n, arena.scratch(doubles * DOUBLE));
  },
  saves: { inputs: [], outs: [0, 1] },
  backward: ([gq, gr], _, [q, r]) => [
    () => {
      if (r.size(-2) !== r.size(-1)) {
        throw new ShapeError(
          "qr",
          `R has shape ${formatShape(r.shape)}; expected at least as many rows as columns for a gradient`,
        );
      }
      // (gQ + Q S) R⁻ᵀ, where S has the lower triangle of M = R gRᵀ − gQᵀ Q on both sides of its diagonal.
      const left = gr === null ? null : matmul(r, mT(triu(gr, 0)));
      const right = gq === null ? null : affine(matmul(mT(gq), q), -1, 0);
      const m = left === null ? right! : right === null ? left : add(left, right);
      const s = add(tril(m, 0), mT(tril(m, -1)));
      const qs = matmul(q, s);
      const sum = gq === null ? qs : add(gq, qs);
      return mT(solve(r, mT(sum)));
    },
  ],
});

/** A = Q R with orthonormal columns in Q [.., m, p] and R [.., p, n] upper triangular, p = min(m, n). */
export function qr(a: Tensor): readonly [q: Tensor, r: Tensor] {
  return apply(qrOp, [a], undefined);
}
