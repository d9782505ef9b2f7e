import type { GraphNode, GraphParts, Value } from "../graph.js";
import { Graph } from "../graph_class.js";

/** Drops ops of which neither an output nor a guard depends, and constants that nothing reads. Inputs stay. */
export function deadCode(graph: Graph): Graph {
  const parts = withoutDeadCode(graph);
  return parts === graph ? graph : new Graph(parts);
}

/** The same for the parts of a graph: the same object if nothing is dead. */
export function withoutDeadCode(parts: GraphParts): GraphParts {
  const used = new Set<Value>([...parts.outputs, ...parts.guards.map((guard) => guard.value)]);
  const nodes: GraphNode[] = [];
  for (const node of parts.nodes.toReversed()) {
    if (!node.outputs.some((value) => used.has(value))) continue;
    nodes.push(node);
    for (const value of node.inputs) if (value !== null) used.add(value);
  }
  const constants = new Map([...parts.constants].filter(([value]) => used.has(value)));
  if (nodes.length === parts.nodes.length && constants.size === parts.constants.size) return parts;
  const { inputs, outputs, guards } = parts;
  return { inputs, outputs, constants, nodes: nodes.reverse(), guards };
}
