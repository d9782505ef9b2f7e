import { addOp, affineOp, divOp, mulOp, subOp } from "../../ops/arithmetic.js";
import { layerNormOp } from "../../ops/norm_group.js";
import { sumOp } from "../../ops/reduce.js";
import { powScalarOp } from "../../ops/transcendental.js";
import { reciprocalOp, rsqrtOp, sqrtOp, squareOp } from "../../ops/unary.js";
import { type Draft, rewrite } from "../draft.js";
import type { GraphNode, Value } from "../graph.js";
import type { Graph } from "../graph_class.js";
import { nodeOf, runs } from "../node.js";

/** A mean over trailing dimensions, plus a number. */
interface Mean {
  readonly x: Value;
  readonly dims: readonly number[];
  readonly shift: number;
}

/**
 * Makes one op of (x − mean) / √(var + eps) over trailing dimensions, written out as ONNX exporters do, and lets it take the
 * weight and the bias that follow.
 */
export function layerNormFusion(graph: Graph): Graph {
  return rewrite(graph, (node, draft) => {
    const norm = normalised(node, draft);
    if (norm !== null) {
      const [y] = node.outputs as readonly [Value];
      const lead = y.shape.length - norm.dims.length;
      const stats = (): Value =>
        draft.value("stats", { dtype: "float32", shape: y.shape.slice(0, lead), dims: y.dims.slice(0, lead) });
      const attrs = { op: "LayerNorm", normalizedShape: y.shape.slice(lead), eps: norm.shift };
      draft.replace(node, nodeOf(layerNormOp, [norm.x, null, null], [y, stats(), stats()], attrs, node.module));
    } else if (runs(node, mulOp) || runs(node, addOp)) affine(node, draft);
  });
}

/** x and the mean of its squared deviations, whose shift is eps; null if the node is no such quotient. */
function normalised(node: GraphNode, draft: Draft): Mean | null {
  const [a, b] = node.inputs as readonly [Value, Value];
  if (runs(node, divOp)) return quotient(a, rooted(b, draft), draft);
  if (!runs(node, mulOp)) return null;
  return quotient(a, inverseRooted(b, draft), draft) ?? quotient(b, inverseRooted(a, draft), draft);
}

function quotient(deviation: Value, variance: Value | null, draft: Draft): Mean | null {
  const minus = draft.maker(deviation);
  const power = variance === null ? null : meanOf(variance, draft);
  if (power === null || !runs(minus, subOp)) return null;
  const [x, centre] = minus.inputs as readonly [Value, Value];
  const mean = meanOf(centre, draft);
  if (mean === null || mean.x !== x || mean.shift !== 0 || !(power.shift > 0)) return null;
  if (String(mean.dims) !== String(power.dims)) return null;
  const base = squared(power.x, draft);
  // Exporters compute the deviation once or twice.
  const again = base === deviation ? minus : draft.maker(base);
  const same = runs(again, subOp) && again.inputs[0] === x && meanOf(again.inputs[1]!, draft)?.x === x;
  return same ? { x, dims: mean.dims, shift: power.shift } : null;
}

/** The operand of a square root; null for anything else. */
function rooted(value: Value, draft: Draft): Value | null {
  const maker = draft.maker(value);
  const root = runs(maker, sqrtOp) || (runs(maker, powScalarOp) && maker.attrs.exponent === 0.5);
  return root ? maker.inputs[0]! : null;
}

function inverseRooted(value: Value, draft: Draft): Value | null {
  const maker = draft.maker(value);
  if (runs(maker, rsqrtOp)) return maker.inputs[0]!;
  return runs(maker, reciprocalOp) ? rooted(maker.inputs[0]!, draft) : null;
}

/** What a value is the square of. */
function squared(value: Value, draft: Draft): Value | null {
  const maker = draft.maker(value);
  if (maker === null) return null;
  const [a, b] = maker.inputs;
  const square = runs(maker, squareOp) || (runs(maker, powScalarOp) && maker.attrs.exponent === 2);
  return square || (runs(maker, mulOp) && a === b) ? a! : null;
}

/** A sum over the last dimensions, all of fixed sizes, times 1/count; the sizes stay as 1. */
function meanOf(value: Value, draft: Draft): Mean | null {
  const scaled = draft.maker(value);
  const sum = runs(scaled, affineOp) && scaled.symbolic === undefined ? draft.maker(scaled.inputs[0]) : null;
  if (!runs(scaled, affineOp) || !runs(sum, sumOp) || !sum.attrs.keepdim) return null;
  const x = sum.inputs[0]!;
  const { dims } = sum.attrs;
  const first = x.shape.length - dims.length;
  if (dims.length === 0 || dims.some((d, i) => d !== first + i || typeof x.dims[d] !== "number")) return null;
  const count = x.shape.slice(first).reduce((product, n) => product * n, 1);
  return isNear(scaled.attrs.scale * count, 1) ? { x, dims, shift: scaled.attrs.shift } : null;
}

function isNear(value: number, want: number): boolean {
  return Math.abs(value - want) <= 1e-6 * Math.abs(want);
}

/** Takes a constant factor, or summand, of the normalised shape into the op before it. */
function affine(node: GraphNode, draft: Draft): void {
  for (const [value, constant] of [node.inputs, node.inputs.toReversed()] as [Value, Value][]) {
    const maker = draft.maker(value);
    if (!runs(maker, layerNormOp) || draft.onlyReader(value) === null || draft.constant(constant) === null) continue;
    if (String(constant.shape) !== String(maker.attrs.normalizedShape)) continue;
    const [x, weight, bias] = maker.inputs as readonly [Value, Value | null, Value | null];
    if (bias !== null || (weight !== null && runs(node, mulOp))) continue;
    const operands = runs(node, mulOp) ? [x, constant, null] : [x, weight, constant];
    const outputs = [...node.outputs, ...maker.outputs.slice(1).map((v) => draft.value("stats", v))];
    draft.replace(node, nodeOf(layerNormOp, operands, outputs, maker.attrs, maker.module));
    return;
  }
}
