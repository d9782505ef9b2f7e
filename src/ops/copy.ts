import { K } from "../backend/index.js";
import { checkInteger } from "../check.js";
import { ArgumentError, DTypeError, ShapeError } from "../errors.js";
import { copyStrided, rowMajor } from "../layout.js";
import {
  contiguousStrides,
  formatShape,
  isContiguous,
  normalizeDim,
  numel,
  resolveShape,
  sameShape,
} from "../shape.js";
import { adopt, type Layout, Tensor } from "../tensor.js";
import type { DType, Ptr, Shape, Spec } from "../types.js";
import { apply, defineOp, notDifferentiable } from "./op.js";

type Unary = readonly [Tensor];
type One = readonly [Tensor];

/** Same elements in row-major order, contiguous. A contiguous input is returned as it is. */
export function contiguous(x: Tensor): Tensor {
  return x.isContiguous ? x : apply(contiguousOp, [x], undefined)[0];
}

export const contiguousOp = defineOp<Unary, One>({
  name: "contiguous",
  infer: ([x]) => [x],
  strided: true,
  forward: ([y], [x]) => copyStrided(y, x, x.shape, x.dtype),
  saves: { inputs: [] },
  backward: ([g]) => [() => g],
});

/** A copy with its own storage. */
export function clone(x: Tensor): Tensor {
  return apply(contiguousOp, [x], undefined)[0];
}

/** A view where the layout allows it, a copy otherwise; one size may be -1. */
export function reshape(x: Tensor, shape: Shape): Tensor {
  const to = resolveShape("reshape", shape, x.numel);
  const viewable = viewStrides(x, to) !== null;
  return apply(viewOp, [viewable ? x : contiguous(x)], { shape: to })[0];
}

export const viewOp = defineOp<Unary, One, { shape: Shape }>({
  name: "reshape",
  infer: ([x], { shape }) => {
    if (numel(shape) !== numel(x.shape)) {
      throw new ShapeError(
        "reshape",
        `input has shape ${formatShape(x.shape)}; expected as many elements as ${formatShape(shape)}`,
      );
    }
    return [{ shape, dtype: x.dtype }];
  },
  view: ([x], { shape }) => {
    const strides = viewStrides(x, shape);
    if (strides === null)
      throw new ShapeError(
        "reshape",
        `no view of ${formatShape(x.shape)} has the shape ${formatShape(shape)}; expected another layout`,
      );
    return { shape, strides, offset: x.offset };
  },
  saves: { inputs: [] },
  backward: ([g], [x]) => [() => reshape(g, x.shape)],
});

/** Strides under which `x` has another shape without a copy, or null. */
export function viewStrides(x: Layout, shape: Shape): number[] | null {
  if (isContiguous(x.shape, x.strides)) return contiguousStrides(shape);
  if (numel(shape) === 0) return contiguousStrides(shape);
  // Runs of dimensions that lie evenly in memory; each must be covered by whole dimensions of the new shape.
  const out = new Array<number>(shape.length);
  let to = shape.length - 1;
  for (let i = x.shape.length - 1; i >= 0; i--) {
    let count = x.shape[i]!;
    const stride = x.strides[i]!;
    while (i > 0 && (x.shape[i - 1] === 1 || count === 1 || x.strides[i - 1] === stride * count)) {
      if (count === 1 && x.shape[i - 1] !== 1) break;
      count *= x.shape[--i]!;
    }
    let covered = 1;
    while (to >= 0 && covered < count) {
      out[to] = stride * covered;
      covered *= shape[to]!;
      to--;
    }
    if (covered !== count) return null;
  }
  for (; to >= 0; to--) out[to] = 1;
  return out;
}

/** Reorders the dimensions; a view. */
export function permute(x: Tensor, dims: readonly number[]): Tensor {
  if (dims.length !== x.ndim) {
    throw new ArgumentError(
      "permute",
      `dims [${dims.join(", ")}] has ${dims.length} entries; expected ${x.ndim} for ${formatShape(x.shape)}`,
    );
  }
  const order = dims.map((d) => normalizeDim("permute", d, x.ndim));
  const seen = new Set(order);
  if (seen.size !== order.length) {
    throw new ArgumentError(
      "permute",
      `dims [${dims.join(", ")}] repeats a dimension; expected each of 0 to ${x.ndim - 1} once`,
    );
  }
  return apply(permuteOp, [x], { order })[0];
}

export const permuteOp = defineOp<Unary, One, { order: readonly number[] }>({
  name: "permute",
  infer: ([x], { order }) => [{ shape: order.map((d) => x.shape[d]!), dtype: x.dtype }],
  view: ([x], { order }) => ({
    shape: order.map((d) => x.shape[d]!),
    strides: order.map((d) => x.strides[d]!),
    offset: x.offset,
  }),
  saves: { inputs: [] },
  backward: ([g], _, __, { order }) => [
    () =>
      permute(
        g,
        order.map((_d, i) => order.indexOf(i)),
      ),
  ],
});

/** Swaps two dimensions; a view. */
export function transpose(x: Tensor, dim0: number, dim1: number): Tensor {
  const order = x.shape.map((_, i) => i);
  const a = normalizeDim("transpose", dim0, x.ndim);
  const b = normalizeDim("transpose", dim1, x.ndim);
  if (x.ndim > 0) [order[a], order[b]] = [b, a];
  return permute(x, order);
}

export interface SliceAttrs {
  readonly starts: readonly number[];
  readonly sizes: readonly number[];
  readonly steps: readonly number[];
}

/** Every steps[d]-th of sizes[d] elements from starts[d] on, in each dimension; a view. All ranges have been checked. */
export function sliceAll(x: Tensor, attrs: SliceAttrs): Tensor {
  return apply(sliceOp, [x], attrs)[0];
}

export function slicedLayout(x: Layout, { starts, sizes, steps }: SliceAttrs): Layout {
  return {
    shape: sizes,
    strides: x.strides.map((s, d) => s * steps[d]!),
    offset: x.strides.reduce((o, s, d) => o + s * starts[d]!, x.offset),
  };
}

export const sliceOp = defineOp<Unary, One, SliceAttrs>({
  name: "slice",
  infer: ([x], { sizes }) => [{ shape: sizes, dtype: x.dtype }],
  view: ([x], attrs) => slicedLayout(x, attrs),
  saves: { inputs: [] },
  backward: ([g], [x], _, attrs) => [() => apply(sliceGradOp, [g], { ...attrs, shape: x.shape })[0]],
});

/** Adjoint of slice: g in place of the slice, zero elsewhere. */
export const sliceGradOp = defineOp<Unary, One, SliceAttrs & { shape: Shape }>({
  name: "slice_grad",
  infer: ([g], { shape }) => [{ shape, dtype: g.dtype }],
  strided: true,
  forward: ([y], [g], attrs) => {
    fill(y, 0);
    const to = slicedLayout(rowMajor(y.shape), attrs);
    copyStrided({ ptr: (y.ptr + to.offset * 4) as Ptr, strides: to.strides }, g, g.shape, g.dtype);
  },
  saves: { inputs: [] },
  backward: ([g], _, __, attrs) => [() => sliceAll(g, attrs)],
});

/** `length` elements from `start` on in one dimension; a view. */
export function narrow(x: Tensor, dim: number, start: number, length: number): Tensor {
  const d = normalizeDim("narrow", dim, x.ndim);
  const n = x.size(d);
  const from = start < 0 ? start + n : start;
  if (!Number.isInteger(start) || !Number.isInteger(length) || length < 0 || from < 0 || from + length > n) {
    throw new ArgumentError(
      "narrow",
      `start ${start} and length ${length} leave dim ${d} of ${formatShape(x.shape)}; expected start + length ≤ ${n}`,
    );
  }
  return sliceAll(x, {
    ...wholeOf(x),
    starts: x.shape.map((_, i) => (i === d ? from : 0)),
    sizes: x.shape.map((s, i) => (i === d ? length : s)),
  });
}

export interface SliceOptions {
  readonly start?: number | null;
  readonly end?: number | null;
  readonly step?: number;
}

/** Python's `x[start:end:step]` in one dimension: bounds are clipped, negative ones count from the end; step ≥ 1. A view. */
export function slice(x: Tensor, dim: number, range: SliceOptions = {}): Tensor {
  return sliceAll(x, sliceRange("slice", x.shape, dim, range));
}

/** The slice that Python's start:end:step of one dimension selects. */
export function sliceRange(op: string, shape: Shape, dim: number, range: SliceOptions): SliceAttrs {
  const { start, end, step = 1 } = range;
  const d = normalizeDim(op, dim, shape.length);
  const n = shape[d];
  if (n === undefined) throw new ShapeError(op, "input is a scalar; expected rank ≥ 1");
  checkInteger(op, "step", step, 1);
  const from = clip(start ?? 0, n);
  const to = clip(end ?? n, n);
  const size = Math.max(0, Math.ceil((to - from) / step));
  return {
    starts: shape.map((_, i) => (i === d && size > 0 ? from : 0)),
    sizes: shape.map((s, i) => (i === d ? size : s)),
    steps: shape.map((_, i) => (i === d ? step : 1)),
  };
}

function clip(index: number, n: number): number {
  return Math.min(Math.max(index < 0 ? index + n : index, 0), n);
}

/** One index of a dimension, which disappears; a view. */
export function select(x: Tensor, dim: number, index: number): Tensor {
  const d = normalizeDim("select", dim, x.ndim);
  const n = x.size(d);
  checkInteger("select", `index into dim ${d} of ${formatShape(x.shape)}`, index, -n, n - 1);
  return reshape(
    narrow(x, d, index, 1),
    x.shape.filter((_, i) => i !== d),
  );
}

function wholeOf(x: Spec): SliceAttrs {
  return { starts: x.shape.map(() => 0), sizes: x.shape, steps: x.shape.map(() => 1) };
}

/** Joins tensors along a dimension; all other sizes and the dtypes must agree. */
export function cat(xs: readonly Tensor[], dim: number): Tensor {
  const first = xs[0];
  if (first === undefined) throw new ArgumentError("cat", "got no tensor; expected at least one");
  return apply(catOp, xs, { dim: normalizeDim("cat", dim, first.ndim) })[0];
}

export const catOp = defineOp<readonly Tensor[], One, { dim: number }>({
  name: "cat",
  infer: (xs, { dim }) => {
    const first = xs[0]!;
    if (first.shape.length === 0) throw new ShapeError("cat", "tensors are scalars; expected rank ≥ 1");
    xs.forEach((x, k) => {
      if (x.dtype !== first.dtype)
        throw new DTypeError("cat", `tensor ${k} is ${x.dtype}; expected ${first.dtype}, as tensor 0`);
      const fits = x.shape.length === first.shape.length && x.shape.every((n, i) => i === dim || n === first.shape[i]);
      if (!fits) {
        throw new ShapeError(
          "cat",
          `tensor ${k} has shape ${formatShape(x.shape)}; expected ${formatShape(first.shape)} but for dim ${dim}`,
        );
      }
    });
    const total = xs.reduce((n, x) => n + x.shape[dim]!, 0);
    return [{ shape: first.shape.map((n, i) => (i === dim ? total : n)), dtype: first.dtype }];
  },
  strided: true,
  forward: ([y], xs, { dim }) => {
    const bytes = y.dtype === "bool" ? 1 : 4;
    let at = 0;
    for (const x of xs) {
      copyStrided({ ptr: (y.ptr + at * y.strides[dim]! * bytes) as Ptr, strides: y.strides }, x, x.shape, x.dtype);
      at += x.shape[dim]!;
    }
  },
  saves: { inputs: [] },
  backward: ([g], xs, _, { dim }) => {
    let at = 0;
    return xs.map((x) => {
      const start = at;
      const length = x.shape[dim]!;
      at += length;
      return () => narrow(g, dim, start, length);
    });
  },
});

/** Converts to another dtype; returns the input itself if it has it. float32 → int32 truncates; anything but 0 is true. */
export function cast(x: Tensor, dtype: DType): Tensor {
  return x.dtype === dtype ? x : apply(castOp, [x], { dtype })[0];
}

export const castOp = defineOp<Unary, One, { dtype: DType }>({
  name: "cast",
  infer: ([x], { dtype }) => [{ shape: x.shape, dtype }],
  forward: ([y], [x]) => {
    const n = x.numel;
    if (x.dtype === "float32") (y.dtype === "int32" ? K.cast_f32_i32 : K.cast_f32_bool)(y.ptr, x.ptr, n);
    else if (x.dtype === "int32") (y.dtype === "float32" ? K.cast_i32_f32 : K.cast_i32_bool)(y.ptr, x.ptr, n);
    else (y.dtype === "float32" ? K.cast_bool_f32 : K.cast_bool_i32)(y.ptr, x.ptr, n);
  },
  backward: notDifferentiable("its result, or its operand, is no float32"),
});

/** Writes one value everywhere; the tensor is contiguous. Not recorded. */
export function fill(y: Tensor, value: number): void {
  const put = y.dtype === "bool" ? K.fill_8 : K.fill_32;
  put(y.ptr, bitsFor(y.dtype, value), y.numel);
}

/** What the kernels write for a value: its bit pattern in that dtype. */
export function bitsFor(dtype: DType, value: number): number {
  if (dtype === "bool") return value === 0 ? 0 : 1;
  return dtype === "int32" ? value : bitsOf(value);
}

/** A new tensor with one value everywhere. Not recorded. */
export function constant(shape: Shape, value: number, dtype: DType = "float32"): Tensor {
  const y = Tensor.allocate(shape, dtype, "constant");
  fill(y, value);
  return adopt(y);
}

/** The scalar 0. */
export function zero(): Tensor {
  return constant([], 0);
}

const scratch = new DataView(new ArrayBuffer(4));

/** Bit pattern of a float32. */
function bitsOf(value: number): number {
  scratch.setFloat32(0, value);
  return scratch.getInt32(0);
}

/** The float32 next to a value, in the direction of another; the value itself if they are equal. */
export function neighbour(value: number, towards: number): number {
  const from = Math.fround(value);
  if (from === towards) return from;
  if (from === 0) return Math.sign(towards) * 2 ** -149;
  scratch.setInt32(0, bitsOf(from) + (towards > from === from > 0 ? 1 : -1));
  return scratch.getFloat32(0);
}

/** Overwrites `y` with the values of `x`, in place; shapes and dtypes must agree. Not recorded. */
export function copyInto(y: Tensor, x: Tensor): void {
  if (!sameShape(y.shape, x.shape) || y.dtype !== x.dtype) {
    throw new ShapeError(
      "copy_",
      `source is ${x.dtype} ${formatShape(x.shape)}; expected ${y.dtype} ${formatShape(y.shape)}`,
    );
  }
  copyStrided(y, x, y.shape, y.dtype);
  y.storage.written();
}
