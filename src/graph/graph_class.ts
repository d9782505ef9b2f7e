import { RuntimeError } from "../errors.js";
import type { Tensor } from "../tensor.js";
import { dotOf } from "./dot.js";
import type { GraphNode, GraphParts, Guard, Value } from "./graph.js";
import { textOf } from "./text.js";

/**
 * What a module computes, as a list of ops. `trace` makes one; `String(graph)` shows it, a line an op.
 * Errors: RuntimeError for parts of which a node reads what nothing before it has made, or two nodes make the same.
 */
export class Graph implements GraphParts {
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly constants: ReadonlyMap<Value, Tensor>;
  readonly nodes: readonly GraphNode[];
  readonly guards: readonly Guard[];

  constructor(parts: GraphParts) {
    checkOrder(parts);
    this.inputs = parts.inputs;
    this.outputs = parts.outputs;
    this.constants = parts.constants;
    this.nodes = parts.nodes;
    this.guards = parts.guards;
  }

  /**
   * Lets go of the constants, but for those that a graph in `keep` reads as well: what no module and no other graph holds is freed. Without
   * it that is left to garbage collection.
   */
  dispose(...keep: readonly GraphParts[]): void {
    const shared = new Set(keep.flatMap((graph) => [...graph.constants.values()]));
    for (const tensor of this.constants.values()) if (!shared.has(tensor)) tensor.dispose();
  }

  /** Inputs, constants, one line an op with its result's dtype and sizes, guards, outputs. */
  toString(): string {
    return textOf(this);
  }

  /** The same as a drawing, in the language of Graphviz: `dot -Tsvg`. */
  toDot(): string {
    return dotOf(this);
  }
}

function checkOrder({ inputs, outputs, constants, nodes, guards }: GraphParts): void {
  const made = new Set<Value>();
  const names = new Set<string>();
  const define = (value: Value): void => {
    if (made.has(value)) throw new RuntimeError("Graph", `"${value.name}" is made twice; expected once`);
    if (names.has(value.name)) throw new RuntimeError("Graph", `two values are called "${value.name}"; expected one`);
    made.add(value);
    names.add(value.name);
  };
  const use = (value: Value, by: string): void => {
    if (!made.has(value)) throw new RuntimeError("Graph", `${by} reads "${value.name}", which nothing before it makes`);
  };
  for (const value of inputs) define(value);
  for (const value of constants.keys()) define(value);
  for (const node of nodes) {
    for (const value of node.inputs) if (value !== null) use(value, node.op.name);
    for (const value of node.outputs) define(value);
  }
  for (const value of outputs) use(value, "the caller");
  for (const { value } of guards) use(value, "a guard");
}
