import { functional as F, type Tensor } from "../../src/node.js";
import { type LossOptions, reduceLoss, refused } from "../support/losses.js";
import { Nd } from "../support/nd.js";
import { type InputSpec, opCase } from "../support/op-case.js";

interface Options extends LossOptions {
  blank?: number;
  zeroInfinity?: boolean;
}

/** What a path spells: repeated classes merged, then blanks dropped. */
function spelling(path: readonly number[], blank: number): string {
  return path.filter((c, t) => c !== blank && c !== path[t - 1]).join(" ");
}

/** Σ e^{Σ_t x[t, n, path_t]} over every path of `steps` classes that spells the target, tried one by one. */
function probability(x: Nd, n: number, steps: number, target: readonly number[], blank: number): number {
  const classes = x.shape[2]!;
  const wanted = target.join(" ");
  let sum = 0;
  const walk = (path: readonly number[], log: number): void => {
    if (path.length === steps) {
      if (spelling(path, blank) === wanted) sum += Math.exp(log);
      return;
    }
    for (let c = 0; c < classes; c++) walk([...path, c], log + x.get(path.length, n, c));
  };
  walk([], 0);
  return sum;
}

function oracle([x, targets, inputLengths, targetLengths]: readonly (Nd | null)[], options: Options): Nd {
  const batched = x!.shape.length === 3 ? x! : new Nd([x!.shape[0]!, 1, x!.shape[1]!], x!.data);
  const lengths = Array.from(targetLengths!.data);
  let from = 0;
  const losses = lengths.map((length, n) => {
    const target = Array.from(targets!.data.subarray(from, from + length));
    from += targets!.shape.length === 2 ? targets!.shape[1]! : length;
    const loss = -Math.log(probability(batched, n, inputLengths!.data[n]!, target, options.blank ?? 0));
    return options.zeroInfinity && loss === Infinity ? 0 : loss;
  });
  const { reduction = "mean" } = options;
  const weighted = losses.map((l, n) => (reduction === "mean" ? l / Math.max(lengths[n]!, 1) : l));
  return reduceLoss(new Nd(x!.shape.length === 3 ? [losses.length] : [], weighted), options);
}

const logs = (...shape: number[]): InputSpec => ({ shape, low: -3, high: 0 });
const ints = (shape: readonly number[], ...values: number[]): InputSpec => ({ shape, values, dtype: "int32" });

export const cases = [
  opCase<Options>({
    name: "ctcLoss",
    ops: ["ctc", "ctc_grad"],
    run: ([x, targets, inputLengths, targetLengths], options) =>
      F.ctcLoss(x as Tensor, targets as Tensor, inputLengths as Tensor, targetLengths as Tensor, options),
    oracle,
    samples: [
      {
        name: "padded targets, what is behind them does not count",
        inputs: [logs(5, 3, 4), ints([3, 3], 1, 2, 3, 2, 2, -7, 3, 0, 99), ints([3], 5, 5, 4), ints([3], 3, 2, 1)],
        options: {},
      },
      {
        name: "targets one after the other, sum",
        inputs: [logs(5, 3, 3), ints([4], 1, 2, 1, 1), ints([3], 5, 3, 5), ints([3], 2, 0, 2)],
        options: { reduction: "sum" },
      },
      {
        name: "another blank, none",
        inputs: [logs(4, 2, 4), ints([2, 2], 0, 1, 2, 2), ints([2], 4, 4), ints([2], 2, 2)],
        options: { blank: 3, reduction: "none" },
      },
      { name: "one sequence", inputs: [logs(6, 3), ints([2], 2, 1), ints([], 6), ints([], 2)], options: {} },
      {
        name: "one step",
        inputs: [logs(1, 2, 3), ints([2, 1], 2, 1), ints([2], 1, 1), ints([2], 1, 0)],
        options: { reduction: "none" },
      },
      {
        name: "as many labels as steps",
        inputs: [logs(5, 1, 4), ints([1, 5], 1, 2, 3, 1, 3), ints([1], 5), ints([1], 5)],
        options: {},
      },
      {
        name: "no label at all",
        inputs: [logs(4, 2, 2), ints([2, 0]), ints([2], 4, 3), ints([2], 0, 0)],
        options: {},
      },
      {
        name: "no path: repeated labels need a blank between",
        inputs: [logs(3, 2, 4), ints([2, 3], 1, 1, 2, 1, 2, 3), ints([2], 3, 3), ints([2], 3, 3)],
        options: { reduction: "none" },
        forwardOnly: true,
      },
      {
        name: "no path, zeroInfinity",
        inputs: [logs(3, 2, 4), ints([2, 3], 1, 1, 2, 1, 2, 3), ints([2], 3, 3), ints([2], 3, 3)],
        options: { reduction: "none", zeroInfinity: true },
      },
      {
        name: "no steps",
        inputs: [logs(2, 3, 3), ints([3, 1], 1, 1, 1), ints([3], 0, 0, 2), ints([3], 0, 1, 1)],
        options: { reduction: "none" },
        forwardOnly: true,
      },
      {
        name: "impossible classes",
        inputs: [
          { shape: [3, 1, 3], values: [-1, -Infinity, -0.5, -Infinity, -0.3, -2, -1, -Infinity, -0.7] },
          ints([1, 1], 1),
          ints([1], 3),
          ints([1], 1),
        ],
        options: {},
        forwardOnly: true,
      },
      {
        name: "empty batch",
        inputs: [logs(3, 0, 2), ints([0, 2]), ints([0]), ints([0])],
        options: { reduction: "sum" },
      },
    ],
    errors: [
      {
        name: "a label above the classes",
        inputs: [logs(4, 2, 3), ints([2, 2], 1, 2, 1, 3), ints([2], 4, 4), ints([2], 2, 2)],
        options: {},
        message: ["CTCLoss", "label 1 of target 1", "3", "0 to 2"],
      },
      {
        name: "a label that is the blank",
        inputs: [logs(4, 2, 3), ints([2, 2], 1, 0, 1, 2), ints([2], 4, 4), ints([2], 2, 2)],
        options: {},
        message: ["CTCLoss", "label 1 of target 0", "blank 0"],
      },
      {
        name: "an input length above the steps",
        inputs: [logs(4, 2, 3), ints([2, 2], 1, 2, 1, 2), ints([2], 4, 5), ints([2], 2, 2)],
        options: {},
        message: ["CTCLoss", "inputLengths of sequence 1", "5", "0 to 4"],
      },
      {
        name: "a target length above the target",
        inputs: [logs(4, 2, 3), ints([2, 2], 1, 2, 1, 2), ints([2], 4, 4), ints([2], 3, 2)],
        options: {},
        message: ["CTCLoss", "targetLengths of sequence 0", "3", "0 to 2"],
      },
      {
        name: "joined targets of another total",
        inputs: [logs(4, 2, 3), ints([3], 1, 2, 1), ints([2], 4, 4), ints([2], 2, 2)],
        options: {},
        message: ["CTCLoss", "targets", "[3]", "[4]"],
      },
      {
        name: "targets for another batch",
        inputs: [logs(4, 2, 3), ints([3, 1], 1, 2, 1), ints([2], 4, 4), ints([2], 1, 1)],
        options: {},
        message: ["CTCLoss", "targets", "[3, 1]", "[2, longest]"],
      },
      {
        name: "lengths for another batch",
        inputs: [logs(4, 2, 3), ints([2, 1], 1, 2), ints([3], 4, 4, 4), ints([2], 1, 1)],
        options: {},
        message: ["CTCLoss", "inputLengths", "[3]", "[2]"],
      },
      {
        name: "float targets",
        inputs: [logs(4, 2, 3), { shape: [2, 1] }, ints([2], 4, 4), ints([2], 1, 1)],
        options: {},
        message: ["CTCLoss", "targets", "float32", "int32"],
      },
      ...refused<Options>("CTCLoss", [logs(4, 1, 3), ints([1, 1], 1), ints([1], 4), ints([1], 1)], {
        blank: 3,
        zeroInfinity: 1,
      }),
    ],
    bench: [
      {
        name: "T100 N16 C40 S20",
        inputs: [
          logs(100, 16, 40),
          { shape: [16, 20], dtype: "int32", low: 1, high: 40 },
          ints([16], ...new Array<number>(16).fill(100)),
          ints([16], ...new Array<number>(16).fill(20)),
        ],
        options: {},
        bytes: 100 * 16 * 40 * 4,
      },
    ],
  }),
];
