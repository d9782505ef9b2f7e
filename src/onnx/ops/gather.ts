import { arange, makeTensor } from "../../creation.js";
import * as F from "../../functional/index.js";
import { cast } from "../../ops/copy.js";
import { numel } from "../../shape.js";
import { adopt, type Tensor } from "../../tensor.js";
import { as, axisOf, type Inputs, needed, numbersAt, tensorAt, wordOf } from "../arguments.js";
import type { Arg, NodeView, OperatorTable } from "../handler.js";

/** Indices from the front; negative ones count from the end. */
function forward(index: Tensor, size: number): Tensor {
  return F.where(F.lt(index, 0), F.add(index, size), index);
}

function runGather(node: NodeView, inputs: Inputs): [Arg] {
  const x = needed(node, inputs, 0);
  const axis = axisOf(node, node.int("axis", 0), x.tensor.ndim);
  return [as(x, F.index(x.tensor, [...new Array<null>(axis).fill(null), tensorAt(node, inputs, 1)]))];
}

function runGatherElements(node: NodeView, inputs: Inputs): [Arg] {
  const x = needed(node, inputs, 0);
  const dim = axisOf(node, node.int("axis", 0), x.tensor.ndim);
  return [as(x, F.gather(x.tensor, forward(tensorAt(node, inputs, 1), x.tensor.size(dim)), { dim }))];
}

/** The last dimension of the indices is a place in the first dimensions of x, behind those that both have in common. */
function runGatherND(node: NodeView, inputs: Inputs): [Arg] {
  const x = needed(node, inputs, 0);
  const indices = tensorAt(node, inputs, 1);
  const batch = node.int("batch_dims", 0);
  const places = F.unbind(indices, { dim: -1 });
  // Each common dimension is indexed by its own position.
  const own = Array.from({ length: batch }, (_, d) => {
    const shape = indices.shape.slice(0, -1).map((n, k) => (k === d ? n : 1));
    return F.reshape(arange(indices.shape[d]!, { dtype: "int32" }), { shape });
  });
  return [as(x, F.index(x.tensor, [...own, ...places]))];
}

const REDUCTIONS = ["none", "add", "mul", "min", "max"] as const;

type ScatterReduction = (typeof REDUCTIONS)[number];

/** A copy of x [P, …] with rows set to, or combined with, the rows of `updates`; `index` has the shape of the updates. */
function scattered(x: Tensor, index: Tensor, updates: Tensor, reduction: ScatterReduction): Tensor {
  if (x.dtype === "bool") {
    const [whole, from] = [cast(x, "int32"), cast(updates, "int32")];
    // Of truths the largest is "or", the smallest "and".
    const same = { none: "none", add: "max", max: "max", mul: "min", min: "min" } as const;
    return cast(scattered(whole, index, from, same[reduction]), "bool");
  }
  if (reduction === "none") return F.scatter(x, index, updates, { dim: 0 });
  if (reduction === "add") return F.scatterAdd(x, index, updates, { dim: 0 });
  if (reduction !== "mul" && x.dtype === "float32") {
    return F.scatterReduce(x, index, updates, { dim: 0, reduce: reduction === "max" ? "amax" : "amin" });
  }
  const combine = { mul: F.mul, max: F.maximum, min: F.minimum }[reduction];
  return inRounds(x, index, updates, (a, b) => combine(a, b));
}

/** Combines row after row: each round takes those that are the next one for their target, so that none meets another. */
function inRounds(x: Tensor, index: Tensor, updates: Tensor, combine: (a: Tensor, b: Tensor) => Tensor): Tensor {
  const width = numel(x.shape.slice(1));
  const targets = index.data();
  const rounds: number[][] = [];
  const seen = new Map<number, number>();
  for (const [at, target] of targets.entries()) {
    const place = target * width + (at % width);
    const round = seen.get(place) ?? 0;
    seen.set(place, round + 1);
    if (round === rounds.length) rounds.push([]);
    rounds[round]!.push(at);
  }
  const flat = F.reshape(updates, { shape: [-1] });
  const y = rounds.reduce(
    (t, positions) => {
      const places = positions.map((at) => targets[at]! * width + (at % width));
      const to = adopt(makeTensor(Int32Array.from(places)));
      const from = adopt(makeTensor(Int32Array.from(positions)));
      const rows = combine(F.indexSelect(t, to, { dim: 0 }), F.indexSelect(flat, from, { dim: 0 }));
      return F.indexCopy(t, to, rows, { dim: 0 });
    },
    F.reshape(x, { shape: [-1] }),
  );
  return F.reshape(y, { shape: x.shape });
}

function runScatterElements(node: NodeView, inputs: Inputs): [Arg] {
  const x = needed(node, inputs, 0);
  const axis = axisOf(node, node.int("axis", 0), x.tensor.ndim);
  const index = forward(tensorAt(node, inputs, 1), x.tensor.size(axis));
  const updates = tensorAt(node, inputs, 2);
  const reduction = wordOf(node, "reduction", "none", REDUCTIONS);
  // Every element becomes a row of one, whose number is its place in the flattened input.
  const strides = x.tensor.shape.map((_, d) => numel(x.tensor.shape.slice(d + 1)));
  const places = strides.reduce(
    (sum, stride, d) => {
      const along = index.shape.map((n, k) => (k === d ? n : 1));
      const at = d === axis ? index : F.reshape(arange(index.shape[d]!, { dtype: "int32" }), { shape: along });
      return F.add(sum, F.mul(at, stride));
    },
    F.mul(index, 0),
  );
  const [from, to] = [updates, places].map((t) => F.reshape(t, { shape: [-1] }));
  const y = scattered(F.reshape(x.tensor, { shape: [-1] }), to!, from!, reduction);
  return [as(x, F.reshape(y, { shape: x.tensor.shape }))];
}

function runScatterND(node: NodeView, inputs: Inputs): [Arg] {
  const x = needed(node, inputs, 0);
  const indices = tensorAt(node, inputs, 1);
  const depth = indices.size(-1);
  const indexed = x.tensor.shape.slice(0, depth);
  const width = numel(x.tensor.shape.slice(depth));
  const places = F.unbind(indices, { dim: -1 }).reduce<Tensor | null>((sum, at, d) => {
    const own = forward(at, indexed[d]!);
    return sum === null ? own : F.add(F.mul(sum, indexed[d]!), own);
  }, null);
  if (places === null) throw node.fail("indices have no coordinates");
  const rows = F.reshape(x.tensor, { shape: [numel(indexed), width] });
  const updates = F.reshape(tensorAt(node, inputs, 2), { shape: [places.numel, width] });
  const index = F.expand(F.reshape(places, { shape: [-1, 1] }), { shape: updates.shape });
  const y = scattered(rows, index, updates, wordOf(node, "reduction", "none", REDUCTIONS));
  return [as(x, F.reshape(y, { shape: x.tensor.shape }))];
}

/** Indices from −depth to depth − 1; others have no place. */
function runOneHot(node: NodeView, inputs: Inputs): [Arg] {
  const indices = cast(tensorAt(node, inputs, 0), "int32");
  const depth = Math.trunc(numbersAt(inputs, 1)?.[0] ?? 0);
  const values = needed(node, inputs, 2);
  const dim = axisOf(node, node.int("axis", -1), indices.ndim + 1);
  const along = Array.from({ length: indices.ndim + 1 }, (_, d) => (d === dim ? depth : 1));
  const places = F.reshape(arange(depth, { dtype: "int32" }), { shape: along });
  const hot = F.eq(F.unsqueeze(forward(indices, depth), { dim }), places);
  const [off, on] = F.unbind(values.tensor);
  return [as(values, cast(F.where(hot, on!, off!), values.tensor.dtype))];
}

/** Reading and writing at places that tensors name. */
export const gathers: OperatorTable = {
  Gather: [{ since: 1, attributes: ["axis"], run: runGather }],
  GatherElements: [{ since: 11, attributes: ["axis"], run: runGatherElements }],
  GatherND: [
    { since: 11, attributes: [], run: runGatherND },
    { since: 12, attributes: ["batch_dims"], run: runGatherND },
  ],
  Scatter: [{ since: 9, attributes: ["axis"], run: runScatterElements }],
  ScatterElements: [
    { since: 11, attributes: ["axis"], run: runScatterElements },
    { since: 16, attributes: ["axis", "reduction"], run: runScatterElements },
  ],
  ScatterND: [
    { since: 11, attributes: [], run: runScatterND },
    { since: 16, attributes: ["reduction"], run: runScatterND },
  ],
  OneHot: [{ since: 9, attributes: ["axis"], run: runOneHot }],
};
