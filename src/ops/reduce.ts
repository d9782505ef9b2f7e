import { K } from "../backend/index.js";
import { checkDType } from "../check.js";
import { ShapeError } from "../errors.js";
import { materialize } from "../layout.js";
import { broadcastShapes, broadcastStrides, formatShape, isContiguous, numel, sameShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import type { Ptr, Shape } from "../types.js";
import { reshape } from "./copy.js";
import { apply, defineOp, notDifferentiable, type Op } from "./op.js";

type Unary = readonly [Tensor];
type One = readonly [Tensor];

/** Dimensions to reduce, ascending and distinct, and whether they stay as size 1. */
export interface ReduceAttrs {
  readonly dims: readonly number[];
  readonly keepdim: boolean;
}

/** The shape after reducing. */
export function reducedShape(shape: Shape, { dims, keepdim }: ReduceAttrs): number[] {
  if (keepdim) return shape.map((n, i) => (dims.includes(i) ? 1 : n));
  return shape.filter((_, i) => !dims.includes(i));
}

/** The middle one of three dimensions is reduced. */
export type ReduceKernel = (y: Ptr, x: Ptr, outer: number, n: number, inner: number) => void;

/** Sizes before, within and after dimensions that follow one another; none reduces single elements. */
export function span(shape: Shape, dims: readonly number[]): { outer: number; n: number; inner: number } {
  const first = dims[0] ?? shape.length;
  const last = dims[dims.length - 1] ?? first - 1;
  return {
    outer: numel(shape.slice(0, first)),
    n: numel(shape.slice(first, last + 1)),
    inner: numel(shape.slice(last + 1)),
  };
}

/** Brings the reduced dimensions together and runs a kernel over [outer, n, inner]. */
export function runReduce(kernel: ReduceKernel, y: Tensor, x: Tensor, dims: readonly number[]): void {
  const adjacent = dims.length === 0 || dims[dims.length - 1]! - dims[0]! === dims.length - 1;
  if (adjacent && isContiguous(x.shape, x.strides)) {
    const { outer, n, inner } = span(x.shape, dims);
    kernel(y.ptr, x.ptr, outer, n, inner);
    return;
  }
  const order = [...x.shape.keys()].filter((d) => !dims.includes(d)).concat(dims);
  const moved = x.alias({
    shape: order.map((d) => x.shape[d]!),
    strides: order.map((d) => x.strides[d]!),
    offset: x.offset,
  });
  const flat = materialize(moved);
  moved.dispose();
  kernel(y.ptr, flat.ptr, y.numel, countOf(x.shape, dims), 1);
  flat.dispose();
}

/** How many elements each result is made of. */
export function countOf(shape: Shape, dims: readonly number[]): number {
  return dims.reduce((p, d) => p * shape[d]!, 1);
}

/** A reduced gradient as a view of the shape before the reduction. */
export function expandReduced(g: Tensor, shape: Shape, { dims, keepdim }: ReduceAttrs): Tensor {
  return expand(keepdim ? g : reshape(g, reducedShape(shape, { dims, keepdim: true })), shape);
}

export const sumOp = defineOp<Unary, One, ReduceAttrs>({
  name: "sum",
  infer: ([x], attrs) => {
    checkDType("sum", "input", x, "float32", "int32");
    return [{ shape: reducedShape(x.shape, attrs), dtype: x.dtype }];
  },
  strided: true,
  forward: ([y], [x], { dims }) => runReduce(x.dtype === "int32" ? K.sum_i32 : K.sum_f32, y, x, dims),
  saves: { inputs: [] },
  backward: ([g], [x], _, attrs) => [() => expandReduced(g, x.shape, attrs)],
});

export function sum(x: Tensor, attrs: ReduceAttrs): Tensor {
  return apply(sumOp, [x], attrs)[0];
}

/** The dimensions follow one another. */
export const prodOp = defineOp<Unary, One, ReduceAttrs>({
  name: "prod",
  infer: ([x], attrs) => {
    checkDType("prod", "input", x, "float32", "int32");
    return [{ shape: reducedShape(x.shape, attrs), dtype: x.dtype }];
  },
  strided: true,
  forward: ([y], [x], { dims }) => runReduce(x.dtype === "int32" ? K.prod_i32 : K.prod_f32, y, x, dims),
  backward: ([g], [x], _, { dims }) => [() => apply(prodGradOp, [g, x], { dims })[0]],
});

export const prodGradOp = defineOp<readonly [Tensor, Tensor], One, { dims: readonly number[] }>({
  name: "prod_grad",
  infer: ([, x]) => [x],
  forward: ([dx], [g, x], { dims }) => {
    const { outer, n, inner } = span(x.shape, dims);
    K.prod_grad_f32(dx.ptr, g.ptr, x.ptr, outer, n, inner);
  },
  backward: notDifferentiable("second derivatives of products are not needed yet"),
});

export const cumsumOp = defineOp<Unary, One, { dim: number; reverse: boolean }>({
  name: "cumsum",
  infer: ([x]) => {
    checkDType("cumsum", "input", x, "float32", "int32");
    return [x];
  },
  forward: ([y], [x], { dim, reverse }) => {
    const { outer, n, inner } = span(x.shape, x.ndim === 0 ? [] : [dim]);
    (x.dtype === "int32" ? K.cumsum_i32 : K.cumsum_f32)(y.ptr, x.ptr, outer, n, inner, reverse ? 1 : 0);
  },
  saves: { inputs: [] },
  backward: ([g], _, __, { dim, reverse }) => [() => cumsum(g, dim, !reverse)],
});

/** Running sums along a dimension, from its end if `reverse`. */
export function cumsum(x: Tensor, dim: number, reverse = false): Tensor {
  return apply(cumsumOp, [x], { dim, reverse })[0];
}

/** An op that reduces bool to bool. */
function quantifier(name: "all" | "any"): Op<Unary, One, ReduceAttrs> {
  return defineOp<Unary, One, ReduceAttrs>({
    name,
    infer: ([x], attrs) => {
      checkDType(name, "input", x, "bool");
      return [{ shape: reducedShape(x.shape, attrs), dtype: "bool" }];
    },
    strided: true,
    forward: ([y], [x], { dims }) => runReduce(name === "all" ? K.all_bool : K.any_bool, y, x, dims),
    backward: notDifferentiable("its result is bool"),
  });
}

export const allOp = quantifier("all");
export const anyOp = quantifier("any");

/** Stretches dimensions of size 1, and adds leading ones; a view with stride 0. -1 keeps a size. */
export function expand(x: Tensor, shape: Shape): Tensor {
  const lead = shape.length - x.ndim;
  const to = shape.map((n, i) => (n === -1 && i >= lead ? x.shape[i - lead]! : n));
  return sameShape(to, x.shape) ? x : apply(expandOp, [x], { shape: to })[0];
}

export const expandOp = defineOp<Unary, One, { shape: Shape }>({
  name: "expand",
  infer: ([x], { shape }) => {
    if (shape.length < x.shape.length || !sameShape(broadcastShapes("expand", x.shape, shape), shape)) {
      throw new ShapeError(
        "expand",
        `input has shape ${formatShape(x.shape)}; expected one that broadcasts to ${formatShape(shape)}`,
      );
    }
    return [{ shape, dtype: x.dtype }];
  },
  view: ([x], { shape }) => ({ shape, strides: broadcastStrides(x.shape, x.strides, shape), offset: x.offset }),
  saves: { inputs: [] },
  backward: ([g], [x]) => [() => sumTo(g, x.shape)],
});

/** Adjoint of broadcasting: sums over the dimensions that were stretched. */
export function sumTo(x: Tensor, shape: Shape): Tensor {
  if (sameShape(x.shape, shape)) return x;
  const lead = x.ndim - shape.length;
  const dims = [...x.shape.keys()].filter((d) => d < lead || (shape[d - lead] === 1 && x.shape[d] !== 1));
  return reshape(sum(x, { dims, keepdim: true }), shape);
}
