import { K } from "../backend/index.js";
import { checkDType } from "../check.js";
import { arena } from "../runtime/arena.js";
import type { Tensor } from "../tensor.js";
import { affine, div, mul, sub } from "./arithmetic.js";
import { compare, eqOp, where } from "./compare.js";
import { cast, zero } from "./copy.js";
import { defineOp } from "./op.js";
import { countOf, expandReduced, type ReduceAttrs, type ReduceKernel, reducedShape, runReduce, sum } from "./reduce.js";
import { expOp, powScalar } from "./transcendental.js";
import { absOp, map, signOp } from "./unary.js";

type Unary = readonly [Tensor];
type One = readonly [Tensor];

export interface VarAttrs extends ReduceAttrs {
  /** What is taken off the number of elements before dividing. */
  readonly correction: number;
}

/** The kernel with its correction bound. */
function varKernel(correction: number): ReduceKernel {
  return (y, x, outer, n, inner) => K.var_f32(y, x, arena.scratch(4 * inner), outer, n, inner, correction);
}

export const varOp = defineOp<Unary, One, VarAttrs>({
  name: "var",
  infer: ([x], attrs) => {
    checkDType("var", "input", x, "float32");
    return [{ shape: reducedShape(x.shape, attrs), dtype: "float32" }];
  },
  strided: true,
  forward: ([y], [x], { dims, correction }) => runReduce(varKernel(correction), y, x, dims),
  backward: ([g], [x], _, attrs) => [() => varGrad(g, x, attrs)],
});

/** 2·g·(x − mean)/(n − correction). */
function varGrad(g: Tensor, x: Tensor, attrs: VarAttrs): Tensor {
  const n = countOf(x.shape, attrs.dims);
  const mean = affine(sum(x, attrs), 1 / n, 0);
  const scaled = affine(g, 2 / Math.max(n - attrs.correction, 0), 0);
  return mul(sub(x, expandReduced(mean, x.shape, attrs)), expandReduced(scaled, x.shape, attrs));
}

export const stdOp = defineOp<Unary, One, VarAttrs>({
  name: "std",
  infer: ([x], attrs) => {
    checkDType("std", "input", x, "float32");
    return [{ shape: reducedShape(x.shape, attrs), dtype: "float32" }];
  },
  strided: true,
  forward: ([y], [x], { dims, correction }) => {
    runReduce(varKernel(correction), y, x, dims);
    K.sqrt_f32(y.ptr, y.ptr, y.numel);
  },
  saves: { inputs: [0], outs: [0] },
  backward: ([g], [x], [y], attrs) => [() => varGrad(overNonzero(g, affine(y, 2, 0)), x, attrs)],
});

/** a/b, 0 where b is 0. */
function overNonzero(a: Tensor, b: Tensor): Tensor {
  return where(compare(eqOp, b, zero()), zero(), div(a, b));
}

const logsumexpKernel: ReduceKernel = (y, x, outer, n, inner) =>
  K.logsumexp_f32(y, x, arena.scratch(8 * outer * inner), outer, n, inner);

export const logsumexpOp = defineOp<Unary, One, ReduceAttrs>({
  name: "logsumexp",
  infer: ([x], attrs) => {
    checkDType("logsumexp", "input", x, "float32");
    return [{ shape: reducedShape(x.shape, attrs), dtype: "float32" }];
  },
  strided: true,
  forward: ([y], [x], { dims }) => runReduce(logsumexpKernel, y, x, dims),
  saves: { inputs: [0], outs: [0] },
  backward: ([g], [x], [y], attrs) => [
    () => mul(map(expOp, sub(x, expandReduced(y, x.shape, attrs))), expandReduced(g, x.shape, attrs)),
  ],
});

export interface NormAttrs extends ReduceAttrs {
  /** Any number but 0, or ±Infinity. */
  readonly p: number;
}

export const normOp = defineOp<Unary, One, NormAttrs>({
  name: "norm",
  infer: ([x], attrs) => {
    checkDType("norm", "input", x, "float32");
    return [{ shape: reducedShape(x.shape, attrs), dtype: "float32" }];
  },
  strided: true,
  forward: ([y], [x], { dims, p }) => {
    runReduce(normKernel(p), y, x, dims);
    if (p === 2) K.sqrt_f32(y.ptr, y.ptr, y.numel);
    else if (p !== 1 && Number.isFinite(p)) K.pow_scalar_f32(y.ptr, y.ptr, y.numel, 1 / p);
  },
  saves: { inputs: [0], outs: [0] },
  backward: ([g], [x], [y], attrs) => [() => normGrad(g, x, y, attrs)],
});

/** Σ |x|^p, or the extremum of |x| for an infinite p. */
function normKernel(p: number): ReduceKernel {
  if (p === 1) return K.sum_abs_f32;
  if (p === 2) return K.sum_squares_f32;
  if (p === Infinity) return K.max_abs_f32;
  if (p === -Infinity) return K.min_abs_f32;
  return (y, x, outer, n, inner) => {
    const count = outer * n * inner;
    const powers = arena.scratch(count * 4);
    K.abs_f32(powers, x, count);
    K.pow_scalar_f32(powers, powers, count, p);
    K.sum_f32(y, powers, outer, n, inner);
  };
}

/** sign(x)·|x|^{p−1}·g/y^{p−1}; for an infinite p, g goes in equal shares to the elements of that magnitude. */
function normGrad(g: Tensor, x: Tensor, y: Tensor, attrs: NormAttrs): Tensor {
  const { p } = attrs;
  const spread = (t: Tensor): Tensor => expandReduced(t, x.shape, attrs);
  if (p === 1) return mul(map(signOp, x), spread(g));
  if (p === 2) return mul(x, spread(overNonzero(g, y)));
  const size = map(absOp, x);
  if (!Number.isFinite(p)) {
    const mask = cast(compare(eqOp, size, spread(y)), "float32");
    return mul(mul(map(signOp, x), mask), spread(div(g, sum(mask, attrs))));
  }
  const powers = where(compare(eqOp, x, zero()), zero(), powScalar(size, p - 1));
  return mul(mul(map(signOp, x), powers), spread(overNonzero(g, powScalar(y, p - 1))));
}
