import { functional as F, type Tensor } from "../../src/node.js";
import { avgPoolGradOp } from "../../src/ops/avgpool.js";
import type { FixedWindows } from "../../src/ops/maxpool.js";
import { apply } from "../../src/ops/op.js";
import { Nd } from "../support/nd.js";
import { opCase, type Sample } from "../support/op-case.js";
import { POOL2D_SAMPLES, type PoolOptions, poolOracle } from "../support/windows.js";

type Options = PoolOptions & { kernelSize: number | number[] };
type Adaptive = PoolOptions & { outputSize: number | (number | null)[] };

const PLAIN = { countIncludePad: true, divisorOverride: null };

function average(x: Nd, n: number, options: PoolOptions): Nd {
  const { countIncludePad = true, divisorOverride } = options;
  return poolOracle(x, n, options, (values, _, covered) => {
    const divisor = divisorOverride ?? (countIncludePad ? covered : values.length);
    return values.reduce((s, v) => s + v, 0) / divisor;
  });
}

const samples: readonly Sample<Options>[] = POOL2D_SAMPLES.flatMap(({ name, shape, options }) => [
  { name, inputs: [{ shape }], options: options as Options },
  ...(options.padding === undefined && !options.ceilMode
    ? []
    : [
        {
          name: `${name}, padding not counted`,
          inputs: [{ shape }],
          options: { ...(options as Options), countIncludePad: false },
        },
      ]),
]);

export const cases = [
  opCase<Options>({
    name: "avgPool2d",
    ops: ["avg_pool", "avg_pool_grad"],
    run: ([x], options) => F.avgPool2d(x as Tensor, options),
    oracle: ([x], options) => average(x!, 2, options),
    samples: [
      ...samples,
      {
        name: "3x3 by 2, padded and ceil",
        inputs: [{ shape: [1, 8, 10] }],
        options: { kernelSize: 3, stride: 2, padding: 1, ceilMode: true },
      },
      { name: "a divisor", inputs: [{ shape: [1, 1, 6, 13] }], options: { kernelSize: 2, divisorOverride: 3 } },
      {
        name: "a divisor, padded",
        inputs: [{ shape: [1, 6, 13] }],
        options: { kernelSize: 3, padding: 1, divisorOverride: 5 },
      },
      {
        name: "NaN and infinity",
        inputs: [{ shape: [1, 2, 8], values: [NaN, 1, 1, 1, Infinity, 1, Infinity, -Infinity, ...Array(8).fill(0)] }],
        options: { kernelSize: 2 },
        forwardOnly: true,
      },
    ],
    errors: [
      {
        name: "padding above half the kernel",
        inputs: [{ shape: [1, 1, 9, 9] }],
        options: { kernelSize: 3, padding: 2 },
        message: ["AvgPool2d", "2", "3"],
      },
      {
        name: "no divisor",
        inputs: [{ shape: [1, 1, 9, 9] }],
        options: { kernelSize: 3, divisorOverride: 0 },
        message: ["AvgPool2d", "divisorOverride", "0"],
      },
      {
        name: "dilation",
        inputs: [{ shape: [1, 4, 4] }],
        options: { kernelSize: 2, dilation: 2 },
        message: ["AvgPool2d", "dilation"],
      },
      {
        name: "too small an input",
        inputs: [{ shape: [1, 2, 2] }],
        options: { kernelSize: 3 },
        message: ["AvgPool2d", "[1, 2, 2]"],
      },
    ],
    bench: [
      { name: "LeNet 64x6x24x24", inputs: [{ shape: [64, 6, 24, 24] }], options: { kernelSize: 2 }, bytes: 1_105_920 },
      { name: "global 32x512x7x7", inputs: [{ shape: [32, 512, 7, 7] }], options: { kernelSize: 7 }, bytes: 3_276_800 },
    ],
  }),
  opCase<Options>({
    name: "avgPool1d",
    ops: ["avg_pool"],
    run: ([x], options) => F.avgPool1d(x as Tensor, options),
    oracle: ([x], options) => average(x!, 1, options),
    samples: [
      { name: "batched", inputs: [{ shape: [2, 3, 17] }], options: { kernelSize: 2 } },
      { name: "unbatched, padded", inputs: [{ shape: [3, 19] }], options: { kernelSize: 3, stride: 2, padding: 1 } },
    ],
  }),
  opCase<Options>({
    name: "avgPool3d",
    ops: ["avg_pool", "avg_pool_grad"],
    run: ([x], options) => F.avgPool3d(x as Tensor, options),
    oracle: ([x], options) => average(x!, 3, options),
    samples: [
      { name: "2x2x2", inputs: [{ shape: [2, 1, 4, 5, 10] }], options: { kernelSize: 2 } },
      {
        name: "padded, ceil, unbatched",
        inputs: [{ shape: [2, 5, 6, 9] }],
        options: { kernelSize: [1, 3, 3], stride: 2, padding: [0, 1, 1], ceilMode: true, countIncludePad: false },
      },
    ],
  }),
  opCase<Adaptive>({
    name: "adaptiveAvgPool2d",
    ops: ["avg_pool", "avg_pool_grad"],
    run: ([x], options) => F.adaptiveAvgPool2d(x as Tensor, options),
    oracle: ([x], options) => average(x!, 2, options),
    samples: [
      { name: "uneven", inputs: [{ shape: [1, 2, 7, 10] }], options: { outputSize: [3, 4] } },
      { name: "even", inputs: [{ shape: [1, 2, 8, 12] }], options: { outputSize: [4, 6] } },
      { name: "global", inputs: [{ shape: [2, 3, 5, 7] }], options: { outputSize: 1 } },
      { name: "one dimension kept", inputs: [{ shape: [1, 5, 6] }], options: { outputSize: [null, 4] } },
      { name: "larger than the input", inputs: [{ shape: [1, 2, 3] }], options: { outputSize: 5 } },
    ],
    errors: [
      {
        name: "size -1",
        inputs: [{ shape: [1, 4, 4] }],
        options: { outputSize: -1 },
        message: ["AdaptiveAvgPool2d", "-1"],
      },
    ],
  }),
  opCase<Adaptive>({
    name: "adaptiveAvgPool1d",
    ops: ["avg_pool"],
    run: ([x], options) => F.adaptiveAvgPool1d(x as Tensor, options),
    oracle: ([x], options) => average(x!, 1, options),
    samples: [{ name: "uneven", inputs: [{ shape: [2, 11] }], options: { outputSize: 4 } }],
  }),
  opCase<Adaptive>({
    name: "adaptiveAvgPool3d",
    ops: ["avg_pool", "avg_pool_grad"],
    run: ([x], options) => F.adaptiveAvgPool3d(x as Tensor, options),
    oracle: ([x], options) => average(x!, 3, options),
    samples: [{ name: "uneven", inputs: [{ shape: [2, 3, 5, 4] }], options: { outputSize: [2, 3, 4] } }],
  }),
  opCase<Options & { normType: number }>({
    name: "lpPool2d",
    ops: [],
    run: ([x], options) => F.lpPool2d(x as Tensor, options),
    oracle: ([x], options) =>
      poolOracle(
        x!,
        2,
        options,
        (values) => values.reduce((s, v) => s + v ** options.normType, 0) ** (1 / options.normType),
      ),
    samples: [
      { name: "squares", inputs: [{ shape: [2, 5, 9] }], options: { normType: 2, kernelSize: 2 } },
      {
        name: "cubes, overlapping",
        inputs: [{ shape: [1, 1, 6, 7], low: 0.1 }],
        options: { normType: 3, kernelSize: [2, 3], stride: 1 },
      },
      { name: "halves", inputs: [{ shape: [1, 4, 4], low: 0.1 }], options: { normType: 0.5, kernelSize: 2 } },
    ],
    errors: [
      {
        name: "no exponent",
        inputs: [{ shape: [1, 4, 4] }],
        options: { normType: 0, kernelSize: 2 },
        message: ["LPPool2d", "normType", "0"],
      },
      {
        name: "rank 1",
        inputs: [{ shape: [4] }],
        options: { normType: 2, kernelSize: 2 },
        message: ["LPPool2d", "[4]"],
      },
    ],
  }),
  opCase<FixedWindows>({
    name: "gradient of avgPool2d",
    ops: ["avg_pool_grad"],
    // Linear, so it is its own derivative: spreading g over its windows, against the sum over windows of the inputs.
    run: ([g], windows) => apply(avgPoolGradOp, [g!], { windows, ...PLAIN, shape: [2, 7, 13] })[0],
    oracle: ([g], w) => {
      const out = new Nd([2, 7, 13]);
      const options = { kernelSize: [...w.kernel], stride: [...w.stride], padding: [...w.padding] };
      const perPlane = g!.data.length / 2;
      let o = 0;
      poolOracle(out, 2, options, (_, places, covered) => {
        for (const at of places) out.data[Math.floor(o / perPlane) * 91 + at]! += g!.data[o]! / covered;
        o++;
        return 0;
      });
      return out;
    },
    samples: [
      { name: "2x2", kernel: [2, 2], stride: [2, 2], padding: [0, 0], out: [3, 6] },
      { name: "overlapping", kernel: [3, 3], stride: [2, 2], padding: [1, 1], out: [4, 7] },
    ].map(({ name, out, ...windows }) => ({
      name,
      inputs: [{ shape: [2, ...out] }],
      options: { ...windows, dilation: [1, 1], ceilMode: false },
    })),
  }),
];
