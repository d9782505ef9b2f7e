import { functional as F, type Tensor } from "../../src/node.js";
import * as ops from "../../src/ops/transcendental.js";
import { opCase, type Sample } from "../support/op-case.js";
import { broadcastOracle } from "./arithmetic.js";
import { gradRow, unaryRow } from "./unary.js";

const POSITIVE = { low: 0.25, high: 4 };

/** 2/√π ∫₀ˣ e^{−t²} dt by its Taylor series, which is exact enough while the largest terms are small. */
export function erf(x: number): number {
  if (Number.isNaN(x)) return x;
  if (Math.abs(x) > 5) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let k = 1; k < 120; k++) {
    term *= (-x * x) / k;
    sum += term / (2 * k + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

/** C's pow: 1^y is 1. */
function pow(x: number, y: number): number {
  return x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : x ** y;
}

const SPECIAL = [NaN, Infinity, -Infinity, 0, -0, 1, -1, 0.5, 2, -2, 3, 1e-40];
const overflow = (v: number): number => (Math.abs(v) > 3.4e38 ? Math.sign(v) * Infinity : v);

/** Exponents that have an op of their own, and some that have none. */
const EXPONENTS = [0, 1, 2, 3, 0.5, -0.5, -1, 2.5, -2, 4, 0.3];

function powSamples(): Sample<{ exponent: number }>[] {
  return EXPONENTS.flatMap((exponent) => [
    { name: `exponent ${exponent}`, inputs: [{ shape: [3, 3], ...POSITIVE }], options: { exponent } },
  ]);
}

export const cases = [
  unaryRow({ name: "exp", ops: ["exp"], run: F.exp, f: Math.exp }),
  unaryRow({ name: "expm1", ops: ["expm1"], run: F.expm1, f: Math.expm1 }),
  unaryRow({ name: "log", ops: ["log"], run: F.log, f: Math.log, domain: POSITIVE }),
  unaryRow({ name: "log1p", ops: ["log1p"], run: F.log1p, f: Math.log1p, domain: { low: -0.5, high: 2 } }),
  unaryRow({ name: "sin", ops: ["sin"], run: F.sin, f: Math.sin, domain: { low: -7, high: 7 } }),
  unaryRow({ name: "cos", ops: ["cos"], run: F.cos, f: Math.cos, domain: { low: -7, high: 7 } }),
  unaryRow({ name: "tanh", ops: ["tanh"], run: F.tanh, f: Math.tanh, domain: { low: -3, high: 3 } }),
  unaryRow({
    name: "sigmoid",
    ops: ["sigmoid"],
    run: F.sigmoid,
    f: (v) => 1 / (1 + Math.exp(-v)),
    domain: { low: -5, high: 5 },
  }),
  unaryRow({ name: "erf", ops: ["erf"], run: F.erf, f: erf, domain: { low: -3, high: 3 } }),

  gradRow(ops.tanhGradOp, (g, y) => g * (1 - y * y)),
  gradRow(ops.sigmoidGradOp, (g, y) => g * y * (1 - y)),
  gradRow(ops.erfGradOp, (g, x) => ((g * 2) / Math.sqrt(Math.PI)) * Math.exp(-x * x)),

  opCase<{ exponent: number }>({
    name: "pow with a number",
    ops: ["pow_scalar"],
    run: ([x], { exponent }) => F.pow(x as Tensor, exponent),
    oracle: ([x], { exponent }) => x!.map((v) => overflow(pow(v, exponent))),
    samples: [
      ...powSamples(),
      { name: "negative bases", inputs: [{ shape: [7], low: -2, high: -0.5 }], options: { exponent: 5 } },
      { name: "empty", inputs: [{ shape: [0] }], options: { exponent: 1.5 } },
      ...[0, 0.4, 3, 5, -3, -0.4].map((exponent) => ({
        name: `special values, exponent ${exponent}`,
        inputs: [{ shape: [SPECIAL.length], values: SPECIAL }],
        options: { exponent },
        forwardOnly: true,
      })),
    ],
    bench: [{ name: "1M", inputs: [{ shape: [1 << 20], ...POSITIVE }], options: { exponent: 1.7 }, bytes: 8 << 20 }],
  }),
  opCase<unknown>({
    name: "pow",
    ops: ["pow"],
    run: ([a, b]) => F.pow(a as Tensor, b as Tensor),
    oracle: ([a, b]) => broadcastOracle(a!, b!, (x, y) => overflow(pow(x, y))),
    samples: [
      { name: "same shape, tail", inputs: [{ shape: [3, 3], ...POSITIVE }, { shape: [3, 3] }] },
      { name: "stretched exponent", inputs: [{ shape: [4, 5], ...POSITIVE }, { shape: [5] }] },
      { name: "stretched base", inputs: [{ shape: [3, 1], ...POSITIVE }, { shape: [2, 1, 6] }] },
      { name: "scalars", inputs: [{ shape: [], ...POSITIVE }, { shape: [] }] },
      { name: "empty", inputs: [{ shape: [0, 3], ...POSITIVE }, { shape: [3] }] },
      {
        name: "special values",
        inputs: [
          { shape: [SPECIAL.length, 1], values: SPECIAL },
          { shape: [SPECIAL.length], values: SPECIAL },
        ],
        forwardOnly: true,
      },
    ],
    errors: [
      {
        name: "shapes that do not broadcast",
        inputs: [{ shape: [2, 7] }, { shape: [2, 8] }],
        message: ["pow", "7", "8"],
      },
    ],
    bench: [{ name: "1M", inputs: [{ shape: [1 << 20], ...POSITIVE }, { shape: [1 << 20] }], bytes: 12 << 20 }],
  }),
];
