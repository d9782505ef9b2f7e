import { functional as F, type Tensor } from "../../src/node.js";
import { type InputSpec, opCase, type Sample } from "../support/op-case.js";
import { normOracle, perChannel } from "./norm_batch.js";

const x = (...shape: number[]): InputSpec => ({ shape, low: -1, high: 2 });
const affine = (...shape: number[]): InputSpec[] => [{ shape, low: 0.5, high: 1.5 }, { shape }];

interface GroupOptions {
  numGroups: number;
  eps?: number;
}

const GROUP_SAMPLES: readonly Sample<GroupOptions>[] = [
  { name: "no space", inputs: [x(3, 8), ...affine(8)], options: { numGroups: 2 } },
  { name: "few positions", inputs: [x(2, 6, 3), ...affine(6)], options: { numGroups: 3 } },
  { name: "few positions, odd groups", inputs: [x(2, 15, 3), ...affine(15)], options: { numGroups: 3, eps: 0.1 } },
  { name: "many positions", inputs: [x(2, 4, 5, 5), ...affine(4)], options: { numGroups: 2 } },
  { name: "one group", inputs: [x(3, 3, 19), ...affine(3)], options: { numGroups: 1 } },
  { name: "a group per channel", inputs: [x(2, 3, 4, 5), ...affine(3)], options: { numGroups: 3 } },
  { name: "without weight and bias", inputs: [x(2, 4, 3), null, null], options: { numGroups: 2 } },
  { name: "without weight and bias, many positions", inputs: [x(2, 4, 18), null, null], options: { numGroups: 2 } },
  { name: "bias without weight", inputs: [x(2, 4, 3), null, affine(4)[1]!], options: { numGroups: 2 } },
  { name: "weight without bias", inputs: [x(2, 4, 18), affine(4)[0]!, null], options: { numGroups: 2 } },
  { name: "more than a block of samples", inputs: [x(35, 4, 1), ...affine(4)], options: { numGroups: 1 } },
  { name: "no sample", inputs: [x(0, 4, 3), ...affine(4)], options: { numGroups: 2 } },
  { name: "no position", inputs: [x(2, 4, 0), ...affine(4)], options: { numGroups: 2 } },
];

interface LayerOptions {
  normalizedShape: number | number[];
  eps?: number;
}

/** Elements of a trailing shape. */
const trailing = ({ normalizedShape }: LayerOptions): number =>
  [normalizedShape].flat().reduce((product, n) => product * n, 1);

export const cases = [
  opCase<GroupOptions>({
    name: "groupNorm",
    ops: ["group_norm", "group_norm_grad"],
    run: ([x, weight, bias], options) => F.groupNorm(x as Tensor, weight!, bias!, options),
    oracle: ([x, weight, bias], { numGroups, eps = 1e-5 }) => {
      const channels = x!.shape[1]! / numGroups;
      const group = (i: number[]): number => i[0]! * numGroups + Math.floor(i[1]! / channels);
      return normOracle(x!, eps, group, perChannel(weight!, bias!));
    },
    samples: GROUP_SAMPLES,
    atol: 2e-5,
    errors: [
      {
        name: "groups that do not divide the channels",
        inputs: [x(2, 10, 3), null, null],
        options: { numGroups: 4 },
        message: ["GroupNorm", "10", "4"],
      },
      {
        name: "one value per group",
        inputs: [x(1, 3, 1), null, null],
        options: { numGroups: 3 },
        message: ["GroupNorm", "one value"],
      },
      {
        name: "bias of another size",
        inputs: [x(2, 4, 3), null, { shape: [2] }],
        options: { numGroups: 2 },
        message: ["GroupNorm", "bias", "[2]", "[4]"],
      },
      {
        name: "no group",
        inputs: [x(2, 4), null, null],
        options: { numGroups: 0 },
        message: ["GroupNorm", "numGroups"],
      },
    ],
    bench: [
      {
        name: "[16, 64, 28, 28] in 8 groups",
        inputs: [x(16, 64, 28, 28), ...affine(64)],
        options: { numGroups: 8 },
        bytes: 8 * 16 * 64 * 784,
      },
    ],
  }),
  opCase<{ eps?: number }>({
    name: "instanceNorm",
    ops: ["group_norm", "group_norm_grad"],
    run: ([x, weight, bias], options) => F.instanceNorm(x as Tensor, null, null, weight, bias, options),
    oracle: ([x, weight, bias], { eps = 1e-5 }) =>
      normOracle(x!, eps, (i) => i[0]! * x!.shape[1]! + i[1]!, perChannel(weight!, bias!)),
    samples: [
      { name: "a sequence", inputs: [x(2, 3, 5), ...affine(3)], options: {} },
      { name: "an image", inputs: [x(2, 3, 5, 5), ...affine(3)], options: { eps: 0.1 } },
      { name: "a volume without weight and bias", inputs: [x(2, 2, 2, 3, 4), null, null], options: {} },
    ],
    atol: 2e-5,
    errors: [
      {
        name: "one value per sample and channel",
        inputs: [x(2, 3, 1), null, null],
        options: {},
        message: ["InstanceNorm", "[2, 3, 1]", "one value"],
      },
      { name: "no space", inputs: [x(2, 3), null, null], options: {}, message: ["InstanceNorm", "rank 3"] },
    ],
    bench: [
      {
        name: "[16, 64, 28, 28]",
        inputs: [x(16, 64, 28, 28), ...affine(64)],
        options: {},
        bytes: 8 * 16 * 64 * 784,
      },
    ],
  }),
  opCase<LayerOptions>({
    name: "layerNorm",
    ops: ["layer_norm", "layer_norm_grad"],
    run: ([x, weight, bias], options) => F.layerNorm(x as Tensor, weight!, bias!, options),
    oracle: ([x, weight, bias], options) => {
      const n = trailing(options);
      const strides = x!.shape.map((_, d) => x!.shape.slice(d + 1).reduce((product, s) => product * s, 1));
      const flat = (index: number[]): number => index.reduce((p, i, d) => p + i * strides[d]!, 0);
      return normOracle(
        x!,
        options.eps ?? 1e-5,
        (i) => Math.floor(flat(i) / n),
        (i) => [weight?.data[flat(i) % n] ?? 1, bias?.data[flat(i) % n] ?? 0],
      );
    },
    samples: [
      { name: "rows, vector tail", inputs: [x(3, 7), ...affine(7)], options: { normalizedShape: 7 } },
      {
        name: "rows of two dimensions",
        inputs: [x(2, 3, 4, 5), ...affine(4, 5)],
        options: { normalizedShape: [4, 5] },
      },
      { name: "the whole input", inputs: [x(4, 4), ...affine(4, 4)], options: { normalizedShape: [4, 4] } },
      { name: "one element", inputs: [x(3, 1), ...affine(1)], options: { normalizedShape: 1, eps: 0.1 } },
      { name: "more than a block of rows", inputs: [x(67, 5), ...affine(5)], options: { normalizedShape: 5 } },
      { name: "without weight and bias", inputs: [x(3, 18), null, null], options: { normalizedShape: 18 } },
      { name: "weight without bias", inputs: [x(3, 17), affine(17)[0]!, null], options: { normalizedShape: 17 } },
      { name: "bias without weight", inputs: [x(3, 6), null, affine(6)[1]!], options: { normalizedShape: 6 } },
      { name: "no row", inputs: [x(0, 4), ...affine(4)], options: { normalizedShape: 4 } },
      { name: "rows of nothing", inputs: [x(3, 0), ...affine(0)], options: { normalizedShape: 0 } },
      {
        name: "rows longer than a block",
        inputs: [x(2, 4100), ...affine(4100)],
        options: { normalizedShape: 4100 },
        forwardOnly: true,
      },
      {
        name: "a mean far from 0",
        inputs: [{ shape: [3, 33], low: 100, high: 101 }, null, null],
        options: { normalizedShape: 33 },
        forwardOnly: true,
      },
      {
        name: "NaN and infinity stay in their row",
        inputs: [{ shape: [3, 2], values: [1, Infinity, NaN, 3, 4, 2] }, null, null],
        options: { normalizedShape: 2 },
        forwardOnly: true,
      },
    ],
    atol: 2e-5,
    errors: [
      {
        name: "another trailing size",
        inputs: [x(2, 5), null, null],
        options: { normalizedShape: 7 },
        message: ["LayerNorm", "[2, 5]", "[7]"],
      },
      {
        name: "no trailing dimension",
        inputs: [x(2, 5), null, null],
        options: { normalizedShape: [] },
        message: ["LayerNorm", "normalizedShape []"],
      },
      {
        name: "weight of another shape",
        inputs: [x(2, 5), { shape: [1, 5] }, null],
        options: { normalizedShape: 5 },
        message: ["LayerNorm", "weight", "[1, 5]", "[5]"],
      },
    ],
    bench: [
      {
        name: "[512, 768]",
        inputs: [x(512, 768), ...affine(768)],
        options: { normalizedShape: 768 },
        bytes: 8 * 512 * 768,
      },
      {
        name: "[4096, 64]",
        inputs: [x(4096, 64), ...affine(64)],
        options: { normalizedShape: 64 },
        bytes: 8 * 4096 * 64,
      },
    ],
  }),
];
