import { functional as F, type Tensor } from "../../src/node.js";
import { type FixedWindows, maxPool, maxPoolGatherOp } from "../../src/ops/maxpool.js";
import { apply } from "../../src/ops/op.js";
import { Nd } from "../support/nd.js";
import { opCase, type Sample } from "../support/op-case.js";
import { POOL2D_SAMPLES, type PoolOptions, poolOracle } from "../support/windows.js";
import { at } from "./gather.js";

/** NaN is above everything. */
function maximum(values: readonly number[]): number {
  return values.reduce((m, v) => (v > m || Number.isNaN(v) ? v : m), -Infinity);
}

/** Place of the first maximum, or of the last NaN. */
function placeOf(values: readonly number[], places: readonly number[]): number {
  const nan = values.findLastIndex(Number.isNaN);
  return places[nan >= 0 ? nan : values.indexOf(maximum(values))]!;
}

type Options = PoolOptions & { kernelSize: number | number[] };

const samples: readonly Sample<Options>[] = [
  ...POOL2D_SAMPLES.map(({ name, shape, options }) => ({ name, inputs: [{ shape }], options: options as Options })),
  {
    name: "dilated",
    inputs: [{ shape: [1, 2, 9, 14] }],
    options: { kernelSize: 3, stride: 2, dilation: 2, padding: 1 },
  },
  { name: "dilated by 1", inputs: [{ shape: [1, 1, 7, 13] }], options: { kernelSize: 2, stride: 1, dilation: [3, 2] } },
  {
    name: "NaN and infinities",
    inputs: [
      {
        shape: [1, 4, 10],
        values: Array.from({ length: 40 }, (_, i) => (i === 3 || i === 28 ? NaN : i > 29 ? Infinity : -Infinity)),
      },
    ],
    options: { kernelSize: 2 },
    forwardOnly: true,
  },
  {
    name: "NaN in overlapping windows",
    inputs: [{ shape: [1, 9, 11], values: Array.from({ length: 99 }, (_, i) => (i === 37 ? NaN : -i)) }],
    options: { kernelSize: 3, stride: 2 },
    forwardOnly: true,
  },
];

const two = (x: Nd, options: PoolOptions): Nd => poolOracle(x, 2, options, maximum);

export const cases = [
  opCase<Options>({
    name: "maxPool2d",
    ops: ["max_pool", "max_pool_grad"],
    run: ([x], options) => F.maxPool2d(x as Tensor, options),
    oracle: ([x], options) => two(x!, options),
    samples,
    errors: [
      {
        name: "padding above half the kernel",
        inputs: [{ shape: [1, 1, 9, 9] }],
        options: { kernelSize: 5, padding: 4 },
        message: ["MaxPool2d", "4", "5"],
      },
      {
        name: "too small an input",
        inputs: [{ shape: [1, 1, 3, 9] }],
        options: { kernelSize: 5 },
        message: ["MaxPool2d", "[1, 1, 3, 9]", "at least 5 in dim 2"],
      },
      {
        name: "rank 2",
        inputs: [{ shape: [9, 9] }],
        options: { kernelSize: 2 },
        message: ["MaxPool2d", "[9, 9]", "rank 3 or 4"],
      },
      {
        name: "integers",
        inputs: [{ shape: [1, 4, 4], dtype: "int32" }],
        options: { kernelSize: 2 },
        message: ["MaxPool2d", "int32"],
      },
      {
        name: "three sizes",
        inputs: [{ shape: [1, 4, 4] }],
        options: { kernelSize: [2, 2, 2] },
        message: ["MaxPool2d", "kernelSize"],
      },
      {
        name: "an empty plane",
        inputs: [{ shape: [1, 0, 4] }],
        options: { kernelSize: 1 },
        message: ["MaxPool2d", "[1, 0, 4]"],
      },
    ],
    bench: [
      { name: "LeNet 64x6x24x24", inputs: [{ shape: [64, 6, 24, 24] }], options: { kernelSize: 2 }, bytes: 1_105_920 },
      {
        name: "ResNet stem 1x64x112x112",
        inputs: [{ shape: [1, 64, 112, 112] }],
        options: { kernelSize: 3, stride: 2, padding: 1 },
        bytes: 4_014_080,
      },
    ],
  }),
  opCase<Options>({
    name: "maxPool2d with indices",
    ops: ["max_pool", "max_pool_index"],
    run: ([x], options) => F.maxPool2d(x as Tensor, { ...options, returnIndices: true }),
    oracle: ([x], options) => [two(x!, options), poolOracle(x!, 2, options, placeOf)],
    samples: samples.map((s) => ({ ...s, forwardOnly: true })),
    bench: [
      { name: "LeNet", inputs: [{ shape: [64, 6, 24, 24] }], options: { kernelSize: 2 }, bytes: 64 * 6 * 24 * 24 * 6 },
    ],
  }),
  opCase<Options>({
    name: "maxPool1d",
    ops: ["max_pool"],
    run: ([x], options) => F.maxPool1d(x as Tensor, options),
    oracle: ([x], options) => poolOracle(x!, 1, options, maximum),
    samples: [
      { name: "batched", inputs: [{ shape: [2, 3, 17] }], options: { kernelSize: 2 } },
      { name: "unbatched, padded", inputs: [{ shape: [3, 19] }], options: { kernelSize: 3, stride: 2, padding: 1 } },
    ],
  }),
  opCase<Options>({
    name: "maxPool3d",
    ops: ["max_pool", "max_pool_grad"],
    run: ([x], options) => F.maxPool3d(x as Tensor, options),
    oracle: ([x], options) => poolOracle(x!, 3, options, maximum),
    samples: [
      { name: "2x2x2", inputs: [{ shape: [2, 1, 4, 5, 10] }], options: { kernelSize: 2 } },
      {
        name: "mixed, unbatched",
        inputs: [{ shape: [2, 5, 6, 9] }],
        options: { kernelSize: [1, 3, 3], stride: [2, 2, 2], padding: [0, 1, 1] },
      },
      { name: "3x3x3 padded", inputs: [{ shape: [1, 5, 4, 9] }], options: { kernelSize: 3, stride: 2, padding: 1 } },
    ],
  }),
  opCase<PoolOptions & { outputSize: number | (number | null)[] }>({
    name: "adaptiveMaxPool2d",
    ops: ["max_pool", "max_pool_grad"],
    run: ([x], options) => F.adaptiveMaxPool2d(x as Tensor, options),
    oracle: ([x], options) => two(x!, options),
    samples: [
      { name: "uneven", inputs: [{ shape: [1, 2, 7, 10] }], options: { outputSize: [3, 4] } },
      { name: "even", inputs: [{ shape: [1, 2, 8, 12] }], options: { outputSize: [4, 6] } },
      { name: "global", inputs: [{ shape: [2, 3, 5, 7] }], options: { outputSize: 1 } },
      { name: "larger than the input", inputs: [{ shape: [1, 2, 3] }], options: { outputSize: [5, null] } },
    ],
    errors: [
      {
        name: "size 0",
        inputs: [{ shape: [1, 4, 4] }],
        options: { outputSize: 0 },
        message: ["AdaptiveMaxPool2d", "outputSize", "0"],
      },
      {
        name: "rank 5",
        inputs: [{ shape: [1, 1, 1, 4, 4] }],
        options: { outputSize: 1 },
        message: ["AdaptiveMaxPool2d", "[1, 1, 1, 4, 4]"],
      },
    ],
  }),
  opCase<{ size: number[] }>({
    name: "maxUnpool2d",
    ops: ["max_unpool", "max_unpool_grad"],
    run: ([x, index], { size }) => F.maxUnpool2d(x as Tensor, index as Tensor, { kernelSize: 2, outputSize: size }),
    oracle: ([x, index], { size }) => {
      const lead = x!.shape.slice(0, -2);
      const out = new Nd([...lead, ...size]);
      const [n, m] = [x!.shape.at(-1)! * x!.shape.at(-2)!, size[0]! * size[1]!];
      x!.data.forEach((v, i) => {
        out.data[Math.floor(i / n) * m + index!.data[i]!] = v;
      });
      return out;
    },
    samples: [
      { name: "two planes", inputs: [{ shape: [2, 1, 2] }, at([2, 1, 2], [0, 7, 5, 3])], options: { size: [2, 4] } },
      { name: "odd size", inputs: [{ shape: [1, 1, 1, 2] }, at([1, 1, 1, 2], [9, 2])], options: { size: [2, 5] } },
    ],
    errors: [
      {
        name: "an index outside",
        inputs: [{ shape: [1, 1, 2] }, at([1, 1, 2], [0, 8])],
        options: { size: [2, 4] },
        message: ["MaxUnpool2d", "8", "7"],
      },
      {
        name: "a size that pooling cannot have had",
        inputs: [{ shape: [1, 1, 2] }, at([1, 1, 2], [0, 1])],
        options: { size: [2, 6] },
        message: ["MaxUnpool2d", "outputSize", "6"],
      },
    ],
    bench: [
      {
        name: "LeNet",
        inputs: [{ shape: [64, 6, 12, 12] }, { shape: [64, 6, 12, 12], dtype: "int32", high: 576 }],
        options: { size: [24, 24] },
        bytes: 64 * 6 * 12 * 12 * 24,
      },
    ],
  }),
  opCase<FixedWindows>({
    name: "gather of maxPool2d",
    ops: ["max_pool_gather", "max_pool_grad"],
    run: ([v, x], windows) => apply(maxPoolGatherOp, [v!, x!, maxPool(x!, windows)], windows)[0],
    oracle: ([v, x], w) => {
      const options = { kernelSize: [...w.kernel], stride: [...w.stride], padding: [...w.padding] };
      const plane = x!.shape.slice(-2).reduce((n, s) => n * s, 1);
      const place = poolOracle(x!, 2, options, placeOf);
      const perPlane = place.data.length / (x!.data.length / plane);
      return place.map((at, i) => v!.data[Math.floor(i / perPlane) * plane + at]!);
    },
    samples: [
      { name: "2x2", kernel: [2, 2], stride: [2, 2], padding: [0, 0] },
      { name: "overlapping", kernel: [3, 3], stride: [2, 2], padding: [1, 1] },
      { name: "by 1", kernel: [2, 3], stride: [1, 1], padding: [0, 1] },
    ].map(({ name, ...windows }) => ({
      name,
      inputs: [{ shape: [2, 7, 13] }, { shape: [2, 7, 13], grad: false }],
      options: { ...windows, dilation: [1, 1], ceilMode: false },
    })),
    bench: [
      {
        name: "LeNet",
        inputs: [{ shape: [64, 6, 24, 24] }, { shape: [64, 6, 24, 24], grad: false }],
        options: { kernel: [2, 2], stride: [2, 2], padding: [0, 0], dilation: [1, 1], ceilMode: false },
        bytes: 64 * 6 * 24 * 24 * 9,
      },
    ],
  }),
];
