import { castOp, catOp, contiguousOp, permuteOp, sliceOp, viewOp } from "../../ops/copy.js";
import { expandOp } from "../../ops/reduce.js";
import { splitOp } from "../../ops/view.js";
import { type Draft, rewrite, sameDims } from "../draft.js";
import type { GraphNode, Value } from "../graph.js";
import type { Graph } from "../graph_class.js";
import { nodeOf, runs } from "../node.js";

/**
 * Drops ops that change nothing (a reshape, expand or cast to what is there, a permutation in order, a slice or join of all, a copy of
 * what lies in order) and makes one of two reshapes, permutations or expansions in a row.
 */
export function viewMerging(graph: Graph): Graph {
  return rewrite(graph, (node, draft) => {
    const [x, second] = node.inputs;
    const [y] = node.outputs as readonly [Value];
    if (!x || second !== undefined) return;
    let now = node;
    for (let next = merged(now, draft); next !== null; next = merged(now, draft)) now = next;
    const from = now.inputs[0]!;
    if (changesNothing(now, from, y, draft) && draft.substitute(y, from)) return;
    if (now !== node) draft.replace(node, now);
  });
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
