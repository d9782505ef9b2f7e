import { addOp, affineOp } from "../../ops/arithmetic.js";
import { attentionOp } from "../../ops/attention.js";
import { logicalNotOp, whereOp } from "../../ops/compare.js";
import { permuteOp } from "../../ops/copy.js";
import { maskedFillOp } from "../../ops/mask.js";
import { matmulOp } from "../../ops/matmul.js";
import { softmaxOp } from "../../ops/softmax.js";
import { type Draft, rewrite } from "../draft.js";
import type { Dim, GraphNode, Value } from "../graph.js";
import type { Graph } from "../graph_class.js";
import { nodeOf, runs } from "../node.js";

/** How scores come about: scale · q kᵀ + bias, where a mask allows. */
interface Scores {
  readonly q: Value;
  readonly keys: Value;
  readonly scale: number;
  readonly bias: Value | null;
  /** True where a key counts, or where it does not. */
  readonly mask: { readonly value: Value; readonly allows: boolean } | null;
}

/**
 * Makes one op of softmax(scale · q kᵀ + mask) v, which never holds the matrix of scores: from matrix products, a factor on the scores or
 * the queries, a mask that is added or that fills with −∞, and a softmax over the keys.
 */
export function attentionFusion(graph: Graph): Graph {
  return rewrite(graph, (node, draft) => {
    if (!runs(node, matmulOp)) return;
    const softmax = draft.soleMaker(node.inputs[0]);
    const v = node.inputs[1]!;
    if (!runs(softmax, softmaxOp) || softmax.attrs.dim !== softmax.inputs[0]!.shape.length - 1) return;
    const scores = scoresOf(softmax.inputs[0]!, draft);
    if (scores !== null) fuse(node, scores, v, draft);
  });
}

function scoresOf(value: Value, draft: Draft): Scores | null {
  const maker = draft.soleMaker(value);
  if (maker === null) return null;
  const [a, b, c] = maker.inputs as readonly [Value, Value, Value];
  if (runs(maker, matmulOp)) {
    const before = draft.soleMaker(a);
    const scaled = runs(before, affineOp) && before.attrs.shift === 0 && before.symbolic === undefined;
    const q = scaled ? before.inputs[0]! : a;
    return { q, keys: b, scale: scaled ? before.attrs.scale : 1, bias: null, mask: null };
  }
  if (runs(maker, affineOp)) {
    const inner = maker.attrs.shift === 0 && maker.symbolic === undefined ? scoresOf(a, draft) : null;
    const plain = inner !== null && inner.bias === null;
    return plain ? { ...inner, scale: inner.scale * maker.attrs.scale } : null;
  }
  if (runs(maker, addOp)) return masked(a, b, draft) ?? masked(b, a, draft);
  if (runs(maker, maskedFillOp) && maker.attrs.value === -Infinity) return allowed(a, b, false, draft);
  if (!runs(maker, whereOp)) return null;
  if (draft.scalar(c) === -Infinity) return allowed(b, a, true, draft);
  return draft.scalar(b) === -Infinity ? allowed(c, a, false, draft) : null;
}

function masked(scores: Value, bias: Value, draft: Draft): Scores | null {
  if (bias.shape.length < 2 || bias.shape.length > scores.shape.length) return null;
  const found = scoresOf(scores, draft);
  return found === null || found.bias !== null ? null : { ...found, bias };
}

function allowed(scores: Value, value: Value, allows: boolean, draft: Draft): Scores | null {
  if (value.shape.length < 2 || value.shape.length > scores.shape.length) return null;
  const found = scoresOf(scores, draft);
  return found === null || found.mask !== null ? null : { ...found, mask: { value, allows } };
}

function fuse(node: GraphNode, { q, keys, scale, bias, mask }: Scores, v: Value, draft: Draft): void {
  const swap = <T>(list: readonly T[]): T[] => [...list.slice(0, -2), list.at(-1)!, list.at(-2)!];
  const order = swap(keys.shape.map((_, d) => d));
  const k = draft.value("permute", { dtype: "float32", shape: swap(keys.shape), dims: swap<Dim>(keys.dims) });
  const added: GraphNode[] = [nodeOf(permuteOp, [keys], [k], { order }, node.module)];
  let allow = mask?.value ?? null;
  if (mask !== null && !mask.allows) {
    allow = draft.value("logicalNot", mask.value);
    added.push(nodeOf(logicalNotOp, [mask.value], [allow], undefined, node.module));
  }
  const [y] = node.outputs as readonly [Value];
  const last = <T>(list: readonly T[], end: T): T[] => [...list.slice(0, -1), end];
  const stats = draft.value("stats", { dtype: "float32", shape: last(y.shape, 1), dims: last<Dim>(y.dims, 1) });
  const attrs = { scale, diagonal: null, biasGrad: false, dropout: null };
  added.push(nodeOf(attentionOp, [q, k, v, bias, allow], [y, stats], attrs, node.module));
  draft.replace(node, ...added);
}
