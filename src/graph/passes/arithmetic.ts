import { addOp, affineOp, divOp, mulOp, negOp, subOp } from "../../ops/arithmetic.js";
import { powOp, powScalarOp } from "../../ops/transcendental.js";
import { reciprocalOp, rsqrtOp, sqrtOp, squareOp } from "../../ops/unary.js";
import { type Draft, rewrite, sameDims } from "../draft.js";
import type { GraphNode, Value } from "../graph.js";
import type { Graph } from "../graph_class.js";
import { nodeOf, runs } from "../node.js";

interface Affine {
  readonly x: Value;
  readonly scale: number;
  readonly shift: number;
}

/**
 * Brings arithmetic with numbers to one form, scale · x + shift: sums, differences, products and quotients with constants of one element,
 * two such steps in one, none where it is x itself; powers with a constant exponent become squares, roots and reciprocals.
 */
export function scalarArithmetic(graph: Graph): Graph {
  return rewrite(graph, (node, draft) => {
    const [y] = node.outputs as readonly [Value];
    if (y.dtype !== "float32") return;
    if (runs(node, powOp)) {
      const exponent = draft.scalar(node.inputs[1]);
      if (exponent !== null && sameDims(node.inputs[0]!, y)) draft.replace(node, power(node, exponent));
      return;
    }
    const found = affineOf(node, draft);
    if (found === null || !sameDims(found.x, y)) return;
    const { x, scale, shift } = found;
    if (scale === 1 && shift === 0) {
      if (draft.substitute(y, x)) return;
    }
    const before = draft.soleMaker(x);
    if (runs(before, affineOp) && before.symbolic === undefined) {
      const inner = before.attrs;
      const attrs = { scale: scale * inner.scale, shift: scale * inner.shift + shift };
      if (isSafe(attrs)) draft.replace(node, nodeOf(affineOp, before.inputs, [y], attrs, node.module));
    } else if (!runs(node, affineOp)) {
      draft.replace(node, nodeOf(affineOp, [x], [y], { scale, shift }, node.module));
    }
  });
}

/** What an op with a number computes; null for any other. */
function affineOf(node: GraphNode, draft: Draft): Affine | null {
  const [a, b] = node.inputs;
  if (runs(node, affineOp)) return node.symbolic === undefined ? { x: a!, ...node.attrs } : null;
  if (runs(node, negOp)) return { x: a!, scale: -1, shift: 0 };
  const [left, right] = [draft.scalar(a), draft.scalar(b)];
  if (right !== null) {
    if (runs(node, addOp)) return { x: a!, scale: 1, shift: right };
    if (runs(node, subOp)) return { x: a!, scale: 1, shift: -right };
    if (runs(node, mulOp)) return { x: a!, scale: right, shift: 0 };
    if (runs(node, divOp) && isSafe({ scale: 1 / right, shift: 0 })) return { x: a!, scale: 1 / right, shift: 0 };
  }
  if (left === null) return null;
  if (runs(node, addOp)) return { x: b!, scale: 1, shift: left };
  if (runs(node, subOp)) return { x: b!, scale: -1, shift: left };
  return runs(node, mulOp) ? { x: b!, scale: left, shift: 0 } : null;
}

/** Whether float32 holds both numbers without going to infinity or to nothing. */
function isSafe({ scale, shift }: { readonly scale: number; readonly shift: number }): boolean {
  const size = Math.abs(scale);
  return size < 1e30 && (size === 0 || size > 1e-30) && Math.abs(shift) < 1e30;
}

function power(node: GraphNode, exponent: number): GraphNode {
  const inputs = node.inputs.slice(0, 1);
  const named = new Map([
    [2, squareOp],
    [0.5, sqrtOp],
    [-0.5, rsqrtOp],
    [-1, reciprocalOp],
  ]).get(exponent);
  if (named !== undefined) return nodeOf(named, inputs, node.outputs, undefined, node.module);
  return nodeOf(powScalarOp, inputs, node.outputs, { exponent }, node.module);
}
