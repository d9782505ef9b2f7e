import type { Value } from "../../graph/graph.js";
import { type AveragePooling, avgPoolOp } from "../../ops/avgpool.js";
import {
  type AdaptiveWindows,
  type FixedWindows,
  maxPoolIndexOp,
  maxPoolOp,
  maxUnpoolOp,
  type Windows,
} from "../../ops/maxpool.js";
import { ExportProblem } from "../export_problem.js";
import type { Attributes } from "../export_proto.js";
import { type Rule, rule, type Site } from "../export_rule.js";
import { batched, concat, padded, reduce, reshape, slice, swapLast } from "../export_shapes.js";
import { fixedSizes, productOf } from "../export_sizes.js";
import type { Name, Writer } from "../export_writer.js";

interface Laid extends FixedWindows {
  /** What the last windows read behind the input. */
  readonly behind: readonly number[];
}

/** Fixed windows over an image; null for adaptive ones of several sizes. */
function laid(windows: Windows, x: Value, y: Value): Laid | null {
  const n = "kernel" in windows ? windows.kernel.length : windows.outputSize.length;
  const [from, to] = [x.dims.slice(-n), y.dims.slice(-n)];
  if (!("kernel" in windows)) {
    const sizes = fixedSizes("the image", from);
    const step = fixedSizes("the output", to).map((m, d) => sizes[d]! / m);
    if (!step.every((s) => Number.isInteger(s))) return null;
    const zeros = step.map(() => 0);
    return { kernel: step, stride: step, padding: zeros, dilation: step.map(() => 1), ceilMode: false, behind: zeros };
  }
  const { kernel, stride, padding, dilation, ceilMode } = windows;
  if (!ceilMode) return { ...windows, behind: padding };
  const out = fixedSizes("the output", to);
  const behind = fixedSizes("the image", from).map((size, d) => {
    const end = (out[d]! - 1) * stride[d]! + dilation[d]! * (kernel[d]! - 1) + 1 - padding[d]!;
    return Math.max(end - size, 0);
  });
  return { ...windows, behind };
}

function attributesOf({ kernel, stride, padding, behind, dilation }: Laid, dilated: boolean): Attributes {
  const pads = [...padding, ...behind];
  const spread = dilated && dilation.some((d) => d !== 1) ? dilation : undefined;
  return { kernel_shape: kernel, strides: stride, pads, dilations: spread };
}

/** The windows with their padding put around the input, where an operator does not take that much. */
function outside(to: Writer, x: Name, rank: number, windows: Laid, value: number): [Name, Laid] {
  const { padding, behind, kernel } = windows;
  const lead = new Array<readonly [number, number]>(rank - kernel.length).fill([0, 0]);
  const pads = [...lead, ...padding.map((p, d) => [p, behind[d]!] as const)];
  const zeros = kernel.map(() => 0);
  return [padded(to, x, pads, value), { ...windows, padding: zeros, behind: zeros }];
}

function maxPool(to: Writer, { first, attrs, value, out }: Site<Windows>): Name {
  const rank = value(0).shape.length;
  const windows = laid(attrs, value(0), out);
  if (windows === null) return adaptiveMax(to, first, value(0), out);
  const large = windows.behind.some((n, d) => n >= windows.kernel[d]!);
  const [x, fitting] = large ? outside(to, first, rank, windows, -Infinity) : [first, windows];
  return batched(to, x, rank, fitting.kernel.length + 2, (b) => to.op("MaxPool", [b], attributesOf(fitting, true)));
}

/** Where window i of m over n elements begins and ends. */
function adaptiveWindow(i: number, n: number, m: number): [start: number, end: number] {
  return [Math.floor((i * n) / m), Math.ceil(((i + 1) * n) / m)];
}

/** One dimension after the other: the maxima of slices, put together. */
function adaptiveMax(to: Writer, x: Name, from: Value, out: Value): Name {
  const sizes = fixedSizes("the output", out.dims.slice(1));
  return sizes.reduce<Name>((y, m, d) => {
    const axis = d + 1;
    const n = from.dims[axis]!;
    if (n === m || typeof n !== "number") return y;
    const parts = Array.from({ length: m }, (_, i) => {
      const [start, end] = adaptiveWindow(i, n, m);
      return reduce(to, "ReduceMax", slice(to, y, [{ axis, start, end }]), [axis], true);
    });
    return concat(to, parts, axis);
  }, x);
}

/** ONNX counts places through all planes. */
function maxPoolIndex(to: Writer, { first, attrs, value, out }: Site<Windows>): Name {
  const windows = laid(attrs, value(0), out);
  if (windows === null || windows.behind.some((n, d) => n >= windows.kernel[d]!)) {
    throw new ExportProblem(
      "no operator tells the places of maxima in windows of several sizes, or beyond the padding",
    );
  }
  const n = windows.kernel.length;
  const plane = fixedSizes("the image", value(0).dims.slice(-n)).reduce((p, s) => p * s, 1);
  const attributes = attributesOf(windows, true);
  const index = batched(to, first, value(0).shape.length, n + 2, (b) => to.emit("MaxPool", [b], attributes, 2)[1]!);
  return to.narrow(to.op("Mod", [index, to.literal("int64", [], [plane])]));
}

function maxUnpool(
  to: Writer,
  { x: [x = null, index = null], attrs, value, out }: Site<{ size: readonly number[] }>,
): Name {
  const lead = out.shape.length - attrs.size.length;
  const planes = productOf(out.dims.slice(0, lead));
  const elements = fixedSizes("the input", value(0).dims.slice(lead)).reduce((p, s) => p * s, 1);
  const size = fixedSizes("the output", out.dims.slice(lead)).reduce((p, s) => p * s, 1);
  const zeros = to.op("Expand", [to.scalar(0), to.sizes([planes, size])]);
  const flat = (name: Name): Name => reshape(to, name, [planes, elements]);
  const y = to.op("ScatterElements", [zeros, flat(to.index(index!)), flat(x!)], { axis: 1 });
  return reshape(to, y, out.dims, out.dims);
}

function avgPool(to: Writer, { first, attrs, value, out }: Site<AveragePooling>): Name {
  const { windows: given, countIncludePad, divisorOverride } = attrs;
  const rank = value(0).shape.length;
  if (!("kernel" in given) && isGlobal(given)) {
    return batched(to, first, rank, given.outputSize.length + 2, (x) => to.op("GlobalAveragePool", [x]));
  }
  const windows = laid(given, value(0), out);
  if (windows === null) return adaptiveMean(to, first, value(0), out);
  const full = windows.kernel.length + 2;
  const padded = windows.padding.some((p) => p > 0);
  if (divisorOverride === null && !windows.ceilMode) {
    const count_include_pad = countIncludePad && padded ? 1 : undefined;
    return batched(to, first, rank, full, (x) =>
      to.op("AveragePool", [x], { ...attributesOf(windows, false), count_include_pad }),
    );
  }
  // Means over whole windows, corrected by what each of them counts.
  const [x, whole] = outside(to, first, rank, windows, 0);
  const means = batched(to, x, rank, full, (b) => to.op("AveragePool", [b], attributesOf(whole, false)));
  return to.op("Mul", [means, corrections(to, windows, attrs, value(0), out)]);
}

function isGlobal({ outputSize }: AdaptiveWindows): boolean {
  return outputSize.every((n) => n === 1);
}

/** Elements of a whole window over those that count, for each window. */
function corrections(to: Writer, windows: Laid, attrs: AveragePooling, x: Value, y: Value): Name {
  const { kernel, stride, padding } = windows;
  const n = kernel.length;
  const [from, out] = [fixedSizes("the image", x.dims.slice(-n)), fixedSizes("the output", y.dims.slice(-n))];
  const edge = (d: number): number => (attrs.countIncludePad ? padding[d]! : 0);
  let table = [1];
  for (let d = 0; d < n; d++) {
    const counts = Array.from({ length: out[d]! }, (_, i) => {
      const start = i * stride[d]! - padding[d]!;
      const end = Math.min(start + kernel[d]!, from[d]! + edge(d));
      return end - Math.max(start, -edge(d));
    });
    table = table.flatMap((size) => counts.map((count) => size * count));
  }
  const taps = kernel.reduce((p, k) => p * k, 1);
  return to.literal(
    "float32",
    out,
    table.map((count) => Math.fround(taps / (attrs.divisorOverride ?? count))),
  );
}

/** Means of windows of several sizes are a product with a matrix in each dimension. */
function adaptiveMean(to: Writer, x: Name, from: Value, out: Value): Name {
  const rank = from.shape.length;
  let y = x;
  for (let axis = 1; axis < rank; axis++) {
    const [n, m] = [from.dims[axis]!, out.dims[axis]!];
    if (n === m || typeof n !== "number" || typeof m !== "number") continue;
    const rows = Array.from({ length: m }, (_, i) => {
      const [start, end] = adaptiveWindow(i, n, m);
      return Array.from({ length: n }, (_v, k) => (k >= start && k < end ? Math.fround(1 / (end - start)) : 0));
    });
    y = alongAxis(to, y, axis, rank, rows);
  }
  return y;
}

/** The products of a matrix [m, n], given by its rows, with every line of a dimension. */
export function alongAxis(to: Writer, x: Name, axis: number, rank: number, rows: readonly (readonly number[])[]): Name {
  const matrix = to.literal("float32", [rows.length, rows[0]!.length], rows.flat());
  if (axis === rank - 2) return to.op("MatMul", [matrix, x]);
  if (axis === rank - 1) return to.op("MatMul", [x, swapLast(to, matrix, 2)]);
  const perm = Array.from({ length: rank }, (_, d) => (d === axis ? rank - 1 : d === rank - 1 ? axis : d));
  const y = to.op("MatMul", [to.op("Transpose", [x], { perm }), swapLast(to, matrix, 2)]);
  return to.op("Transpose", [y], { perm });
}

export const pools: readonly Rule[] = [
  rule(maxPoolOp, maxPool),
  rule(maxPoolIndexOp, maxPoolIndex),
  rule(maxUnpoolOp, maxUnpool),
  rule(avgPoolOp, avgPool),
];
