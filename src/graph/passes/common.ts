import { rewrite } from "../draft.js";
import type { AnyOp, GraphNode, Value } from "../graph.js";
import type { Graph } from "../graph_class.js";

/** Computes once what two ops compute alike: the same op on the same values with the same attributes. */
export function commonSubexpressions(graph: Graph): Graph {
  const seen = new Map<AnyOp, GraphNode[]>();
  return rewrite(graph, (node, draft) => {
    const same = seen.get(node.op) ?? [];
    const twin = same.find((other) => draft.has(other) && isTwin(node, other));
    if (twin === undefined) {
      seen.set(node.op, [...same, node]);
      return;
    }
    for (const [i, value] of node.outputs.entries()) draft.substitute(value, twin.outputs[i]!);
  });
}

function isTwin(a: GraphNode, b: GraphNode): boolean {
  const sameInputs = a.inputs.length === b.inputs.length && a.inputs.every((value, i) => value === b.inputs[i]);
  return sameInputs && isSame(a.attrs, b.attrs) && isSame(sizes(a.outputs), sizes(b.outputs));
}

function sizes(values: readonly Value[]): unknown {
  return values.map(({ shape, dims }) => [shape, dims]);
}

/** Plain data of the same values. */
function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => isSame(Reflect.get(a, key), Reflect.get(b, key)));
}
