import type { AnyOp, Inputs, Op } from "../ops/op.js";
import type { Tensor } from "../tensor.js";
import type { Dim, GraphNode, SymbolicAttr, Value } from "./graph.js";

/** A node with its operands by position and the attributes that its op has. */
export interface NodeOf<A> extends GraphNode {
  readonly attrs: A;
}

/** A node that runs an op. */
export function nodeOf<I extends Inputs, O extends readonly Tensor[], A>(
  op: Op<I, O, A>,
  inputs: readonly (Value | null)[],
  outputs: readonly Value[],
  attrs: A,
  module = "",
): NodeOf<A> {
  return { op: op as AnyOp, inputs, outputs, attrs, module };
}

/** The symbols of a list of sizes in a node's attributes; null if one of them is not known. */
export function symbolicSizes(key: string, dims: readonly Dim[]): readonly SymbolicAttr[] | null {
  if (dims.includes(null)) return null;
  return dims.flatMap((size, d) => (typeof size === "number" ? [] : [{ path: [key, d], size }]));
}

/** Whether a node runs this op. */
export function runs<I extends Inputs, O extends readonly Tensor[], A>(
  node: GraphNode | null | undefined,
  op: Op<I, O, A>,
): node is NodeOf<A> {
  return Object.is(node?.op, op);
}
