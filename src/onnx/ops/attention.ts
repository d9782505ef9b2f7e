import * as F from "../../functional/index.js";
import { add, affine } from "../../ops/arithmetic.js";
import { attention } from "../../ops/attention.js";
import { cat, narrow, reshape, transpose } from "../../ops/copy.js";
import { embedding } from "../../ops/embedding.js";
import { scatter } from "../../ops/gather.js";
import { maskedFill } from "../../ops/mask.js";
import { matmul } from "../../ops/matmul.js";
import { pad } from "../../ops/pad.js";
import { expand } from "../../ops/reduce.js";
import type { Tensor } from "../../tensor.js";
import { as, axisOf, type Inputs, maybeAt, needed, tensorAt, wordOf } from "../arguments.js";
import type { Arg, NodeView, OperatorTable } from "../handler.js";
import { causal, counting, headsApart, rotated, weightsOf } from "../heads.js";
import { modulo, whole } from "../integers.js";

interface Masks {
  /** Added to the scores. */
  readonly bias: Tensor | null;
  /** Where a key counts at all: all of these. */
  readonly allow: readonly Tensor[];
}

/** A mask that is shorter than the keys lets nothing attend to the rest of them. */
function masksOf(node: NodeView, inputs: Inputs, length: number, keys: number, past: number): Masks {
  const given = maybeAt(inputs, 3);
  const mask =
    given === null
      ? null
      : pad(
          given,
          given.shape.map((n, d) => [0, d === given.ndim - 1 ? Math.max(0, keys - n) : 0]),
          "constant",
          given.dtype === "bool" ? 0 : -Infinity,
        );
  const valid = maybeAt(inputs, 6);
  const allow: Tensor[] = [];
  if (mask?.dtype === "bool") allow.push(mask);
  if (node.int("is_causal", 0) !== 0) {
    const offset = valid !== null && maybeAt(inputs, 4) === null ? F.sub(valid, length) : past;
    allow.push(causal(length, keys, offset));
  }
  if (valid !== null) allow.push(F.lt(counting(keys), reshape(valid, [-1, 1, 1, 1])));
  return { bias: mask?.dtype === "float32" ? mask : null, allow };
}

/** Y, the keys and values with those of the past, and one of the stages from scores to weights. */
function runAttention(node: NodeView, inputs: Inputs): Arg[] {
  const given = needed(node, inputs, 0);
  const q = headsApart(node, given.tensor, "q_num_heads");
  const [key, value] = [1, 2].map((i) => {
    const now = headsApart(node, tensorAt(node, inputs, i), "kv_num_heads");
    const past = maybeAt(inputs, i + 3);
    return past === null ? now : cat([past, now], 2);
  }) as [Tensor, Tensor];
  const [batch, heads, length, features] = q.shape as [number, number, number, number];
  const [, kvHeads, keys, valueFeatures] = value.shape as [number, number, number, number];
  if (heads % kvHeads !== 0) throw node.fail(`${heads} query heads; expected a multiple of ${kvHeads}, the others'`);
  const scale = node.float("scale", 1 / Math.sqrt(features));
  const softcap = node.float("softcap", 0);
  const past = maybeAt(inputs, 4)?.size(2) ?? 0;
  // Several query heads share one of the others.
  const grouped = (t: Tensor): Tensor =>
    heads === kvHeads ? t : reshape(t, [batch, kvHeads, -1, t.size(-2), t.size(-1)]);
  const ungrouped = (t: Tensor): Tensor => reshape(t, [batch, heads, length, t.size(-1)]);
  const results = (y: Tensor, stage?: Tensor): Arg[] => {
    const joined = given.tensor.ndim === 4 ? y : reshape(transpose(y, 1, 2), [batch, length, heads * valueFeatures]);
    return (stage === undefined ? [joined, key, value] : [joined, key, value, stage]).map((t) => as(given, t));
  };
  const masks = masksOf(node, inputs, length, keys, past);
  if (softcap === 0 && node.outputs < 4 && maybeAt(inputs, 3) === null && maybeAt(inputs, 6) === null) {
    const attrs = { scale, diagonal: node.int("is_causal", 0) === 0 ? null : past };
    const none = { bias: null, allow: null };
    return results(ungrouped(attention(grouped(q), grouped(key), grouped(value), none, attrs, null)));
  }
  const raw = ungrouped(matmul(affine(grouped(q), scale, 0), transpose(grouped(key), -2, -1)));
  const capped = softcap === 0 ? raw : affine(F.tanh(affine(raw, 1 / softcap, 0)), softcap, 0);
  const biased = masks.bias === null ? capped : add(capped, masks.bias);
  const scores = masks.allow.reduce((s, allow) => maskedFill(s, F.logicalNot(allow), -Infinity), biased);
  const weights = weightsOf(scores);
  const y = ungrouped(matmul(grouped(weights), grouped(value)));
  const mode = node.int("qk_matmul_output_mode", 0);
  const stage = [raw, capped, scores, weights][mode];
  if (stage === undefined) throw node.fail(`qk_matmul_output_mode is ${mode}; expected 0 to 3`);
  return results(y, stage);
}

/** Turns pairs of features, halves of a row or neighbours, by angles whose cosines and sines are looked up by position. */
function runRotary(node: NodeView, inputs: Inputs): [Arg] {
  const given = needed(node, inputs, 0);
  const heads = given.tensor.ndim === 4 ? transpose(given.tensor, 1, 2) : splitHeads(node, given.tensor);
  const positions = maybeAt(inputs, 3);
  const features = heads.size(3);
  const turned = node.int("rotary_embedding_dim", 0) || features;
  if (turned % 2 !== 0 || turned > features) {
    throw node.fail(`rotary_embedding_dim is ${turned}; expected an even number up to ${features}`);
  }
  const [cos, sin] = [1, 2].map((i) => {
    const cache = tensorAt(node, inputs, i);
    const rows = positions === null ? cache : embedding(positions, cache, { paddingIdx: -1 });
    return F.unsqueeze(narrow(rows, -1, 0, turned / 2), { dim: 2 });
  }) as [Tensor, Tensor];
  const all = rotated(heads, cos, sin, node.int("interleaved", 0) !== 0);
  return [as(given, given.tensor.ndim === 4 ? transpose(all, 1, 2) : reshape(all, given.tensor.shape))];
}

/** [B, L, H·E] → [B, L, H, E]. */
function splitHeads(node: NodeView, x: Tensor): Tensor {
  return transpose(headsApart(node, x, "num_heads"), 1, 2);
}

/** A cache of keys or values [B, …] with newer ones written into it along an axis, from a place of each of the batch's own on. */
function runTensorScatter(node: NodeView, inputs: Inputs): [Arg] {
  const past = needed(node, inputs, 0);
  const update = tensorAt(node, inputs, 1);
  const { ndim } = past.tensor;
  const axis = axisOf(node, node.int("axis", -2), ndim);
  if (axis === 0 || update.ndim !== ndim) throw node.fail(`axis is ${axis}, update [${update.shape.join(", ")}]`);
  const along = (d: number): number[] => update.shape.map((_, k) => (k === d ? -1 : 1));
  const steps = reshape(counting(update.size(axis)), along(axis));
  const starts = maybeAt(inputs, 2);
  const places = starts === null ? steps : add(steps, reshape(starts, along(0)));
  const circular = wordOf(node, "mode", "linear", ["linear", "circular"]) === "circular";
  const index = circular ? modulo(places, whole(past.tensor.size(axis))) : places;
  return [as(past, scatter(past.tensor, expand(index, update.shape), update, axis))];
}

const ATTENTION = [
  "is_causal",
  "kv_num_heads",
  "q_num_heads",
  "qk_matmul_output_mode",
  "scale",
  "softcap",
  "softmax_precision",
];

/** Attention and positions. */
export const attentions: OperatorTable = {
  Attention: [{ since: 23, attributes: ATTENTION, run: runAttention }],
  RotaryEmbedding: [{ since: 23, attributes: ["interleaved", "num_heads", "rotary_embedding_dim"], run: runRotary }],
  TensorScatter: [{ since: 24, attributes: ["axis", "mode"], run: runTensorScatter }],
};
