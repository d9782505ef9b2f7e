import type { Dim, Value } from "../../graph/graph.js";
import { catOp, permuteOp, type SliceAttrs, sliceOp, viewOp } from "../../ops/copy.js";
import { padConstantOp, padRepeatOp } from "../../ops/pad.js";
import { bandOp, flipOp, rollOp, sliceScatterOp } from "../../ops/rearrange.js";
import { expandOp } from "../../ops/reduce.js";
import { type DiagonalAttrs, diagonalGradOp, diagonalOp, splitOp } from "../../ops/view.js";
import { type Rule, rule, type Site } from "../export_rule.js";
import {
  concat,
  countUp,
  END,
  expand,
  padded,
  placeIn,
  type Range,
  reshape,
  slice,
  through,
  transpose,
  unsqueeze,
} from "../export_shapes.js";
import { addSizes, fixedSizes, sameSize } from "../export_sizes.js";
import type { Name, Writer } from "../export_writer.js";

/** An attribute's list of numbers with its symbols. */
function dimsOf({ node: { symbolic = [] } }: Site<unknown>, key: string, list: readonly number[]): Dim[] {
  return list.map((n, i) => {
    const found = symbolic.find(({ path }) => path[0] === key && path[1] === i);
    return found === undefined ? n : found.size;
  });
}

/** An attribute with its symbols. */
function sizeAt({ node: { symbolic = [] } }: Site<unknown>, key: string, byDefault: number): Dim {
  return symbolic.find(({ path }) => path[0] === key)?.size ?? byDefault;
}

/** The dimensions of x of which a slice is only a part. */
function rangesOf(site: Site<SliceAttrs>, x: Value): Range[] {
  const { attrs, node } = site;
  const starts = dimsOf(site, "starts", attrs.starts);
  // The result of a slice, or the source that takes its place.
  const sizes = x === node.inputs[0] && node.op.name === "slice" ? node.outputs[0]!.dims : node.inputs[1]!.dims;
  return x.dims.flatMap((size, axis): Range[] => {
    const step = attrs.steps[axis]!;
    const count = sizes[axis]!;
    if (step === 1 && starts[axis] === 0 && sameSize(count, size)) return [];
    if (count === 0) return [{ axis, start: 0, end: 0 }];
    // Without what the last step would still pass over.
    const last = addSizes(starts[axis]!, addSizes(0, count, step));
    const end = addSizes(last, 1 - step);
    return [{ axis, start: placeIn(size, starts[axis]!), end: placeIn(size, end), step }];
  });
}

/** x with a part of it replaced: dimension by dimension, what lies around the rest is put back. */
function sliceScatter(to: Writer, x: Name, source: Name, ranges: readonly Range[], size: (axis: number) => Dim): Name {
  const [first, ...rest] = ranges;
  if (first === undefined) return source;
  const inner = rest.length === 0 ? source : sliceScatter(to, slice(to, x, [first]), source, rest, size);
  const { axis, start, end, step = 1 } = first;
  if (step === 1) {
    const before = start === 0 ? [] : [slice(to, x, [{ axis, start: 0, end: start }])];
    const behind = end === END || sameSize(end, size(axis)) ? [] : [slice(to, x, [{ axis, start: end, end: END }])];
    return concat(to, [...before, inner, ...behind], axis);
  }
  const places = slice(to, countUp(to, size(axis)), [{ ...first, axis: 0 }]);
  const rank = Math.max(...ranges.map((r) => r.axis), axis) + 1;
  const index = unsqueeze(to, places, [...new Array<number>(rank).keys()].slice(axis + 1));
  return to.op("ScatterElements", [x, to.op("Expand", [index, to.op("Shape", [inner])]), inner], { axis });
}

/** Sizes and order of the dimensions around a diagonal: those of a matrix come last. */
function diagonalPlan(shape: readonly Dim[], { dim1, dim2 }: DiagonalAttrs) {
  const others = [...shape.keys()].filter((d) => d !== dim1 && d !== dim2);
  const [rows, columns] = fixedSizes("a matrix", [shape[dim1]!, shape[dim2]!]) as [number, number];
  return { order: [...others, dim1, dim2], lead: others.map((d) => shape[d]!), rows, columns };
}

function diagonalPlaces(rows: number, columns: number, offset: number): number[] {
  return Array.from({ length: rows }, (_, i) => i).flatMap((i) => {
    const j = i + offset;
    return j >= 0 && j < columns ? [i * columns + j] : [];
  });
}

function diagonal(to: Writer, { first, attrs, value }: Site<DiagonalAttrs>): Name {
  const { order, lead, rows, columns } = diagonalPlan(value(0).dims, attrs);
  const flat = reshape(to, transpose(to, first, order), [...lead, rows * columns]);
  return to.op("Gather", [flat, to.ints(diagonalPlaces(rows, columns, attrs.offset))], { axis: lead.length });
}

/** Every element takes one of the diagonal, or a zero put behind them. */
function embedded(to: Writer, { first, attrs, out, value }: Site<DiagonalAttrs>): Name {
  const { order, lead, rows, columns } = diagonalPlan(out.dims, attrs);
  const places = diagonalPlaces(rows, columns, attrs.offset);
  const from = new Array<number>(rows * columns).fill(places.length);
  for (const [k, place] of places.entries()) from[place] = k;
  const pads = value(0).shape.map((_, d) => [0, d === lead.length ? 1 : 0] as const);
  const longer = padded(to, first, pads, 0, out.dtype);
  const flat = to.op("Gather", [longer, to.ints(from)], { axis: lead.length });
  const back = order.map((_, d) => order.indexOf(d));
  return transpose(to, reshape(to, flat, [...lead, rows, columns]), back);
}

function flip(to: Writer, { first, attrs: { dims } }: Site<{ readonly dims: readonly number[] }>): Name {
  return slice(
    to,
    first,
    dims.map((axis) => ({ axis, start: -1, end: -END, step: -1 })),
  );
}

/** What a shift pushes out at the end comes back at the start. */
function roll(to: Writer, site: Site<{ readonly shifts: readonly number[] }>): Name {
  const { dims } = site.value(0);
  return dimsOf(site, "shifts", site.attrs.shifts).reduce<Name>((x, shift, axis) => {
    if (shift === 0) return x;
    const cut = placeIn(dims[axis]!, addSizes(dims[axis]!, shift, -1));
    return concat(
      to,
      [slice(to, x, [{ axis, start: cut, end: END }]), slice(to, x, [{ axis, start: 0, end: cut }])],
      axis,
    );
  }, site.first);
}

function padRepeat(
  to: Writer,
  {
    first,
    attrs,
    out,
  }: Site<{ dim: number; before: number; after: number; mode: "reflect" | "replicate" | "circular" }>,
): Name {
  const { dim: axis, before, after, mode } = attrs;
  if (mode === "circular") {
    const front = before > 0 ? [slice(to, first, [{ axis, start: -before, end: END }])] : [];
    const behind = after > 0 ? [slice(to, first, [{ axis, start: 0, end: after }])] : [];
    return concat(to, [...front, first, ...behind], axis);
  }
  // What is cut off on one side may be what the other side repeats.
  const grown = out.shape.map((_, d) => (d === axis ? [Math.max(before, 0), Math.max(after, 0)] : [0, 0]));
  const list = [...grown.map((p) => p[0]!), ...grown.map((p) => p[1]!)];
  const wide = list.some((n) => n > 0)
    ? to.op("Pad", [first, to.ints(list)], { mode: mode === "replicate" ? "edge" : "reflect" })
    : first;
  if (before >= 0 && after >= 0) return wide;
  return slice(to, wide, [{ axis, start: Math.max(-before, 0), end: after < 0 ? after : END }]);
}

function split(to: Writer, { first, attrs: { dim }, node: { outputs } }: Site<{ readonly dim: number }>): Name[] {
  const sizes = outputs.map((value) => value.dims[dim]!);
  if (sizes.length === 1) return [first];
  return to.emit("Split", [first, to.sizes(sizes)], { axis: dim }, sizes.length);
}

/** The diagonals between two; one beyond the corners is no bound. */
function band(to: Writer, site: Site<{ low: number; high: number }>): Name {
  const { first, attrs, value } = site;
  const { dtype, dims } = value(0);
  const [rows, columns] = dims.slice(-2) as [Dim, Dim];
  const open = (key: "low" | "high", edge: Dim): boolean => sameSize(sizeAt(site, key, attrs[key]), edge);
  return through(to, first, dtype, dtype === "float32" ? dtype : "int64", (x) => {
    const k = (n: number): Name => to.literal("int64", [], [n]);
    const upper = open("low", addSizes(0, rows, -1)) ? x : to.op("Trilu", [x, k(attrs.low)], { upper: 1 });
    return open("high", columns) ? upper : to.op("Trilu", [upper, k(attrs.high)], { upper: 0 });
  });
}

export const views: readonly Rule[] = [
  rule(viewOp, (to, { first, out, value }) => reshape(to, first, out.dims, value(0).dims), ["shape"]),
  rule(permuteOp, (to, { first, attrs: { order } }) => transpose(to, first, order)),
  rule(expandOp, (to, { first, out }) => expand(to, first, out.dims), ["shape"]),
  rule(sliceOp, (to, site) => slice(to, site.first, rangesOf(site, site.value(0))), ["starts", "sizes"]),
  rule(
    sliceScatterOp,
    (to, site) => {
      const { dims } = site.value(0);
      return sliceScatter(to, site.first, site.x[1]!, rangesOf(site, site.value(0)), (axis) => dims[axis]!);
    },
    ["starts", "sizes"],
  ),
  rule(catOp, (to, { x, attrs: { dim } }) =>
    concat(
      to,
      x.map((name) => name!),
      dim,
    ),
  ),
  rule(splitOp, split, ["sizes"]),
  rule(diagonalOp, diagonal),
  rule(diagonalGradOp, embedded, ["shape"]),
  rule(flipOp, flip),
  rule(rollOp, roll, ["shifts"]),
  rule(padConstantOp, (to, { first, attrs: { pads, value }, out }) => padded(to, first, pads, value, out.dtype)),
  rule(padRepeatOp, padRepeat),
  rule(bandOp, band, ["low", "high"]),
];
