import { functional as F, type Tensor } from "../../src/node.js";
import { type LossOptions, reduceLoss, refused, rowsOf } from "../support/losses.js";
import { Nd } from "../support/nd.js";
import { type InputSpec, opCase, type Sample } from "../support/op-case.js";

interface Options extends LossOptions {
  margin?: number;
}

interface TripletOptions extends Options {
  p?: number;
  eps?: number;
  swap?: boolean;
}

const SIGNS = [1, -1, -1, 1, -1, 1, 1];
const signs = (n: number, dtype: "float32" | "int32" = "float32"): InputSpec => ({
  shape: [n],
  values: SIGNS.slice(0, n),
  dtype,
  grad: false,
});
const wide = (shape: readonly number[]): InputSpec => ({ shape, low: -2, high: 2 });
const sum = (v: readonly number[]): number => v.reduce((s, x) => s + x, 0);
const hinge = (x: number): number => Math.max(x, 0);

function cosine(a: readonly number[], b: readonly number[]): number {
  const dot = (u: readonly number[], v: readonly number[]): number => sum(u.map((x, i) => x * v[i]!));
  return dot(a, b) / Math.sqrt((dot(a, a) + 1e-12) * (dot(b, b) + 1e-12));
}

function distance(a: readonly number[], b: readonly number[], { p = 2, eps = 1e-6 }: TripletOptions): number {
  const d = a.map((x, i) => Math.abs(x - b[i]! + eps));
  return p === Infinity ? Math.max(...d) : sum(d.map((x) => x ** p)) ** (1 / p);
}

const TRIPLETS: Sample<TripletOptions>[] = [
  { name: "mean", inputs: [wide([5, 4]), wide([5, 4]), wide([5, 4])], options: {} },
  {
    name: "margin, sum",
    inputs: [wide([3, 7]), wide([3, 7]), wide([3, 7])],
    options: { margin: 2.5, reduction: "sum" },
  },
  {
    name: "swap",
    inputs: [wide([5, 4]), wide([5, 4]), wide([5, 4])],
    options: { margin: 3, swap: true, reduction: "none" },
  },
  { name: "one triplet", inputs: [wide([4]), wide([4]), wide([4])], options: { margin: 4 } },
];

const OTHER_TRIPLET = (module: string) => [
  {
    name: "another shape of the positive",
    inputs: [wide([5, 4]), wide([4]), wide([5, 4])],
    options: {},
    message: [module, "positive", "[4]", "[5, 4]"],
  },
  {
    name: "another shape of the negative",
    inputs: [wide([5, 4]), wide([5, 4]), wide([5, 3])],
    options: {},
    message: [module, "negative", "[5, 3]", "[5, 4]"],
  },
];

function tripletOracle(inputs: readonly (Nd | null)[], options: TripletOptions): Nd {
  const [anchors, positives, negatives] = inputs.map((x) => rowsOf(x!));
  const losses = anchors!.map((a, r) => {
    const far = distance(a, negatives![r]!, options);
    const other = options.swap ? Math.min(far, distance(positives![r]!, negatives![r]!, options)) : far;
    return hinge((options.margin ?? 1) + distance(a, positives![r]!, options) - other);
  });
  return reduceLoss(new Nd(inputs[0]!.shape.slice(0, -1), losses), options);
}

export const cases = [
  opCase<Options>({
    name: "hingeEmbeddingLoss",
    ops: [],
    run: ([x, t], options) => F.hingeEmbeddingLoss(x as Tensor, t as Tensor, options),
    oracle: ([x, t], options) =>
      reduceLoss(
        x!.map((v, i) => (t!.data[i] === 1 ? v : hinge((options.margin ?? 1) - v))),
        options,
      ),
    samples: [
      { name: "mean", inputs: [wide([7]), signs(7)], options: {} },
      {
        name: "margin, int32 targets",
        inputs: [wide([5]), signs(5, "int32")],
        options: { margin: 0.5, reduction: "sum" },
      },
      {
        name: "NaN",
        inputs: [{ shape: [2], values: [NaN, NaN] }, signs(2)],
        options: { reduction: "none" },
        forwardOnly: true,
      },
    ],
    errors: [
      {
        name: "another shape",
        inputs: [wide([4]), signs(5)],
        options: {},
        message: ["HingeEmbeddingLoss", "[5]", "[4]"],
      },
      ...refused<Options>("HingeEmbeddingLoss", [wide([2]), signs(2)], { margin: "wide" }),
    ],
  }),
  opCase<Options>({
    name: "cosineEmbeddingLoss",
    ops: [],
    run: ([a, b, t], options) => F.cosineEmbeddingLoss(a as Tensor, b as Tensor, t as Tensor, options),
    oracle: ([a, b, t], options) => {
      const [left, right] = [rowsOf(a!), rowsOf(b!)];
      const losses = t!.map((sign, r) => {
        const cos = cosine(left[r]!, right[r]!);
        return sign === 1 ? 1 - cos : hinge(cos - (options.margin ?? 0));
      });
      return reduceLoss(losses, options);
    },
    samples: [
      { name: "mean", inputs: [wide([5, 4]), wide([5, 4]), signs(5)], options: {} },
      {
        name: "margin, int32 targets",
        inputs: [wide([7, 3]), wide([7, 3]), signs(7, "int32")],
        options: { margin: -0.3, reduction: "none" },
      },
      {
        name: "one pair",
        inputs: [wide([6]), wide([6]), { shape: [], values: [1], grad: false }],
        options: { reduction: "sum" },
      },
      {
        name: "zero vectors",
        inputs: [
          { shape: [2, 3], values: [0, 0, 0, 1, 2, 3] },
          { shape: [2, 3], values: [1, 2, 3, 0, 0, 0] },
          signs(2),
        ],
        options: { reduction: "none" },
        forwardOnly: true,
      },
    ],
    errors: [
      {
        name: "another shape",
        inputs: [wide([5, 4]), wide([5, 3]), signs(5)],
        options: {},
        message: ["CosineEmbeddingLoss", "[5, 3]", "[5, 4]"],
      },
      {
        name: "another number of targets",
        inputs: [wide([5, 4]), wide([5, 4]), signs(4)],
        options: {},
        message: ["CosineEmbeddingLoss", "target", "[4]", "[5]"],
      },
      ...refused<Options>("CosineEmbeddingLoss", [wide([2, 2]), wide([2, 2]), signs(2)], { margin: NaN }),
    ],
  }),
  opCase<Options>({
    name: "marginRankingLoss",
    ops: [],
    run: ([a, b, t], options) => F.marginRankingLoss(a as Tensor, b as Tensor, t as Tensor, options),
    oracle: ([a, b, t], options) =>
      reduceLoss(
        a!.map((v, i) => hinge(-t!.data[i]! * (v - b!.data[i]!) + (options.margin ?? 0))),
        options,
      ),
    samples: [
      { name: "mean", inputs: [wide([6]), wide([6]), signs(6)], options: {} },
      {
        name: "margin, int32 targets",
        inputs: [wide([7]), wide([7]), signs(7, "int32")],
        options: { margin: 0.7, reduction: "none" },
      },
    ],
    errors: [
      {
        name: "another shape",
        inputs: [wide([6]), wide([1]), signs(6)],
        options: {},
        message: ["MarginRankingLoss", "[1]", "[6]"],
      },
      {
        name: "another number of targets",
        inputs: [wide([6]), wide([6]), signs(5)],
        options: {},
        message: ["MarginRankingLoss", "target", "[5]", "[6]"],
      },
      ...refused<Options>("MarginRankingLoss", [wide([2]), wide([2]), signs(2)]),
    ],
  }),
  opCase<TripletOptions>({
    name: "tripletMarginLoss",
    ops: [],
    run: ([a, p, n], options) => F.tripletMarginLoss(a as Tensor, p as Tensor, n as Tensor, options),
    oracle: tripletOracle,
    samples: [
      ...TRIPLETS,
      { name: "p 1", inputs: [wide([5, 4]), wide([5, 4]), wide([5, 4])], options: { p: 1, margin: 2 } },
      { name: "p 3, eps", inputs: [wide([5, 4]), wide([5, 4]), wide([5, 4])], options: { p: 3, eps: 0.1 } },
      { name: "p ∞", inputs: [wide([5, 4]), wide([5, 4]), wide([5, 4])], options: { p: Infinity, margin: 2 } },
    ],
    errors: [
      ...OTHER_TRIPLET("TripletMarginLoss"),
      ...refused<TripletOptions>("TripletMarginLoss", [wide([2]), wide([2]), wide([2])], { p: -1, swap: "no" }),
    ],
  }),
  opCase<TripletOptions>({
    name: "tripletMarginWithDistanceLoss",
    ops: [],
    run: ([a, p, n], options) => F.tripletMarginWithDistanceLoss(a as Tensor, p as Tensor, n as Tensor, options),
    oracle: tripletOracle,
    samples: TRIPLETS,
    errors: [
      ...OTHER_TRIPLET("TripletMarginWithDistanceLoss"),
      ...refused<TripletOptions>("TripletMarginWithDistanceLoss", [wide([2]), wide([2]), wide([2])], {
        distanceFunction: 2,
      }),
    ],
  }),
  opCase<TripletOptions>({
    name: "tripletMarginWithDistanceLoss of a function",
    ops: [],
    run: ([a, p, n], options) =>
      F.tripletMarginWithDistanceLoss(a as Tensor, p as Tensor, n as Tensor, {
        ...options,
        distanceFunction: (x, y) => F.sub(1, F.cosineSimilarity(x, y)),
      }),
    oracle: ([a, p, n], options) => {
      const [anchors, positives, negatives] = [rowsOf(a!), rowsOf(p!), rowsOf(n!)];
      const losses = anchors.map((x, r) =>
        hinge((options.margin ?? 1) - cosine(x, positives[r]!) + cosine(x, negatives[r]!)),
      );
      return reduceLoss(new Nd([losses.length], losses), options);
    },
    samples: [{ name: "cosine", inputs: [wide([5, 4]), wide([5, 4]), wide([5, 4])], options: { reduction: "none" } }],
  }),
];
