import { ArgumentError, RuntimeError } from "../errors.js";
import { contiguous, viewOp, viewStrides } from "../ops/copy.js";
import { apply } from "../ops/op.js";
import { noGrad } from "../scoping.js";
import { formatShape, sameShape } from "../shape.js";
import { Tensor } from "../tensor.js";
import type { GraphNode, GraphParts, Value } from "./graph.js";
import { runs } from "./node.js";

/**
 * Computes a graph op by op, without gradients: what every other way of running it must give. Inputs by name, or in order.
 * Errors: ArgumentError for missing or unknown inputs or other shapes and dtypes than those the graph was made from; RuntimeError if a guard fails.
 */
export function evaluate(
  graph: GraphParts,
  inputs: readonly Tensor[] | Readonly<Record<string, Tensor>>,
): Record<string, Tensor> {
  const given: Readonly<Record<string, Tensor>> = Array.isArray(inputs)
    ? Object.fromEntries(graph.inputs.map((value, i) => [value.name, inputs[i]]))
    : (inputs as Readonly<Record<string, Tensor>>);
  const known = new Map<Value, Tensor>(graph.constants);
  for (const value of graph.inputs) known.set(value, checkedInput(value, given[value.name]));
  return noGrad(() => {
    for (const node of graph.nodes) {
      const operands = node.inputs.map((value) => value && known.get(value)!);
      for (const [i, t] of run(node, operands).entries()) known.set(node.outputs[i]!, t);
    }
    for (const { value, data } of graph.guards) {
      const found = known.get(value)!.data();
      if (found.every((v, i) => Object.is(v, data[i]))) continue;
      throw new RuntimeError("evaluate", `"${value.name}" is not as in the trace; expected [${data.join(", ")}]`);
    }
    return Object.fromEntries(graph.outputs.map((value) => [value.name, known.get(value)!]));
  });
}

/** One op. Where a pass has changed a layout, a reshape copies what has no view of that shape. */
export function run(node: GraphNode, operands: readonly (Tensor | null)[]): readonly Tensor[] {
  if (!runs(node, viewOp)) return apply(node.op, operands, node.attrs);
  const x = operands[0]!;
  const viewable = viewStrides(x, node.attrs.shape) !== null;
  return apply(viewOp, [viewable ? x : contiguous(x)], node.attrs);
}

function checkedInput(value: Value, t: Tensor | undefined): Tensor {
  if (!(t instanceof Tensor)) throw new ArgumentError("evaluate", `input "${value.name}" is no tensor; expected one`);
  if (t.dtype !== value.dtype || !sameShape(t.shape, value.shape)) {
    throw new ArgumentError(
      "evaluate",
      `input "${value.name}" is ${t.dtype} ${formatShape(t.shape)}; expected ${value.dtype} ${formatShape(value.shape)}`,
    );
  }
  return t;
}
