import { functional as F, type Tensor } from "../../src/node.js";
import * as ops from "../../src/ops/unary.js";
import { zip } from "../../src/ops/unary.js";
import type { Nd } from "../support/nd.js";
import { type OpCase, opCase, type Sample } from "../support/op-case.js";

interface Domain {
  readonly low?: number;
  readonly high?: number;
}

/** Values at which functions have poles, branches and special results. */
const SPECIAL = [NaN, Infinity, -Infinity, 0, -0, 1, -1, 0.5, -0.5, 2.5, -1.5, 1e-40, -1e-40, 3e38, -3e38, 100, -100];

/** Sizes that reach the vector loop, each tail and nothing at all. */
export function sizes(domain: Domain = {}): Sample[] {
  const shapes: [string, number[]][] = [
    ["scalar", []],
    ["empty", [0]],
    ["one element", [1]],
    ["tail of one", [3, 7]],
    ["tail of two", [6]],
    ["tail of three", [7]],
    ["no tail", [4, 4]],
  ];
  return shapes.map(([name, shape]) => ({ name, inputs: [{ shape, ...domain }] }));
}

interface UnaryRow {
  readonly name: string;
  readonly ops: readonly string[];
  readonly run: (x: Tensor) => Tensor;
  readonly f: (x: number) => number;
  /** Where the derivative is checked: away from poles and kinks. */
  readonly domain?: Domain;
  readonly int32?: boolean;
  /** Values for which float32 and the float64 oracle rightly differ by more than the tolerance. */
  readonly special?: readonly number[];
}

/** A row for y = f(x), element by element. */
export function unaryRow({ name, ops: covered, run, f, domain, int32, special = SPECIAL }: UnaryRow): OpCase<never> {
  const samples: Sample[] = [
    ...sizes(domain),
    { name: "special values", inputs: [{ shape: [special.length], values: special }], forwardOnly: true },
  ];
  if (int32) {
    samples.push({ name: "int32", inputs: [{ shape: [11], dtype: "int32", low: -9, high: 9 }], forwardOnly: true });
  }
  return opCase<unknown>({
    name,
    ops: covered,
    run: ([x]) => run(x as Tensor),
    oracle: ([x]) => x!.map((v) => f32(f(v))),
    samples: samples.map((s) => ({ ...s })),
    bench: [{ name: "1M", inputs: [{ shape: [1 << 20], ...domain }], bytes: 8 << 20 }],
  });
}

/** Overflow to infinity as float32 has it; finite values keep their float64 digits for the differences. */
function f32(v: number): number {
  return Math.abs(v) > 3.4028235677973366e38 ? Math.sign(v) * Infinity : v;
}

/** A row for the op dx = f(g, v) that is a gradient itself: its own derivatives are checked here, by v only where there is one. */
export function gradRow(
  op: Parameters<typeof zip>[0],
  f: (g: number, v: number) => number,
  domain: Domain & { grad?: boolean } = {},
) {
  return opCase<unknown>({
    name: op.name,
    ops: [op.name],
    run: ([g, v]) => zip(op, g as Tensor, v as Tensor),
    oracle: ([g, v]) => g!.map((x, i) => f(x, v!.data[i]!)),
    samples: [
      { name: "tail", inputs: [{ shape: [3, 7] }, { shape: [3, 7], ...domain }] },
      { name: "empty", inputs: [{ shape: [0] }, { shape: [0], ...domain }] },
    ],
    bench: [{ name: "1M", inputs: [{ shape: [1 << 20] }, { shape: [1 << 20], ...domain }], bytes: 12 << 20 }],
  });
}

const POSITIVE: Domain = { low: 0.25, high: 4 };

/** Halves go to the even neighbour. */
function roundEven(v: number): number {
  const r = Math.round(v);
  return Math.abs(v % 1) === 0.5 && r % 2 !== 0 ? r - 1 : r;
}

export const cases = [
  unaryRow({ name: "relu", ops: ["relu"], run: F.relu, f: (v) => Math.max(v, 0) }),
  unaryRow({ name: "abs", ops: ["abs"], run: F.abs, f: Math.abs, int32: true }),
  unaryRow({ name: "sign", ops: ["sign"], run: F.sign, f: (v) => Number(v > 0) - Number(v < 0), int32: true }),
  unaryRow({ name: "sqrt", ops: ["sqrt"], run: F.sqrt, f: Math.sqrt, domain: POSITIVE }),
  unaryRow({ name: "rsqrt", ops: ["rsqrt"], run: F.rsqrt, f: (v) => 1 / Math.sqrt(v), domain: POSITIVE }),
  unaryRow({ name: "reciprocal", ops: ["reciprocal"], run: F.reciprocal, f: (v) => 1 / v, domain: POSITIVE }),
  unaryRow({ name: "square", ops: ["square"], run: F.square, f: (v) => v * v }),
  unaryRow({ name: "floor", ops: ["floor"], run: F.floor, f: Math.floor, int32: true }),
  unaryRow({ name: "ceil", ops: ["ceil"], run: F.ceil, f: Math.ceil, int32: true }),
  unaryRow({
    name: "round",
    ops: ["round"],
    run: F.round,
    f: roundEven,
    domain: { low: -0.4, high: 0.4 },
    int32: true,
  }),

  gradRow(ops.reluGradOp, (g, y) => (y > 0 ? g : 0), { grad: false }),
  gradRow(ops.absGradOp, (g, x) => g * Math.sign(x), { grad: false }),
  gradRow(ops.sqrtGradOp, (g, y) => g / (2 * y), POSITIVE),
  gradRow(ops.rsqrtGradOp, (g, y) => (-g * y ** 3) / 2, POSITIVE),
  gradRow(ops.reciprocalGradOp, (g, y) => -g * y * y),
  gradRow(ops.squareGradOp, (g, x) => 2 * g * x),

  opCase<{ min?: number; max?: number }>({
    name: "clamp",
    ops: ["clamp", "clamp_grad"],
    run: ([x], options) => F.clamp(x as Tensor, options),
    oracle: ([x], options) => clampOracle(x!, options),
    samples: [
      { name: "both bounds, tail", inputs: [{ shape: [3, 7] }], options: { min: -0.5, max: 0.25 } },
      { name: "lower bound", inputs: [{ shape: [4, 4] }], options: { min: 0.1 } },
      { name: "upper bound", inputs: [{ shape: [5] }], options: { max: -0.1 } },
      {
        name: "bounds in the wrong order",
        inputs: [{ shape: [5] }],
        options: { min: 0.75, max: 0.5 },
        forwardOnly: true,
      },
      {
        name: "special values",
        inputs: [{ shape: [SPECIAL.length], values: SPECIAL }],
        options: { min: -1, max: 1 },
        forwardOnly: true,
      },
      { name: "int32", inputs: [{ shape: [7], dtype: "int32" }], options: { min: 3, max: 6 } },
      { name: "int32, one bound", inputs: [{ shape: [7], dtype: "int32" }], options: { min: 3 } },
      { name: "int32 with a fraction", inputs: [{ shape: [7], dtype: "int32" }], options: { max: 4.5 } },
    ],
    errors: [
      { name: "no bound", inputs: [{ shape: [2] }], options: {}, message: ["clamp", "min", "max"] },
      { name: "NaN as bound", inputs: [{ shape: [2] }], options: { min: NaN }, message: ["clamp", "min", "NaN"] },
    ],
    bench: [{ name: "1M", inputs: [{ shape: [1 << 20] }], options: { min: -0.5, max: 0.5 }, bytes: 8 << 20 }],
  }),
];

function clampOracle(x: Nd, { min = -Infinity, max = Infinity }: { min?: number; max?: number }): Nd {
  return x.map((v) => Math.min(Math.max(v, min), max));
}
