import { K } from "../backend/index.js";
import { checkDType } from "../check.js";
import { ArgumentError, DTypeError, ShapeError } from "../errors.js";
import { broadcastShapes, contiguousStrides, formatShape, numel, sameShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import type { Shape } from "../types.js";
import { fill, narrow, permute, reshape, select } from "./copy.js";
import { checkIndices } from "./gather.js";
import { nonzero } from "./mask.js";
import { apply, defineOp, notDifferentiable } from "./op.js";
import { expand } from "./reduce.js";
import { indexAdd, indexCopy, indexSelect } from "./rows.js";

/** What selects in one dimension: int32 indices, a mask over one or more dimensions, or null for all of it. */
export type Index = Tensor | null;

export const linearIndexOp = defineOp<readonly Tensor[], readonly [Tensor], { op: string; sizes: Shape }>({
  name: "linearIndex",
  infer: (indices, { op }) => {
    for (const index of indices) checkDType(op, "index", index, "int32");
    return [{ shape: [numel(indices[0]!.shape)], dtype: "int32" }];
  },
  forward: ([y], indices, { op, sizes }) => {
    fill(y, 0);
    const steps = contiguousStrides(sizes);
    indices.forEach((index, k) => {
      const n = sizes[k]!;
      checkIndices(op, index, -n, n, `a dimension of size ${n}`);
      K.index_linear_i32(y.ptr, index.ptr, index.numel, n, steps[k]!);
    });
  },
  backward: notDifferentiable("its result is indices"),
});

/** A call of `index`, brought to the form of indexSelect: one vector of indices into one (merged) dimension. */
interface Plan {
  /** Order of the dimensions that brings the indexed ones together; null if they are. */
  readonly order: readonly number[] | null;
  /** x in that order, the indexed dimensions merged into `dim`. */
  readonly merged: Tensor;
  readonly dim: number;
  readonly linear: Tensor;
  /** Shape of the result. */
  readonly shape: Shape;
}

function plan(op: string, x: Tensor, given: readonly Index[]): Plan {
  checkMasks(op, x, given);
  const indices = given.flatMap((index) => (index?.dtype === "bool" ? coordinates(index) : [index]));
  if (indices.length > x.ndim) {
    throw new ArgumentError(op, `${indices.length} indices for ${formatShape(x.shape)}; expected at most ${x.ndim}`);
  }
  const dims = [...indices.keys()].filter((d) => indices[d] !== null);
  const tensors = dims.map((d) => indices[d]!);
  if (tensors.length === 0) throw new ArgumentError(op, "got no index tensor; expected at least one");
  const common = tensors.reduce<number[]>((s, t) => broadcastShapes(op, s, t.shape), []);
  const sizes = dims.map((d) => x.shape[d]!);
  const linear = apply(
    linearIndexOp,
    tensors.map((t) => expand(t, common)),
    { op, sizes },
  )[0];
  const adjacent = dims.at(-1)! - dims[0]! === dims.length - 1;
  const order = adjacent ? null : [...dims, ...[...x.shape.keys()].filter((d) => !dims.includes(d))];
  const moved = order === null ? x : permute(x, order);
  const dim = order === null ? dims[0]! : 0;
  const before = moved.shape.slice(0, dim);
  const after = moved.shape.slice(dim + dims.length);
  const merged = reshape(moved, [...before, numel(sizes), ...after]);
  return { order, merged, dim, linear, shape: [...before, ...common, ...after] };
}

/** The indices of a mask's true elements, one vector a dimension. */
function coordinates(mask: Tensor): Tensor[] {
  const found = nonzero(mask);
  return mask.shape.map((_, d) => select(found, 1, d));
}

function checkMasks(op: string, x: Tensor, given: readonly Index[]): void {
  let dim = 0;
  for (const index of given) {
    if (index?.dtype !== "bool") {
      dim++;
      continue;
    }
    const covered = x.shape.slice(dim, dim + index.ndim);
    if (!sameShape(index.shape, covered)) {
      throw new ShapeError(
        op,
        `mask has shape ${formatShape(index.shape)}; expected ${formatShape(covered)}, as the input from dim ${dim} on`,
      );
    }
    dim += index.ndim;
  }
}

/**
 * x[i0, i1, …]: one int32 index tensor a leading dimension, broadcast together; null takes all of a dimension, a mask stands for
 * the indices of its true elements. The broadcast shape replaces the indexed dimensions, in front if they are not neighbours.
 */
export function index(x: Tensor, indices: readonly Index[]): Tensor {
  const { merged, dim, linear, shape } = plan("index", x, indices);
  return reshape(indexSelect(merged, linear, dim), shape);
}

/** A copy of x with x[i0, i1, …] set to `values` (which broadcast), or increased by them if they accumulate. */
export function indexPut(x: Tensor, indices: readonly Index[], values: Tensor, accumulate: boolean): Tensor {
  const { order, merged, dim, linear, shape } = plan("indexPut", x, indices);
  const src = reshape(
    stretch("indexPut", "values", values, shape),
    merged.shape.map((n, d) => (d === dim ? linear.numel : n)),
  );
  const put = accumulate ? indexAdd(merged, linear, src, dim) : indexCopy(merged, linear, src, dim);
  if (order === null) return reshape(put, x.shape);
  const moved = reshape(
    put,
    order.map((d) => x.shape[d]!),
  );
  return permute(
    moved,
    order.map((_, d) => order.indexOf(d)),
  );
}

/** `expand` with the caller's name in the message. */
function stretch(op: string, what: string, x: Tensor, shape: Shape): Tensor {
  if (!sameShape(broadcastShapes(op, x.shape, shape), shape)) {
    throw new ShapeError(
      op,
      `${what} has shape ${formatShape(x.shape)}; expected one that broadcasts to ${formatShape(shape)}`,
    );
  }
  return expand(x, shape);
}

/** Elements of the flattened x; negative indices count from the end. */
export function take(x: Tensor, at: Tensor): Tensor {
  const linear = apply(linearIndexOp, [at], { op: "take", sizes: [x.numel] })[0];
  return reshape(indexSelect(reshape(x, [-1]), linear, 0), at.shape);
}

/** The flat positions of a mask's true elements. */
function positions(op: string, mask: Tensor, shape: Shape): Tensor {
  checkDType(op, "mask", mask, "bool");
  return reshape(nonzero(reshape(stretch(op, "mask", mask, shape), [-1])), [-1]);
}

/** The elements where the mask is true, in one dimension; both broadcast. */
export function maskedSelect(x: Tensor, mask: Tensor): Tensor {
  const shape = broadcastShapes("maskedSelect", x.shape, mask.shape);
  return indexSelect(reshape(expand(x, shape), [-1]), positions("maskedSelect", mask, shape), 0);
}

/** A copy of x whose masked elements are the first ones of `source`, in order. */
export function maskedScatter(x: Tensor, mask: Tensor, source: Tensor): Tensor {
  if (source.dtype !== x.dtype) {
    throw new DTypeError("maskedScatter", `source is ${source.dtype}; expected ${x.dtype}, as the input`);
  }
  const at = positions("maskedScatter", mask, x.shape);
  if (source.numel < at.numel) {
    throw new ShapeError(
      "maskedScatter",
      `source ${formatShape(source.shape)} has ${source.numel} elements; expected at least ${at.numel}, as the mask has true ones`,
    );
  }
  const values = narrow(reshape(source, [-1]), 0, 0, at.numel);
  return reshape(indexCopy(reshape(x, [-1]), at, values, 0), x.shape);
}
