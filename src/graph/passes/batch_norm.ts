import { foldedWeights } from "../../nn/fuse.js";
import { convOp } from "../../ops/conv.js";
import { convTransposeOp } from "../../ops/conv_transpose.js";
import { linearOp } from "../../ops/matmul.js";
import { batchNormEvalOp } from "../../ops/norm_batch.js";
import { reluOp } from "../../ops/unary.js";
import type { Tensor } from "../../tensor.js";
import type { Shape } from "../../types.js";
import { type Draft, rewrite } from "../draft.js";
import type { GraphNode, Value } from "../graph.js";
import type { Graph } from "../graph_class.js";
import { nodeOf, runs } from "../node.js";

/**
 * Folds a batch normalisation into the convolution, transposed convolution or linear layer that alone feeds it: w' = w · γ/√(σ² + ε),
 * b' = (b − μ) · γ/√(σ² + ε) + β. An activation of the normalisation becomes an op of its own, which `epilogues` takes up.
 */
export function batchNormFolding(graph: Graph): Graph {
  return rewrite(graph, (node, draft) => {
    if (!runs(node, batchNormEvalOp)) return;
    const [sum] = node.inputs as readonly [Value];
    const layer = draft.soleMaker(sum);
    const form = layer === null ? null : formOf(layer, sum.shape.length);
    const operands = layer === null || form === null ? null : foldedInto(layer, node, form, draft, node.attrs.eps);
    if (layer === null || operands === null) return;
    if (node.attrs.activation === "none") {
      draft.replace(node, { ...layer, inputs: operands, outputs: node.outputs });
      return;
    }
    const y = draft.value(layer.op.name, node.outputs[0]!);
    const relu = nodeOf(reluOp, [y], node.outputs, undefined, node.module);
    draft.replace(node, { ...layer, inputs: operands, outputs: [y] }, relu);
  });
}

/** How outputs lie in a layer's weight: the shape to take it in, and the shape of one number for each of them. */
interface WeightForm {
  readonly weight: (shape: Shape) => Shape;
  readonly channels: (shape: Shape) => Shape;
}

/** The outputs are the first dimension. */
const ROWS: WeightForm = {
  weight: (shape) => shape,
  channels: (shape) => shape.map((n, d) => (d === 0 ? n : 1)),
};

/** The form of a layer that does nothing else to its sums; null for anything else, and for inputs without a batch. */
function formOf(layer: GraphNode, rank: number): WeightForm | null {
  if (runs(layer, linearOp)) return layer.attrs.activation === "none" && rank === 2 ? ROWS : null;
  if (runs(layer, convOp)) {
    const { activation, window } = layer.attrs;
    return activation === "none" && !layer.inputs[3] && rank === window.stride.length + 2 ? ROWS : null;
  }
  if (!runs(layer, convTransposeOp) || rank !== layer.attrs.stride.length + 2) return null;
  const { groups } = layer.attrs;
  return {
    weight: ([c = 0, ...rest]) => [groups, c / groups, ...rest],
    channels: ([, o = 0, ...kernel]) => [groups, 1, o, ...kernel.map(() => 1)],
  };
}

/** The operands of the layer with both; null unless all weights are constants. */
function foldedInto(
  layer: GraphNode,
  norm: GraphNode,
  form: WeightForm,
  draft: Draft,
  eps: number,
): (Value | null)[] | null {
  const [x, weight, bias, ...rest] = layer.inputs;
  const given = [weight, bias, ...norm.inputs.slice(1)];
  const tensors = given.map((value) => draft.constant(value));
  if (given.some((value, i) => value && tensors[i] === null)) return null;
  const [w, b, gamma, beta, mean, variance] = tensors as [Tensor, Maybe, Maybe, Maybe, Tensor, Tensor];
  const { name } = weight!;
  const made = draft.compute([name, biasName(name, bias)], () => {
    const { shape } = w;
    const taken = w.reshape(...form.weight(shape));
    const folded = foldedWeights(taken, b, { gamma, beta, mean, variance, eps }, form.channels(shape));
    return [folded.weight.reshape(...shape), folded.bias];
  });
  return [x!, ...made, ...rest];
}

type Maybe = Tensor | null;

/** A bias is called as the weight beside it. */
export function biasName(weight: string, bias: Value | null | undefined): string {
  return bias?.name ?? (/weight$/.test(weight) ? weight.replace(/weight$/, "bias") : `${weight}.bias`);
}
