// Activations, normalisations and products of com.microsoft, with what they give by their formulas.
import { functional as F, type Tensor } from "../../src/node.js";
import { type ContribCase, operand } from "./contrib-case.js";
import { ints, sample } from "./onnx.js";

const [B, L, D] = [2, 3, 32];
const x = sample("x", B, L, D);
const skip = sample("skip", B, L, D);
const MASK = ints([1, 1, 0, 1, 0, 0], B, L);
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

export const fusedCases: readonly ContribCase[] = [
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
