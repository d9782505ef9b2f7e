// Calls of com.microsoft's operators, with what they give by their formulas.
import { functional as F, type Tensor, tensor } from "../../src/node.js";
import type { Elem } from "../../src/onnx/handler.js";
import type { NodeProto } from "../../src/onnx/messages.js";
import { ints, sample } from "./onnx.js";
import { initializer, modelBytes, node, value } from "./onnx-model.js";

interface Operand {
  readonly tensor: Tensor;
  readonly elem: Elem;
  /** An initializer of the model, not an input. */
  readonly constant: boolean;
}

export interface ContribCase {
  readonly op: string;
  /** What the case shows. */
  readonly of: string;
  /** Default "com.microsoft". */
  readonly domain?: string;
  readonly inputs: readonly (Operand | null)[];
  readonly attributes?: Parameters<typeof node>[3];
  /** By output; null for one that is not named. */
  readonly want: () => readonly (Tensor | null)[];
}

function operand(t: Tensor, elem: Elem = t.dtype === "int32" ? "int32" : t.dtype, constant = false): Operand {
  return { tensor: t, elem, constant };
}

/** A model of the one node. Inputs are called x0, x1 …, outputs y0, y1 … */
export function contribModel(
  { op, domain = "com.microsoft", inputs, attributes }: ContribCase,
  outputs: readonly (Tensor | null)[],
): Uint8Array {
  const given = inputs.map((x, i) => (x === null ? null : { ...x, name: `x${i}` }));
  const inNames = given.map((x) => x?.name ?? "");
  const outNames = outputs.map((y, i) => (y === null ? "" : `y${i}`));
  const proto: NodeProto = node(op, inNames, outNames, attributes, { domain });
  return modelBytes(
    {
      node: [proto],
      name: "contrib",
      input: given.flatMap((x) => (x === null || x.constant ? [] : [value(x.name, x.tensor.shape, x.elem)])),
      initializer: given.flatMap((x) => (x?.constant ? [initializer(x.name, x.tensor, x.elem)] : [])),
      output: outNames.flatMap((name, i) => {
        const y = outputs[i];
        return y ? [value(name, y.shape, y.dtype === "int32" ? "int32" : y.dtype)] : [];
      }),
    },
    {
      opsetImport: [
        { domain: "", version: 17 },
        { domain: "com.microsoft", version: 1 },
      ],
    },
  );
}

/** The tensors that a case feeds, in order. */
export function feedsOf({ inputs }: ContribCase): Tensor[] {
  return inputs.flatMap((x) => (x === null || x.constant ? [] : [x.tensor]));
}

interface Scores {
  /** Replaces the score of query i for key j. */
  readonly score?: (s: number, b: number, h: number, i: number, j: number) => number;
  readonly scale?: number;
}

/** Σ softmax(score) v, element by element: q [B, H, L, E], k and v [B, K, S, E] → [B, L, H·E]. */
function attention(q: Tensor, k: Tensor, v: Tensor, { score = (s) => s, scale }: Scores = {}): Tensor {
  const [B, H, L, E] = q.shape as [number, number, number, number];
  const [, K, S, V] = v.shape as [number, number, number, number];
  const [qs, ks, vs] = [q, k, v].map((t) => t.data()) as [Float32Array, Float32Array, Float32Array];
  const out = new Float32Array(B * L * H * V);
  for (let b = 0; b < B; b++) {
    for (let h = 0; h < H; h++) {
      const kv = b * K + Math.floor(h / (H / K));
      for (let i = 0; i < L; i++) {
        const scores = Array.from({ length: S }, (_, j) => {
          let dot = 0;
          for (let e = 0; e < E; e++) dot += qs[((b * H + h) * L + i) * E + e]! * ks[(kv * S + j) * E + e]!;
          return score(dot * (scale ?? 1 / Math.sqrt(E)), b, h, i, j);
        });
        const top = Math.max(...scores);
        const weights = scores.map((s) => Math.exp(s - top));
        const sum = weights.reduce((x, y) => x + y, 0);
        for (let e = 0; e < V; e++) {
          const y = weights.reduce((acc, w, j) => acc + w * vs[(kv * S + j) * V + e]!, 0);
          out[((b * L + i) * H + h) * V + e] = y / sum;
        }
      }
    }
  }
  return tensor(out, { shape: [B, L, H * V] });
}

const apart = (x: Tensor, heads: number): Tensor => x.reshape([x.size(0), x.size(1), heads, -1]).transpose(1, 2);
const causal = (past: number) => (s: number, _b: number, _h: number, i: number, j: number) =>
  j <= i + past ? s : -Infinity;

/** (a, b) ↦ (a·cos − b·sin, b·cos + a·sin) for the pairs of x [B, H, L, E], at positions [b][i]. */
function turned(
  x: Tensor,
  position: (b: number, i: number) => number,
  caches: readonly [Tensor, Tensor],
  interleaved: boolean,
): Tensor {
  const [B, H, L, E] = x.shape as [number, number, number, number];
  const [cos, sin] = caches.map((t) => t.data()) as [Float32Array, Float32Array];
  const half = caches[0].size(1);
  const out = x.data();
  const from = Float32Array.from(out as Float32Array);
  for (let b = 0; b < B; b++) {
    for (let h = 0; h < H; h++) {
      for (let i = 0; i < L; i++) {
        for (let p = 0; p < half; p++) {
          const row = ((b * H + h) * L + i) * E;
          const [at, bt] = interleaved ? [row + 2 * p, row + 2 * p + 1] : [row + p, row + half + p];
          const angle = position(b, i) * half + p;
          out[at] = from[at]! * cos[angle]! - from[bt]! * sin[angle]!;
          out[bt] = from[bt]! * cos[angle]! + from[at]! * sin[angle]!;
        }
      }
    }
  }
  return tensor(out, { shape: x.shape });
}

const [B, L, D, H] = [2, 3, 32, 2];
const x = sample("x", B, L, D);
const [w, bias] = [sample("w", D, 3 * D), sample("bias", 3 * D)];
const projected = (): [Tensor, Tensor, Tensor] => {
  const all = F.matmul(x, w).add(bias);
  return [0, 1, 2].map((i) => apart(all.narrow(-1, i * D, D), H)) as [Tensor, Tensor, Tensor];
};
const MASK = ints([1, 1, 0, 1, 0, 0], B, L);
const masked = (mask: Tensor) => {
  const values = mask.data();
  const keys = mask.size(-1);
  return (s: number, b: number, _h: number, _i: number, j: number): number =>
    s + (values[b * keys + j] === 0 ? -10000 : 0);
};
const [gamma, beta] = [sample("gamma", D), sample("beta", D)];
const layerNorm = (t: Tensor, b: Tensor | null = beta): Tensor => {
  const centred = t.sub(t.mean(-1, { keepdim: true }));
  const y = centred.div(centred.square().mean(-1, { keepdim: true }).add(1e-5).sqrt()).mul(gamma);
  return b === null ? y : y.add(b);
};
const rms = (t: Tensor): Tensor => t.div(t.square().mean(-1, { keepdim: true }).add(1e-5).sqrt()).mul(gamma);
const gelu = (t: Tensor): Tensor => t.mul(0.5).mul(F.erf(t.mul(Math.SQRT1_2)).add(1));
const tanhGelu = (t: Tensor): Tensor =>
  t.mul(0.5).mul(F.tanh(t.add(t.mul(t).mul(t).mul(0.044715)).mul(Math.sqrt(2 / Math.PI))).add(1));
const EPSILON = { epsilon: { f: 1e-5 } };
const skip = sample("skip", B, L, D);
const caches = [sample("cos", 16, D / H / 2), sample("sin", 16, D / H / 2)] as const;
const past = sample("past", 2, B, H, 4, D / H);
const joined = (before: Tensor, now: Tensor): Tensor => F.cat([before, now], { dim: 2 });

const simple: readonly ContribCase[] = [
  { op: "Gelu", of: "erf", inputs: [operand(x)], want: () => [gelu(x)] },
  { op: "BiasGelu", of: "erf", inputs: [operand(x), operand(beta)], want: () => [gelu(x.add(beta))] },
  { op: "FastGelu", of: "tanh", inputs: [operand(x)], want: () => [tanhGelu(x)] },
  { op: "FastGelu", of: "a bias", inputs: [operand(x), operand(beta)], want: () => [tanhGelu(x.add(beta))] },
  { op: "QuickGelu", of: "its own slope", inputs: [operand(x)], want: () => [x.mul(F.sigmoid(x.mul(1.702)))] },
  {
    op: "QuickGelu",
    of: "another slope",
    inputs: [operand(x)],
    attributes: { alpha: 0.5 },
    want: () => [x.mul(F.sigmoid(x.mul(0.5)))],
  },
  {
    op: "SkipLayerNormalization",
    of: "a bias, with the sum",
    inputs: [x, skip, gamma, beta, sample("b", D)].map((t) => operand(t)),
    attributes: EPSILON,
    want: () => [layerNorm(x.add(skip).add(sample("b", D))), null, null, x.add(skip).add(sample("b", D))],
  },
  {
    op: "SkipLayerNormalization",
    of: "no beta, a skip without a batch",
    inputs: [x, sample("flat", L, D), gamma].map((t) => operand(t)),
    attributes: EPSILON,
    want: () => [layerNorm(x.add(sample("flat", L, D)), null)],
  },
  {
    op: "SkipSimplifiedLayerNormalization",
    of: "the sum",
    inputs: [x, skip, gamma].map((t) => operand(t)),
    attributes: EPSILON,
    want: () => [rms(x.add(skip)), null, null, x.add(skip)],
  },
  {
    op: "SimplifiedLayerNormalization",
    of: "ONNX's own domain",
    domain: "",
    inputs: [operand(x), operand(gamma)],
    want: () => [rms(x)],
  },
  {
    op: "LayerNormalization",
    of: "an operator set before it was ONNX's",
    domain: "",
    inputs: [x, gamma, beta].map((t) => operand(t)),
    want: () => [layerNorm(x)],
  },
  {
    op: "EmbedLayerNormalization",
    of: "words, positions, segments and a mask",
    inputs: [
      operand(ints([4, 1, 0, 2, 2, 3], B, L)),
      operand(ints([0, 1, 1, 0, 0, 1], B, L)),
      ...[sample("words", 5, D), sample("places", 6, D), sample("segments", 2, D), gamma, beta].map((t) => operand(t)),
      operand(MASK),
    ],
    attributes: EPSILON,
    want: () => {
      const rows = (name: string, n: number, index: number[]) =>
        F.indexSelect(sample(name, n, D), ints(index), { dim: 0 }).reshape([B, L, D]);
      const sum = rows("words", 5, [4, 1, 0, 2, 2, 3])
        .add(rows("places", 6, [0, 1, 2, 0, 1, 2]))
        .add(rows("segments", 2, [0, 1, 1, 0, 0, 1]));
      return [layerNorm(sum), ints([2, 1])];
    },
  },
  {
    op: "EmbedLayerNormalization",
    of: "words and given positions",
    inputs: [
      operand(ints([4, 1, 0, 2, 2, 3], B, L)),
      null,
      ...[sample("words", 5, D), sample("places", 6, D)].map((t) => operand(t)),
      null,
      ...[gamma, beta].map((t) => operand(t)),
      null,
      operand(ints([5, 4, 3, 2, 1, 0], B, L)),
    ],
    attributes: EPSILON,
    want: () => {
      const rows = (name: string, n: number, index: number[]) =>
        F.indexSelect(sample(name, n, D), ints(index), { dim: 0 }).reshape([B, L, D]);
      return [layerNorm(rows("words", 5, [4, 1, 0, 2, 2, 3]).add(rows("places", 6, [5, 4, 3, 2, 1, 0]))), ints([0, 0])];
    },
  },
  {
    op: "FusedMatMul",
    of: "transposed operands",
    inputs: [operand(sample("a", 2, 4, 3)), operand(sample("c", 5, 4))],
    attributes: { alpha: 0.25, transA: 1, transB: 1 },
    want: () => [F.matmul(sample("a", 2, 4, 3).transpose(1, 2), sample("c", 5, 4).T).mul(0.25)],
  },
  {
    op: "FusedMatMul",
    of: "transposed batches",
    inputs: [operand(sample("a", 3, 2, 4)), operand(sample("c", 4, 2, 5))],
    attributes: { transBatchA: 1, transBatchB: 1 },
    want: () => [F.matmul(sample("a", 3, 2, 4).permute(1, 0, 2), sample("c", 4, 2, 5).permute(1, 0, 2))],
  },
  ...(
    [
      ["Relu", {}, (t: Tensor) => F.relu(t)],
      ["LeakyRelu", { activation_alpha: 0.25 }, (t: Tensor) => F.leakyRelu(t, { negativeSlope: 0.25 })],
      ["Sigmoid", {}, (t: Tensor) => F.sigmoid(t)],
      ["Tanh", {}, (t: Tensor) => F.tanh(t)],
    ] as const
  ).map(
    ([activation, more, act]): ContribCase => ({
      op: "FusedGemm",
      of: activation,
      inputs: [operand(sample("a", 3, 4)), operand(sample("c", 5, 4)), operand(sample("d", 5))],
      attributes: { transB: 1, activation, ...more },
      want: () => [act(F.linear(sample("a", 3, 4), sample("c", 5, 4), sample("d", 5)))],
    }),
  ),
  ...(
    [
      ["Relu", {}, (t: Tensor) => F.relu(t)],
      ["LeakyRelu", [0.25], (t: Tensor) => F.leakyRelu(t, { negativeSlope: 0.25 })],
      ["Clip", [-0.5, 0.5], (t: Tensor) => t.clamp(-0.5, 0.5)],
      ["HardSigmoid", [0.5, 0.25], (t: Tensor) => t.mul(0.5).add(0.25).clamp(0, 1)],
    ] as const
  ).map(
    ([activation, params, act]): ContribCase => ({
      op: "FusedConv",
      of: activation,
      inputs: [sample("i", 1, 4, 6, 6), sample("k", 6, 2, 3, 3), sample("d", 6), sample("z", 1, 6, 6, 6)].map((t) =>
        operand(t),
      ),
      attributes: {
        group: 2,
        pads: [1, 1, 1, 1],
        activation,
        ...(Array.isArray(params) && { activation_params: { type: 6, floats: [params] } }),
      },
      want: () => {
        const y = F.conv2d(sample("i", 1, 4, 6, 6), sample("k", 6, 2, 3, 3), sample("d", 6), { padding: 1, groups: 2 });
        return [act(y.add(sample("z", 1, 6, 6, 6)))];
      },
    }),
  ),
];

/** Weights [N, K] in `bits` bits, packed, and what they stand for. */
function packed(
  n: number,
  k: number,
  block: number,
  bits: number,
  zeroPoints: "none" | "packed" | "float",
): { operands: Operand[]; weight: Tensor } {
  const blocks = Math.ceil(k / block);
  const most = 2 ** bits;
  const level = (i: number, j: number): number => (7 * i + 5 * j + 3) % most;
  const zeroOf = (i: number, b: number): number =>
    zeroPoints === "none" ? most / 2 : zeroPoints === "float" ? 1.5 + b : (i + 2 * b) % most;
  const bytes = new Int32Array((n * blocks * block * bits) / 8);
  const zeroRow = Math.ceil((blocks * bits) / 8);
  const zeros = new Int32Array(n * zeroRow);
  const put = (to: Int32Array, start: number, i: number, v: number): void => {
    to[start + Math.floor((i * bits) / 8)]! |= v << ((i * bits) % 8);
  };
  const scales = sample("scales", n, blocks);
  const values = scales.data();
  const out = new Float32Array(n * k);
  for (let i = 0; i < n; i++) {
    for (let b = 0; b < blocks; b++) if (zeroPoints === "packed") put(zeros, i * zeroRow, b, zeroOf(i, b));
    for (let j = 0; j < k; j++) {
      put(bytes, (i * blocks * block * bits) / 8, j, level(i, j));
      const b = Math.floor(j / block);
      out[i * k + j] = (level(i, j) - zeroOf(i, b)) * values[i * blocks + b]!;
    }
  }
  const floats = Float32Array.from({ length: n * blocks }, (_, i) => zeroOf(Math.floor(i / blocks), i % blocks));
  const zero =
    zeroPoints === "packed"
      ? [operand(tensor(zeros, { shape: [n, zeroRow] }), "uint8", true)]
      : zeroPoints === "float"
        ? [operand(tensor(floats, { shape: [n, blocks] }), "float32", true)]
        : [];
  return {
    operands: [
      operand(tensor(bytes, { shape: [n, blocks, (block * bits) / 8] }), "uint8", true),
      operand(scales, "float32", true),
      ...zero,
    ],
    weight: tensor(out, { shape: [n, k] }),
  };
}

const quantised = (
  [
    [4, "none"],
    [4, "packed"],
    [4, "float"],
    [8, "packed"],
  ] as const
).map(([bits, zeros]): ContribCase => {
  const [N, K, block_size] = [3, 40, 16];
  const { operands, weight } = packed(N, K, block_size, bits, zeros);
  const a = sample("a", 2, 5, K);
  return {
    op: "MatMulNBits",
    of: `${bits} bits, zero points ${zeros}`,
    inputs: [operand(a), ...operands],
    attributes: { N, K, bits, block_size },
    want: () => [F.linear(a, weight)],
  };
});

const attentions: readonly ContribCase[] = [
  {
    op: "Attention",
    of: "no mask",
    inputs: [x, w, bias].map((t) => operand(t)),
    attributes: { num_heads: H },
    want: () => [attention(...projected())],
  },
  {
    op: "Attention",
    of: "a mask of keys",
    inputs: [operand(x), operand(w), operand(bias), operand(MASK)],
    attributes: { num_heads: H },
    want: () => [attention(...projected(), { score: masked(MASK) })],
  },
  {
    op: "Attention",
    of: "the numbers of keys",
    inputs: [operand(x), operand(w), operand(bias), operand(ints([2, 1]))],
    attributes: { num_heads: H },
    want: () => [attention(...projected(), { score: masked(MASK) })],
  },
  {
    op: "Attention",
    of: "ends and starts of keys",
    inputs: [operand(x), operand(w), operand(bias), operand(ints([3, 2, 1, 0]))],
    attributes: { num_heads: H },
    want: () => [attention(...projected(), { score: masked(ints([0, 1, 1, 1, 1, 0], B, L)) })],
  },
  {
    op: "Attention",
    of: "a past, only what came before",
    inputs: [operand(x), operand(w), operand(bias), null, operand(past)],
    attributes: { num_heads: H, unidirectional: 1 },
    want: () => {
      const [q, k, v] = projected();
      const [keys, values] = [joined(past.select(0, 0), k), joined(past.select(0, 1), v)];
      return [attention(q, keys, values, { score: causal(4) }), F.stack([keys, values], { dim: 0 })];
    },
  },
  {
    op: "Attention",
    of: "a bias of scores, its own scale",
    inputs: [operand(x), operand(w), operand(bias), null, null, operand(sample("scores", 1, H, L, L))],
    attributes: { num_heads: H, scale: 0.3 },
    want: () => {
      const more = sample("scores", 1, H, L, L).data();
      const score = (s: number, _: number, h: number, i: number, j: number): number => s + more[(h * L + i) * L + j]!;
      return [attention(...projected(), { score, scale: 0.3 })];
    },
  },
  {
    op: "Attention",
    of: "values of another width",
    inputs: [operand(x), operand(sample("wide", D, 2 * D + 4)), operand(sample("b", 2 * D + 4))],
    attributes: { num_heads: H, qkv_hidden_sizes: [D, D, 4] },
    want: () => {
      const all = F.matmul(x, sample("wide", D, 2 * D + 4)).add(sample("b", 2 * D + 4));
      return [
        attention(apart(all.narrow(-1, 0, D), H), apart(all.narrow(-1, D, D), H), apart(all.narrow(-1, 2 * D, 4), H)),
      ];
    },
  },
  {
    op: "MultiHeadAttention",
    of: "a bias and a mask of keys",
    inputs: [
      operand(x),
      operand(sample("k", B, 5, D)),
      operand(sample("v", B, 5, D)),
      operand(bias),
      operand(ints([1, 1, 1, 0, 0, 1, 0, 1, 1, 1], B, 5)),
    ],
    attributes: { num_heads: H },
    want: () => {
      const [q, k, v] = [x, sample("k", B, 5, D), sample("v", B, 5, D)].map((t, i) =>
        apart(t.add(bias.narrow(0, i * D, D)), H),
      ) as [Tensor, Tensor, Tensor];
      return [attention(q, k, v, { score: masked(ints([1, 1, 1, 0, 0, 1, 0, 1, 1, 1], B, 5)) })];
    },
  },
  {
    op: "MultiHeadAttention",
    of: "keys and values in heads",
    inputs: [operand(x), operand(sample("k", B, H, 5, D / H)), operand(sample("v", B, H, 5, D / H))],
    attributes: { num_heads: H },
    want: () => [attention(apart(x, H), sample("k", B, H, 5, D / H), sample("v", B, H, 5, D / H))],
  },
  {
    op: "MultiHeadAttention",
    of: "a past, only what came before",
    inputs: [
      operand(x),
      operand(skip),
      operand(skip.mul(2)),
      null,
      null,
      null,
      operand(past.select(0, 0).clone()),
      operand(past.select(0, 1).clone()),
    ],
    attributes: { num_heads: H, unidirectional: 1 },
    want: () => {
      const [k, v] = [joined(past.select(0, 0), apart(skip, H)), joined(past.select(0, 1), apart(skip.mul(2), H))];
      return [attention(apart(x, H), k, v, { score: causal(4) }), k, v];
    },
  },
  ...[0, 1].map(
    (interleaved): ContribCase => ({
      op: "RotaryEmbedding",
      of: `positions, interleaved ${interleaved}`,
      inputs: [operand(x), operand(ints([3, 1, 0, 2, 5, 4], B, L), "int64"), operand(caches[0]), operand(caches[1])],
      attributes: { interleaved },
      want: () => {
        const y = turned(apart(x, H), (b, i) => [3, 1, 0, 2, 5, 4][b * L + i]!, caches, interleaved === 1);
        return [y.transpose(1, 2).reshape([B, L, D])];
      },
    }),
  ),
  {
    op: "RotaryEmbedding",
    of: "a first position, heads apart",
    inputs: [operand(sample("r", B, H, L, D / H)), operand(ints([6]), "int64"), operand(caches[0]), operand(caches[1])],
    want: () => [turned(sample("r", B, H, L, D / H), (_, i) => 6 + i, caches, false)],
  },
];

const [G, KV] = [4, 2];
const E = D / H;
const query = sample("query", B, L, G * E);
const own = [sample("key", B, L, KV * E), sample("value", B, L, KV * E)] as const;

interface Grouped {
  readonly of: string;
  readonly batch: number;
  readonly length: number;
  /** Room of the past, and how many of it count by text. */
  readonly room: number;
  readonly before: readonly number[];
  readonly attributes?: Parameters<typeof node>[3];
  readonly softcap?: number;
  readonly window?: number;
  readonly rotary?: "halves" | "interleaved";
  readonly packed?: boolean;
}

function grouped({
  of,
  batch,
  length,
  room,
  before,
  attributes = {},
  softcap,
  window,
  rotary,
  packed: inOne,
}: Grouped): ContribCase {
  const cut = (t: Tensor): Tensor => t.narrow(0, 0, batch).narrow(1, 0, length).contiguous();
  const [q, k, v] = [cut(query), cut(own[0]), cut(own[1])];
  // What does not count of a past is 0, as ONNX Runtime leaves it.
  const counts = tensor(
    Float32Array.from({ length: batch * room }, (_, i) => Number(i % room < before[Math.floor(i / room)]!)),
  );
  const old = [0, 1].map((i) =>
    room === 0 ? null : sample(`past${i}`, batch, KV, room, E).mul(counts.reshape([batch, 1, room, 1])),
  );
  const total = length + Math.max(...before);
  const keys = Math.max(room, total);
  const options = {
    ...(softcap !== undefined && { softcap: { f: softcap } }),
    ...(window !== undefined && { local_window_size: window }),
    ...(rotary !== undefined && { do_rotary: 1, rotary_interleaved: Number(rotary === "interleaved") }),
  };
  return {
    op: "GroupQueryAttention",
    of,
    inputs: [
      operand(inOne ? F.cat([q, k, v], { dim: 2 }) : q),
      inOne ? null : operand(k),
      inOne ? null : operand(v),
      old[0] ? operand(old[0]) : null,
      old[1] ? operand(old[1]) : null,
      operand(ints(before.map((n) => n + length - 1))),
      operand(ints([total])),
      ...(rotary === undefined ? [] : [operand(caches[0]), operand(caches[1])]),
    ],
    attributes: { num_heads: G, kv_num_heads: KV, ...options, ...attributes },
    want: () => {
      const turn = (t: Tensor): Tensor =>
        rotary === undefined ? t : turned(t, (b, i) => before[b]! + i, caches, rotary === "interleaved");
      const grown = [turn(apart(k, KV)), apart(v, KV)].map((now, n) => {
        const out = new Float32Array(batch * KV * keys * E);
        const [from, fresh] = [old[n]?.data(), now.data()];
        for (let b = 0; b < batch; b++) {
          for (let h = 0; h < KV; h++) {
            for (let j = 0; j < keys; j++) {
              for (let e = 0; e < E; e++) {
                const behind = j - before[b]!;
                const row = b * KV + h;
                out[(row * keys + j) * E + e] =
                  behind >= 0 && behind < length
                    ? fresh[(row * length + behind) * E + e]!
                    : j < room
                      ? from![(row * room + j) * E + e]!
                      : 0;
              }
            }
          }
        }
        return tensor(out, { shape: [batch, KV, keys, E] });
      }) as [Tensor, Tensor];
      const score = (s: number, b: number, _h: number, i: number, j: number): number => {
        const at = before[b]! + i;
        if (j > at || (window !== undefined && j <= at - window)) return -Infinity;
        return softcap === undefined ? s : softcap * Math.tanh(s / softcap);
      };
      const y = attention(turn(apart(q, G)), grown[0], grown[1], { score });
      return [y, ...grown];
    },
  };
}

const groups = [
  { of: "a first text", batch: 2, length: 3, room: 0, before: [0, 0] },
  { of: "one more word", batch: 1, length: 1, room: 4, before: [4] },
  { of: "one more word each, turned", batch: 2, length: 1, room: 4, before: [4, 4], rotary: "halves" },
  { of: "texts of different lengths", batch: 2, length: 1, room: 4, before: [4, 2], rotary: "interleaved" },
  { of: "all in one tensor", batch: 2, length: 3, room: 0, before: [0, 0], rotary: "halves", packed: true },
  { of: "soft bounds", batch: 2, length: 3, room: 0, before: [0, 0], softcap: 0.5 },
  { of: "a window", batch: 2, length: 3, room: 0, before: [0, 0], window: 2 },
  { of: "a window over a past", batch: 1, length: 1, room: 4, before: [4], window: 3 },
] as const;

export const contribCases: readonly ContribCase[] = [...simple, ...quantised, ...attentions, ...groups.map(grouped)];
