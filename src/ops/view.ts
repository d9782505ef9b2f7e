import { ArgumentError, ShapeError } from "../errors.js";
import { copyStrided, rowMajor } from "../layout.js";
import { checkSize, formatShape, normalizeDim, normalizeDims, resolveShape, withSize } from "../shape.js";
import type { Layout, Tensor } from "../tensor.js";
import { bytesOf, type Ptr, type Shape } from "../types.js";
import { fill, narrow, permute, reshape, viewOp, viewStrides } from "./copy.js";
import { apply, defineOp } from "./op.js";

type Unary = readonly [Tensor];
type One = readonly [Tensor];

/** Another shape on the same storage; one size may be -1. Errors: a layout that only a copy could give that shape. */
export function view(x: Tensor, shape: Shape): Tensor {
  const to = resolveShape("view", shape, x.numel);
  if (viewStrides(x, to) === null) {
    throw new ShapeError(
      "view",
      `the layout of input ${formatShape(x.shape)} (strides [${x.strides.join(", ")}]) has no view of shape ${formatShape(to)}; expected one that has (reshape makes a copy)`,
    );
  }
  return apply(viewOp, [x], { shape: to })[0];
}

/** Drops dimensions of size 1: all of them, or those given; a given one of another size stays. */
export function squeeze(x: Tensor, dim?: number | readonly number[] | null): Tensor {
  const dims = normalizeDims("squeeze", dim, x.ndim);
  return reshape(
    x,
    x.shape.filter((n, d) => n !== 1 || !dims.includes(d)),
  );
}

/** Adds a dimension of size 1 in front of `dim`. */
export function unsqueeze(x: Tensor, dim: number): Tensor {
  const d = normalizeDim("unsqueeze", dim, x.ndim + 1);
  return reshape(x, [...x.shape.slice(0, d), 1, ...x.shape.slice(d)]);
}

/** Splits one dimension into several; one of the sizes may be -1. */
export function unflatten(x: Tensor, dim: number, sizes: Shape): Tensor {
  const d = normalizeDim("unflatten", dim, x.ndim);
  const split = resolveShape("unflatten", sizes, x.size(d));
  return reshape(x, [...x.shape.slice(0, d), ...split, ...x.shape.slice(d + 1)]);
}

/** Moves dimensions `source` to the places `destination`; the others keep their order. */
export function moveaxis(x: Tensor, source: readonly number[], destination: readonly number[]): Tensor {
  const from = source.map((d) => normalizeDim("moveaxis", d, x.ndim));
  const to = destination.map((d) => normalizeDim("moveaxis", d, x.ndim));
  if (from.length !== to.length || new Set(from).size !== from.length || new Set(to).size !== to.length) {
    throw new ArgumentError(
      "moveaxis",
      `source [${source.join(", ")}] and destination [${destination.join(", ")}] do not pair up; expected as many distinct dims in both`,
    );
  }
  const rest = [...x.shape.keys()].filter((d) => !from.includes(d));
  return permute(
    x,
    x.shape.map((_, d) => (to.includes(d) ? from[to.indexOf(d)]! : rest.shift()!)),
  );
}

interface SplitAttrs {
  readonly sizes: readonly number[];
  readonly dim: number;
}

/** Cuts a dimension into parts of the given sizes, which sum up to it; views. */
export function splitSizes(op: string, x: Tensor, sizes: readonly number[], dim: number): readonly Tensor[] {
  const d = normalizeDim(op, dim, x.ndim);
  for (const n of sizes) checkSize(op, n, sizes);
  const total = sizes.reduce((s, n) => s + n, 0);
  if (x.ndim === 0 || total !== x.shape[d]) {
    throw new ShapeError(
      op,
      `sections [${sizes.join(", ")}] sum up to ${total}; expected ${x.shape[d] ?? "rank ≥ 1"}, dim ${d} of ${formatShape(x.shape)}`,
    );
  }
  return apply(splitOp, [x], { sizes, dim: d });
}

/** Where each of several parts begins, given their sizes. */
export function startsOf(sizes: readonly number[]): number[] {
  let at = 0;
  return sizes.map((n) => {
    at += n;
    return at - n;
  });
}

export const splitOp = defineOp<Unary, readonly Tensor[], SplitAttrs>({
  name: "split",
  infer: ([x], { sizes, dim }) => sizes.map((n) => ({ shape: withSize(x.shape, dim, n), dtype: x.dtype })),
  view: ([x], { sizes, dim }) => {
    const starts = startsOf(sizes);
    return sizes.map((n, i) => ({
      shape: withSize(x.shape, dim, n),
      strides: x.strides,
      offset: x.offset + starts[i]! * x.strides[dim]!,
    }));
  },
  saves: { inputs: [] },
  backward: (grads, [x], _, attrs) => [() => apply(splitGradOp, grads, { ...attrs, shape: x.shape })[0]],
});

/** Adjoint of split: the parts in their places, zero for a part that has no gradient. */
export const splitGradOp = defineOp<readonly (Tensor | null)[], One, SplitAttrs & { readonly shape: Shape }>({
  name: "split_grad",
  infer: (_, { shape }) => [{ shape, dtype: "float32" }],
  strided: true,
  forward: ([y], grads, { sizes, dim }) => {
    if (grads.includes(null)) fill(y, 0);
    const starts = startsOf(sizes);
    grads.forEach((g, i) => {
      if (g === null) return;
      const at = (y.ptr + starts[i]! * y.strides[dim]! * 4) as Ptr;
      copyStrided({ ptr: at, strides: y.strides }, g, g.shape, g.dtype);
    });
  },
  saves: { inputs: [] },
  backward: ([g], grads, _, { sizes, dim }) => {
    const starts = startsOf(sizes);
    return grads.map((_grad, i) => () => narrow(g, dim, starts[i]!, sizes[i]!));
  },
});

/** Every index of a dimension as a tensor without that dimension; views. */
export function unbind(op: string, x: Tensor, dim: number): readonly Tensor[] {
  const ones = new Array<number>(sizeAlong(op, x, dim)).fill(1);
  return splitSizes(op, x, ones, dim).map((part) => squeeze(part, dim));
}

/** The size of a dimension; refuses scalars, which have none. */
export function sizeAlong(op: string, x: Tensor, dim: number): number {
  const d = normalizeDim(op, dim, x.ndim);
  if (x.ndim === 0) throw new ShapeError(op, "input is a scalar; expected rank ≥ 1");
  return x.size(d);
}

export interface DiagonalAttrs {
  readonly offset: number;
  readonly dim1: number;
  readonly dim2: number;
}

/** The layout of a diagonal: `dim1` and `dim2` disappear, the diagonal comes last. */
function diagonalLayout(x: Layout, { offset, dim1, dim2 }: DiagonalAttrs): Layout {
  const rows = x.shape[dim1]!;
  const cols = x.shape[dim2]!;
  const length = Math.max(0, offset >= 0 ? Math.min(rows, cols - offset) : Math.min(rows + offset, cols));
  const start = offset >= 0 ? offset * x.strides[dim2]! : -offset * x.strides[dim1]!;
  const others = [...x.shape.keys()].filter((d) => d !== dim1 && d !== dim2);
  return {
    shape: [...others.map((d) => x.shape[d]!), length],
    strides: [...others.map((d) => x.strides[d]!), x.strides[dim1]! + x.strides[dim2]!],
    offset: length === 0 ? x.offset : x.offset + start,
  };
}

/** The elements [.., i, i + offset] of two dimensions; a view whose last dimension runs along the diagonal. */
export function diagonal(x: Tensor, offset: number, dim1: number, dim2: number): Tensor {
  const attrs = { offset, dim1: normalizeDim("diagonal", dim1, x.ndim), dim2: normalizeDim("diagonal", dim2, x.ndim) };
  checkDiagonal("diagonal", x.ndim, attrs);
  return apply(diagonalOp, [x], attrs)[0];
}

function checkDiagonal(op: string, rank: number, { offset, dim1, dim2 }: DiagonalAttrs): void {
  if (dim1 === dim2 || rank < 2) {
    throw new ArgumentError(op, `dims ${dim1} and ${dim2} at rank ${rank}; expected two different ones, rank ≥ 2`);
  }
  if (!Number.isInteger(offset)) throw new ArgumentError(op, `offset is ${offset}; expected an integer`);
}

export const diagonalOp = defineOp<Unary, One, DiagonalAttrs>({
  name: "diagonal",
  infer: ([x], attrs) => [{ shape: diagonalLayout(rowMajor(x.shape), attrs).shape, dtype: x.dtype }],
  view: ([x], attrs) => diagonalLayout(x, attrs),
  saves: { inputs: [] },
  backward: ([g], [x], _, attrs) => [() => apply(diagonalGradOp, [g], { ...attrs, shape: x.shape })[0]],
});

/** Adjoint of diagonal: g along the diagonal of a tensor of `shape`, zero elsewhere. */
export const diagonalGradOp = defineOp<Unary, One, DiagonalAttrs & { readonly shape: Shape }>({
  name: "diagonal_grad",
  infer: ([g], { shape }) => [{ shape, dtype: g.dtype }],
  strided: true,
  forward: ([y], [g], attrs) => {
    fill(y, 0);
    const to = diagonalLayout(rowMajor(y.shape), attrs);
    copyStrided({ ptr: (y.ptr + to.offset * bytesOf(y.dtype)) as Ptr, strides: to.strides }, g, g.shape, g.dtype);
  },
  saves: { inputs: [] },
  backward: ([g], _, __, { offset, dim1, dim2 }) => [() => diagonal(g, offset, dim1, dim2)],
});

/** Matrices, spanned by `dim1` and `dim2`, whose diagonals are the last dimension of x. */
export function diagEmbed(x: Tensor, offset: number, dim1: number, dim2: number): Tensor {
  const rank = x.ndim + 1;
  const attrs = { offset, dim1: normalizeDim("diagEmbed", dim1, rank), dim2: normalizeDim("diagEmbed", dim2, rank) };
  checkDiagonal("diagEmbed", rank, attrs);
  const size = x.size(-1) + Math.abs(offset);
  const rest = x.shape.slice(0, -1);
  const shape = Array.from({ length: rank }, (_, d) => (d === attrs.dim1 || d === attrs.dim2 ? size : rest.shift()!));
  return apply(diagonalGradOp, [x], { ...attrs, shape })[0];
}
