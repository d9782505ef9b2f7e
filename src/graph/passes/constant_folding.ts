import { materialize } from "../../layout.js";
import { expandOp } from "../../ops/reduce.js";
import { frugal } from "../../runtime/frugal.js";
import { unscoped } from "../../runtime/scope.js";
import { noGrad } from "../../scoping.js";
import { adoptUnscoped, type Tensor } from "../../tensor.js";
import { Draft } from "../draft.js";
import { run } from "../evaluate.js";
import type { GraphNode, Value } from "../graph.js";
import type { Graph } from "../graph_class.js";
import { runs } from "../node.js";

/**
 * Computes what depends on constants only. The results are constants with values of now: they do not follow weights that change later.
 * What only is stretched stays an op, since it takes no memory; where memory counts more than time, so does what is put into another order.
 */
export function constantFolding(graph: Graph): Graph {
  const known = new Map<Value, Tensor>(graph.constants);
  const folded = new Set<GraphNode>();
  const draft = new Draft(graph);
  noGrad(() => {
    for (const node of graph.nodes) {
      if (!isFixed(node) || node.inputs.some((value) => value !== null && !known.has(value))) continue;
      folded.add(node);
      const results = run(
        node,
        node.inputs.map((value) => value && known.get(value)!),
      );
      for (const [i, t] of results.entries()) known.set(node.outputs[i]!, t);
    }
    // An expanded constant is read from where it lies; outputs stay values that an op makes.
    for (const node of folded) {
      const costs = frugal && node.op.view !== undefined && !node.outputs.every((v) => known.get(v)!.isContiguous);
      if (costs || runs(node, expandOp) || node.outputs.some((value) => graph.outputs.includes(value)))
        folded.delete(node);
    }
    const read = [...graph.nodes].filter((node) => !folded.has(node)).flatMap((node) => node.inputs);
    const wanted = new Set<Value | null>([...read, ...graph.guards.map((guard) => guard.value)]);
    for (const node of folded) {
      for (const value of node.outputs) if (wanted.has(value)) draft.fold(value, kept(known.get(value)!));
    }
  });
  return draft.finish();
}

/** Whether no symbol has a say. */
function isFixed({ symbolic = [], outputs }: GraphNode): boolean {
  return symbolic.length === 0 && outputs.every(({ dims }) => dims.every((dim) => typeof dim === "number"));
}

/** In order, outside every scope; a view of a weight shares its storage. */
function kept(t: Tensor): Tensor {
  return unscoped(() => adoptUnscoped(t.isContiguous ? t.alias() : materialize(t)));
}
