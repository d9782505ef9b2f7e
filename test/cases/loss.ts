import { functional as F, type Tensor } from "../../src/node.js";
import { nllGradOp, squaredDifferenceGradOp } from "../../src/ops/loss.js";
import { apply } from "../../src/ops/op.js";
import { type LossOptions, type Reduction, reduceLoss } from "../support/losses.js";
import { forIndex, Nd } from "../support/nd.js";
import { type InputSpec, type OpCase, opCase, type Sample } from "../support/op-case.js";

interface Options extends LossOptions {
  ignoreIndex?: number;
  labelSmoothing?: number;
}

/** −ln of the probabilities in one row of scores, or the scores negated if they are log-probabilities already. */
function costs(x: Nd, place: readonly number[], logged: boolean): number[] {
  const dim = x.shape.length === 1 ? 0 : 1;
  const scores = Array.from({ length: x.shape[dim]! }, (_, c) => x.get(...place.toSpliced(dim, 0, c)));
  if (logged) return scores.map((v) => -v);
  const top = Math.max(...scores);
  const logsum = top + Math.log(scores.reduce((s, v) => s + Math.exp(v - top), 0));
  return scores.map((v) => logsum - v);
}

/** Cross-entropy, or nll of log-probabilities, as PyTorch defines them. */
function classOracle([x, target, weight]: readonly (Nd | null)[], options: Options, logged: boolean): Nd {
  const { ignoreIndex = -100, labelSmoothing: s = 0 } = options;
  const loss = target!.map(() => 0);
  let count = 0;
  forIndex(target!.shape, (place, flat) => {
    const t = target!.data[flat]!;
    if (t === ignoreIndex) return;
    const cost = costs(x!, place, logged);
    const w = (c: number): number => weight?.data[c] ?? 1;
    const smooth = cost.reduce((sum, v, c) => sum + w(c) * v, 0) / cost.length;
    loss.data[flat] = (1 - s) * w(t) * cost[t]! + s * smooth;
    count += w(t);
  });
  return reduceLoss(loss, options, count);
}

function probabilityOracle([x, target, weight]: readonly (Nd | null)[], options: Options): Nd {
  const { labelSmoothing: s = 0 } = options;
  const dim = x!.shape.length === 1 ? 0 : 1;
  const classes = x!.shape[dim]!;
  const loss = new Nd(x!.shape.filter((_, d) => d !== dim));
  forIndex(loss.shape, (place, flat) => {
    costs(x!, place, false).forEach((cost, c) => {
      const t = (1 - s) * target!.get(...place.toSpliced(dim, 0, c)) + s / classes;
      loss.data[flat]! += (weight?.data[c] ?? 1) * t * cost;
    });
  });
  return reduceLoss(loss, options);
}

const WEIGHT = (n: number): InputSpec => ({ shape: [n], low: 0.5, high: 2, grad: false });
const classes = (shape: readonly number[], high: number): InputSpec => ({ shape, dtype: "int32", high });

/** Every shape, for losses of class indices. */
const SAMPLES: Sample<Options>[] = [
  { name: "rows", inputs: [{ shape: [5, 7] }, classes([5], 7), null], options: {} },
  { name: "no tail, sum", inputs: [{ shape: [4, 8] }, classes([4], 8), null], options: { reduction: "sum" } },
  { name: "none", inputs: [{ shape: [6, 3] }, classes([6], 3), null], options: { reduction: "none" } },
  { name: "weights", inputs: [{ shape: [5, 4] }, classes([5], 4), WEIGHT(4)], options: {} },
  { name: "ignored class", inputs: [{ shape: [9, 3] }, classes([9], 3), null], options: { ignoreIndex: 1 } },
  {
    name: "ignored by default, weights",
    inputs: [{ shape: [4, 3] }, { ...classes([4], 3), values: [0, -100, 2, -100] }, WEIGHT(3)],
    options: {},
  },
  { name: "spatial, tail", inputs: [{ shape: [2, 3, 5] }, classes([2, 5], 3), null], options: {} },
  {
    name: "spatial, weights",
    inputs: [{ shape: [2, 3, 2, 4] }, classes([2, 2, 4], 3), WEIGHT(3)],
    options: { ignoreIndex: 0 },
  },
  { name: "spatial, more than a chunk", inputs: [{ shape: [1, 3, 1031] }, classes([1, 1031], 3), null], options: {} },
  { name: "unbatched", inputs: [{ shape: [6] }, classes([], 6), null], options: {} },
  { name: "one class", inputs: [{ shape: [3, 1] }, classes([3], 1), null], options: { reduction: "sum" } },
  { name: "empty batch", inputs: [{ shape: [0, 4] }, classes([0], 4), null], options: { reduction: "sum" } },
  {
    name: "all ignored",
    inputs: [{ shape: [2, 3] }, { ...classes([2], 3), values: [-100, -100] }, null],
    options: {},
    forwardOnly: true,
  },
];

const REFUSED = (op: string) => [
  {
    name: "a target above the classes",
    inputs: [{ shape: [3, 5] }, { ...classes([3], 5), values: [0, 7, 1] }, null],
    options: {},
    message: [op, "7", "5 classes"],
  },
  {
    name: "a negative target",
    inputs: [{ shape: [3, 5] }, { ...classes([3], 5), values: [0, 1, -1] }, null],
    options: {},
    message: [op, "-1", "5 classes"],
  },
  {
    name: "another batch size",
    inputs: [{ shape: [3, 5] }, classes([4], 5), null],
    options: {},
    message: [op, "3", "4"],
  },
  {
    name: "weights of another length",
    inputs: [{ shape: [3, 5] }, classes([3], 5), WEIGHT(4)],
    options: {},
    message: [op, "[4]", "[5]"],
  },
  {
    name: "an unknown reduction",
    inputs: [{ shape: [3, 5] }, classes([3], 5), null],
    options: { reduction: "average" as Reduction },
    message: [op, "average"],
  },
];

type Elementwise = "mseLoss" | "l1Loss";

function elementwise(
  name: Elementwise,
  module: string,
  ops: string[],
  f: (x: number, t: number) => number,
): OpCase<never> {
  return opCase<Options>({
    name,
    ops,
    run: ([x, t], options) => F[name](x as Tensor, t as Tensor, options),
    oracle: ([x, t], options) =>
      reduceLoss(
        x!.map((v, i) => f(v, t!.data[i]!)),
        options,
      ),
    samples: [
      { name: "mean", inputs: [{ shape: [3, 7] }, { shape: [3, 7] }], options: {} },
      { name: "sum", inputs: [{ shape: [8] }, { shape: [8] }], options: { reduction: "sum" } },
      { name: "none", inputs: [{ shape: [2, 3] }, { shape: [2, 3] }], options: { reduction: "none" } },
      { name: "scalars", inputs: [{ shape: [] }, { shape: [] }], options: {} },
      { name: "empty", inputs: [{ shape: [0] }, { shape: [0] }], options: { reduction: "sum" } },
      {
        name: "NaN",
        inputs: [{ shape: [2], values: [NaN, 1] }, { shape: [2] }],
        options: { reduction: "none" },
        forwardOnly: true,
      },
    ],
    errors: [
      {
        name: "another shape",
        inputs: [{ shape: [2, 7] }, { shape: [2, 8] }],
        options: {},
        message: [module, "7", "8"],
      },
      {
        name: "an unknown reduction",
        inputs: [{ shape: [2] }, { shape: [2] }],
        options: { reduction: "average" as Reduction },
        message: [module, "average"],
      },
    ],
    bench: [
      { name: "128x784", inputs: [{ shape: [128, 784] }, { shape: [128, 784] }], options: {}, bytes: 128 * 784 * 8 },
    ],
  });
}

export const cases = [
  opCase<Options>({
    name: "crossEntropy",
    ops: ["cross_entropy", "cross_entropy_grad", "target_weight"],
    run: ([x, t, weight], options) => F.crossEntropy(x as Tensor, t as Tensor, { ...options, weight: weight ?? null }),
    oracle: (inputs, options) => classOracle(inputs, options, false),
    samples: [
      ...SAMPLES,
      { name: "label smoothing", inputs: [{ shape: [5, 7] }, classes([5], 7), null], options: { labelSmoothing: 0.2 } },
      {
        name: "label smoothing, weights, ignored, spatial",
        inputs: [{ shape: [2, 3, 5] }, classes([2, 5], 3), WEIGHT(3)],
        options: { labelSmoothing: 0.3, ignoreIndex: 2 },
      },
      {
        name: "label smoothing, weights, rows",
        inputs: [{ shape: [3, 6] }, classes([3], 6), WEIGHT(6)],
        options: { labelSmoothing: 0.1 },
      },
      {
        name: "large scores",
        inputs: [{ shape: [4, 5], low: -2000, high: 2000 }, classes([4], 5), null],
        options: {},
        forwardOnly: true,
      },
    ],
    errors: [
      ...REFUSED("CrossEntropyLoss"),
      {
        name: "too much smoothing",
        inputs: [{ shape: [2, 3] }, classes([2], 3), null],
        options: { labelSmoothing: 1.5 },
        message: ["CrossEntropyLoss", "labelSmoothing", "1.5"],
      },
      {
        name: "a bool target",
        inputs: [{ shape: [2, 3] }, { shape: [2], dtype: "bool" }, null],
        options: {},
        message: ["CrossEntropyLoss", "bool", "int32"],
      },
    ],
    bench: [
      { name: "128x10", inputs: [{ shape: [128, 10] }, classes([128], 10), null], options: {}, bytes: 128 * 44 },
      {
        name: "2048x1000",
        inputs: [{ shape: [2048, 1000] }, classes([2048], 1000), null],
        options: {},
        bytes: 2048 * 4000,
      },
    ],
  }),
  opCase<Options>({
    name: "crossEntropy with probabilities",
    ops: [],
    run: ([x, t, weight], options) => F.crossEntropy(x as Tensor, t as Tensor, { ...options, weight: weight ?? null }),
    oracle: probabilityOracle,
    samples: [
      { name: "rows", inputs: [{ shape: [4, 5] }, { shape: [4, 5], low: 0 }, null], options: {} },
      {
        name: "weights, smoothing",
        inputs: [{ shape: [4, 3] }, { shape: [4, 3], low: 0 }, WEIGHT(3)],
        options: { labelSmoothing: 0.1 },
      },
      {
        name: "spatial, none",
        inputs: [{ shape: [2, 3, 2] }, { shape: [2, 3, 2], low: 0 }, WEIGHT(3)],
        options: { reduction: "none" },
      },
      { name: "unbatched, sum", inputs: [{ shape: [5] }, { shape: [5], low: 0 }, null], options: { reduction: "sum" } },
    ],
    errors: [
      {
        name: "another shape",
        inputs: [{ shape: [3, 5] }, { shape: [3, 6] }, null],
        options: {},
        message: ["CrossEntropyLoss", "5", "6"],
      },
    ],
  }),
  opCase<Options>({
    name: "nllLoss",
    ops: ["nll", "nll_grad", "target_weight"],
    run: ([x, t, weight], options) => F.nllLoss(x as Tensor, t as Tensor, { ...options, weight: weight ?? null }),
    oracle: (inputs, options) => classOracle(inputs, options, true),
    samples: SAMPLES,
    errors: REFUSED("NLLLoss"),
    bench: [
      {
        name: "2048x1000",
        inputs: [{ shape: [2048, 1000] }, classes([2048], 1000), null],
        options: {},
        bytes: 2048 * 8,
      },
    ],
  }),
  opCase<unknown>({
    name: "nll_grad",
    ops: ["nll_grad"],
    run: ([g, t, weight]) =>
      apply(nllGradOp, [g as Tensor, t as Tensor, weight as Tensor], { ignoreIndex: 1, shape: [4, 3] })[0],
    oracle: ([g, t, weight]) => {
      const dx = new Nd([4, 3]);
      t!.data.forEach((c, i) => {
        if (c !== 1) dx.set(-g!.data[i]! * weight!.data[c]!, i, c);
      });
      return dx;
    },
    samples: [{ name: "rows", inputs: [{ shape: [4] }, classes([4], 3), WEIGHT(3)] }],
  }),
  elementwise("mseLoss", "MSELoss", ["squared_difference", "squared_difference_grad"], (x, t) => (x - t) ** 2),
  elementwise("l1Loss", "L1Loss", [], (x, t) => Math.abs(x - t)),
  opCase<unknown>({
    name: "squared_difference_grad",
    ops: ["squared_difference_grad"],
    run: ([g, a, b]) => apply(squaredDifferenceGradOp, [g as Tensor, a as Tensor, b as Tensor], undefined)[0],
    oracle: ([g, a, b]) => g!.map((v, i) => 2 * v * (a!.data[i]! - b!.data[i]!)),
    samples: [{ name: "tail", inputs: [{ shape: [7] }, { shape: [7] }, { shape: [7] }] }],
  }),
];
