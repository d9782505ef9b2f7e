import { leakyReluOp, preluOp, siluOp } from "../../ops/activation.js";
import { affineOp, mulOp } from "../../ops/arithmetic.js";
import { ltOp, whereOp } from "../../ops/compare.js";
import { clone } from "../../ops/copy.js";
import { sigmoidOp } from "../../ops/transcendental.js";
import { type Draft, rewrite, sameDims } from "../draft.js";
import type { GraphNode, Value } from "../graph.js";
import type { Graph } from "../graph_class.js";
import { nodeOf, runs } from "../node.js";

/** Makes one op of x·σ(x), and of a choice between x and a multiple of it by its sign: silu, leaky relu, prelu. */
export function activationFusion(graph: Graph): Graph {
  return rewrite(graph, (node, draft) => {
    const [y] = node.outputs as readonly [Value];
    if (runs(node, mulOp)) {
      const [a, b] = node.inputs as readonly [Value, Value];
      const x = gated(a, b, draft) ?? gated(b, a, draft);
      if (x !== null) draft.replace(node, nodeOf(siluOp, [x], [y], undefined, node.module));
    } else if (runs(node, whereOp)) {
      const made = bySign(node, draft);
      if (made !== null) draft.replace(node, made);
    }
  });
}

function gated(x: Value, gate: Value, draft: Draft): Value | null {
  const maker = draft.soleMaker(gate);
  return runs(maker, sigmoidOp) && maker.inputs[0] === x ? x : null;
}

/** where(x < 0, slope · x, x), or where(0 < x, x, slope · x). */
function bySign(node: GraphNode, draft: Draft): GraphNode | null {
  const [condition, a, b] = node.inputs as readonly [Value, Value, Value];
  const less = draft.maker(condition);
  if (!runs(less, ltOp)) return null;
  const [left, right] = less.inputs as readonly [Value, Value];
  const isNegative = draft.scalar(right) === 0 && left === b;
  const isPositive = draft.scalar(left) === 0 && right === a;
  if (!isNegative && !isPositive) return null;
  const [x, multiple] = isNegative ? [b, draft.maker(a)] : [a, draft.maker(b)];
  if (!sameDims(x, node.outputs[0]!)) return null;
  if (runs(multiple, affineOp) && multiple.inputs[0] === x && multiple.attrs.shift === 0 && !multiple.symbolic) {
    return nodeOf(leakyReluOp, [x], node.outputs, { negativeSlope: multiple.attrs.scale }, node.module);
  }
  if (!runs(multiple, mulOp)) return null;
  const slopes = multiple.inputs[0] === x ? multiple.inputs[1]! : multiple.inputs[0]!;
  const constant = multiple.inputs.includes(x) ? draft.constant(slopes) : null;
  const channels = x.shape[1];
  const along = slopes.shape[slopes.shape.length - x.shape.length + 1];
  if (constant === null || channels === undefined || along !== channels || constant.numel !== channels) return null;
  const [weight] = draft.compute([slopes.name], () => [clone(constant).reshape(channels)]);
  return nodeOf(preluOp, [x, weight], node.outputs, undefined, node.module);
}
