import * as activations from "../../ops/activation.js";
import * as arithmetic from "../../ops/arithmetic.js";
import { castOp, contiguousOp, permuteOp } from "../../ops/copy.js";
import { matmulOp } from "../../ops/matmul.js";
import * as transcendental from "../../ops/transcendental.js";
import * as unary from "../../ops/unary.js";
import { type Draft, rewrite } from "../draft.js";
import type { GraphNode, Value } from "../graph.js";
import type { Graph } from "../graph_class.js";
import { type NodeOf, nodeOf, runs } from "../node.js";

/** Ops of one operand, or of operands of one shape, that take each element by itself. */
const ELEMENTWISE: ReadonlySet<unknown> = new Set<unknown>([
  ...[activations.geluOp, activations.geluTanhOp, activations.siluOp, activations.eluOp, activations.seluOp],
  ...[activations.celuOp, activations.softplusOp, activations.hardtanhOp, activations.relu6Op],
  ...[activations.leakyReluOp, arithmetic.affineOp, arithmetic.negOp, arithmetic.addOp, arithmetic.subOp],
  ...[arithmetic.mulOp, arithmetic.divOp, arithmetic.minimumOp, arithmetic.maximumOp, castOp],
  ...[transcendental.tanhOp, transcendental.sigmoidOp, transcendental.erfOp, transcendental.powScalarOp],
  ...[transcendental.expOp, transcendental.logOp, unary.reluOp, unary.absOp, unary.sqrtOp, unary.rsqrtOp],
  ...[unary.reciprocalOp, unary.squareOp, unary.clampOp],
]);

/**
 * Lets permutations meet and cancel: one that all operands of an element-wise op share moves behind it, where `viewMerging` joins it
 * with the next. A matrix product reads transposed operands in place: copies that only bring an operand into order go.
 */
export function transposeElimination(graph: Graph): Graph {
  return rewrite(graph, (node, draft) => {
    if (ELEMENTWISE.has(node.op)) sink(node, draft);
    else if (runs(node, matmulOp)) readInPlace(node, draft);
  });
}

function permutationOf(value: Value | null, draft: Draft): NodeOf<{ readonly order: readonly number[] }> | null {
  const maker = draft.maker(value);
  const before = runs(maker, contiguousOp) ? draft.maker(maker.inputs[0]) : maker;
  return runs(before, permuteOp) ? before : null;
}

function sink(node: GraphNode, draft: Draft): void {
  const [y] = node.outputs as readonly [Value];
  const found = node.inputs.map((value) => permutationOf(value, draft));
  const [first] = found;
  if (!first || found.some((p) => p === null || String(p.attrs.order) !== String(first.attrs.order))) return;
  // Where it cannot cancel it stays: kernels of one operand want order.
  const goesOn = draft.readersOf(y).some((reader) => runs(reader, permuteOp) || ELEMENTWISE.has(reader.op));
  const sources = found.map((p) => p!.inputs[0]!);
  if (
    !goesOn ||
    sources.some((v) => v.shape.length !== y.shape.length || String(v.shape) !== String(sources[0]!.shape))
  )
    return;
  const { order } = first.attrs;
  const shape = order.map((_, d) => y.shape[order.indexOf(d)]!);
  const dims = order.map((_, d) => y.dims[order.indexOf(d)]!);
  const inner = draft.value(node.op.name, { dtype: y.dtype, shape, dims });
  const moved: GraphNode = { ...node, inputs: sources, outputs: [inner] };
  draft.replace(node, moved, nodeOf(permuteOp, [inner], [y], { order }, first.module));
}

function readInPlace(node: GraphNode, draft: Draft): void {
  const [a, b] = node.inputs as readonly [Value, Value];
  const inputs = [a, b].map((value) => {
    const copy = draft.maker(value);
    const view = copy?.inputs[0];
    return runs(copy, contiguousOp) && view && swapsRows(draft.maker(view)) ? view : value;
  });
  // The kernels read one transposed operand, not two.
  const both = inputs.every((value) => swapsRows(draft.maker(value)));
  if (both || inputs.every((value, i) => value === node.inputs[i])) return;
  draft.replace(node, { ...node, inputs });
}

/** Whether a node is a permutation that keeps one of the last two dimensions within rows that lie in one piece. */
function swapsRows(node: GraphNode | null): boolean {
  if (!runs(node, permuteOp)) return false;
  const last = node.attrs.order.length - 1;
  return node.attrs.order.slice(-2).includes(last);
}
