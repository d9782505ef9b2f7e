import { functional as F, type Tensor } from "../../src/node.js";
import type { ConvTransposeOptions } from "../../src/ops/conv_transpose.js";
import { forIndex, Nd } from "../support/nd.js";
import { type InputSpec, opCase, type Sample } from "../support/op-case.js";

type Shape = readonly number[];

const FUNCTIONS = [F.convTranspose1d, F.convTranspose2d, F.convTranspose3d];

function transposed([x, w, b]: readonly (Tensor | null)[], options: ConvTransposeOptions): Tensor {
  return FUNCTIONS[w!.ndim - 3]!(x!, w!, b, options);
}

/** Sends every element of x through every tap of the kernel. */
function oracle([x, w, b]: readonly (Nd | null)[], options: ConvTransposeOptions): Nd {
  const rank = w!.shape.length - 2;
  const each = (value: number | Shape | string | undefined, fill: number): number[] =>
    Array.isArray(value) ? [...value] : new Array<number>(rank).fill(typeof value === "number" ? value : fill);
  const [stride, dilation] = [each(options.stride, 1), each(options.dilation, 1)];
  const [padding, extra] = [each(options.padding, 0), each(options.outputPadding, 0)];
  const groups = options.groups ?? 1;
  const batched = x!.shape.length === rank + 2;
  const input = batched ? x! : new Nd([1, ...x!.shape], x!.data);
  const [inputs, outputs] = [w!.shape[0]! / groups, w!.shape[1]!];
  const kernel = w!.shape.slice(2);
  const size = kernel.map(
    (k, d) => (input.shape[2 + d]! - 1) * stride[d]! - 2 * padding[d]! + dilation[d]! * (k - 1) + extra[d]! + 1,
  );
  const y = new Nd([input.shape[0]!, outputs * groups, ...size]);
  forIndex(y.shape, ([, o], at) => {
    y.data[at] = b?.data[o!] ?? 0;
  });
  forIndex(input.shape, ([n, c, ...q], from) => {
    forIndex(w!.shape.slice(1), ([o, ...k]) => {
      const to = q.map((i, d) => i * stride[d]! - padding[d]! + k[d]! * dilation[d]!);
      if (to.some((i, d) => i < 0 || i >= size[d]!)) return;
      const at = y.at(n!, Math.floor(c! / inputs) * outputs + o!, ...to);
      y.data[at]! += input.data[from]! * w!.get(c!, o!, ...k);
    });
  });
  return batched ? y : new Nd(y.shape.slice(1), y.data);
}

function sample(
  name: string,
  x: Shape,
  w: Shape,
  options: ConvTransposeOptions = {},
  bias = true,
): Sample<ConvTransposeOptions> {
  const outputs = w[1]! * (options.groups ?? 1);
  return { name, inputs: [{ shape: x }, { shape: w }, bias ? { shape: [outputs] } : null], options };
}

const X: InputSpec = { shape: [1, 4, 5, 5] };
const W: InputSpec = { shape: [4, 6, 3, 3] };

export const cases = [
  opCase<ConvTransposeOptions>({
    name: "convTranspose",
    ops: ["conv_transpose"],
    run: transposed,
    oracle,
    samples: [
      sample("1-d", [2, 3, 5], [3, 4, 3]),
      sample("1-d, one element", [1, 1, 1], [1, 1, 1]),
      sample("1-d, everything", [2, 4, 7], [4, 3, 3], {
        stride: 3,
        padding: 2,
        outputPadding: 2,
        dilation: 2,
        groups: 2,
      }),
      sample("1-d, more outputPadding than stride", [1, 2, 5], [2, 3, 3], { dilation: 4, outputPadding: 3 }),
      sample("2-d", [2, 3, 4, 5], [3, 5, 3, 3]),
      sample("2-d, no bias", [1, 4, 5, 9], [4, 3, 2, 3], { padding: [0, 1] }, false),
      sample("2-d, stride 2, doubling", [2, 5, 4, 3], [5, 3, 4, 4], { stride: 2, padding: 1 }),
      sample("2-d, stride 2 with outputPadding", [1, 3, 5, 4], [3, 2, 3, 3], {
        stride: 2,
        padding: 1,
        outputPadding: [1, 0],
      }),
      sample("2-d, gaps between the taps' places", [1, 2, 3, 3], [2, 3, 1, 2], { stride: 3, outputPadding: 2 }),
      sample("2-d, depthwise", [1, 3, 5, 5], [3, 1, 2, 2], { groups: 3, stride: 2 }),
      sample("2-d, depthwise, stride 1", [1, 3, 17, 5], [3, 1, 3, 3], { groups: 3, padding: 1 }),
      sample("2-d, groups", [2, 6, 3, 4], [6, 2, 3, 3], { groups: 2, padding: 1 }),
      sample("2-d, more padding than kernel", [1, 2, 6, 6], [2, 2, 2, 2], { padding: 2 }),
      sample("2-d, unbatched", [3, 4, 4], [3, 5, 3, 3], { stride: 2 }),
      sample("2-d, empty batch", [0, 3, 4, 4], [3, 5, 3, 3], { stride: 2 }),
      sample("3-d", [1, 2, 3, 2, 4], [2, 3, 2, 3, 3]),
      sample("3-d, everything", [1, 4, 2, 3, 3], [4, 1, 3, 2, 2], {
        stride: [2, 1, 2],
        padding: [1, 0, 1],
        outputPadding: [1, 0, 0],
        groups: 2,
      }),
      {
        name: "NaN and infinity",
        inputs: [
          { shape: [1, 1, 2, 2], values: [NaN, 1, 2, Infinity] },
          { shape: [1, 2, 2, 2], values: [1, 2, 3, 4, -1, -2, -3, -4] },
          null,
        ],
        options: { stride: 2 },
        forwardOnly: true,
      },
    ],
    errors: [
      {
        name: "channels",
        inputs: [{ shape: [1, 5, 4, 4] }, W, null],
        options: {},
        message: ["ConvTranspose2d", "5 channels", "4"],
      },
      {
        name: "groups that do not divide the inputs",
        inputs: [X, W, null],
        options: { groups: 3 },
        message: ["ConvTranspose2d", "4 input channels", "groups 3"],
      },
      {
        name: "bias",
        inputs: [X, W, { shape: [6] }],
        options: { groups: 2 },
        message: ["ConvTranspose2d", "bias", "[6]", "[12]"],
      },
      {
        name: "too much outputPadding",
        inputs: [X, W, null],
        options: { stride: 2, outputPadding: [1, 2] },
        message: ["ConvTranspose2d", "outputPadding", "2"],
      },
      {
        name: "same",
        inputs: [X, W, null],
        options: { padding: "same" } as object,
        message: ["ConvTranspose2d", "padding", "same"],
      },
      {
        name: "nothing left",
        inputs: [{ shape: [1, 4, 2, 5] }, W, null],
        options: { padding: 2 },
        message: ["ConvTranspose2d", "[0, 3]"],
      },
      {
        name: "an empty image",
        inputs: [{ shape: [1, 4, 0, 5] }, W, null],
        options: {},
        message: ["ConvTranspose2d", "[1, 4, 0, 5]"],
      },
      { name: "rank", inputs: [{ shape: [4, 8] }, W, null], options: {}, message: ["ConvTranspose2d", "rank 2"] },
      {
        name: "an option that does not exist",
        inputs: [X, W, null],
        options: { outputSize: [8, 8] } as ConvTransposeOptions,
        message: ["ConvTranspose2d", "outputSize"],
      },
    ],
    bench: [
      {
        name: "4×4 stride 2 64→32 28²",
        inputs: [{ shape: [1, 64, 28, 28] }, { shape: [64, 32, 4, 4] }, null],
        options: { stride: 2, padding: 1 },
        flops: 2 * 64 * 32 * 16 * 28 * 28,
      },
    ],
  }),
];
