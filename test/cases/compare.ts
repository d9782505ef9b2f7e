import { functional as F, type Tensor } from "../../src/node.js";
import type { Nd } from "../support/nd.js";
import { type OpCase, opCase, type Sample } from "../support/op-case.js";
import { broadcastOracle } from "./arithmetic.js";

const SPECIAL = [NaN, Infinity, -Infinity, 0, -0, 1, -1];
const A = SPECIAL.flatMap((v) => SPECIAL.map(() => v));
const B = SPECIAL.flatMap(() => SPECIAL);

/** Shapes that reach each way of stretching, the loop of four and its tail. */
const SHAPES: readonly [string, readonly number[], readonly number[]][] = [
  ["scalars", [], []],
  ["empty", [0, 3], [3]],
  ["same shape, tail", [3, 7], [3, 7]],
  ["same shape, no tail", [16], [16]],
  ["row", [3, 5], [5]],
  ["column times row", [6, 1], [1, 5]],
  ["scalar left", [], [9]],
  ["five dimensions", [2, 1, 3, 1, 2], [1, 2, 1, 2, 1]],
];

function comparison(
  name: "eq" | "ne" | "lt" | "le" | "gt" | "ge",
  f: (a: number, b: number) => boolean,
): OpCase<never> {
  return opCase<unknown>({
    name,
    ops: [name === "gt" ? "lt" : name === "ge" ? "le" : name],
    run: ([a, b]) => F[name](a as Tensor, b as Tensor),
    oracle: ([a, b]) => broadcastOracle(a!, b!, (x, y) => Number(f(x, y))),
    samples: [
      ...SHAPES.map(([label, a, b]) => ({
        name: label,
        inputs: [
          { shape: a, dtype: "int32" as const, high: 3 },
          { shape: b, dtype: "int32" as const, high: 3 },
        ],
      })),
      ...SHAPES.map(([label, a, b]) => ({
        name: `float32, ${label}`,
        inputs: [{ shape: a }, { shape: b }],
        forwardOnly: true,
      })),
      {
        name: "NaN, infinities and zeros",
        inputs: [
          { shape: [49], values: A },
          { shape: [49], values: B },
        ],
        forwardOnly: true,
      },
      {
        name: "bool against int32",
        inputs: [
          { shape: [7], dtype: "bool" },
          { shape: [7], dtype: "int32", high: 2 },
        ],
      },
      { name: "int32 against float32", inputs: [{ shape: [5], dtype: "int32" }, { shape: [5] }], forwardOnly: true },
    ],
    errors: [
      { name: "shapes that do not broadcast", inputs: [{ shape: [2, 7] }, { shape: [2, 8] }], message: ["7", "8"] },
    ],
    bench: [{ name: "1M", inputs: [{ shape: [1 << 20] }, { shape: [1 << 20] }], bytes: 9 << 20 }],
  });
}

function logical(name: "logicalAnd" | "logicalOr", f: (a: boolean, b: boolean) => boolean): OpCase<never> {
  return opCase<unknown>({
    name,
    ops: [name],
    run: ([a, b]) => F[name](a as Tensor, b as Tensor),
    oracle: ([a, b]) => broadcastOracle(a!, b!, (x, y) => Number(f(x !== 0, y !== 0))),
    samples: [
      ...SHAPES.map(([label, a, b]) => ({
        name: label,
        inputs: [
          { shape: a, dtype: "bool" as const },
          { shape: b, dtype: "bool" as const },
        ],
      })),
      { name: "numbers", inputs: [{ shape: [8], dtype: "int32", high: 2 }, { shape: [8] }], forwardOnly: true },
    ],
    bench: [
      {
        name: "1M",
        inputs: [
          { shape: [1 << 20], dtype: "bool" },
          { shape: [1 << 20], dtype: "bool" },
        ],
        bytes: 3 << 20,
      },
    ],
  });
}

/** A property of each element. */
function predicate(
  name: "isnan" | "isinf" | "isfinite",
  ops: readonly string[],
  f: (x: number) => boolean,
): OpCase<never> {
  return opCase<unknown>({
    name,
    ops,
    run: ([x]) => F[name](x as Tensor),
    oracle: ([x]) => x!.map((v) => Number(f(v))),
    samples: [
      { name: "tail", inputs: [{ shape: [3, 7] }], forwardOnly: true },
      { name: "no tail", inputs: [{ shape: [16] }], forwardOnly: true },
      { name: "scalar", inputs: [{ shape: [] }], forwardOnly: true },
      { name: "empty", inputs: [{ shape: [0, 3] }], forwardOnly: true },
      { name: "NaN, infinities and zeros", inputs: [{ shape: [7], values: SPECIAL }], forwardOnly: true },
      { name: "int32", inputs: [{ shape: [5], dtype: "int32" }] },
      { name: "bool", inputs: [{ shape: [5], dtype: "bool" }] },
    ],
    bench: [{ name: "1M", inputs: [{ shape: [1 << 20] }], bytes: 5 << 20 }],
  });
}

const WHERE_SHAPES: readonly [string, readonly number[], readonly number[], readonly number[]][] = [
  ["same shape, tail", [3, 7], [3, 7], [3, 7]],
  ["no tail", [4, 4], [4, 4], [4, 4]],
  ["stretched condition", [3, 1], [3, 5], [3, 5]],
  ["condition alone has the shape", [2, 5], [], [1]],
  ["all different", [4, 1, 1], [3, 1], [6]],
  ["scalars", [], [], []],
  ["empty", [0], [1], []],
];

function whereOracle(c: Nd, a: Nd, b: Nd): Nd {
  // A pair per element first: which operand, and its value there.
  const chosen = broadcastOracle(c, a, (x, y) => (x !== 0 ? y : NaN));
  const other = broadcastOracle(c, b, (x, y) => (x !== 0 ? NaN : y));
  const flags = broadcastOracle(
    broadcastOracle(c, a, (x) => x),
    b,
    (x) => x,
  );
  const first = broadcastOracle(chosen, flags, (x) => x);
  const second = broadcastOracle(other, flags, (x) => x);
  return flags.map((flag, i) => (flag !== 0 ? first.data[i]! : second.data[i]!));
}

const WHERE: Sample[] = WHERE_SHAPES.map(([name, c, a, b]) => ({
  name,
  inputs: [{ shape: c, dtype: "bool" }, { shape: a }, { shape: b }],
}));

export const cases = [
  comparison("eq", (a, b) => a === b),
  comparison("ne", (a, b) => a !== b),
  comparison("lt", (a, b) => a < b),
  comparison("le", (a, b) => a <= b),
  comparison("gt", (a, b) => a > b),
  comparison("ge", (a, b) => a >= b),
  predicate("isnan", ["ne"], Number.isNaN),
  predicate("isinf", ["abs", "eq"], (x) => Math.abs(x) === Infinity),
  predicate("isfinite", ["abs", "lt"], Number.isFinite),
  logical("logicalAnd", (a, b) => a && b),
  logical("logicalOr", (a, b) => a || b),
  opCase<unknown>({
    name: "logicalNot",
    ops: ["logicalNot"],
    run: ([x]) => F.logicalNot(x as Tensor),
    oracle: ([x]) => x!.map((v) => Number(v === 0)),
    samples: [
      { name: "tail", inputs: [{ shape: [19], dtype: "bool" }] },
      { name: "no tail", inputs: [{ shape: [32], dtype: "bool" }] },
      { name: "empty", inputs: [{ shape: [0], dtype: "bool" }] },
      { name: "int32", inputs: [{ shape: [9], dtype: "int32", high: 3 }] },
    ],
    bench: [{ name: "1M", inputs: [{ shape: [1 << 20], dtype: "bool" }], bytes: 2 << 20 }],
  }),
  opCase<unknown>({
    name: "where",
    ops: ["where"],
    run: ([c, a, b]) => F.where(c as Tensor, a as Tensor, b as Tensor),
    oracle: ([c, a, b]) => whereOracle(c!, a!, b!),
    samples: [
      ...WHERE,
      {
        name: "NaN on the side that is not taken",
        inputs: [
          { shape: [3], dtype: "bool", values: [1, 0, 1] },
          { shape: [3], values: [1, NaN, NaN] },
          { shape: [3], values: [NaN, 2, 3] },
        ],
        forwardOnly: true,
      },
      {
        name: "int32",
        inputs: [
          { shape: [9], dtype: "bool" },
          { shape: [9], dtype: "int32" },
          { shape: [], dtype: "int32" },
        ],
      },
    ],
    errors: [
      {
        name: "a condition that is no bool",
        inputs: [{ shape: [2] }, { shape: [2] }, { shape: [2] }],
        message: ["where", "bool", "float32"],
      },
      {
        name: "shapes that do not broadcast",
        inputs: [{ shape: [7], dtype: "bool" }, { shape: [8] }, { shape: [] }],
        message: ["where", "7", "8"],
      },
    ],
    bench: [
      {
        name: "1M",
        inputs: [{ shape: [1 << 20], dtype: "bool" }, { shape: [1 << 20] }, { shape: [1 << 20] }],
        bytes: 13 << 20,
      },
    ],
  }),
];
