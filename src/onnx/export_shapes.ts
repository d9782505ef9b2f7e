import type { Dim } from "../graph/graph.js";
import type { DType } from "../types.js";
import { addSizes, sameSize } from "./export_sizes.js";
import { codeOf, type Name, type Writer } from "./export_writer.js";

// Operators that most rules need, with operands in the form that operator sets 17 to 21 want.

/** Beyond every size: where a slice ends that goes as far as it can. */
export const END = 2 ** 31 - 1;

/** Another shape. Sizes that depend on symbols are left to the operator where it can work them out. */
export function reshape(to: Writer, x: Name, dims: readonly Dim[], from: readonly Dim[] = []): Name {
  const open = dims.filter((size) => typeof size !== "number");
  const zeros = dims.includes(0);
  const attributes = zeros ? { allowzero: 1 } : {};
  if (open.length === 0) return to.op("Reshape", [x, to.ints(dims.map(Number))], attributes);
  if (zeros) return to.op("Reshape", [x, to.sizes(dims)], attributes);
  // 0 stands for the input's size at the same place, -1 for what remains.
  const kept = dims.map((size, d): Dim => (typeof size !== "number" && sameSize(size, from[d] ?? null) ? 0 : size));
  const left = kept.filter((size) => typeof size !== "number");
  const unknown = left.length === 1 ? left[0]! : (left.find((size) => size === null) ?? left[0] ?? 0);
  let rest = false;
  const sizes = kept.map((size): Dim => {
    if (rest || size !== unknown || typeof size === "number") return size;
    rest = true;
    return -1;
  });
  return to.op("Reshape", [x, to.sizes(sizes)], attributes);
}

export function transpose(to: Writer, x: Name, perm: readonly number[]): Name {
  return perm.every((d, i) => d === i) ? x : to.op("Transpose", [x], { perm });
}

/** The last two of `rank` dimensions swapped. */
export function swapLast(to: Writer, x: Name, rank: number): Name {
  const perm = Array.from({ length: rank }, (_, d) => d);
  return transpose(to, x, [...perm.slice(0, -2), rank - 1, rank - 2]);
}

export function unsqueeze(to: Writer, x: Name, axes: readonly number[]): Name {
  return axes.length === 0 ? x : to.op("Unsqueeze", [x, to.ints(axes)]);
}

export function squeeze(to: Writer, x: Name, axes: readonly number[]): Name {
  return axes.length === 0 ? x : to.op("Squeeze", [x, to.ints(axes)]);
}

export function cast(to: Writer, x: Name, elem: DType | "int64"): Name {
  return to.op("Cast", [x], { to: codeOf(elem) });
}

/** int64 → int32 → x, or whatever else `run` wants in the place of a type that an operator does not take. */
export function through(to: Writer, x: Name, dtype: DType, via: DType | "int64", run: (x: Name) => Name): Name {
  if (dtype === via) return run(x);
  const y = run(cast(to, x, via));
  return via === "int64" && dtype === "int32" ? to.narrow(y) : cast(to, y, dtype);
}

export function expand(to: Writer, x: Name, dims: readonly Dim[]): Name {
  return to.op("Expand", [x, to.sizes(dims)]);
}

/** A number repeated to the shape of a value. */
export function filled(to: Writer, value: number, dtype: DType, like: Name): Name {
  return to.op("Expand", [to.scalar(value, dtype), to.op("Shape", [like])]);
}

export interface Range {
  readonly axis: number;
  readonly start: Dim;
  /** Behind the last element. */
  readonly end: Dim;
  readonly step?: number;
}

/** Parts of dimensions. */
export function slice(to: Writer, x: Name, ranges: readonly Range[]): Name {
  if (ranges.length === 0) return x;
  const axes = ranges.map((r) => r.axis);
  const steps = ranges.map((r) => r.step ?? 1);
  const bounds = [to.sizes(ranges.map((r) => r.start)), to.sizes(ranges.map((r) => r.end))];
  return to.op("Slice", [x, ...bounds, to.ints(axes), steps.every((s) => s === 1) ? null : to.ints(steps)]);
}

/** A place in a dimension, counted from its end if only that is a number. */
export function placeIn(size: Dim, place: Dim): Dim {
  if (typeof place === "number" || place === null) return place;
  const behind = addSizes(place, size, -1);
  if (typeof behind !== "number") return place;
  return behind >= 0 ? END : behind;
}

export function concat(to: Writer, parts: readonly Name[], axis: number): Name {
  return parts.length === 1 ? parts[0]! : to.op("Concat", parts, { axis });
}

/** 0, 1, … below a size, int64. */
export function countUp(to: Writer, size: Dim): Name {
  if (typeof size === "number") return to.ints(Array.from({ length: size }, (_, i) => i));
  const number = (n: number): Name => to.literal("int64", [], [n]);
  return to.op("Range", [number(0), squeeze(to, to.size(size), [0]), number(1)]);
}

/** Reductions take their axes as an operand: sums since operator set 13, the others since 18. */
export function reduce(to: Writer, opType: string, x: Name, axes: readonly number[], keepdim: boolean): Name {
  const keepdims = keepdim ? 1 : 0;
  // Without axes ONNX reduces all of them.
  if (axes.length === 0) return opType === "ReduceL1" || opType === "ReduceL2" ? to.op("Abs", [x]) : x;
  if (opType === "ReduceSum" || to.opset >= 18) return to.op(opType, [x, to.ints(axes)], { keepdims });
  return to.op(opType, [x], { axes, keepdims });
}

/** Elements before and behind each dimension, all of one value; a negative count cuts off. */
export function padded(
  to: Writer,
  x: Name,
  pads: readonly (readonly [before: number, after: number])[],
  value: number,
  dtype: DType = "float32",
): Name {
  if (pads.every(([before, after]) => before === 0 && after === 0)) return x;
  const list = [...pads.map((p) => p[0]), ...pads.map((p) => p[1])];
  return to.op("Pad", [x, to.ints(list), to.scalar(value, dtype)]);
}

/** Runs `write` on a batch of one if a value of `rank` dimensions has none. */
export function batched(to: Writer, x: Name, rank: number, full: number, write: (x: Name) => Name): Name {
  return rank === full ? write(x) : squeeze(to, write(unsqueeze(to, x, [0])), [0]);
}
