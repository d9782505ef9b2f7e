import { K } from "../backend/index.js";
import { checkDType, checkRank } from "../check.js";
import { DTypeError, ShapeError } from "../errors.js";
import { copyStrided } from "../layout.js";
import { formatShape, normalizeDim, sameShape, withSize } from "../shape.js";
import type { Tensor } from "../tensor.js";
import type { Spec } from "../types.js";
import { affine } from "./arithmetic.js";
import { bitsFor, copyInto, fill } from "./copy.js";
import { around, checkIndices } from "./gather.js";
import { apply, defineOp } from "./op.js";

type Indexed = readonly [x: Tensor, index: Tensor];
type Updated = readonly [x: Tensor, index: Tensor, src: Tensor];
type One = readonly [Tensor];

function checkVector(op: string, x: Spec, index: Spec): void {
  checkDType(op, "index", index, "int32");
  checkRank(op, "index", index.shape, 1);
  if (x.shape.length === 0) throw new ShapeError(op, "input is a scalar; expected rank ≥ 1");
}

/** The given indices of one dimension, in that order and as often as they appear. */
export function indexSelect(x: Tensor, index: Tensor, dim: number): Tensor {
  return apply(indexSelectOp, [x, index], { dim: normalizeDim("indexSelect", dim, x.ndim) })[0];
}

export const indexSelectOp = defineOp<Indexed, One, { dim: number }>({
  name: "indexSelect",
  infer: ([x, index], { dim }) => {
    checkVector("indexSelect", x, index);
    return [{ shape: withSize(x.shape, dim, index.shape[0]!), dtype: x.dtype }];
  },
  forward: ([y], [x, index], { dim }) => {
    const { outer, n, inner } = around(x.shape, dim);
    checkIndices("indexSelect", index, 0, n, `dim ${dim} of ${formatShape(x.shape)}`);
    const kernel = x.dtype === "bool" ? K.index_select_8 : K.index_select_32;
    kernel(y.ptr, x.ptr, index.ptr, outer, index.numel, n, inner);
  },
  saves: { inputs: [1] },
  backward: ([g], [x, index], _, { dim }) => [
    () => apply(indexSelectGradOp, [g, index], { dim, size: x.shape[dim]! })[0],
    null,
  ],
});

/** Adjoint of indexSelect: slices that were read more than once sum up, in the order of the index. */
export const indexSelectGradOp = defineOp<Indexed, One, { dim: number; size: number }>({
  name: "indexSelect_grad",
  infer: ([g], { dim, size }) => [{ shape: withSize(g.shape, dim, size), dtype: g.dtype }],
  forward: ([y], [g, index], { dim, size }) => {
    fill(y, 0);
    const { outer, n, inner } = around(g.shape, dim);
    K.index_add_f32(y.ptr, index.ptr, g.ptr, outer, n, size, inner);
  },
  saves: { inputs: [1] },
  backward: ([gg], [, index], _, { dim }) => [() => indexSelect(gg, index, dim), null],
});

function inferUpdate(op: string, x: Spec, index: Spec, src: Spec, dim: number): Spec[] {
  checkVector(op, x, index);
  if (src.dtype !== x.dtype) throw new DTypeError(op, `source is ${src.dtype}; expected ${x.dtype}, as the input`);
  const want = withSize(x.shape, dim, index.shape[0]!);
  if (!sameShape(src.shape, want)) {
    throw new ShapeError(
      op,
      `source has shape ${formatShape(src.shape)}; expected ${formatShape(want)} for input ${formatShape(x.shape)} and ${index.shape[0]} indices`,
    );
  }
  return [x];
}

/** A copy of x with the given indices of one dimension replaced by src; where an index repeats, the last one stays. */
export function indexCopy(x: Tensor, index: Tensor, src: Tensor, dim: number): Tensor {
  return apply(indexCopyOp, [x, index, src], { dim: normalizeDim("indexCopy", dim, x.ndim) })[0];
}

export const indexCopyOp = defineOp<Updated, One, { dim: number }>({
  name: "indexCopy",
  infer: ([x, index, src], { dim }) => inferUpdate("indexCopy", x, index, src, dim),
  forward: ([y], [x, index, src], { dim }) => {
    const { outer, n, inner } = around(x.shape, dim);
    checkIndices("indexCopy", index, 0, n, `dim ${dim} of ${formatShape(x.shape)}`);
    copyStrided(y, x, x.shape, x.dtype);
    const kernel = x.dtype === "bool" ? K.index_copy_8 : K.index_copy_32;
    kernel(y.ptr, index.ptr, src.ptr, outer, index.numel, n, inner);
  },
  saves: { inputs: [1] },
  backward: ([g], [, index], _, { dim }) => [() => indexFill(g, index, dim, 0), null, () => indexSelect(g, index, dim)],
});

/** Overwrites rows of x in place; where an index repeats, the last one stays. Indices have been checked. Not recorded. */
export function overwriteRows(x: Tensor, index: Tensor, rows: Tensor): void {
  if (x.isContiguous) K.index_copy_32(x.ptr, index.ptr, rows.ptr, 1, index.numel, x.size(0), rows.size(1));
  else copyInto(x, indexCopy(x, index, rows, 0));
  x.storage.written();
}

/** x + alpha · src at the given indices of one dimension; where an index repeats, they sum up in order. */
export function indexAdd(x: Tensor, index: Tensor, src: Tensor, dim: number, alpha = 1): Tensor {
  const d = normalizeDim("indexAdd", dim, x.ndim);
  if (alpha !== 1) checkDType("indexAdd", "input of a call with alpha", x, "float32");
  return apply(indexAddOp, [x, index, alpha === 1 ? src : affine(src, alpha, 0)], { dim: d })[0];
}

export const indexAddOp = defineOp<Updated, One, { dim: number }>({
  name: "indexAdd",
  infer: ([x, index, src], { dim }) => {
    checkDType("indexAdd", "input", x, "float32", "int32");
    return inferUpdate("indexAdd", x, index, src, dim);
  },
  forward: ([y], [x, index, src], { dim }) => {
    const { outer, n, inner } = around(x.shape, dim);
    checkIndices("indexAdd", index, 0, n, `dim ${dim} of ${formatShape(x.shape)}`);
    copyStrided(y, x, x.shape, x.dtype);
    const kernel = x.dtype === "int32" ? K.index_add_i32 : K.index_add_f32;
    kernel(y.ptr, index.ptr, src.ptr, outer, index.numel, n, inner);
  },
  saves: { inputs: [1] },
  backward: ([g], [, index], _, { dim }) => [() => g, null, () => indexSelect(g, index, dim)],
});

/** A copy of x with one value at the given indices of one dimension. */
export function indexFill(x: Tensor, index: Tensor, dim: number, value: number): Tensor {
  return apply(indexFillOp, [x, index], { dim: normalizeDim("indexFill", dim, x.ndim), value })[0];
}

export const indexFillOp = defineOp<Indexed, One, { dim: number; value: number }>({
  name: "indexFill",
  infer: ([x, index]) => {
    checkVector("indexFill", x, index);
    return [x];
  },
  forward: ([y], [x, index], { dim, value }) => {
    const { outer, n, inner } = around(x.shape, dim);
    checkIndices("indexFill", index, 0, n, `dim ${dim} of ${formatShape(x.shape)}`);
    copyStrided(y, x, x.shape, x.dtype);
    const kernel = x.dtype === "bool" ? K.index_fill_8 : K.index_fill_32;
    kernel(y.ptr, index.ptr, bitsFor(x.dtype, value), outer, index.numel, n, inner);
  },
  saves: { inputs: [1] },
  backward: ([g], [, index], _, { dim }) => [() => indexFill(g, index, dim, 0), null],
});
