import { clone, permuteOp, transpose, viewOp } from "../../ops/copy.js";
import { linearOp, matmulOp } from "../../ops/matmul.js";
import { type Draft, rewrite, sameDim } from "../draft.js";
import type { GraphNode, Value } from "../graph.js";
import type { Graph } from "../graph_class.js";
import { nodeOf, runs } from "../node.js";

/**
 * Makes linear layers, which have a bias and an activation, of matrix products with a constant matrix, transposed or not, and lets
 * them take inputs of any rank where a reshape brings rows together before and another one takes them apart behind.
 */
export function linearLayers(graph: Graph): Graph {
  return rewrite(graph, (node, draft) => {
    if (runs(node, matmulOp)) fromProduct(node, draft);
    else if (runs(node, viewOp)) overReshapes(node, draft);
  });
}

function fromProduct(node: GraphNode, draft: Draft): void {
  const [x, matrix] = node.inputs as readonly [Value, Value];
  if (matrix.shape.length !== 2) return;
  const maker = draft.maker(matrix);
  const turned = runs(maker, permuteOp) && maker.attrs.order[0] === 1 ? maker.inputs[0]! : null;
  const constant = draft.constant(matrix);
  let weight: Value;
  if (turned !== null && draft.constant(turned)?.isContiguous) weight = turned;
  else if (constant === null) return;
  else [weight] = draft.compute([`${matrix.name}.T`], () => [clone(transpose(constant, 0, 1))]);
  draft.replace(node, nodeOf(linearOp, [x, weight, null], node.outputs, { activation: "none" }, node.module));
}

function overReshapes(node: GraphNode, draft: Draft): void {
  const layer = draft.soleMaker(node.inputs[0]);
  if (!runs(layer, linearOp)) return;
  const before = draft.maker(layer.inputs[0]);
  if (!runs(before, viewOp)) return;
  const x = before.inputs[0]!;
  const [y] = node.outputs as readonly [Value];
  // The rows that were brought together are taken apart again as they were.
  const lead = x.dims.slice(0, -1);
  const same = x.shape.length === y.shape.length && lead.every((dim, d) => sameDim(dim, y.dims[d]!));
  const whole = x.shape.at(-1) === layer.inputs[1]!.shape[1] && y.shape.at(-1) === layer.inputs[1]!.shape[0];
  if (!same || !whole) return;
  draft.replace(node, nodeOf(linearOp, [x, ...layer.inputs.slice(1)], [y], layer.attrs, layer.module));
}
