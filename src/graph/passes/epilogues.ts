import { hardtanhOp, relu6Op } from "../../ops/activation.js";
import { addOp } from "../../ops/arithmetic.js";
import { CONV_ACTIVATIONS, type ConvActivation, convOp } from "../../ops/conv.js";
import { clone } from "../../ops/copy.js";
import { linearOp } from "../../ops/matmul.js";
import { batchNormEvalOp } from "../../ops/norm_batch.js";
import { clampOp, reluOp } from "../../ops/unary.js";
import { type Draft, rewrite, sameDims } from "../draft.js";
import type { GraphNode, Value } from "../graph.js";
import type { Graph } from "../graph_class.js";
import { type NodeOf, nodeOf, runs } from "../node.js";
import { biasName } from "./batch_norm.js";

/**
 * Lets layers apply what follows them while their sums still are at hand: the bias of convolutions and linear layers, the residual of
 * convolutions, relu and relu6.
 */
export function epilogues(graph: Graph): Graph {
  return rewrite(graph, (node, draft) => {
    if (runs(node, addOp)) addition(node, draft);
    else activated(node, draft);
  });
}

function addition(node: GraphNode, draft: Draft): void {
  const [a, b] = node.inputs as readonly [Value, Value];
  // Of two layers the one that comes last has its residual at hand.
  const pairs: [Value, Value][] = [
    [a, b],
    [b, a],
  ];
  for (const [sum, other] of draft.isBefore(a, b) ? pairs.reverse() : pairs) {
    const layer = draft.soleMaker(sum);
    if (layer === null || !sameDims(sum, node.outputs[0]!)) continue;
    const made = withBias(layer, node, other, draft) ?? withResidual(layer, node, other);
    if (made === null) continue;
    draft.replace(node, made);
    return;
  }
}

/** The layer with a constant of one number an output channel as its bias. */
function withBias(layer: GraphNode, node: GraphNode, other: Value, draft: Draft): GraphNode | null {
  const constant = draft.constant(other);
  if (constant === null) return null;
  const { outputs } = node;
  const [x, weight] = layer.inputs as readonly [Value, Value];
  const isConv = runs(layer, convOp);
  const after = isConv ? layer.attrs.window.stride.length : 0;
  const channels = outputs[0]!.shape.at(-1 - after)!;
  const perChannel = other.shape.length <= outputs[0]!.shape.length && other.shape.at(-1 - after) === channels;
  if (!perChannel || constant.numel !== channels) return null;
  const bias = (): Value =>
    draft.compute([biasName(weight.name, other)], () => [clone(constant).reshape(channels)])[0]!;
  if (isConv) {
    if (layer.inputs[2] || layer.inputs[3] || layer.attrs.activation !== "none") return null;
    return nodeOf(convOp, [x, weight, bias(), null], outputs, layer.attrs, layer.module);
  }
  if (!runs(layer, linearOp) || layer.inputs[2] || layer.attrs.activation !== "none") return null;
  return nodeOf(linearOp, [x, weight, bias()], outputs, layer.attrs, layer.module);
}

function withResidual(layer: GraphNode, node: GraphNode, other: Value): GraphNode | null {
  if (!runs(layer, convOp) || layer.attrs.activation !== "none" || layer.inputs[3]) return null;
  if (!sameDims(other, node.outputs[0]!)) return null;
  return nodeOf(convOp, [...layer.inputs.slice(0, 3), other], node.outputs, layer.attrs, layer.module);
}

function activated(node: GraphNode, draft: Draft): void {
  const activation = activationOf(node);
  const layer = activation === null ? null : draft.soleMaker(node.inputs[0]);
  if (activation === null || layer === null || layer.outputs.length > 1) return;
  const { inputs, module } = layer;
  const { outputs } = node;
  if (runs(layer, convOp) && layer.attrs.activation === "none") {
    draft.replace(node, nodeOf(convOp, inputs, outputs, { ...layer.attrs, activation }, module));
  } else if (activation !== "relu") return;
  else if (runs(layer, linearOp) && layer.attrs.activation === "none") {
    draft.replace(node, nodeOf(linearOp, inputs, outputs, { activation }, module));
  } else if (runs(layer, batchNormEvalOp) && layer.attrs.activation === "none") {
    draft.replace(node, nodeOf(batchNormEvalOp, inputs, outputs, { ...layer.attrs, activation }, module));
  }
}

/** The activation that a node is, if layers have it. */
function activationOf(node: GraphNode): ConvActivation | null {
  if (runs(node, reluOp)) return node.outputs[0]!.dtype === "float32" ? "relu" : null;
  if (runs(node, relu6Op)) return "relu6";
  return runs(node, clampOp) || runs(node, hardtanhOp) ? ofBounds(node) : null;
}

function ofBounds({
  attrs: { min, max },
}: NodeOf<{ readonly min: number; readonly max: number }>): ConvActivation | null {
  const names = ["relu", "relu6"] as const;
  return names.find((name) => CONV_ACTIVATIONS[name][0] === min && CONV_ACTIVATIONS[name][1] === max) ?? null;
}
