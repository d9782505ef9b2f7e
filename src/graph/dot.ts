import type { GraphParts, Value } from "./graph.js";
import { formatAttrs, formatOperand, formatType } from "./text.js";

/** See `Graph.toDot`. Constants stand within the box of the op that reads them. */
export function dotOf({ inputs, outputs, constants, nodes }: GraphParts): string {
  const lines = ["digraph {", "  node [shape=box, fontname=monospace];"];
  const makers = new Map<Value, string>();
  const box = (id: string, text: readonly string[], style: string): void => {
    lines.push(
      `  ${id} [label="${text
        .filter((t) => t !== "")
        .map(escaped)
        .join("\\n")}"${style}];`,
    );
  };
  const edge = (value: Value, to: string): void => {
    const from = makers.get(value);
    if (from !== undefined) lines.push(`  ${from} -> ${to} [label="${escaped(formatType(value))}"];`);
  };
  for (const [i, value] of inputs.entries()) {
    makers.set(value, `in${i}`);
    box(`in${i}`, [value.name, formatType(value)], ", style=rounded");
  }
  for (const [i, node] of nodes.entries()) {
    const id = `n${i}`;
    const own = node.inputs.filter((value) => value !== null && constants.has(value));
    const read = own.map((value) => formatOperand(value, constants)).join(", ");
    box(id, [node.op.name + formatAttrs(node), read, node.module], "");
    for (const value of node.inputs) if (value !== null) edge(value, id);
    for (const value of node.outputs) makers.set(value, id);
  }
  for (const [i, value] of outputs.entries()) {
    box(`out${i}`, [value.name, formatType(value)], ", style=rounded");
    edge(value, `out${i}`);
  }
  return `${lines.join("\n")}\n}`;
}

function escaped(text: string): string {
  return text.replace(/["\\]/g, "\\$&");
}
