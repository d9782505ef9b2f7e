import { functional as F, type Tensor } from "../../src/node.js";
import { type LossOptions, reduceLoss, refused, rowsOf, softplus } from "../support/losses.js";
import { Nd } from "../support/nd.js";
import { type InputSpec, opCase } from "../support/op-case.js";

interface Options extends LossOptions {
  p?: number;
  margin?: number;
}

const wide = (shape: readonly number[]): InputSpec => ({ shape, low: -2, high: 2 });
const sum = (v: readonly number[]): number => v.reduce((s, x) => s + x, 0);
const labels = (shape: readonly number[], ...values: number[]): InputSpec => ({ shape, values, dtype: "int32" });

/** One loss for each row of scores. */
function perRow(x: Nd, options: LossOptions, loss: (scores: readonly number[], row: number) => number): Nd {
  return reduceLoss(new Nd(x.shape.slice(0, -1), rowsOf(x).map(loss)), options);
}

export const cases = [
  opCase<Options>({
    name: "multiMarginLoss",
    ops: [],
    run: ([x, t, weight], options) =>
      F.multiMarginLoss(x as Tensor, t as Tensor, { ...options, weight: weight ?? null }),
    oracle: ([x, t, weight], options) =>
      perRow(x!, options, (scores, r) => {
        const target = t!.data[r]!;
        const { p = 1, margin = 1 } = options;
        const costs = scores.map((v, j) =>
          j === target ? 0 : (weight?.data[target] ?? 1) * Math.max(0, margin - scores[target]! + v) ** p,
        );
        return sum(costs) / scores.length;
      }),
    samples: [
      { name: "mean", inputs: [wide([4, 5]), labels([4], 0, 4, 2, 2), null], options: {} },
      {
        name: "squares, margin, weight",
        inputs: [wide([4, 5]), labels([4], 1, 3, 0, 1), { shape: [5], low: 0.5 }],
        options: { p: 2, margin: 0.5, reduction: "none" },
      },
      { name: "one example, sum", inputs: [wide([7]), labels([], 3), null], options: { reduction: "sum" } },
      { name: "one class", inputs: [wide([3, 1]), labels([3], 0, 0, 0), null], options: {} },
      { name: "empty batch", inputs: [wide([0, 4]), labels([0]), null], options: { reduction: "sum" } },
    ],
    errors: [
      {
        name: "a target above the classes",
        inputs: [wide([2, 5]), labels([2], 0, 5), null],
        options: {},
        message: ["MultiMarginLoss", "5", "0 to 4"],
      },
      {
        name: "a negative target",
        inputs: [wide([2, 5]), labels([2], -1, 0), null],
        options: {},
        message: ["MultiMarginLoss", "-1", "0 to 4"],
      },
      {
        name: "another batch size",
        inputs: [wide([2, 5]), labels([3], 0, 1, 2), null],
        options: {},
        message: ["MultiMarginLoss", "[3]", "[2]"],
      },
      {
        name: "weights of another length",
        inputs: [wide([2, 5]), labels([2], 0, 1), { shape: [4] }],
        options: {},
        message: ["MultiMarginLoss", "weight", "[4]", "[5]"],
      },
      ...refused<Options>("MultiMarginLoss", [wide([2, 5]), labels([2], 0, 1), null], { p: 3 }),
    ],
  }),
  opCase<LossOptions>({
    name: "multilabelMarginLoss",
    ops: [],
    run: ([x, t], options) => F.multilabelMarginLoss(x as Tensor, t as Tensor, options),
    oracle: ([x, t], options) => {
      const targets = rowsOf(t!);
      return perRow(x!, options, (scores, r) => {
        const end = targets[r]!.indexOf(-1);
        const named = end < 0 ? targets[r]! : targets[r]!.slice(0, end);
        const costs = named.map((j) =>
          sum(scores.map((v, i) => (named.includes(i) ? 0 : Math.max(0, 1 - scores[j]! + v)))),
        );
        return sum(costs) / scores.length;
      });
    },
    samples: [
      {
        name: "lists of any length",
        inputs: [wide([4, 4]), labels([4, 4], 3, 0, -1, 1, -1, 2, 2, 2, 1, 0, 2, 3, 2, -1, -1, -1)],
        options: { reduction: "none" },
      },
      { name: "one example", inputs: [wide([5]), labels([5], 1, 4, -1, 4, 0)], options: {} },
      { name: "no label", inputs: [wide([2, 3]), labels([2, 3], -1, -1, -1, -1, 0, 1)], options: { reduction: "sum" } },
      { name: "empty batch", inputs: [wide([0, 3]), labels([0, 3])], options: { reduction: "sum" } },
    ],
    errors: [
      {
        name: "a label above the classes",
        inputs: [wide([1, 3]), labels([1, 3], 0, 3, -1)],
        options: {},
        message: ["MultiLabelMarginLoss", "3", "-1 to 2"],
      },
      {
        name: "another shape",
        inputs: [wide([2, 3]), labels([2, 2], 0, 1, 0, 1)],
        options: {},
        message: ["MultiLabelMarginLoss", "[2, 2]", "[2, 3]"],
      },
      ...refused<LossOptions>("MultiLabelMarginLoss", [wide([2]), labels([2], 0, -1)]),
    ],
  }),
  opCase<LossOptions>({
    name: "multilabelSoftMarginLoss",
    ops: [],
    run: ([x, t, weight], options) =>
      F.multilabelSoftMarginLoss(x as Tensor, t as Tensor, { ...options, weight: weight ?? null }),
    oracle: ([x, t, weight], options) => {
      const targets = rowsOf(t!);
      return perRow(x!, options, (scores, r) => {
        const costs = scores.map((v, c) => {
          const hit = targets[r]![c]!;
          return (weight?.data[c] ?? 1) * (hit * softplus(-v) + (1 - hit) * softplus(v));
        });
        return sum(costs) / scores.length;
      });
    },
    samples: [
      { name: "mean", inputs: [wide([4, 5]), { shape: [4, 5], low: 0 }, null], options: {} },
      {
        name: "weight",
        inputs: [wide([4, 5]), { shape: [4, 5], low: 0 }, { shape: [5] }],
        options: { reduction: "none" },
      },
      { name: "one example", inputs: [wide([3]), { shape: [3], low: 0 }, null], options: { reduction: "sum" } },
    ],
    errors: [
      {
        name: "another shape",
        inputs: [wide([2, 5]), { shape: [2, 6] }, null],
        options: {},
        message: ["MultiLabelSoftMarginLoss", "5", "6"],
      },
      {
        name: "weights of another length",
        inputs: [wide([2, 5]), { shape: [2, 5] }, { shape: [2, 5] }],
        options: {},
        message: ["MultiLabelSoftMarginLoss", "weight", "[2, 5]", "[5]"],
      },
      ...refused<LossOptions>("MultiLabelSoftMarginLoss", [wide([2]), { shape: [2] }, null]),
    ],
  }),
  opCase<LossOptions>({
    name: "softMarginLoss",
    ops: [],
    run: ([x, t], options) => F.softMarginLoss(x as Tensor, t as Tensor, options),
    oracle: ([x, t], options) =>
      reduceLoss(
        x!.map((v, i) => softplus(-v * t!.data[i]!)),
        options,
      ),
    samples: [
      {
        name: "mean",
        inputs: [wide([2, 3]), { shape: [2, 3], values: [1, -1, 1, 1, -1, -1], grad: false }],
        options: {},
      },
      { name: "int32 targets", inputs: [wide([5]), labels([5], 1, -1, 1, 1, -1)], options: { reduction: "none" } },
      {
        name: "large scores",
        inputs: [{ shape: [4], values: [1e4, 1e4, -1e4, -1e4] }, labels([4], 1, -1, 1, -1)],
        options: { reduction: "none" },
        forwardOnly: true,
      },
    ],
    errors: [
      {
        name: "another shape",
        inputs: [wide([2, 5]), labels([2], 1, 1)],
        options: {},
        message: ["SoftMarginLoss", "[2]", "[2, 5]"],
      },
      ...refused<LossOptions>("SoftMarginLoss", [wide([2]), labels([2], 1, 1)]),
    ],
  }),
];
