import { functional as F, type Tensor } from "../../src/node.js";
import { forIndex, Nd } from "../support/nd.js";
import { type InputSpec, opCase, type Sample } from "../support/op-case.js";

/** (x − mean) / √(var + eps) · weight + bias, the elements of equal `group` taken together. */
export function normOracle(
  x: Nd,
  eps: number,
  group: (index: number[]) => number,
  affine: (index: number[]) => readonly [weight: number, bias: number],
): Nd {
  const groups = new Map<number, number[]>();
  forIndex(x.shape, (index, flat) => {
    const key = group(index);
    const members = groups.get(key) ?? [];
    groups.set(key, members);
    members.push(flat);
  });
  const out = new Nd(x.shape);
  for (const members of groups.values()) {
    const mean = members.reduce((s, i) => s + x.data[i]!, 0) / members.length;
    const variance = members.reduce((s, i) => s + (x.data[i]! - mean) ** 2, 0) / members.length;
    for (const i of members) out.data[i] = (x.data[i]! - mean) / Math.sqrt(variance + eps);
  }
  forIndex(x.shape, (index, flat) => {
    const [weight, bias] = affine([...index]);
    out.data[flat] = out.data[flat]! * weight + bias;
  });
  return out;
}

/** Weight and bias of an element's channel. */
export function perChannel(weight: Nd | null, bias: Nd | null): (index: number[]) => readonly [number, number] {
  return (index) => [weight?.data[index[1]!] ?? 1, bias?.data[index[1]!] ?? 0];
}

interface Options {
  eps?: number;
  activation?: F.FusedActivation;
}

/** relu, if it is asked for. */
function activated(y: Nd, { activation }: Options): Nd {
  return activation === "relu" ? y.map((v) => (v < 0 ? 0 : v)) : y;
}

const x = (...shape: number[]): InputSpec => ({ shape, low: -1, high: 2 });
const affine = (channels: number): InputSpec[] => [{ shape: [channels], low: 0.5, high: 1.5 }, { shape: [channels] }];

/** Sizes on both sides of where the lanes change from positions to channels, with the tails of either. */
const SAMPLES: readonly Sample<Options>[] = [
  { name: "channels for several threads, few positions", inputs: [x(3, 9, 5), ...affine(9)], options: {} },
  { name: "channels for several threads, many positions", inputs: [x(2, 9, 20), ...affine(9)], options: {} },
  { name: "no space, vector tail", inputs: [x(5, 7), ...affine(7)], options: {} },
  { name: "no space, more than a block of rows", inputs: [x(37, 4), ...affine(4)], options: {} },
  { name: "few positions", inputs: [x(3, 5, 3), ...affine(5)], options: {} },
  { name: "few positions in two dimensions", inputs: [x(2, 3, 3, 5), ...affine(3)], options: {} },
  { name: "many positions", inputs: [x(2, 3, 17), ...affine(3)], options: {} },
  { name: "an image, unaligned rows", inputs: [x(3, 2, 5, 7), ...affine(2)], options: { eps: 0.1 } },
  { name: "a volume", inputs: [x(2, 2, 3, 2, 4), ...affine(2)], options: {} },
  { name: "without weight and bias", inputs: [x(4, 3, 4), null, null], options: {} },
  { name: "without weight and bias, many positions", inputs: [x(2, 2, 20), null, null], options: {} },
  { name: "weight without bias", inputs: [x(6, 3), affine(3)[0]!, null], options: {} },
  { name: "one channel", inputs: [x(4, 1, 16), ...affine(1)], options: {} },
  { name: "one sample", inputs: [x(1, 3, 18), ...affine(3)], options: {} },
];

/** The same with relu; in the seed's samples no value is so close to 0 that differences would straddle it. */
const RELU = SAMPLES.map((sample) => ({
  ...sample,
  name: `${sample.name}, relu`,
  options: { ...sample.options, activation: "relu" as const },
}));

export const cases = [
  opCase<Options>({
    name: "batchNorm in training",
    ops: ["batch_norm", "batch_norm_grad"],
    run: ([x, weight, bias], options) =>
      F.batchNorm(x as Tensor, null, null, weight, bias, { ...options, training: true }),
    oracle: ([x, weight, bias], options) =>
      activated(
        normOracle(x!, options.eps ?? 1e-5, (i) => i[1]!, perChannel(weight!, bias!)),
        options,
      ),
    samples: [
      ...SAMPLES,
      ...RELU,
      { name: "more than a block of positions", inputs: [x(2, 2, 2100), ...affine(2)], options: {}, forwardOnly: true },
      {
        name: "a mean far from 0",
        inputs: [{ shape: [8, 2, 20], low: 100, high: 101 }, null, null],
        options: { eps: 0.1 },
        forwardOnly: true,
      },
      { name: "no sample", inputs: [x(0, 3, 4), ...affine(3)], options: {} },
      { name: "no position", inputs: [x(2, 3, 0), ...affine(3)], options: {} },
      {
        name: "NaN and infinity stay in their channel",
        inputs: [{ shape: [2, 3], values: [1, Infinity, NaN, 3, 4, 2] }, null, null],
        options: {},
        forwardOnly: true,
      },
    ],
    atol: 2e-5,
    errors: [
      {
        name: "weight of another size",
        inputs: [x(2, 3, 4), ...affine(4)],
        options: {},
        message: ["BatchNorm", "weight", "[4]", "[3]"],
      },
      {
        name: "one value per channel",
        inputs: [x(1, 3, 1), ...affine(3)],
        options: {},
        message: ["BatchNorm", "[1, 3, 1]", "one value"],
      },
      { name: "no channel dimension", inputs: [x(3), ...affine(3)], options: {}, message: ["BatchNorm", "[3]"] },
      {
        name: "int32",
        inputs: [{ shape: [2, 3], dtype: "int32" }, null, null],
        options: {},
        message: ["BatchNorm", "int32"],
      },
      {
        name: "negative eps",
        inputs: [x(2, 3), null, null],
        options: { eps: -1 },
        message: ["BatchNorm", "eps", "-1"],
      },
      {
        name: "an activation that cannot be fused",
        inputs: [x(2, 3), null, null],
        options: { activation: "gelu" as "relu" },
        message: ["BatchNorm", "activation", "gelu"],
      },
    ],
    bench: [
      { name: "[32, 64, 28, 28]", inputs: [x(32, 64, 28, 28), ...affine(64)], options: {}, bytes: 8 * 32 * 64 * 784 },
      { name: "[128, 512]", inputs: [x(128, 512), ...affine(512)], options: {}, bytes: 8 * 128 * 512 },
      { name: "[32, 512, 7, 7]", inputs: [x(32, 512, 7, 7), ...affine(512)], options: {}, bytes: 8 * 32 * 512 * 49 },
    ],
  }),
  opCase<Options>({
    name: "batchNorm",
    ops: ["batch_norm_eval", "batch_norm_grad"],
    run: ([x, weight, bias, mean, variance], options) =>
      F.batchNorm(x as Tensor, mean!, variance!, weight, bias, options),
    oracle: ([x, weight, bias, mean, variance], options) => {
      const { eps = 1e-5 } = options;
      const out = new Nd(x!.shape);
      forIndex(x!.shape, (index, flat) => {
        const c = index[1]!;
        const scale = (weight?.data[c] ?? 1) / Math.sqrt(variance!.data[c]! + eps);
        out.data[flat] = (x!.data[flat]! - mean!.data[c]!) * scale + (bias?.data[c] ?? 0);
      });
      return activated(out, options);
    },
    samples: [...SAMPLES, ...RELU, { name: "no sample", inputs: [x(0, 3), ...affine(3)], options: {} }].map(
      (sample) => {
        const channels = sample.inputs[0]!.shape[1]!;
        const stats: InputSpec[] = [
          { shape: [channels], grad: false },
          { shape: [channels], low: 0.5, high: 2, grad: false },
        ];
        return { ...sample, inputs: [...sample.inputs, ...stats] };
      },
    ),
    errors: [
      {
        name: "running statistics of another size",
        inputs: [x(2, 3), null, null, { shape: [2] }, { shape: [2] }],
        options: {},
        message: ["BatchNorm", "runningMean", "[2]", "[3]"],
      },
      {
        name: "no running statistics",
        inputs: [x(2, 3), null, null, null, null],
        options: {},
        message: ["BatchNorm", "runningMean"],
      },
      {
        name: "half of the running statistics",
        inputs: [x(2, 3), null, null, { shape: [3] }, null],
        options: {},
        message: ["BatchNorm", "both or neither"],
      },
    ],
    bench: [
      {
        name: "[32, 64, 28, 28]",
        inputs: [x(32, 64, 28, 28), ...affine(64), { shape: [64] }, { shape: [64], low: 0.5 }],
        options: {},
        bytes: 8 * 32 * 64 * 784,
      },
    ],
  }),
];
