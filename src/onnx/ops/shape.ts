import * as F from "../../functional/index.js";
import { broadcastShapes, numel } from "../../shape.js";
import { as, axisOf, type Inputs, listAt, needed, sizesArg } from "../arguments.js";
import type { Arg, NodeView, OperatorTable } from "../handler.js";

/** The list of an attribute of old operator sets, or of an input of newer ones. */
function listOf(node: NodeView, inputs: Inputs, place: number, attribute: string): readonly number[] | null {
  return node.has(attribute) ? node.ints(attribute) : listAt(inputs, place);
}

function required(node: NodeView, inputs: Inputs, place: number, attribute: string): readonly number[] {
  const list = listOf(node, inputs, place, attribute);
  if (list === null) throw node.fail(`${attribute} is missing`);
  return list;
}

/** An axis that may be one behind the last, counted from the front and clipped. */
function edge(axis: number, rank: number): number {
  return Math.min(Math.max(axis < 0 ? axis + rank : axis, 0), rank);
}

function runShape(node: NodeView, inputs: Inputs): [Arg] {
  const { shape } = needed(node, inputs, 0).tensor;
  const rank = shape.length;
  return [sizesArg(shape.slice(edge(node.int("start", 0), rank), edge(node.int("end", rank), rank)))];
}

function runSize(node: NodeView, inputs: Inputs): [Arg] {
  const [count] = [sizesArg([needed(node, inputs, 0).tensor.numel])];
  return [as(count!, F.reshape(count!.tensor, { shape: [] }))];
}

/** 0 stands for the input's own size, unless zeros are allowed; -1 for what remains. */
function runReshape(node: NodeView, inputs: Inputs): [Arg] {
  const x = needed(node, inputs, 0);
  const literal = node.int("allowzero", 0) !== 0;
  const shape = required(node, inputs, 1, "shape").map((n, d) => {
    if (n !== 0 || literal) return n;
    const own = x.tensor.shape[d];
    if (own === undefined) throw node.fail(`size ${d} is 0, but the input has rank ${x.tensor.ndim}`);
    return own;
  });
  return [as(x, F.reshape(x.tensor, { shape }))];
}

function runFlatten(node: NodeView, inputs: Inputs): [Arg] {
  const x = needed(node, inputs, 0);
  const { shape } = x.tensor;
  const axis = edge(node.int("axis", 1), shape.length);
  return [as(x, F.reshape(x.tensor, { shape: [numel(shape.slice(0, axis)), numel(shape.slice(axis))] }))];
}

function runSqueeze(node: NodeView, inputs: Inputs): [Arg] {
  const x = needed(node, inputs, 0);
  const { shape, ndim } = x.tensor;
  const axes = listOf(node, inputs, 1, "axes")?.map((axis) => axisOf(node, axis, ndim));
  const wide = axes?.find((d) => shape[d] !== 1);
  if (wide !== undefined) throw node.fail(`dimension ${wide} has the size ${shape[wide]}; expected 1`);
  return [as(x, F.reshape(x.tensor, { shape: shape.filter((n, d) => !(axes?.includes(d) ?? n === 1)) }))];
}

function runUnsqueeze(node: NodeView, inputs: Inputs): [Arg] {
  const x = needed(node, inputs, 0);
  const axes = required(node, inputs, 1, "axes");
  const rank = x.tensor.ndim + axes.length;
  const added = new Set(axes.map((axis) => axisOf(node, axis, rank)));
  if (added.size !== axes.length) throw node.fail(`axes [${axes.join(", ")}] repeat`);
  const own = x.tensor.shape.values();
  const shape = Array.from({ length: rank }, (_, d) => (added.has(d) ? 1 : (own.next().value ?? 1)));
  return [as(x, F.reshape(x.tensor, { shape }))];
}

function runTranspose(node: NodeView, inputs: Inputs): [Arg] {
  const x = needed(node, inputs, 0);
  const reversed = Array.from(x.tensor.shape.keys()).reverse();
  return [as(x, F.permute(x.tensor, { dims: node.ints("perm", reversed) }))];
}

/** The shape stretches the input, and the input the shape. */
function runExpand(node: NodeView, inputs: Inputs): [Arg] {
  const x = needed(node, inputs, 0);
  const shape = broadcastShapes("Expand", x.tensor.shape, required(node, inputs, 1, "shape"));
  return [as(x, F.expand(x.tensor, { shape }))];
}

function runTile(node: NodeView, inputs: Inputs): [Arg] {
  const x = needed(node, inputs, 0);
  return [as(x, F.tile(x.tensor, { dims: required(node, inputs, 1, "repeats") }))];
}

/** Shapes: asking for them and changing them. */
export const shapes: OperatorTable = {
  Shape: [
    { since: 1, attributes: [], run: runShape },
    { since: 15, attributes: ["start", "end"], run: runShape },
  ],
  Size: [{ since: 1, attributes: [], run: runSize }],
  Reshape: [
    { since: 5, attributes: [], run: runReshape },
    { since: 14, attributes: ["allowzero"], run: runReshape },
  ],
  Flatten: [{ since: 1, attributes: ["axis"], run: runFlatten }],
  Squeeze: [
    { since: 1, attributes: ["axes"], run: runSqueeze },
    { since: 13, attributes: [], run: runSqueeze },
  ],
  Unsqueeze: [
    { since: 1, attributes: ["axes"], run: runUnsqueeze },
    { since: 13, attributes: [], run: runUnsqueeze },
  ],
  Transpose: [{ since: 1, attributes: ["perm"], run: runTranspose }],
  Expand: [{ since: 8, attributes: [], run: runExpand }],
  Tile: [{ since: 6, attributes: [], run: runTile }],
};
