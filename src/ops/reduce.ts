import { K } from "../backend/index.js";
import { checkDType } from "../check.js";
import { ShapeError } from "../errors.js";
import { materialize } from "../layout.js";
import { broadcastShapes, broadcastStrides, formatShape, isContiguous, numel, sameShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import type { Ptr, Shape } from "../types.js";
import { reshape } from "./copy.js";
import { apply, defineOp } from "./op.js";

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

/** Brings the reduced dimensions together and runs a kernel over [outer, n, inner]. */
export function runReduce(kernel: ReduceKernel, y: Tensor, x: Tensor, dims: readonly number[]): void {
  const first = dims[0] ?? 0;
  const last = dims[dims.length - 1] ?? -1;
  const adjacent = last - first === dims.length - 1;
  if (adjacent && isContiguous(x.shape, x.strides)) {
    const outer = numel(x.shape.slice(0, first));
    const inner = numel(x.shape.slice(last + 1));
    kernel(y.ptr, x.ptr, outer, numel(x.shape.slice(first, last + 1)), inner);
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
  const n = dims.reduce((p, d) => p * x.shape[d]!, 1);
  kernel(y.ptr, flat.ptr, n === 0 ? y.numel : flat.numel / n, n, 1);
  flat.dispose();
}

/** A reduced gradient as a view of the shape before the reduction. */
export function expandReduced(g: Tensor, shape: Shape, { dims, keepdim }: ReduceAttrs): Tensor {
  return expand(keepdim ? g : reshape(g, reducedShape(shape, { dims, keepdim: true })), shape);
}

export const sumOp = defineOp<Unary, One, ReduceAttrs>({
  name: "sum",
  infer: ([x], attrs) => {
    checkDType("sum", "input", x, "float32");
    return [{ shape: reducedShape(x.shape, attrs), dtype: "float32" }];
  },
  strided: true,
  forward: ([y], [x], { dims }) => runReduce(K.sum_f32, y, x, dims),
  saves: { inputs: [] },
  backward: ([g], [x], _, attrs) => [() => expandReduced(g, x.shape, attrs)],
});

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
      throw new ShapeError("expand", `input ${formatShape(x.shape)} does not stretch to ${formatShape(shape)}`);
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
  const summed = apply(sumOp, [x], { dims, keepdim: true })[0];
  return reshape(summed, shape);
}
