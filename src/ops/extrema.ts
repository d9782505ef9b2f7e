import { K, type Kernels } from "../backend/index.js";
import { checkDType } from "../check.js";
import { ShapeError } from "../errors.js";
import { arena } from "../runtime/arena.js";
import { formatShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import type { Shape, Spec } from "../types.js";
import { div, mul } from "./arithmetic.js";
import { compare, eqOp } from "./compare.js";
import { cast, reshape } from "./copy.js";
import { around, gatherGradOp } from "./gather.js";
import { apply, defineOp, notDifferentiable, type Op } from "./op.js";
import { countOf, expandReduced, type ReduceAttrs, type ReduceKernel, reducedShape, runReduce, sum } from "./reduce.js";

type Unary = readonly [Tensor];
type One = readonly [Tensor];

/** An extremum needs something to choose from. */
function checkChoice(op: string, x: Spec, dims: readonly number[]): void {
  checkDType(op, "input", x, "float32", "int32");
  if (countOf(x.shape, dims) === 0) {
    throw new ShapeError(
      op,
      `input ${formatShape(x.shape)} has no element along dims ${dims.join(", ")}; expected one`,
    );
  }
}

/** Shares a gradient evenly among the elements that equal the extremum. */
function shared(g: Tensor, x: Tensor, y: Tensor, attrs: ReduceAttrs): Tensor {
  const mask = cast(compare(eqOp, x, expandReduced(y, x.shape, attrs)), "float32");
  return mul(mask, expandReduced(div(g, sum(mask, attrs)), x.shape, attrs));
}

/** An op that takes the largest or smallest value over any dimensions. */
function extremum(name: string, kernel: (int: boolean) => ReduceKernel): Op<Unary, One, ReduceAttrs> {
  return defineOp<Unary, One, ReduceAttrs>({
    name,
    infer: ([x], attrs) => {
      checkChoice(name, x, attrs.dims);
      return [{ shape: reducedShape(x.shape, attrs), dtype: x.dtype }];
    },
    strided: true,
    forward: ([y], [x], { dims }) => runReduce(kernel(x.dtype === "int32"), y, x, dims),
    saves: { inputs: [0], outs: [0] },
    backward: ([g], [x], [y], attrs) => [() => shared(g, x, y, attrs)],
  });
}

export const amaxOp = extremum("amax", (int) => (int ? K.max_i32 : K.max_f32));
export const aminOp = extremum("amin", (int) => (int ? K.min_i32 : K.min_f32));

/** An op that finds the position of an extremum: along one dimension, or in the flattened tensor if `dims` are all of them. */
function position(name: string, kernel: (int: boolean) => ReduceKernel): Op<Unary, One, ReduceAttrs> {
  return defineOp<Unary, One, ReduceAttrs>({
    name,
    infer: ([x], attrs) => {
      checkChoice(name, x, attrs.dims);
      return [{ shape: reducedShape(x.shape, attrs), dtype: "int32" }];
    },
    strided: true,
    forward: ([y], [x], { dims }) => runReduce(kernel(x.dtype === "int32"), y, x, dims),
    backward: notDifferentiable("its result is indices"),
  });
}

const argmaxKernel = (int: boolean): ReduceKernel => withWork(int ? K.argmax_i32 : K.argmax_f32);
const argminKernel = (int: boolean): ReduceKernel => withWork(int ? K.argmin_i32 : K.argmin_f32);

/** A kernel with its work space of [inner] bound. */
function withWork(kernel: Kernels["argmax_f32"]): ReduceKernel {
  return (y, x, outer, n, inner) => kernel(y, x, arena.scratch(4 * inner), outer, n, inner);
}

export const argmaxOp = position("argmax", argmaxKernel);
export const argminOp = position("argmin", argminKernel);

type Pair = readonly [values: Tensor, indices: Tensor];

interface Along {
  readonly dim: number;
  readonly keepdim: boolean;
}

function dimsOf(shape: Shape, dim: number): number[] {
  return shape.length === 0 ? [] : [dim];
}

/** An op that gives the extremum along one dimension and its first position, to which the gradient goes. */
function indexed(name: string, kernel: (int: boolean) => ReduceKernel): Op<Unary, Pair, Along> {
  return defineOp<Unary, Pair, Along>({
    name,
    infer: ([x], { dim, keepdim }) => {
      const dims = dimsOf(x.shape, dim);
      checkChoice(name, x, dims);
      const shape = reducedShape(x.shape, { dims, keepdim });
      return [
        { shape, dtype: x.dtype },
        { shape, dtype: "int32" },
      ];
    },
    forward: ([values, indices], [x], { dim }) => {
      const { outer, n, inner } = around(x.shape, dim);
      kernel(x.dtype === "int32")(indices.ptr, x.ptr, outer, n, inner);
      K.gather_32(values.ptr, x.ptr, indices.ptr, outer, 1, n, inner);
    },
    saves: { inputs: [], outs: [1] },
    backward: ([g], [x], [, indices], { dim }) => [
      () => {
        const kept = reducedShape(x.shape, { dims: dimsOf(x.shape, dim), keepdim: true });
        return apply(gatherGradOp, [reshape(g!, kept), reshape(indices, kept)], { dim, size: x.shape[dim] ?? 1 })[0];
      },
    ],
  });
}

export const maxOp = indexed("max", argmaxKernel);
export const minOp = indexed("min", argminKernel);
