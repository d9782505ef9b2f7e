import { checkInteger, checkNoOptions, checkOneOf, checkOptions, type NoOptions } from "../check.js";
import { ShapeError } from "../errors.js";
import * as copy from "../ops/copy.js";
import { expand } from "../ops/reduce.js";
import * as ops from "../ops/view.js";
import { broadcastShapes, formatShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import type { Shape } from "../types.js";

type Dims = number | readonly number[];

/** The same storage in another shape; one size may be -1. Errors: a layout that would need a copy (`reshape` makes one). */
export function view(x: Tensor, options: { shape: Shape }): Tensor {
  checkOptions("view", options, ["shape"]);
  return ops.view(x, options.shape);
}

/** All elements in one dimension; a view where the layout allows it. */
export function ravel(x: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("ravel", none);
  return copy.reshape(x, [-1]);
}

/** Drops dimensions of size 1: those in `dim` (others in it stay), or all of them. A view. */
export function squeeze(x: Tensor, options: { dim?: Dims | null } = {}): Tensor {
  checkOptions("squeeze", options, ["dim"]);
  return ops.squeeze(x, options.dim);
}

/** Adds a dimension of size 1 at `dim`, from -(rank + 1) to rank. A view. */
export function unsqueeze(x: Tensor, options: { dim: number }): Tensor {
  checkOptions("unsqueeze", options, ["dim"]);
  return ops.unsqueeze(x, options.dim);
}

/** Splits dimension `dim` into `sizes`, one of which may be -1. A view. */
export function unflatten(x: Tensor, options: { dim: number; sizes: Shape }): Tensor {
  checkOptions("unflatten", options, ["dim", "sizes"]);
  return ops.unflatten(x, options.dim, options.sizes);
}

/** Swaps two dimensions; `transpose` under NumPy's name. A view. */
export function swapaxes(x: Tensor, options: { axis0: number; axis1: number }): Tensor {
  checkOptions("swapaxes", options, ["axis0", "axis1"]);
  return copy.transpose(x, options.axis0, options.axis1);
}

/** Moves dimensions to other places; the rest keep their order. A view. */
export function moveaxis(x: Tensor, options: { source: Dims; destination: Dims }): Tensor {
  checkOptions("moveaxis", options, ["source", "destination"]);
  return ops.moveaxis(x, listOf(options.source), listOf(options.destination));
}

/** `moveaxis` under PyTorch's own name. */
export const movedim = moveaxis;

function listOf(dims: Dims): readonly number[] {
  return typeof dims === "number" ? [dims] : dims;
}

/** Cuts a dimension (default 0) into parts of one size (the last may be smaller), or of the sizes listed. Views. */
export function split(x: Tensor, options: { splitSizeOrSections: Dims; dim?: number }): readonly Tensor[] {
  checkOptions("split", options, ["splitSizeOrSections", "dim"]);
  const { splitSizeOrSections, dim = 0 } = options;
  if (typeof splitSizeOrSections !== "number") return ops.splitSizes("split", x, splitSizeOrSections, dim);
  const n = ops.sizeAlong("split", x, dim);
  checkInteger("split", "splitSizeOrSections", splitSizeOrSections, n === 0 ? 0 : 1);
  return ops.splitSizes("split", x, equalParts(n, splitSizeOrSections), dim);
}

/** Cuts a dimension (default 0) into at most `chunks` parts, all of size ⌈n / chunks⌉ but the last. Views. */
export function chunk(x: Tensor, options: { chunks: number; dim?: number }): readonly Tensor[] {
  checkOptions("chunk", options, ["chunks", "dim"]);
  const { chunks, dim = 0 } = options;
  checkInteger("chunk", "chunks", chunks, 1);
  const n = ops.sizeAlong("chunk", x, dim);
  const sizes = n === 0 ? new Array<number>(chunks).fill(0) : equalParts(n, Math.ceil(n / chunks));
  return ops.splitSizes("chunk", x, sizes, dim);
}

/** Every index of a dimension (default 0) as a tensor without that dimension. Views. */
export function unbind(x: Tensor, options: { dim?: number } = {}): readonly Tensor[] {
  checkOptions("unbind", options, ["dim"]);
  return ops.unbind("unbind", x, options.dim ?? 0);
}

/** Parts of one size that make up n; the last one may be smaller. No n gives one empty part. */
function equalParts(n: number, size: number): number[] {
  if (n === 0) return [0];
  return Array.from({ length: Math.ceil(n / size) }, (_, i) => Math.min(size, n - i * size));
}

/** The elements [.., i, i + offset] of two dimensions (default the first two), which move to the end as one. A view. */
export function diagonal(x: Tensor, options: { offset?: number; dim1?: number; dim2?: number } = {}): Tensor {
  checkOptions("diagonal", options, ["offset", "dim1", "dim2"]);
  const { offset = 0, dim1 = 0, dim2 = 1 } = options;
  return ops.diagonal(x, offset, dim1, dim2);
}

/** Matrices in dimensions dim1 and dim2 (default the last two) with x's last dimension on a diagonal, zero elsewhere. */
export function diagEmbed(x: Tensor, options: { offset?: number; dim1?: number; dim2?: number } = {}): Tensor {
  checkOptions("diagEmbed", options, ["offset", "dim1", "dim2"]);
  const { offset = 0, dim1 = -2, dim2 = -1 } = options;
  return ops.diagEmbed(x, offset, dim1, dim2);
}

/** A vector as a matrix with that diagonal, or the diagonal of a matrix. `diagonal` (default 0) counts upwards. */
export function diag(x: Tensor, options: { diagonal?: number } = {}): Tensor {
  checkOptions("diag", options, ["diagonal"]);
  const { diagonal: offset = 0 } = options;
  if (x.ndim === 1) return ops.diagEmbed(x, offset, 0, 1);
  if (x.ndim === 2) return ops.diagonal(x, offset, 0, 1);
  throw new ShapeError("diag", `input has shape ${formatShape(x.shape)}; expected rank 1 or 2`);
}

/** `expand` to a shape, without -1. A view. */
export function broadcastTo(x: Tensor, options: { shape: Shape }): Tensor {
  checkOptions("broadcastTo", options, ["shape"]);
  return expand(x, options.shape);
}

/** All tensors stretched to their common shape. Views. */
export function broadcastTensors(tensors: readonly Tensor[], ...none: NoOptions): readonly Tensor[] {
  checkNoOptions("broadcastTensors", none);
  const shape = tensors.reduce<number[]>((s, t) => broadcastShapes("broadcastTensors", s, t.shape), []);
  return tensors.map((t) => expand(t, shape));
}

/**
 * Coordinate grids of vectors: output k is vector k along its own dimension and constant along the others. Views.
 * `indexing: "ij"` (default) orders the dimensions as the vectors; `"xy"` swaps the first two.
 */
export function meshgrid(tensors: readonly Tensor[], options: { indexing?: "ij" | "xy" } = {}): readonly Tensor[] {
  checkOptions("meshgrid", options, ["indexing"]);
  const xy = checkOneOf("meshgrid", "indexing", options.indexing ?? "ij", ["ij", "xy"]) === "xy" && tensors.length > 1;
  const rank = tensors.length;
  const place = (k: number): number => (xy && k < 2 ? 1 - k : k);
  const shape = tensors.map((_, d) => {
    const t = tensors[place(d)]!;
    if (t.ndim > 1)
      throw new ShapeError("meshgrid", `tensor ${place(d)} has shape ${formatShape(t.shape)}; expected rank 1`);
    return t.numel;
  });
  return tensors.map((t, k) => {
    const along = Array.from({ length: rank }, (_, d) => (d === place(k) ? t.numel : 1));
    return expand(copy.reshape(t, along), shape);
  });
}
