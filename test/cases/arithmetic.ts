import { functional as F, type Tensor } from "../../src/node.js";
import { maximumShareOp } from "../../src/ops/arithmetic.js";
import { apply } from "../../src/ops/op.js";
import { forIndex, Nd } from "../support/nd.js";
import { opCase, type Sample } from "../support/op-case.js";

/** NumPy's broadcasting in plain loops. */
export function broadcastOracle(a: Nd, b: Nd, op: (x: number, y: number) => number): Nd {
  const rank = Math.max(a.shape.length, b.shape.length);
  const size = (s: readonly number[], d: number): number => s[d - (rank - s.length)] ?? 1;
  const shape = Array.from({ length: rank }, (_, d) => (size(a.shape, d) === 1 ? size(b.shape, d) : size(a.shape, d)));
  const out = new Nd(shape);
  const pick = (x: Nd, index: readonly number[]): number => {
    const own = index.slice(rank - x.shape.length).map((i, d) => (x.shape[d] === 1 ? 0 : i));
    return x.get(...own);
  };
  forIndex(shape, (index, flat) => {
    out.data[flat] = op(pick(a, index), pick(b, index));
  });
  return out;
}

/** Shapes that reach each inner loop (both strided, one stretched), its tail, and the dimensions beyond the kernels' four. */
const SHAPES: readonly [string, readonly number[], readonly number[]][] = [
  ["scalars", [], []],
  ["empty", [0, 3], [3]],
  ["one element", [1], [1]],
  ["same shape, tail of 1", [17], [17]],
  ["same shape, no tail", [4, 4], [4, 4]],
  ["row", [3, 5], [5]],
  ["column", [3, 5], [3, 1]],
  ["column times row", [4, 1], [1, 5]],
  ["scalar right", [2, 3, 3], []],
  ["scalar left", [], [7]],
  ["middle stretched", [2, 3, 4], [2, 1, 4]],
  ["six dimensions", [2, 1, 3, 1, 2, 3], [1, 2, 1, 2, 1, 3]],
];

function samples(range: { low: number; high: number }): Sample[] {
  return SHAPES.map(([name, a, b]) => ({ name, inputs: [{ shape: a }, { shape: b, ...range }] }));
}

const special = [NaN, Infinity, -Infinity, 0, -0, 1, -1];
const grid = {
  a: special.flatMap((v) => special.map(() => v)),
  b: special.flatMap(() => special),
};
const SPECIAL: Sample = {
  name: "NaN, infinities and zeros",
  inputs: [
    { shape: [49], values: grid.a },
    { shape: [49], values: grid.b },
  ],
  forwardOnly: true,
};

type Name = "add" | "sub" | "mul" | "div" | "minimum" | "maximum";

const INT32: readonly Sample[] = [
  {
    name: "int32, tail",
    inputs: [
      { shape: [3, 5], dtype: "int32", low: -9, high: 9 },
      { shape: [5], dtype: "int32", low: 1 },
    ],
  },
  {
    name: "int32 and bool",
    inputs: [
      { shape: [6], dtype: "int32" },
      { shape: [6], dtype: "bool", values: [1, 1, 1, 1, 1, 1] },
    ],
  },
];

function row(name: Name, op: (x: number, y: number) => number, range = { low: -1, high: 1 }) {
  return opCase<unknown>({
    name,
    ops: [name],
    run: ([a, b]) => F[name](a as Tensor, b as Tensor),
    oracle: ([a, b]) => broadcastOracle(a!, b!, op),
    samples: [
      ...samples(range),
      SPECIAL,
      ...INT32,
      {
        name: "int32 and float32",
        inputs: [
          { shape: [7], dtype: "int32" },
          { shape: [7], ...range },
        ],
      },
    ],
    errors: [
      {
        name: "shapes that do not broadcast",
        inputs: [{ shape: [2, 7] }, { shape: [2, 8] }],
        message: [name, "7", "8"],
      },
    ],
    bench: [{ name: "1M", inputs: [{ shape: [1 << 20] }, { shape: [1 << 20] }], bytes: 12 << 20 }],
  });
}

/** A number on one side; what float32 does in one pass and int32 does by broadcasting. */
function withNumber(name: Name, op: (x: number, y: number) => number) {
  return opCase<{ number: number; left?: boolean }>({
    name: `${name} with a number`,
    ops: [],
    run: ([x], { number, left }) => (left ? F[name](number, x as Tensor) : F[name](x as Tensor, number)),
    oracle: ([x], { number, left }) => x!.map((v) => (left ? op(number, v) : op(v, number))),
    samples: [
      { name: "right", inputs: [{ shape: [7], low: 0.5, high: 2 }], options: { number: 2.5 } },
      { name: "left", inputs: [{ shape: [7], low: 0.5, high: 2 }], options: { number: 2.5, left: true } },
      { name: "int32, right", inputs: [{ shape: [7], dtype: "int32", low: 1 }], options: { number: 3 } },
      { name: "int32, left", inputs: [{ shape: [7], dtype: "int32", low: 1 }], options: { number: 3, left: true } },
      { name: "int32 and a fraction", inputs: [{ shape: [7], dtype: "int32", low: 1 }], options: { number: 1.5 } },
      { name: "bool", inputs: [{ shape: [7], dtype: "bool" }], options: { number: 3 } },
    ],
  });
}

export const cases = [
  row("add", (x, y) => x + y),
  row("sub", (x, y) => x - y),
  row("mul", (x, y) => x * y),
  row("div", (x, y) => x / y, { low: 0.5, high: 2 }),
  row("minimum", Math.min),
  row("maximum", Math.max),
  withNumber("add", (x, y) => x + y),
  withNumber("sub", (x, y) => x - y),
  withNumber("mul", (x, y) => x * y),
  withNumber("div", (x, y) => x / y),
  withNumber("minimum", Math.min),
  withNumber("maximum", Math.max),
  opCase<unknown>({
    name: "maximum_share",
    ops: ["maximum_share"],
    run: ([a, b]) => apply(maximumShareOp, [a as Tensor, b as Tensor], undefined)[0],
    oracle: ([a, b]) => broadcastOracle(a!, b!, (x, y) => (x < y ? 0 : x === y ? 0.5 : 1)),
    samples: [{ ...SPECIAL, name: "special" }],
    bench: [{ name: "1M", inputs: [{ shape: [1 << 20] }, { shape: [1 << 20] }], bytes: 12 << 20 }],
  }),
  opCase<unknown>({
    name: "neg",
    ops: ["neg"],
    run: ([x]) => F.neg(x as Tensor),
    oracle: ([x]) => x!.map((v) => -v),
    samples: [
      { name: "tail", inputs: [{ shape: [3, 7] }] },
      { name: "scalar", inputs: [{ shape: [] }] },
      { name: "special", inputs: [{ shape: [7], values: special }], forwardOnly: true },
      { name: "int32", inputs: [{ shape: [7], dtype: "int32" }] },
    ],
    bench: [{ name: "1M", inputs: [{ shape: [1 << 20] }], bytes: 8 << 20 }],
  }),
  opCase<{ scale: number; shift: number }>({
    name: "affine",
    ops: ["affine"],
    run: ([x], { scale, shift }) => F.add(F.mul(x as Tensor, scale), shift),
    oracle: ([x], { scale, shift }) => x!.map((v) => v * scale + shift),
    samples: [{ name: "tail", inputs: [{ shape: [2, 11] }], options: { scale: -1.5, shift: 0.25 } }],
    bench: [{ name: "1M", inputs: [{ shape: [1 << 20] }], options: { scale: 2, shift: 1 }, bytes: 8 << 20 }],
  }),
];
