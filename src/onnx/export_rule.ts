import type { AnyOp, GraphNode, Value } from "../graph/graph.js";
import { runs } from "../graph/node.js";
import type { Inputs, Op } from "../ops/op.js";
import type { Tensor } from "../tensor.js";
import { ExportProblem } from "./export_problem.js";
import type { Name, Writer } from "./export_writer.js";

/** A node of a graph, with the names of its operands in the file. */
export interface Site<A> {
  readonly attrs: A;
  /** Operands by position; null for one that is left out. */
  readonly x: readonly (Name | null)[];
  /** The first operand. */
  readonly first: Name;
  readonly node: GraphNode;
  /** The values that the operands are. */
  value(position: number): Value;
  /** The first result. */
  readonly out: Value;
}

/** Names of the results; null for one that the rule does not make. */
export type Written = Name | readonly (Name | null)[];

/** How one op is written in terms of ONNX's operators. */
export interface Rule {
  readonly op: AnyOp;
  readonly write: (to: Writer, node: GraphNode, names: readonly (Name | null)[]) => readonly (Name | null)[];
}

/**
 * The rule of an op. `open` names the attributes whose symbols it writes, if they depend on any, "*" for all; a symbol in another one
 * is a problem.
 */
export function rule<I extends Inputs, O extends readonly Tensor[], A>(
  op: Op<I, O, A>,
  write: (to: Writer, site: Site<A>) => Written,
  open: readonly string[] = [],
): Rule {
  return {
    op: op as AnyOp,
    write: (to, node, names) => {
      if (!runs(node, op)) throw new ExportProblem("is another op");
      const bad = node.symbolic?.find(({ path }) => !open.includes("*") && !open.includes(String(path[0])));
      if (bad !== undefined) {
        throw new ExportProblem(`its attribute ${bad.path.join(".")} depends on a symbol; expected a number`);
      }
      const value = (position: number): Value => node.inputs[position]!;
      const written = write(to, {
        attrs: node.attrs,
        x: names,
        first: names[0] ?? "",
        node,
        value,
        out: node.outputs[0]!,
      });
      return typeof written === "string" ? [written] : written;
    },
  };
}
