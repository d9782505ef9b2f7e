import * as F from "../../../functional/index.js";
import { add, affine } from "../../../ops/arithmetic.js";
import { cast, cat, narrow, reshape, select, transpose } from "../../../ops/copy.js";
import { embedding } from "../../../ops/embedding.js";
import { stack } from "../../../ops/rearrange.js";
import type { Tensor } from "../../../tensor.js";
import { as, type Inputs, maybeAt, needed, tensorAt } from "../../arguments.js";
import type { Arg, NodeView, OperatorTable } from "../../handler.js";
import { type Attending, attended, counting, headsApart, headsTogether, rotated } from "../../heads.js";

/** Inputs that only other executions of an operator have, by place; refused if one is given. */
function refuse(node: NodeView, inputs: Inputs, names: Readonly<Record<number, string>>): void {
  for (const [place, name] of Object.entries(names)) {
    if (maybeAt(inputs, Number(place)) !== null) throw node.fail(`input ${place}, ${name}, is given; expected none`);
  }
}

/** Attributes that stand for what is not supported, unless they have their default. */
export function refuseOptions(node: NodeView, names: readonly string[]): void {
  for (const name of names) if (node.int(name, 0) !== 0) throw node.fail(`${name} is ${node.int(name)}; expected 0`);
}

/** softmax's scale: 1/√E unless the node has one. */
export function scaleOf(node: NodeView, features: number): number {
  return node.float("scale", 0) || 1 / Math.sqrt(features);
}

/**
 * What is added to the scores [B, H, L, S] where a key does not count: by the numbers of keys that do, [B], by those and the first ones, [2B],
 * or by a mask of keys, [B, S] or [B, L, S].
 */
function paddingBias(node: NodeView, mask: Tensor | null, batch: number, keys: number): Tensor | null {
  if (mask === null) return null;
  const fill = node.float("mask_filter_value", -10000);
  const bias = (left: Tensor, shape: readonly number[]): Tensor =>
    reshape(affine(cast(left, "float32"), fill, 0), shape);
  if (mask.ndim === 2 && mask.size(0) === batch && mask.size(1) === keys)
    return bias(F.eq(mask, 0), [batch, 1, 1, keys]);
  if (mask.ndim === 3) return bias(F.eq(mask, 0), [batch, 1, -1, keys]);
  const [ends, starts] = [0, 1].map((part) =>
    mask.numel < (part + 1) * batch ? null : reshape(narrow(mask, 0, part * batch, batch), [batch, 1]),
  );
  if (mask.ndim !== 1 || mask.numel > 2 * batch || !ends) {
    throw node.fail(`the mask is [${mask.shape.join(", ")}]; expected [B], [2B], [B, S] or [B, L, S]`);
  }
  const places = counting(keys);
  const behind = F.ge(places, ends);
  return bias(starts ? F.logicalOr(behind, F.lt(places, starts)) : behind, [batch, 1, 1, keys]);
}

interface Parts {
  readonly q: Tensor;
  readonly k: Tensor;
  readonly v: Tensor;
}

/** Attends, with the masks that Attention and MultiHeadAttention share. `past` keys come before those of the queries. */
function attend(node: NodeView, { q, k, v }: Parts, mask: Tensor | null, bias: Tensor | null, past: number): Tensor {
  const padding = paddingBias(node, mask, q.size(0), k.size(2));
  const how: Attending = {
    scale: scaleOf(node, q.size(3)),
    diagonal: node.int("unidirectional", 0) === 0 ? null : past,
    softcap: 0,
    bias: padding !== null && bias !== null ? add(padding, bias) : (padding ?? bias),
    allow: null,
  };
  return headsTogether(attended(q, k, v, how));
}

/** One projection makes queries, keys and values; the past of both is one tensor [2, B, H, P, E], and so is what becomes of it. */
function runAttention(node: NodeView, inputs: Inputs): Arg[] {
  refuse(node, inputs, { 6: "past_sequence_length" });
  refuseOptions(node, ["do_rotary", "past_present_share_buffer"]);
  const x = needed(node, inputs, 0);
  const weight = tensorAt(node, inputs, 1);
  const bias = maybeAt(inputs, 2);
  const product = F.matmul(x.tensor, weight);
  const projected = bias === null ? product : add(product, bias);
  const third = projected.size(-1) / 3;
  const sizes = node.ints("qkv_hidden_sizes", [third, third, third]);
  let start = 0;
  const [q, now, values] = sizes.map((size) => {
    const part = narrow(projected, -1, start, size);
    start += size;
    return headsApart(node, part, "num_heads");
  }) as [Tensor, Tensor, Tensor];
  const past = maybeAt(inputs, 4);
  const [k, v] = [now, values].map((t, i) => (past === null ? t : cat([select(past, 0, i), t], 2))) as [Tensor, Tensor];
  const y = attend(node, { q, k, v }, maybeAt(inputs, 3), maybeAt(inputs, 5), past?.size(3) ?? 0);
  return [as(x, y), ...(node.outputs > 1 ? [as(x, stack([k, v], 0))] : [])];
}

/** Queries, keys and values of MultiHeadAttention as heads [B, H, L, E], from one, two or three tensors. */
function partsOf(node: NodeView, inputs: Inputs): Parts {
  const query = tensorAt(node, inputs, 0);
  const [key, value, bias] = [1, 2, 3].map((i) => maybeAt(inputs, i)) as [Tensor | null, Tensor | null, Tensor | null];
  // [B, L, H, parts, E].
  const unpacked = (t: Tensor): Tensor[] =>
    Array.from({ length: t.size(3) }, (_, i) => transpose(select(t, 3, i), 1, 2));
  const given = [
    ...(query.ndim === 5 ? unpacked(query) : [headsApart(node, query, "num_heads")]),
    ...(key?.ndim === 5 ? unpacked(key) : key === null ? [] : [headsApart(node, key, "num_heads")]),
    ...(value === null ? [] : [headsApart(node, value, "num_heads")]),
  ];
  if (given.length !== 3)
    throw node.fail("query, key and value are not three; expected [B, L, H·E] each, or packed ones");
  if (bias === null) return { q: given[0]!, k: given[1]!, v: given[2]! };
  if (key?.ndim === 4) throw node.fail("a bias with keys [B, H, S, E]; expected none");
  let start = 0;
  const [q, k, v] = given.map((t) => {
    const [heads, features] = [t.size(1), t.size(3)];
    const part = narrow(bias, 0, start, heads * features);
    start += heads * features;
    return add(t, reshape(part, [heads, 1, features]));
  }) as [Tensor, Tensor, Tensor];
  return { q, k, v };
}

function runMultiHead(node: NodeView, inputs: Inputs): Arg[] {
  refuse(node, inputs, { 8: "past_sequence_length", 9: "cache_indirection" });
  const x = needed(node, inputs, 0);
  const now = partsOf(node, inputs);
  const past = [6, 7].map((i) => maybeAt(inputs, i));
  const [k, v] = [now.k, now.v].map((t, i) => (past[i] ? cat([past[i], t], 2) : t)) as [Tensor, Tensor];
  const y = attend(node, { q: now.q, k, v }, maybeAt(inputs, 4), maybeAt(inputs, 5), past[0]?.size(2) ?? 0);
  return [y, k, v].slice(0, node.outputs).map((t) => as(x, t));
}

/** As ONNX's own, with the positions in front of cosines and sines; one position is that of the first place. */
function runRotary(node: NodeView, inputs: Inputs): [Arg] {
  refuseOptions(node, ["is_packed_batching"]);
  if (node.float("scale", 1) !== 1) throw node.fail(`scale is ${node.float("scale")}; expected 1`);
  const x = needed(node, inputs, 0);
  const positions = tensorAt(node, inputs, 1);
  const cos = tensorAt(node, inputs, 2);
  const turns = 2 * cos.size(-1);
  if (![0, turns].includes(node.int("rotary_embedding_dim", 0))) {
    throw node.fail(
      `rotary_embedding_dim is ${node.int("rotary_embedding_dim")}; expected ${turns}, as the cosines are for`,
    );
  }
  const apart = x.tensor.ndim === 4;
  const features = apart
    ? x.tensor.size(3)
    : node.int("num_heads", 0) > 0
      ? x.tensor.size(2) / node.int("num_heads")
      : turns;
  const heads = apart
    ? transpose(x.tensor, 1, 2)
    : reshape(x.tensor, [x.tensor.size(0), x.tensor.size(1), -1, features]);
  const places =
    positions.numel === 1 ? reshape(add(counting(heads.size(1)), reshape(positions, [1])), [1, -1]) : positions;
  const turned = turnedBy(heads, places, cos, tensorAt(node, inputs, 3), node.int("interleaved", 0) !== 0);
  return [as(x, apart ? transpose(turned, 1, 2) : reshape(turned, x.tensor.shape))];
}

/** Turns x [B, L, H, E] by the angles of positions [B or 1, L]. */
export function turnedBy(x: Tensor, positions: Tensor, cos: Tensor, sin: Tensor, interleaved: boolean): Tensor {
  const rows = [cos, sin].map((t) => F.unsqueeze(embedding(positions, t, { paddingIdx: -1 }), { dim: 2 }));
  return rotated(x, rows[0]!, rows[1]!, interleaved);
}

const MASKED = ["mask_filter_value", "num_heads", "scale", "unidirectional"];

/** Attention and positions. */
export const attentions: OperatorTable = {
  Attention: [
    {
      since: 1,
      attributes: [...MASKED, "do_rotary", "past_present_share_buffer", "qkv_hidden_sizes", "rotary_embedding_dim"],
      run: runAttention,
    },
  ],
  MultiHeadAttention: [{ since: 1, attributes: MASKED, run: runMultiHead }],
  RotaryEmbedding: [
    {
      since: 1,
      attributes: ["interleaved", "is_packed_batching", "num_heads", "rotary_embedding_dim", "scale"],
      run: runRotary,
    },
  ],
};
