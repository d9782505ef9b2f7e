import { functional as F, type Tensor } from "../../src/node.js";
import {
  type ConvActivation,
  type ConvAttrs,
  type ConvOptions,
  convAttrs,
  convInputGradOp,
  convWeightGradOp,
} from "../../src/ops/conv.js";
import { apply } from "../../src/ops/op.js";
import { forIndex, Nd } from "../support/nd.js";
import { type InputSpec, opCase, type Sample } from "../support/op-case.js";

type Shape = readonly number[];

/** The positions in x, weight and y of every product of a convolution, one after the other; found once for each geometry. */
const products = new Map<string, readonly number[]>();

function productsOf(x: Shape, w: Shape, y: Shape, { stride, padding, dilation, groups }: ConvAttrs): readonly number[] {
  const key = JSON.stringify([x, w, y, stride, padding, dilation, groups]);
  const known = products.get(key);
  if (known !== undefined) return known;
  const [xAt, wAt] = [new Nd(x), new Nd(w)];
  const found: number[] = [];
  forIndex(y, ([n, o, ...q], yAt) => {
    const group = Math.floor((o! * groups) / w[0]!);
    forIndex(w.slice(1), ([c, ...k]) => {
      const at = q.map((i, d) => i * stride[d]! - padding[d]![0] + k[d]! * dilation[d]!);
      if (at.every((i, d) => i >= 0 && i < x[2 + d]!)) {
        found.push(xAt.at(n!, group * w[1]! + c!, ...at), wAt.at(o!, c!, ...k), yAt);
      }
    });
  });
  products.set(key, found);
  return found;
}

/** Calls `visit` with the positions in x, weight and y of every product of a convolution. Shapes are batched. */
function eachProduct(x: Nd, w: Nd, y: Nd, attrs: ConvAttrs, visit: (x: number, w: number, y: number) => void): void {
  const at = productsOf(x.shape, w.shape, y.shape, attrs);
  for (let i = 0; i < at.length; i += 3) visit(at[i]!, at[i + 1]!, at[i + 2]!);
}

function outputShape(x: Shape, w: Shape, { stride, padding, dilation }: ConvAttrs): number[] {
  const size = x
    .slice(2)
    .map((n, d) =>
      Math.floor((n + padding[d]![0] + padding[d]![1] - dilation[d]! * (w[2 + d]! - 1) - 1) / stride[d]! + 1),
    );
  return [x[0]!, w[0]!, ...size];
}

function convOracle(x: Nd, w: Nd, b: Nd | null, attrs: ConvAttrs): Nd {
  const unbatched = x.shape.length === w.shape.length - 1;
  const input = unbatched ? new Nd([1, ...x.shape], x.data) : x;
  const y = new Nd(outputShape(input.shape, w.shape, attrs));
  forIndex(y.shape, ([, o], at) => {
    y.data[at] = b === null ? 0 : b.data[o!]!;
  });
  eachProduct(input, w, y, attrs, (xAt, wAt, yAt) => {
    y.data[yAt]! += input.data[xAt]! * w.data[wAt]!;
  });
  return unbatched ? new Nd(y.shape.slice(1), y.data) : y;
}

function sample(name: string, x: Shape, w: Shape, options: ConvOptions = {}, bias = true): Sample<ConvOptions> {
  return { name, inputs: [{ shape: x }, { shape: w }, bias ? { shape: [w[0]!] } : null], options };
}

const SAMPLES: readonly Sample<ConvOptions>[] = [
  sample("one pixel, one channel", [1, 1, 1, 1], [1, 1, 1, 1]),
  sample("one output, three channels", [1, 3, 3, 3], [4, 3, 3, 3]),
  sample("three outputs in a row", [1, 1, 3, 5], [1, 1, 3, 3], {}, false),
  sample("seven columns", [2, 3, 3, 9], [5, 3, 3, 3]),
  sample("eight columns", [1, 4, 4, 10], [3, 4, 3, 3], {}, false),
  sample("nine columns, padded", [1, 5, 2, 9], [9, 5, 3, 3], { padding: 1 }),
  sample("seventeen columns, many channels", [1, 3, 2, 17], [17, 3, 3, 3], { padding: 1 }),
  sample("rows that straddle a panel", [2, 2, 5, 7], [13, 2, 3, 2], { padding: [0, 1] }, false),
  sample("pointwise", [2, 5, 3, 3], [6, 5, 1, 1]),
  sample("pointwise, many channels", [1, 9, 3, 5], [14, 9, 1, 1], {}, false),
  sample("pointwise, stride 2", [1, 4, 5, 6], [12, 4, 1, 1], { stride: 2 }),
  sample("stride 2, padded", [2, 3, 7, 8], [4, 3, 3, 3], { stride: 2, padding: 1 }),
  sample("stride 3 and 2, kernel smaller than the stride", [1, 2, 8, 7], [3, 2, 2, 1], { stride: [3, 2] }),
  sample("dilation", [1, 2, 7, 8], [3, 2, 3, 2], { dilation: [2, 3] }),
  sample("dilation with stride and padding", [1, 2, 9, 8], [13, 2, 3, 3], { dilation: 2, stride: [2, 3], padding: 3 }),
  sample("padding beyond the kernel", [1, 2, 3, 3], [2, 2, 2, 2], { padding: 3 }),
  sample("same, even kernel", [1, 2, 5, 6], [3, 2, 2, 4], { padding: "same" }),
  sample("same, dilated", [1, 2, 6, 6], [2, 2, 3, 3], { padding: "same", dilation: 2 }, false),
  sample("valid", [1, 2, 5, 5], [2, 2, 5, 5], { padding: "valid" }),
  sample("groups", [2, 6, 4, 5], [9, 2, 3, 3], { groups: 3, padding: 1 }),
  sample("groups of many channels", [1, 4, 4, 5], [26, 2, 3, 3], { groups: 2, stride: 2 }, false),
  sample("depthwise 3 × 3", [2, 3, 6, 9], [3, 1, 3, 3], { groups: 3, padding: 1 }),
  sample("depthwise 3 × 3, stride 2", [1, 3, 7, 11], [3, 1, 3, 3], { groups: 3, stride: 2, padding: 1 }),
  sample("depthwise 3 × 3, dilated", [1, 2, 8, 9], [2, 1, 3, 3], { groups: 2, dilation: 2 }, false),
  sample("depthwise 5 × 5 with a multiplier", [1, 2, 7, 6], [6, 1, 5, 5], { groups: 2, padding: 2 }),
  sample("depthwise 5 × 5, stride 2", [1, 2, 8, 7], [2, 1, 5, 5], { groups: 2, stride: 2, padding: 2 }, false),
  sample("one tile", [1, 8, 4, 4], [8, 8, 3, 3], { padding: 1 }),
  sample("tiles cut off, odd channels", [1, 9, 3, 7], [11, 9, 3, 3], { padding: 1 }),
  sample("tiles without padding", [1, 8, 5, 9], [10, 8, 3, 3], {}, false),
  sample("tiles with more padding than kernel", [1, 8, 4, 2], [8, 8, 3, 3], { padding: [2, 3] }),
  sample("groups of tiles", [2, 16, 4, 4], [18, 8, 3, 3], { groups: 2, padding: 1 }),
  sample("tiles of several images, cut off, odd channels", [3, 9, 11, 13], [35, 9, 3, 3], { padding: 1 }, false),
  sample("unbatched", [3, 5, 6], [4, 3, 3, 3], { padding: 1 }),
  sample("empty batch", [0, 2, 4, 4], [3, 2, 3, 3]),
  {
    name: "NaN and infinity",
    inputs: [
      { shape: [1, 1, 3, 4], values: [NaN, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, Infinity] },
      { shape: [2, 1, 2, 2], values: [1, 2, 3, 4, -1, -2, -3, -4] },
      null,
    ],
    options: {},
    forwardOnly: true,
  },
];

const X: InputSpec = { shape: [1, 4, 8, 8] };
const W: InputSpec = { shape: [6, 4, 3, 3] };

/** One to three dimensions, as the ops take them; `conv2d` covers two in depth. */
interface Sizes extends ConvOptions {
  readonly x: Shape;
  readonly w: Shape;
}

interface Fused extends Sizes {
  readonly activation?: ConvActivation;
}

const SIZES: readonly (Sizes & { readonly name: string })[] = [
  { name: "1-d", x: [2, 3, 9], w: [4, 3, 3], padding: 1 },
  { name: "1-d, stride and dilation", x: [1, 4, 14], w: [6, 2, 3], stride: 2, dilation: 2, groups: 2 },
  { name: "2-d", x: [2, 3, 5, 6], w: [13, 3, 3, 2], padding: [1, 0] },
  { name: "2-d, stride", x: [1, 2, 7, 6], w: [3, 2, 3, 3], stride: [2, 3], padding: 1 },
  { name: "3-d", x: [2, 2, 3, 4, 5], w: [3, 2, 2, 3, 3], padding: 1 },
  {
    name: "3-d, stride and dilation",
    x: [1, 2, 5, 6, 7],
    w: [2, 1, 2, 2, 3],
    stride: [2, 1, 2],
    dilation: 2,
    groups: 2,
  },
];

const attrsOf = ({ x: _, w, ...options }: Sizes): ConvAttrs => convAttrs("Conv", w.slice(2), options);

/** Samples whose inputs `pick` finds from the shapes of x, weight and y. */
function sized(pick: (x: Shape, w: Shape, y: number[]) => Shape[]): Sample<Sizes>[] {
  return SIZES.map(({ name, ...sizes }) => ({
    name,
    inputs: pick(sizes.x, sizes.w, outputShape(sizes.x, sizes.w, attrsOf(sizes))).map((shape) => ({ shape })),
    options: sizes,
  }));
}

export const cases = [
  opCase<ConvOptions>({
    name: "conv2d",
    ops: ["conv", "conv_input_grad", "conv_weight_grad"],
    run: ([x, w, b], options) => F.conv2d(x as Tensor, w as Tensor, b, options),
    oracle: ([x, w, b], options) => convOracle(x!, w!, b!, convAttrs("Conv2d", w!.shape.slice(2), options)),
    samples: SAMPLES,
    errors: [
      {
        name: "channels",
        inputs: [{ shape: [1, 3, 8, 8] }, W, null],
        options: {},
        message: ["Conv2d", "3 channels", "4"],
      },
      { name: "rank of the input", inputs: [{ shape: [4, 8] }, W, null], options: {}, message: ["Conv2d", "rank 2"] },
      {
        name: "rank of the weight",
        inputs: [X, { shape: [6, 4, 3] }, null],
        options: {},
        message: ["Conv2d", "rank 3"],
      },
      { name: "integers", inputs: [{ ...X, dtype: "int32" }, W, null], options: {}, message: ["Conv2d", "int32"] },
      { name: "bias", inputs: [X, W, { shape: [4] }], options: {}, message: ["Conv2d", "bias", "[4]", "[6]"] },
      {
        name: "groups that do not divide the outputs",
        inputs: [{ shape: [1, 16, 8, 8] }, W, null],
        options: { groups: 4 },
        message: ["Conv2d", "6 output channels", "groups 4"],
      },
      {
        name: "kernel larger than the input",
        inputs: [{ shape: [1, 4, 2, 8] }, { shape: [6, 4, 7, 3] }, null],
        options: { padding: [1, 0] },
        message: ["Conv2d", "kernel [7, 3]", "[4, 8]"],
      },
      {
        name: "dilated kernel larger than the input",
        inputs: [X, W, null],
        options: { dilation: 4 },
        message: ["Conv2d", "kernel [3, 3]", "[9, 9]", "[8, 8]"],
      },
      { name: "stride 0", inputs: [X, W, null], options: { stride: 0 }, message: ["Conv2d", "stride", "0"] },
      {
        name: "negative padding",
        inputs: [X, W, null],
        options: { padding: -1 },
        message: ["Conv2d", "padding", "-1"],
      },
      {
        name: "same with a stride",
        inputs: [X, W, null],
        options: { padding: "same", stride: 2 },
        message: ["Conv2d", "same", "stride"],
      },
      {
        name: "unknown option",
        inputs: [X, W, null],
        options: { strides: 2 } as ConvOptions,
        message: ["Conv2d", "strides"],
      },
    ],
    bench: [
      ["3×3 64→64 56²", [1, 64, 56, 56], [64, 64, 3, 3], { padding: 1 }] as const,
      ["3×3 128→128 28²", [1, 128, 28, 28], [128, 128, 3, 3], { padding: 1 }] as const,
      ["1×1 64→256 56²", [1, 64, 56, 56], [256, 64, 1, 1], {}] as const,
      ["3×3 512→512 7²", [1, 512, 7, 7], [512, 512, 3, 3], { padding: 1 }] as const,
      ["3×3 stride 2 64→128 56²", [1, 64, 56, 56], [128, 64, 3, 3], { stride: 2, padding: 1 }] as const,
      ["1×1 512→1000 13²", [1, 512, 13, 13], [1000, 512, 1, 1], {}] as const,
      ["7×7 stride 2 3→64 224²", [1, 3, 224, 224], [64, 3, 7, 7], { stride: 2, padding: 3 }] as const,
      ["depthwise 3×3 32 112²", [1, 32, 112, 112], [32, 1, 3, 3], { padding: 1, groups: 32 }] as const,
    ].map(([name, x, w, options]) => {
      const y = outputShape(x, w, convAttrs("Conv2d", w.slice(2), options));
      const flops = [...y, ...w.slice(1)].reduce((p, n) => p * n, 2);
      return { name, inputs: [{ shape: x }, { shape: w }, null], options, flops };
    }),
  }),
  opCase<Sizes>({
    name: "conv over one to three dimensions",
    ops: ["conv"],
    run: ([x, w, b], { x: _, w: { length }, ...options }) =>
      [F.conv1d, F.conv2d, F.conv3d][length - 3]!(x as Tensor, w as Tensor, b, options),
    oracle: ([x, w, b], sizes) => convOracle(x!, w!, b!, attrsOf(sizes)),
    samples: sized((x, w) => [x, w, [w[0]!]]),
    errors: [
      {
        name: "channels of a sequence",
        inputs: [{ shape: [2, 8, 9] }, { shape: [6, 5, 3] }, null],
        options: { x: [2, 8, 9], w: [6, 5, 3] },
        message: ["Conv1d", "8 channels", "5"],
      },
      {
        name: "rank of a volume",
        inputs: [{ shape: [2, 5, 4, 4, 4, 4] }, { shape: [6, 5, 3, 3, 3] }, null],
        options: { x: [], w: [6, 5, 3, 3, 3] },
        message: ["Conv3d", "rank 6"],
      },
    ],
  }),
  opCase<Fused>({
    name: "conv with what follows it",
    ops: ["conv"],
    run: ([x, w, b, residual], { x: _, w: { length }, ...options }) =>
      [F.conv1d, F.conv2d, F.conv3d][length - 3]!(x as Tensor, w as Tensor, b, {
        ...options,
        residual: residual ?? null,
      }),
    oracle: ([x, w, b, residual], { activation, ...sizes }) => {
      const sums = convOracle(x!, w!, b!, attrsOf(sizes));
      const most = activation === "relu6" ? 6 : Infinity;
      return sums.map((v, i) => Math.min(Math.max(v + (residual?.data[i] ?? 0), 0), most));
    },
    samples: (["relu", "relu6"] as const).flatMap((activation) =>
      [true, false].flatMap((added) =>
        sized((x, w, y) => [x, w, [w[0]!], ...(added ? [y] : [])]).map(({ name, inputs, options }) => ({
          name: `${activation}, ${name}${added ? ", added to" : ""}`,
          // Large enough for sums beyond 6.
          inputs: inputs.map((spec) => spec && { ...spec, low: -1.5, high: 2 }),
          options: { ...options!, activation },
        })),
      ),
    ),
    errors: [
      {
        name: "shape of the residual",
        inputs: [X, W, null, { shape: [1, 6, 8, 8] }],
        options: { x: X.shape, w: W.shape },
        message: ["Conv2d", "residual", "[1, 6, 8, 8]", "[1, 6, 6, 6]"],
      },
      {
        name: "dtype of the residual",
        inputs: [X, W, null, { shape: [1, 6, 6, 6], dtype: "int32" }],
        options: { x: X.shape, w: W.shape },
        message: ["Conv2d", "residual", "int32"],
      },
      {
        name: "activation",
        inputs: [X, W, null],
        options: { x: X.shape, w: W.shape, activation: "gelu" as "relu" },
        message: ["Conv2d", "activation", "gelu", "relu6"],
      },
    ],
  }),
  opCase<Sizes>({
    name: "conv_input_grad",
    ops: ["conv_input_grad"],
    run: ([g, w], sizes) =>
      apply(convInputGradOp, [g as Tensor, w as Tensor], { window: attrsOf(sizes), inputShape: sizes.x })[0],
    oracle: ([g, w], sizes) => {
      const x = new Nd(sizes.x);
      eachProduct(x, w!, g!, attrsOf(sizes), (xAt, wAt, yAt) => {
        x.data[xAt]! += w!.data[wAt]! * g!.data[yAt]!;
      });
      return x;
    },
    samples: sized((_, w, y) => [y, w]),
  }),
  opCase<Sizes>({
    name: "conv_weight_grad",
    ops: ["conv_weight_grad"],
    run: ([g, x], sizes) =>
      apply(convWeightGradOp, [g as Tensor, x as Tensor], { window: attrsOf(sizes), weightShape: sizes.w })[0],
    oracle: ([g, x], sizes) => {
      const w = new Nd(sizes.w);
      eachProduct(x!, w, g!, attrsOf(sizes), (xAt, wAt, yAt) => {
        w.data[wAt]! += x!.data[xAt]! * g!.data[yAt]!;
      });
      return w;
    },
    samples: sized((x, _, y) => [y, x]),
  }),
];
