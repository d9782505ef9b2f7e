import { functional as F, type Tensor } from "../../src/node.js";
import { opCase, type Sample } from "../support/op-case.js";
import { type DimOptions, REDUCE_SAMPLES, reduceOracle } from "./reduce.js";

interface VarOptions extends DimOptions {
  correction?: number;
  unbiased?: boolean;
}

function variance(values: readonly number[], { correction, unbiased }: VarOptions): number {
  const n = values.length;
  const mean = values.reduce((s, v) => s + v, 0) / n;
  const c = correction ?? (unbiased === false ? 0 : 1);
  return values.reduce((s, v) => s + (v - mean) ** 2, 0) / Math.max(n - c, 0);
}

/** Without the single elements, whose unbiased variance is NaN and has no difference quotient. */
const SEVERAL = REDUCE_SAMPLES.filter((s) => s.name !== "one element" && s.name !== "scalar");

const VAR_SAMPLES: Sample<VarOptions>[] = [
  ...SEVERAL,
  { name: "biased", inputs: [{ shape: [4, 9] }], options: { dim: 1, unbiased: false } },
  { name: "correction 2, columns", inputs: [{ shape: [6, 5] }], options: { dim: 0, correction: 2 } },
  {
    name: "far from zero",
    inputs: [{ shape: [3, 40], low: 1000, high: 1001 }],
    options: { dim: 1 },
    forwardOnly: true,
  },
  { name: "one element", inputs: [{ shape: [1, 3] }], options: { dim: 0 }, forwardOnly: true },
  { name: "over nothing", inputs: [{ shape: [2, 0] }], options: { dim: 1 }, forwardOnly: true },
];

const BOTH = {
  name: "correction and unbiased",
  inputs: [{ shape: [2] }],
  options: { correction: 1, unbiased: true },
};

const BENCH = [
  { name: "rows of 1024x1024", inputs: [{ shape: [1024, 1024] }], options: { dim: 1 }, bytes: 8 << 20 },
  { name: "columns of 1024x1024", inputs: [{ shape: [1024, 1024] }], options: { dim: 0 }, bytes: 8 << 20 },
];

interface NormOptions extends DimOptions {
  p?: number;
}

function pNorm(values: readonly number[], p: number): number {
  const sizes = values.map(Math.abs);
  if (p === Infinity) return Math.max(0, ...sizes);
  if (p === -Infinity) return Math.min(...sizes);
  return sizes.reduce((s, v) => s + v ** p, 0) ** (1 / p);
}

const ORDERS = [1, 2, 3, 0.5, -1, Infinity, -Infinity];

export const cases = [
  opCase<VarOptions>({
    name: "var",
    ops: ["var"],
    run: ([x], options) => F.var(x as Tensor, options),
    oracle: ([x], options) => reduceOracle(x!, options, (v) => variance(v, options)),
    samples: VAR_SAMPLES,
    errors: [{ ...BOTH, message: ["var", "correction", "unbiased"] }],
    rtol: 1e-4,
    bench: BENCH,
  }),
  opCase<VarOptions>({
    name: "std",
    ops: ["std"],
    run: ([x], options) => F.std(x as Tensor, options),
    oracle: ([x], options) => reduceOracle(x!, options, (v) => Math.sqrt(variance(v, options))),
    samples: VAR_SAMPLES,
    errors: [{ ...BOTH, message: ["std", "correction", "unbiased"] }],
    rtol: 1e-4,
    bench: BENCH,
  }),
  opCase<DimOptions>({
    name: "logsumexp",
    ops: ["logsumexp"],
    run: ([x], options) => F.logsumexp(x as Tensor, options),
    oracle: ([x], options) =>
      reduceOracle(x!, options, (v) => {
        const top = v.reduce((m, e) => Math.max(m, e), -Infinity);
        const shift = Number.isFinite(top) ? top : 0;
        return shift + Math.log(v.reduce((s, e) => s + Math.exp(e - shift), 0));
      }),
    samples: [
      ...REDUCE_SAMPLES,
      {
        name: "large values",
        inputs: [{ shape: [3, 9], low: 500, high: 1000 }],
        options: { dim: 1 },
        forwardOnly: true,
      },
      {
        name: "large values, columns",
        inputs: [{ shape: [9, 6], low: -900, high: -500 }],
        options: { dim: 0 },
        forwardOnly: true,
      },
      { name: "over nothing", inputs: [{ shape: [2, 0] }], options: { dim: 1 } },
      {
        name: "infinities and NaN",
        inputs: [{ shape: [4, 2], values: [-Infinity, -Infinity, Infinity, 1, NaN, 1, -Infinity, 1] }],
        options: { dim: 1 },
        forwardOnly: true,
      },
      {
        name: "infinities and NaN in columns",
        inputs: [{ shape: [2, 4], values: [-Infinity, Infinity, NaN, -Infinity, -Infinity, 1, 1, 1] }],
        options: { dim: 0 },
        forwardOnly: true,
      },
    ],
    bench: BENCH,
  }),
  opCase<NormOptions>({
    name: "norm",
    ops: ["norm"],
    run: ([x], options) => F.norm(x as Tensor, options),
    oracle: ([x], options) => reduceOracle(x!, options, (v) => pNorm(v, options.p ?? 2)),
    samples: [
      ...REDUCE_SAMPLES.map((s) => ({ ...s, inputs: s.inputs.map((i) => ({ ...i!, low: 0.2, high: 2 })) })),
      ...ORDERS.flatMap((p): Sample<NormOptions>[] => [
        { name: `p = ${p}, rows`, inputs: [{ shape: [3, 7], low: 0.2, high: 2 }], options: { p, dim: 1 } },
        {
          name: `p = ${p}, columns`,
          inputs: [{ shape: [3, 7], low: -2, high: -0.2 }],
          options: { p, dim: 0, keepdim: true },
        },
      ]),
      { name: "over nothing", inputs: [{ shape: [2, 0] }], options: { dim: 1 } },
      { name: "NaN", inputs: [{ shape: [3], values: [1, NaN, 2] }], options: { p: Infinity }, forwardOnly: true },
    ],
    errors: [{ name: "NaN as order", inputs: [{ shape: [2] }], options: { p: NaN }, message: ["norm", "p", "NaN"] }],
    bench: BENCH,
  }),
];
