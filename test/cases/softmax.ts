import { functional as F, type Tensor } from "../../src/node.js";
import { apply } from "../../src/ops/op.js";
import { logSoftmaxGradOp, softmaxGradOp } from "../../src/ops/softmax.js";
import { forIndex, type Nd } from "../support/nd.js";
import { type OpCase, opCase, type Sample } from "../support/op-case.js";

interface Options {
  dim: number;
}

/** Calls `row` with the values along `dim` at each place, and writes what it returns. */
function alongOracle(xs: readonly Nd[], dim: number, row: (...values: number[][]) => number[]): Nd {
  const [first] = xs;
  const rank = first!.shape.length;
  const d = (dim + Math.max(rank, 1)) % Math.max(rank, 1);
  const out = first!.map(() => 0);
  forIndex(first!.shape, (index) => {
    if (rank > 0 && index[d] !== 0) return;
    const places = Array.from({ length: first!.shape[d] ?? 1 }, (_, k) => index.map((i, e) => (e === d ? k : i)));
    row(...xs.map((x) => places.map((p) => x.get(...p)))).forEach((v, k) => {
      out.set(v, ...places[k]!);
    });
  });
  return out;
}

function softmax(v: number[]): number[] {
  const top = Math.max(...v);
  const e = v.map((x) => Math.exp(x - top));
  const s = e.reduce((a, b) => a + b, 0);
  return e.map((x) => x / s);
}

function logSoftmax(v: number[]): number[] {
  const top = Math.max(...v);
  const s = Math.log(v.reduce((a, b) => a + Math.exp(b - top), 0));
  return v.map((x) => x - top - s);
}

/** Shapes for rows and columns, with every tail. */
const SHAPES: readonly [string, readonly number[], number][] = [
  ["rows, tail of one", [3, 5], -1],
  ["rows, no tail", [2, 8], 1],
  ["long row", [1, 37], 1],
  ["columns, tail", [5, 7], 0],
  ["columns, no tail", [3, 8], 0],
  ["middle dimension", [2, 3, 6], 1],
  ["single class", [4, 1], 1],
  ["scalar", [], 0],
  ["vector", [3], 0],
];

const SAMPLES: Sample<Options>[] = SHAPES.map(([name, shape, dim]) => ({
  name,
  inputs: [{ shape, low: -3, high: 3 }],
  options: { dim },
}));

/** Values and sizes out of the ordinary. */
const EXTREME: Sample<Options>[] = [
  { name: "more than a chunk of columns", inputs: [{ shape: [2, 3, 1031] }], options: { dim: 1 } },
  { name: "more than a block of a row", inputs: [{ shape: [1, 519] }], options: { dim: 1 } },
  { name: "large values", inputs: [{ shape: [3, 6], low: 800, high: 1000 }], options: { dim: 1 }, forwardOnly: true },
  {
    name: "large values, columns",
    inputs: [{ shape: [6, 3], low: -1000, high: -800 }],
    options: { dim: 0 },
    forwardOnly: true,
  },
  {
    name: "infinities and NaN",
    inputs: [{ shape: [4, 3], values: [-Infinity, 0, 1, -Infinity, -Infinity, -Infinity, Infinity, 0, 1, NaN, 0, 1] }],
    options: { dim: 1 },
    forwardOnly: true,
  },
  {
    name: "infinities and NaN in columns",
    inputs: [{ shape: [2, 4], values: [-Infinity, -Infinity, Infinity, NaN, 0, -Infinity, 1, 1] }],
    options: { dim: 0 },
    forwardOnly: true,
  },
  { name: "empty", inputs: [{ shape: [0, 3] }], options: { dim: 1 } },
  { name: "over nothing", inputs: [{ shape: [3, 0] }], options: { dim: 1 } },
];

function row(name: "softmax" | "logSoftmax" | "softmin", module: string, f: (v: number[]) => number[]): OpCase<never> {
  return opCase<Options>({
    name,
    ops: name === "softmin" ? [] : [name],
    run: ([x], options) => F[name](x as Tensor, options),
    oracle: ([x], { dim }) => alongOracle([x!], dim, f),
    samples: [...SAMPLES, ...EXTREME],
    errors: [
      { name: "no such dimension", inputs: [{ shape: [2, 3] }], options: { dim: 5 }, message: [module, "5"] },
      { name: "no dimension", inputs: [{ shape: [2, 3] }], options: {} as Options, message: [module, "dim"] },
      {
        name: "int32",
        inputs: [{ shape: [2, 3], dtype: "int32" }],
        options: { dim: 0 },
        message: ["float32", "int32"],
      },
    ],
    bench: [
      { name: "512x512", inputs: [{ shape: [512, 512] }], options: { dim: 1 }, bytes: 2 << 20 },
      { name: "8x21x256x256", inputs: [{ shape: [8, 21, 256, 256] }], options: { dim: 1 }, bytes: 84 << 20 },
    ],
  });
}

function gradRow(op: typeof softmaxGradOp, f: (g: number[], y: number[]) => number[]): OpCase<never> {
  return opCase<Options>({
    name: op.name,
    ops: [op.name],
    run: ([g, y], options) => apply(op, [g as Tensor, y as Tensor], options)[0],
    oracle: ([g, y], { dim }) => alongOracle([g!, y!], dim, f),
    samples: SHAPES.filter(([name]) => name !== "vector").map(([name, shape, dim]) => ({
      name,
      inputs: [{ shape }, { shape }],
      options: { dim: (dim + Math.max(shape.length, 1)) % Math.max(shape.length, 1) },
    })),
    bench: [
      {
        name: "512x512",
        inputs: [{ shape: [512, 512] }, { shape: [512, 512], low: 0 }],
        options: { dim: 1 },
        bytes: 512 * 512 * 12,
      },
    ],
  });
}

const dot = (a: number[], b: number[]): number => a.reduce((s, v, i) => s + v * b[i]!, 0);

export const cases = [
  row("softmax", "Softmax", softmax),
  row("logSoftmax", "LogSoftmax", logSoftmax),
  row("softmin", "Softmin", (v) => softmax(v.map((x) => -x))),
  gradRow(softmaxGradOp, (g, y) => y.map((v, i) => v * (g[i]! - dot(g, y)))),
  gradRow(logSoftmaxGradOp, (g, y) => g.map((v, i) => v - Math.exp(y[i]!) * g.reduce((s, e) => s + e, 0))),
];
