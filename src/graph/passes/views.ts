import { castOp, catOp, contiguousOp, permuteOp, sliceOp, viewOp } from "../../ops/copy.js";
import { expandOp } from "../../ops/reduce.js";
import { indexSelectOp } from "../../ops/rows.js";
import { splitOp } from "../../ops/view.js";
import { type Draft, rewrite, sameDims } from "../draft.js";
import type { GraphNode, SymbolicAttr, Value } from "../graph.js";
import type { Graph } from "../graph_class.js";
import { type NodeOf, nodeOf, runs, symbolicSizes } from "../node.js";

/**
 * Drops ops that change nothing (a reshape, expand or cast to what is there, a permutation in order, a slice or join of all, a copy of
 * what lies in order) and makes one of two reshapes, permutations or expansions in a row. A selection of indices at even steps becomes a slice, a
 * permutation that moves sizes of 1 alone a reshape.
 */
export function viewMerging(graph: Graph): Graph {
  return rewrite(graph, (node, draft) => {
    const [x, second] = node.inputs;
    const [y] = node.outputs as readonly [Value];
    const simple = runs(node, indexSelectOp) ? sliced(node, draft) : runs(node, permuteOp) ? reshaped(node) : null;
    if (simple !== null) {
      draft.replace(node, simple);
      return;
    }
    if (!x || second !== undefined) return;
    let now = node;
    for (let next = merged(now, draft); next !== null; next = merged(now, draft)) now = next;
    const from = now.inputs[0]!;
    if (changesNothing(now, from, y, draft) && draft.substitute(y, from)) return;
    if (now !== node) draft.replace(node, now);
  });
}

/** Constant indices at even steps are a slice, which is a view. */
function sliced(node: NodeOf<{ readonly dim: number }>, draft: Draft): GraphNode | null {
  const [x, index] = node.inputs as readonly [Value, Value];
  const [y] = node.outputs as readonly [Value];
  const { dim } = node.attrs;
  const at = draft.constant(index)?.data();
  const size = x.dims[dim];
  if (at === undefined || at.length === 0 || typeof size !== "number") return null;
  const first = at[0]!;
  const step = at.length === 1 ? 1 : at[1]! - first;
  const even = at.every((v, i) => v === first + i * step && v >= 0 && v < size);
  const symbolic = symbolicSizes("sizes", y.dims);
  if (!even || step < 1 || symbolic === null) return null;
  const along = (value: number, other: number): number[] => x.shape.map((_, d) => (d === dim ? value : other));
  const attrs = { starts: along(first, 0), sizes: y.shape, steps: along(step, 1) };
  return withSymbols(nodeOf(sliceOp, [x], [y], attrs, node.module), symbolic);
}

/** A permutation that only moves sizes of 1 is a reshape, and can meet others. */
function reshaped(node: NodeOf<{ readonly order: readonly number[] }>): GraphNode | null {
  const [x] = node.inputs as readonly [Value];
  const [y] = node.outputs as readonly [Value];
  const moved = node.attrs.order.filter((d) => x.dims[d] !== 1);
  const symbolic = symbolicSizes("shape", y.dims);
  const stays = moved.every((d, i) => i === 0 || d > moved[i - 1]!);
  if (!stays || symbolic === null || node.attrs.order.every((d, i) => d === i)) return null;
  return withSymbols(nodeOf(viewOp, [x], [y], { shape: y.shape }, node.module), symbolic);
}

function withSymbols(node: GraphNode, symbolic: readonly SymbolicAttr[]): GraphNode {
  return symbolic.length === 0 ? node : { ...node, symbolic };
}

function changesNothing(node: GraphNode, x: Value, y: Value, draft: Draft): boolean {
  if (runs(node, permuteOp)) return node.attrs.order.every((d, i) => d === i);
  if (runs(node, contiguousOp)) return isOrdered(x, draft);
  if (runs(node, sliceOp)) return sameDims(x, y) && node.attrs.steps.every((step) => step === 1);
  const sized = runs(node, viewOp) || runs(node, expandOp) || runs(node, catOp) || runs(node, splitOp);
  return (sized || runs(node, castOp)) && sameDims(x, y) && node.outputs.length === 1;
}

/** Whether a value certainly lies in row-major order. */
function isOrdered(value: Value, draft: Draft): boolean {
  const maker = draft.maker(value);
  if (maker === null) return draft.constant(value)?.isContiguous ?? true;
  return maker.op.view === undefined || (runs(maker, viewOp) && isOrdered(maker.inputs[0]!, draft));
}

/** A node that reads what the maker of this node's operand reads. */
function merged(node: GraphNode, draft: Draft): GraphNode | null {
  const before = draft.maker(node.inputs[0]);
  if (before === null) return null;
  const { outputs, module } = node;
  const around = { ...node, inputs: [before.inputs[0]!] };
  if (runs(node, permuteOp) && runs(before, permuteOp)) {
    const order = node.attrs.order.map((d) => before.attrs.order[d]!);
    return nodeOf(permuteOp, around.inputs, outputs, { order }, module);
  }
  if (
    runs(node, viewOp) &&
    (runs(before, viewOp) || (runs(before, contiguousOp) && isOrdered(before.inputs[0]!, draft)))
  )
    return around;
  return runs(node, expandOp) && runs(before, expandOp) ? around : null;
}
