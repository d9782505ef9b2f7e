import { foldedWeights } from "../../nn/fuse.js";
import { type ConvActivation, convOp } from "../../ops/conv.js";
import { type FusedActivation, linearOp } from "../../ops/matmul.js";
import { batchNormEvalOp } from "../../ops/norm_batch.js";
import { type Draft, rewrite } from "../draft.js";
import type { GraphNode, Value } from "../graph.js";
import type { Graph } from "../graph_class.js";
import { nodeOf, runs } from "../node.js";

/**
 * Folds a batch normalisation into the convolution or linear layer that alone feeds it: w' = w · γ/√(σ² + ε),
 * b' = (b − μ) · γ/√(σ² + ε) + β. An activation of the normalisation becomes the layer's.
 */
export function batchNormFolding(graph: Graph): Graph {
  return rewrite(graph, (node, draft) => {
    if (!runs(node, batchNormEvalOp)) return;
    const layer = draft.soleMaker(node.inputs[0]);
    const { activation } = node.attrs;
    if (runs(layer, convOp) && layer.attrs.activation === "none" && !layer.inputs[3]) {
      const folded = foldedInto(layer, node, draft, node.attrs.eps);
      if (folded === null) return;
      const attrs: { window: typeof layer.attrs.window; activation: ConvActivation } = { ...layer.attrs, activation };
      draft.replace(node, nodeOf(convOp, [...folded, null], node.outputs, attrs, layer.module));
    } else if (runs(layer, linearOp) && layer.attrs.activation === "none" && node.inputs[0]!.shape.length === 2) {
      const folded = foldedInto(layer, node, draft, node.attrs.eps);
      const attrs: { activation: FusedActivation } = { activation };
      if (folded !== null) draft.replace(node, nodeOf(linearOp, folded, node.outputs, attrs, layer.module));
    }
  });
}

/** The operands of the layer with both; null unless all weights are constants. */
function foldedInto(layer: GraphNode, norm: GraphNode, draft: Draft, eps: number): (Value | null)[] | null {
  const [x, weight, bias] = layer.inputs;
  const [, gamma, beta, mean, variance] = norm.inputs;
  const [w, m, v] = [draft.constant(weight), draft.constant(mean), draft.constant(variance)];
  const optional = [bias, gamma, beta].map((value) => draft.constant(value));
  if (w === null || m === null || v === null) return null;
  if ([bias, gamma, beta].some((value, i) => value && optional[i] === null)) return null;
  const [b, g, shift] = optional as [typeof m | null, typeof m | null, typeof m | null];
  const { name } = weight!;
  const made = draft.compute([name, biasName(name, bias)], () => {
    const folded = foldedWeights(w, b, { gamma: g, beta: shift, mean: m, variance: v, eps });
    return [folded.weight, folded.bias];
  });
  return [x!, ...made];
}

/** A bias is called as the weight beside it. */
export function biasName(weight: string, bias: Value | null | undefined): string {
  return bias?.name ?? (/weight$/.test(weight) ? weight.replace(/weight$/, "bias") : `${weight}.bias`);
}
