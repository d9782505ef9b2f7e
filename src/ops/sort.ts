import { K } from "../backend/index.js";
import { checkDType, checkInteger } from "../check.js";
import { DTypeError, ShapeError } from "../errors.js";
import { arena } from "../runtime/arena.js";
import { formatShape, normalizeDim, sameShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import type { Shape } from "../types.js";
import { cast, fill, narrow, reshape, select, transpose } from "./copy.js";
import { gather } from "./gather.js";
import { countOf } from "./mask.js";
import { apply, defineOp, notDifferentiable } from "./op.js";
import { sizeAlong } from "./view.js";

type Unary = readonly [Tensor];
type One = readonly [Tensor];

const INDICES = notDifferentiable("its result is indices; the values go through gather");

/** Words of work space that the sorting kernels need besides their keys: four histograms of one byte each. */
const HISTOGRAMS = 4 * 256;

/** Rows of the last dimension; a scalar is one row of one. */
function rowsOf(shape: Shape, numel: number): { rows: number; n: number } {
  const n = shape.at(-1) ?? 1;
  return { rows: n === 0 ? 0 : numel / n, n };
}

/** Runs an op on the last dimension of x, bool as int32, and puts the result's last dimension back in its place. */
function alongLast(x: Tensor, dim: number, run: (x: Tensor) => Tensor): Tensor {
  const numbers = x.dtype === "bool" ? cast(x, "int32") : x;
  if (x.ndim === 0 || dim === x.ndim - 1) return run(numbers);
  return transpose(run(transpose(numbers, dim, -1)), dim, -1);
}

export interface Order {
  readonly descending: boolean;
}

export const argsortOp = defineOp<Unary, One, Order>({
  name: "argsort",
  infer: ([x]) => {
    checkDType("argsort", "input", x, "float32", "int32");
    return [{ shape: x.shape, dtype: "int32" }];
  },
  forward: ([y], [x], { descending }) => {
    const { rows, n } = rowsOf(x.shape, x.numel);
    const kernel = x.dtype === "int32" ? K.argsort_i32 : K.argsort_f32;
    kernel(y.ptr, x.ptr, rows, n, descending ? -1 : 0, arena.scratch((3 * n + HISTOGRAMS) * 4));
  },
  backward: INDICES,
});

/** The positions that sort a dimension; equal values keep their order, NaN is the largest. */
export function argsort(op: string, x: Tensor, dim: number, order: Order): Tensor {
  return alongLast(x, normalizeDim(op, dim, x.ndim), (t) => apply(argsortOp, [t], order)[0]);
}

/** Values and positions in order. */
export function sort(x: Tensor, dim: number, order: Order): readonly [values: Tensor, indices: Tensor] {
  const indices = argsort("sort", x, dim, order);
  return [gather(x, indices, dim), indices];
}

export const topkOp = defineOp<Unary, One, { k: number; largest: boolean }>({
  name: "topk",
  infer: ([x], { k }) => {
    checkDType("topk", "input", x, "float32", "int32");
    return [{ shape: [...x.shape.slice(0, -1), k], dtype: "int32" }];
  },
  forward: ([y], [x], { k, largest }) => {
    const { rows, n } = rowsOf(x.shape, x.numel);
    const kernel = x.dtype === "int32" ? K.topk_i32 : K.topk_f32;
    kernel(y.ptr, x.ptr, rows, n, k, largest ? -1 : 0, arena.scratch((4 * n + HISTOGRAMS) * 4));
  },
  backward: INDICES,
});

/** The k largest (or smallest) values of a dimension in order, and their positions. */
export function topk(x: Tensor, k: number, dim: number, largest: boolean): readonly [values: Tensor, indices: Tensor] {
  const n = sizeAlong("topk", x, dim);
  checkInteger("topk", `k for dim ${dim} of ${formatShape(x.shape)}`, k, 0, n);
  const indices = alongLast(x, normalizeDim("topk", dim, x.ndim), (t) => apply(topkOp, [t], { k, largest })[0]);
  return [gather(x, indices, dim), indices];
}

/** One position a row: its values, and itself, with or without the dimension. */
function picked(x: Tensor, index: Tensor, dim: number, keepdim: boolean): readonly [values: Tensor, indices: Tensor] {
  const values = gather(x, index, dim);
  if (keepdim) return [values, index];
  return [select(values, dim, 0), select(index, dim, 0)];
}

/** The k-th smallest value of a dimension, k from 1. */
export function kthvalue(
  x: Tensor,
  k: number,
  dim: number,
  keepdim: boolean,
): readonly [values: Tensor, indices: Tensor] {
  const n = sizeAlong("kthvalue", x, dim);
  checkInteger("kthvalue", `k for dim ${dim} of ${formatShape(x.shape)}`, k, 1, n);
  const index = narrow(argsort("kthvalue", x, dim, { descending: false }), dim, k - 1, 1);
  return picked(x, index, dim, keepdim);
}

export const medianOp = defineOp<readonly [x: Tensor, order: Tensor], One>({
  name: "median",
  infer: ([x]) => [{ shape: [...x.shape.slice(0, -1), 1], dtype: "int32" }],
  forward: ([y], [x, order]) => {
    const { rows, n } = rowsOf(x.shape, x.numel);
    K.median_f32(y.ptr, order.ptr, x.ptr, rows, n);
  },
  backward: INDICES,
});

/** The lower median of a dimension; NaN where there is one. */
export function median(x: Tensor, dim: number, keepdim: boolean): readonly [values: Tensor, indices: Tensor] {
  const n = sizeAlong("median", x, dim);
  if (n === 0) throw new ShapeError("median", `dim ${dim} of ${formatShape(x.shape)} is empty; expected a value`);
  if (x.dtype !== "float32") return kthvalue(x, Math.ceil(n / 2), dim, keepdim);
  const index = alongLast(x, normalizeDim("median", dim, x.ndim), (t) => {
    const order = apply(argsortOp, [t], { descending: false })[0];
    return apply(medianOp, [t, order], undefined)[0];
  });
  return picked(x, index, dim, keepdim);
}

/** How many different values there are. */
export const uniqueCountOp = defineOp<readonly [x: Tensor, order: Tensor], One>({
  name: "unique_count",
  infer: () => [{ shape: [], dtype: "int32" }],
  forward: ([y], [x, order]) => {
    const count = x.dtype === "int32" ? K.unique_count_i32 : K.unique_count_f32;
    fill(y, count(x.ptr, order.ptr, x.numel));
  },
  backward: notDifferentiable("its result is a count"),
});

export const uniqueOp = defineOp<
  readonly [x: Tensor, order: Tensor],
  readonly [values: Tensor, inverse: Tensor, counts: Tensor],
  { count: number }
>({
  name: "unique",
  infer: ([x], { count }) => [
    { shape: [count], dtype: x.dtype },
    { shape: x.shape, dtype: "int32" },
    { shape: [count], dtype: "int32" },
  ],
  forward: ([values, inverse, counts], [x, order]) => {
    const kernel = x.dtype === "int32" ? K.unique_i32 : K.unique_f32;
    kernel(values.ptr, inverse.ptr, counts.ptr, x.ptr, order.ptr, x.numel);
  },
  backward: notDifferentiable("the number of values it returns is no smooth function of its input"),
});

/** The different values in ascending order, where each element's value is among them, and how often each occurs. */
export function unique(x: Tensor): readonly [values: Tensor, inverse: Tensor, counts: Tensor] {
  const numbers = x.dtype === "bool" ? cast(x, "int32") : x;
  const flat = reshape(numbers, [-1]);
  const order = apply(argsortOp, [flat], { descending: false })[0];
  const count = countOf(apply(uniqueCountOp, [flat, order], undefined)[0]);
  const [values, inverse, counts] = apply(uniqueOp, [flat, order], { count });
  return [cast(values, x.dtype), reshape(inverse, x.shape), counts];
}

export const searchsortedOp = defineOp<readonly [sorted: Tensor, x: Tensor], One, { op: string; right: boolean }>({
  name: "searchsorted",
  infer: ([sorted, x], { op }) => {
    checkDType(op, "sorted sequence", sorted, "float32", "int32");
    if (x.dtype !== sorted.dtype) {
      throw new DTypeError(op, `values are ${x.dtype}; expected ${sorted.dtype}, as the sorted sequence`);
    }
    const fits = sorted.shape.length === 1 || sameShape(sorted.shape.slice(0, -1), x.shape.slice(0, -1));
    if (!fits || sorted.shape.length === 0) {
      throw new ShapeError(
        op,
        `sorted sequence has shape ${formatShape(sorted.shape)}; expected rank 1, or ${formatShape(x.shape)} but for the last dim`,
      );
    }
    return [{ shape: x.shape, dtype: "int32" }];
  },
  forward: ([y], [sorted, x], { right }) => {
    const { rows, n: m } = rowsOf(x.shape, x.numel);
    const n = sorted.size(-1);
    const kernel = x.dtype === "int32" ? K.searchsorted_i32 : K.searchsorted_f32;
    kernel(y.ptr, sorted.ptr, x.ptr, rows, n, m, sorted.ndim === 1 ? 0 : n, right ? 1 : 0);
  },
  backward: notDifferentiable("its result is indices"),
});

/** Where each value goes in an ascending sequence: before equal ones, or behind them. */
export function searchsorted(op: string, sorted: Tensor, x: Tensor, right: boolean): Tensor {
  return apply(searchsortedOp, [sorted, x], { op, right })[0];
}
