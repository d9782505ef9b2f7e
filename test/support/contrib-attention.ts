// Attention and positions of com.microsoft, with what they give by their formulas.
import { functional as F, type Tensor, tensor } from "../../src/node.js";
import { type ContribCase, operand } from "./contrib-case.js";
import { ints, sample } from "./onnx.js";

interface Scores {
  /** Replaces the score of query i for key j. */
  readonly score?: (s: number, b: number, h: number, i: number, j: number) => number;
  readonly scale?: number;
}

/** Σ softmax(score) v, element by element: q [B, H, L, E], k and v [B, K, S, E] → [B, L, H·E]. */
export function attention(q: Tensor, k: Tensor, v: Tensor, { score = (s) => s, scale }: Scores = {}): Tensor {
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

export const apart = (x: Tensor, heads: number): Tensor => x.reshape([x.size(0), x.size(1), heads, -1]).transpose(1, 2);
const causal = (past: number) => (s: number, _b: number, _h: number, i: number, j: number) =>
  j <= i + past ? s : -Infinity;

/** (a, b) ↦ (a·cos − b·sin, b·cos + a·sin) for the pairs of x [B, H, L, E], at positions [b][i]. */
export function turned(
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
const skip = sample("skip", B, L, D);
export const caches = [sample("cos", 16, D / H / 2), sample("sin", 16, D / H / 2)] as const;
const past = sample("past", 2, B, H, 4, D / H);
const joined = (before: Tensor, now: Tensor): Tensor => F.cat([before, now], { dim: 2 });

export const attentionCases: readonly ContribCase[] = [
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
