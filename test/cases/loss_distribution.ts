import { functional as F, type Tensor } from "../../src/node.js";
import { reduceLoss, refused } from "../support/losses.js";
import type { Nd } from "../support/nd.js";
import { type InputSpec, opCase } from "../support/op-case.js";

interface Options {
  reduction?: "none" | "mean" | "sum" | "batchmean";
  logTarget?: boolean;
}

interface NLLOptions {
  reduction?: "none" | "mean" | "sum";
  full?: boolean;
  eps?: number;
  logInput?: boolean;
}

function batchReduced(loss: Nd, { reduction = "mean" }: Options): Nd {
  if (reduction !== "batchmean") return reduceLoss(loss, { reduction });
  return reduceLoss(loss, { reduction: "mean" }, loss.shape[0]);
}

const LOGS = { low: -4, high: 0 };
const VARIANCE = { low: 0.2, high: 2 };
const COUNTS: InputSpec = { shape: [8], values: [0, 1, 2, 3, 0.5, 7, 40, 1.5] };

export const cases = [
  opCase<Options>({
    name: "klDiv",
    ops: [],
    run: ([x, t], options) => F.klDiv(x as Tensor, t as Tensor, options),
    oracle: ([x, t], options) => {
      const loss = x!.map((v, i) => {
        const target = t!.data[i]!;
        if (options.logTarget) return Math.exp(target) * (target - v);
        return target === 0 ? 0 : target * (Math.log(target) - v);
      });
      return batchReduced(loss, options);
    },
    samples: [
      {
        name: "mean",
        inputs: [
          { ...LOGS, shape: [4, 5] },
          { shape: [4, 5], low: 0.05 },
        ],
        options: {},
      },
      {
        name: "sum",
        inputs: [
          { ...LOGS, shape: [7] },
          { shape: [7], low: 0.05 },
        ],
        options: { reduction: "sum" },
      },
      {
        name: "batchmean",
        inputs: [
          { ...LOGS, shape: [3, 2, 4] },
          { shape: [3, 2, 4], low: 0.05 },
        ],
        options: { reduction: "batchmean" },
      },
      {
        name: "logTarget",
        inputs: [
          { ...LOGS, shape: [3, 5] },
          { ...LOGS, shape: [3, 5] },
        ],
        options: { reduction: "batchmean", logTarget: true },
      },
      {
        name: "targets of 0",
        inputs: [
          { ...LOGS, shape: [6] },
          { shape: [6], values: [0, 0.5, 0, 0.25, 0.25, 0], grad: false },
        ],
        options: { reduction: "none" },
      },
      { name: "empty", inputs: [{ shape: [0, 3] }, { shape: [0, 3] }], options: { reduction: "sum" } },
      {
        name: "negative and NaN targets",
        inputs: [
          { ...LOGS, shape: [2] },
          { shape: [2], values: [-1, NaN] },
        ],
        options: { reduction: "none" },
        forwardOnly: true,
      },
    ],
    errors: [
      {
        name: "another shape",
        inputs: [{ shape: [2, 5] }, { shape: [2, 6] }],
        options: {},
        message: ["KLDivLoss", "5", "6"],
      },
      {
        name: "batchmean of a scalar",
        inputs: [{ shape: [] }, { shape: [], low: 0 }],
        options: { reduction: "batchmean" },
        message: ["KLDivLoss", "batchmean"],
      },
      ...refused<Options>("KLDivLoss", [{ shape: [2] }, { shape: [2], low: 0 }], { logTarget: 1 }),
    ],
  }),
  opCase<NLLOptions>({
    name: "gaussianNllLoss",
    ops: [],
    run: ([x, t, v], options) => F.gaussianNllLoss(x as Tensor, t as Tensor, v as Tensor, options),
    oracle: ([x, t, v], options) => {
      const each = x!.data.length / v!.data.length;
      const loss = x!.map((a, i) => {
        const variance = Math.max(v!.data[Math.floor(i / each)]!, options.eps ?? 1e-6);
        const constant = options.full ? Math.log(2 * Math.PI) : 0;
        return 0.5 * (Math.log(variance) + (a - t!.data[i]!) ** 2 / variance + constant);
      });
      return reduceLoss(loss, options);
    },
    samples: [
      { name: "mean", inputs: [{ shape: [4, 3] }, { shape: [4, 3] }, { ...VARIANCE, shape: [4, 3] }], options: {} },
      {
        name: "full, sum",
        inputs: [{ shape: [7] }, { shape: [7] }, { ...VARIANCE, shape: [7] }],
        options: { full: true, reduction: "sum" },
      },
      {
        name: "a variance for each row",
        inputs: [{ shape: [2, 4, 3] }, { shape: [2, 4, 3] }, { ...VARIANCE, shape: [2, 4, 1] }],
        options: { reduction: "none" },
      },
      {
        name: "a variance for each row, without the dimension",
        inputs: [{ shape: [4, 3] }, { shape: [4, 3] }, { ...VARIANCE, shape: [4] }],
        options: {},
      },
      { name: "scalars", inputs: [{ shape: [] }, { shape: [] }, { ...VARIANCE, shape: [] }], options: {} },
      {
        name: "variances below eps, NaN",
        inputs: [{ shape: [4] }, { shape: [4] }, { shape: [4], values: [0, 0.1, NaN, 0.7] }],
        options: { eps: 0.5, reduction: "none" },
        forwardOnly: true,
      },
    ],
    errors: [
      {
        name: "another shape",
        inputs: [{ shape: [2, 5] }, { shape: [2, 6] }, { ...VARIANCE, shape: [2, 5] }],
        options: {},
        message: ["GaussianNLLLoss", "5", "6"],
      },
      {
        name: "another shape of the variance",
        inputs: [{ shape: [2, 5] }, { shape: [2, 5] }, { ...VARIANCE, shape: [5] }],
        options: {},
        message: ["GaussianNLLLoss", "variance", "[5]", "[2, 5] or [2] or [2, 1]"],
      },
      {
        name: "a negative variance",
        inputs: [{ shape: [3] }, { shape: [3] }, { shape: [3], values: [1, 0, -2] }],
        options: {},
        message: ["GaussianNLLLoss", "variance", "-2", "element 2"],
      },
      ...refused<NLLOptions>("GaussianNLLLoss", [{ shape: [2] }, { shape: [2] }, { ...VARIANCE, shape: [2] }], {
        eps: 0,
        full: "yes",
      }),
    ],
  }),
  opCase<NLLOptions>({
    name: "poissonNllLoss",
    ops: [],
    run: ([x, t], options) => F.poissonNllLoss(x as Tensor, t as Tensor, options),
    oracle: ([x, t], options) => {
      const loss = x!.map((v, i) => {
        const n = t!.data[i]!;
        const main = (options.logInput ?? true) ? Math.exp(v) - n * v : v - n * Math.log(v + (options.eps ?? 1e-8));
        if (!options.full || n <= 1) return main;
        return main + n * Math.log(n) - n + 0.5 * Math.log(2 * Math.PI * n);
      });
      return reduceLoss(loss, options);
    },
    samples: [
      { name: "log input", inputs: [{ shape: [8] }, COUNTS], options: {} },
      { name: "rates", inputs: [{ shape: [8], low: 0.1, high: 4 }, COUNTS], options: { logInput: false } },
      {
        name: "full, sum",
        inputs: [{ shape: [8] }, { ...COUNTS, grad: false }],
        options: { full: true, reduction: "sum" },
      },
      {
        name: "a gradient to counts away from 1",
        inputs: [{ shape: [6] }, { shape: [6], low: 1.5, high: 9 }],
        options: { full: true, reduction: "none" },
      },
      {
        name: "a rate of 0",
        inputs: [
          { shape: [2], values: [0, 0] },
          { shape: [2], values: [0, 3] },
        ],
        options: { logInput: false, eps: 1e-4, reduction: "none" },
        forwardOnly: true,
      },
    ],
    errors: [
      {
        name: "another shape",
        inputs: [{ shape: [2, 5] }, { shape: [2, 6] }],
        options: {},
        message: ["PoissonNLLLoss", "5", "6"],
      },
      ...refused<NLLOptions>("PoissonNLLLoss", [{ shape: [2] }, { shape: [2] }], { eps: -1, logInput: 0 }),
    ],
  }),
  opCase<Options>({
    name: "gaussianKLLoss",
    ops: [],
    run: ([mu, logvar], options) => F.gaussianKLLoss(mu as Tensor, logvar as Tensor, options),
    oracle: ([mu, logvar], options) =>
      batchReduced(
        mu!.map((m, i) => 0.5 * (m * m + Math.expm1(logvar!.data[i]!) - logvar!.data[i]!)),
        options,
      ),
    samples: [
      {
        name: "batchmean",
        inputs: [{ shape: [5, 3], low: -2, high: 2 }, { shape: [5, 3] }],
        options: { reduction: "batchmean" },
      },
      { name: "mean", inputs: [{ shape: [7] }, { shape: [7] }], options: {} },
      { name: "none", inputs: [{ shape: [2, 2] }, { shape: [2, 2] }], options: { reduction: "none" } },
      {
        name: "the prior itself",
        inputs: [
          { shape: [3], values: [0, 0, 0] },
          { shape: [3], values: [0, 1e-4, -1e-4] },
        ],
        options: { reduction: "sum" },
      },
    ],
    errors: [
      {
        name: "another shape",
        inputs: [{ shape: [2, 5] }, { shape: [2, 6] }],
        options: {},
        message: ["GaussianKLLoss", "logvar", "5", "6"],
      },
      ...refused<Options>("GaussianKLLoss", [{ shape: [2] }, { shape: [2] }]),
    ],
  }),
];
