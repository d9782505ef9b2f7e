import type { FoldOptions } from "../../src/functional/unfold.js";
import { functional as F, type Tensor } from "../../src/node.js";
import type { UnfoldOptions } from "../../src/ops/unfold.js";
import { forIndex, Nd } from "../support/nd.js";
import { type InputSpec, opCase, type Sample } from "../support/op-case.js";

type Pair = readonly [number, number];

const pair = (value: number | readonly number[] | undefined, fill: number): Pair =>
  Array.isArray(value) ? [value[0]!, value[1]!] : [(value as number | undefined) ?? fill, (value as number) ?? fill];

/** Calls `visit` with the row and column of the columns, and the row and column of the image, for every element of every window. */
function eachElement(
  [height, width]: Pair,
  options: UnfoldOptions,
  visit: (tap: number, window: number, y: number, x: number) => void,
): [taps: number, windows: number] {
  const [kernel, dilation] = [pair(options.kernelSize, 1), pair(options.dilation, 1)];
  const [padding, stride] = [pair(options.padding, 0), pair(options.stride, 1)];
  const count = [height, width].map((n, d) =>
    Math.floor((n + 2 * padding[d]! - dilation[d]! * (kernel[d]! - 1) - 1) / stride[d]! + 1),
  );
  forIndex([...kernel, ...count], ([i, j, p, q]) => {
    const y = p! * stride[0] - padding[0] + i! * dilation[0];
    const x = q! * stride[1] - padding[1] + j! * dilation[1];
    if (y >= 0 && y < height && x >= 0 && x < width) visit(i! * kernel[1] + j!, p! * count[1]! + q!, y, x);
  });
  return [kernel[0] * kernel[1], count[0]! * count[1]!];
}

function unfoldOracle(x: Nd, options: UnfoldOptions): Nd {
  const [height, width] = x.shape.slice(-2) as [number, number];
  const lead = x.shape.slice(0, -2);
  const planes = lead.reduce((a, b) => a * b, 1);
  const found: number[][] = [];
  const [taps, windows] = eachElement([height, width], options, (...element) => found.push(element));
  const y = new Nd([planes, taps, windows]);
  for (let p = 0; p < planes; p++) {
    for (const [tap, window, i, j] of found) y.set(x.data[(p * height + i!) * width + j!]!, p, tap!, window!);
  }
  return new Nd([...lead.slice(0, -1), lead.at(-1)! * taps, windows], y.data);
}

function foldOracle(columns: Nd, { outputSize, ...options }: FoldOptions): Nd {
  const size = pair(outputSize, 1);
  const [rows, windows] = columns.shape.slice(-2) as [number, number];
  const kernel = pair(options.kernelSize, 1);
  const taps = kernel[0] * kernel[1];
  const lead = columns.shape.slice(0, -2);
  const planes = lead.reduce((a, b) => a * b, 1) * (rows / taps);
  const y = new Nd([planes, ...size]);
  for (let p = 0; p < planes; p++) {
    eachElement(size, options, (tap, window, i, j) => {
      y.data[y.at(p, i, j)]! += columns.data[(p * taps + tap) * windows + window]!;
    });
  }
  return new Nd([...lead, rows / taps, ...size], y.data);
}

const SIZES: readonly { readonly name: string; readonly x: readonly number[]; readonly options: UnfoldOptions }[] = [
  { name: "one element", x: [1, 1, 1, 1], options: { kernelSize: 1 } },
  { name: "2 × 2", x: [2, 3, 4, 6], options: { kernelSize: 2 } },
  { name: "side by side", x: [1, 2, 4, 6], options: { kernelSize: 2, stride: 2 } },
  { name: "padded, stride 2", x: [1, 3, 7, 8], options: { kernelSize: 3, stride: 2, padding: 1 } },
  { name: "wide rows", x: [1, 1, 3, 21], options: { kernelSize: [2, 3], padding: [0, 1] } },
  { name: "dilation", x: [1, 2, 7, 8], options: { kernelSize: [2, 3], dilation: [3, 2] } },
  {
    name: "everything",
    x: [2, 2, 9, 11],
    options: { kernelSize: [3, 2], dilation: 2, padding: [2, 3], stride: [3, 2] },
  },
  { name: "more padding than kernel", x: [1, 1, 2, 3], options: { kernelSize: 2, padding: 3 } },
  { name: "unbatched", x: [2, 5, 4], options: { kernelSize: 3, padding: 1 } },
  { name: "an empty batch", x: [0, 2, 5, 4], options: { kernelSize: 3 } },
];

const foldSamples: readonly Sample<FoldOptions>[] = SIZES.map(({ name, x, options }) => ({
  name,
  inputs: [{ shape: unfoldOracle(new Nd(x), options).shape }],
  options: { ...options, outputSize: x.slice(-2) },
}));

const X: InputSpec = { shape: [1, 2, 4, 5] };

export const cases = [
  opCase<UnfoldOptions>({
    name: "unfold",
    ops: ["unfold", "fold"],
    run: ([x], options) => F.unfold(x as Tensor, options),
    oracle: ([x], options) => unfoldOracle(x!, options),
    samples: [
      ...SIZES.map(({ name, x, options }) => ({ name, inputs: [{ shape: x }], options })),
      {
        name: "NaN and infinity",
        inputs: [{ shape: [1, 2, 3], values: [NaN, 1, 2, 3, Infinity, 5] }],
        options: { kernelSize: 2, padding: 1 },
        forwardOnly: true,
      },
    ],
    errors: [
      { name: "rank", inputs: [{ shape: [4, 5] }], options: { kernelSize: 2 }, message: ["Unfold", "rank 2"] },
      {
        name: "kernel larger than the image",
        inputs: [X],
        options: { kernelSize: 3, dilation: [1, 3] },
        message: ["Unfold", "[3, 3]", "7", "5"],
      },
      {
        name: "integers",
        inputs: [{ ...X, dtype: "int32" }],
        options: { kernelSize: 2 },
        message: ["Unfold", "int32"],
      },
      { name: "stride 0", inputs: [X], options: { kernelSize: 2, stride: 0 }, message: ["Unfold", "stride", "0"] },
      {
        name: "an option that does not exist",
        inputs: [X],
        options: { kernelSize: 2, pad: 1 } as UnfoldOptions,
        message: ["Unfold", "pad"],
      },
    ],
    bench: [
      {
        name: "3×3 64 × 56²",
        inputs: [{ shape: [1, 64, 56, 56] }],
        options: { kernelSize: 3, padding: 1 },
        bytes: 4 * 10 * 64 * 56 * 56,
      },
    ],
  }),
  opCase<FoldOptions>({
    name: "fold",
    ops: ["fold", "unfold"],
    run: ([x], options) => F.fold(x as Tensor, options),
    oracle: ([x], options) => foldOracle(x!, options),
    samples: foldSamples,
    errors: [
      {
        name: "rows that are no multiple of the kernel",
        inputs: [{ shape: [1, 10, 12] }],
        options: { outputSize: [4, 5], kernelSize: 2 },
        message: ["Fold", "[1, 10, 12]", "multiple of 4"],
      },
      {
        name: "another number of windows",
        inputs: [{ shape: [1, 8, 13] }],
        options: { outputSize: [4, 5], kernelSize: 2 },
        message: ["Fold", "[1, 8, 13]", "12 windows"],
      },
      {
        name: "rank",
        inputs: [{ shape: [1, 1, 4, 12] }],
        options: { outputSize: [4, 5], kernelSize: 2 },
        message: ["Fold", "rank 4"],
      },
      {
        name: "kernel larger than the image",
        inputs: [{ shape: [1, 9, 1] }],
        options: { outputSize: 2, kernelSize: 3 },
        message: ["Fold", "[3, 3]", "[2, 2]"],
      },
    ],
    bench: [
      {
        name: "3×3 64 × 56²",
        inputs: [{ shape: [1, 576, 3136] }],
        options: { outputSize: 56, kernelSize: 3, padding: 1 },
        bytes: 4 * 10 * 64 * 56 * 56,
      },
    ],
  }),
];
