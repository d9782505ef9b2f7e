import { functional as F, type Tensor } from "../../src/node.js";
import { forIndex, Nd } from "../support/nd.js";
import { type InputSpec, opCase, type Sample } from "../support/op-case.js";

/** PyTorch's matmul in plain loops. */
export function matmulOracle(a: Nd, b: Nd): Nd {
  const left = a.shape.length === 1 ? new Nd([1, ...a.shape], a.data) : a;
  const right = b.shape.length === 1 ? new Nd([...b.shape, 1], b.data) : b;
  const rank = Math.max(left.shape.length, right.shape.length);
  const size = (x: Nd, d: number): number => x.shape[d - rank + x.shape.length] ?? 1;
  const lead = Array.from({ length: rank - 2 }, (_, d) => (size(left, d) === 1 ? size(right, d) : size(left, d)));
  const pick = (x: Nd, index: readonly number[], i: number, j: number): number => {
    const own = index.slice(lead.length - (x.shape.length - 2)).map((v, d) => (x.shape[d] === 1 ? 0 : v));
    return x.get(...own, i, j);
  };
  const m = size(left, rank - 2);
  const k = size(left, rank - 1);
  const full = new Nd([...lead, m, size(right, rank - 1)]);
  forIndex(full.shape, (index, flat) => {
    const outer = index.slice(0, -2);
    let s = 0;
    for (let p = 0; p < k; p++) s += pick(left, outer, index[rank - 2]!, p) * pick(right, outer, p, index[rank - 1]!);
    full.data[flat] = s;
  });
  const dropped = full.shape.filter(
    (_, d) => !(a.shape.length === 1 && d === rank - 2) && !(b.shape.length === 1 && d === rank - 1),
  );
  return new Nd(dropped, full.data);
}

function linearOracle(x: Nd, w: Nd, b: Nd | null): Nd {
  const [out, features] = w.shape as [number, number];
  const rows = x.shape.slice(0, -1).reduce((p, n) => p * n, 1);
  const y = new Nd([...x.shape.slice(0, -1), out]);
  for (let i = 0; i < rows; i++) {
    for (let o = 0; o < out; o++) {
      let s = b === null ? 0 : b.data[o]!;
      for (let p = 0; p < features; p++) s += x.data[i * features + p]! * w.get(o, p);
      y.data[i * out + o] = s;
    }
  }
  return y;
}

const pair = (name: string, a: readonly number[], b: readonly number[]): Sample => ({
  name,
  inputs: [{ shape: a }, { shape: b }],
});

const large = (name: string, a: readonly number[], b: readonly number[]): Sample => ({
  ...pair(name, a, b),
  forwardOnly: true,
});

const NONFINITE: readonly number[] = [NaN, Infinity, -Infinity, 0, 1, -1];

/** Each row of a against each column of b: all pairs of special values, so that 0·∞ and 0·NaN are NaN in every kernel. */
function special(name: string, m: number, n: number, k: number): Sample {
  const filled = (count: number, first: (i: number) => number): number[] =>
    Array.from({ length: count }, (_, i) => first(i));
  return {
    name,
    inputs: [
      { shape: [m, k], values: filled(m * k, (i) => (i % k === 0 ? NONFINITE[Math.floor(i / k) % 6]! : 0)) },
      { shape: [k, n], values: filled(k * n, (i) => (i < n ? NONFINITE[i % 6]! : 2)) },
    ],
    forwardOnly: true,
  };
}

const biased = (x: InputSpec, w: InputSpec, name: string): Sample<F.LinearOptions> => ({
  name,
  inputs: [x, w, { shape: [w.shape[0]!] }],
});

export const cases = [
  opCase<unknown>({
    name: "matmul",
    ops: ["matmul"],
    run: ([a, b]) => F.matmul(a as Tensor, b as Tensor),
    oracle: ([a, b]) => matmulOracle(a!, b!),
    samples: [
      pair("matrices", [3, 5], [5, 4]),
      pair("one row", [1, 9], [9, 17]),
      pair("three rows", [3, 6], [6, 7]),
      pair("one column", [7, 9], [9, 1]),
      pair("three columns", [9, 5], [5, 3]),
      pair("a tile and a rest", [7, 10], [10, 11]),
      pair("vectors", [6], [6]),
      pair("vector and matrix", [6], [6, 5]),
      pair("matrix and vector", [5, 6], [6]),
      pair("vector and batch", [4], [3, 4, 2]),
      pair("batch and vector", [3, 2, 4], [4]),
      pair("batch", [3, 2, 4], [3, 4, 5]),
      pair("batch and one matrix", [3, 6, 4], [4, 5]),
      pair("one matrix and batch", [6, 4], [3, 4, 5]),
      pair("broadcast batches", [2, 1, 3, 4], [5, 4, 2]),
      pair("three leading dimensions", [2, 1, 2, 3, 4], [3, 1, 4, 2]),
      pair("empty sum", [3, 0], [0, 4]),
      pair("no rows", [0, 3], [3, 4]),
      pair("empty batch", [0, 2, 3], [3, 4]),
      pair("single elements", [1, 1], [1, 1]),
      large("several blocks of the sum", [9, 450], [450, 13]),
      large("several blocks of columns", [6, 3], [3, 1050]),
      special("NaN and infinities in tiles", 12, 14, 3),
      special("NaN and infinities in few rows", 3, 14, 9),
      special("NaN and infinities in few columns", 12, 3, 9),
    ],
    atol: 3e-5,
    errors: [
      { name: "inner sizes", inputs: [{ shape: [2, 7] }, { shape: [8, 3] }], message: ["matmul", "7", "8"] },
      { name: "a scalar", inputs: [{ shape: [] }, { shape: [8, 3] }], message: ["matmul", "rank"] },
      { name: "batches", inputs: [{ shape: [2, 3, 4] }, { shape: [5, 4, 3] }], message: ["matmul", "2", "5"] },
      { name: "int32", inputs: [{ shape: [3, 4], dtype: "int32" }, { shape: [4, 3] }], message: ["matmul", "int32"] },
    ],
    bench: [64, 256, 512, 1024].map((n) => ({
      name: `${n}³`,
      inputs: [{ shape: [n, n] }, { shape: [n, n] }],
      flops: 2 * n ** 3,
    })),
  }),
  opCase<unknown>({
    name: "mm",
    ops: [],
    run: ([a, b]) => F.mm(a as Tensor, b as Tensor),
    oracle: ([a, b]) => matmulOracle(a!, b!),
    samples: [pair("matrices", [6, 5], [5, 9])],
    errors: [{ name: "rank", inputs: [{ shape: [2, 7] }, { shape: [7] }], message: ["mm", "rank"] }],
  }),
  opCase<unknown>({
    name: "bmm",
    ops: [],
    run: ([a, b]) => F.bmm(a as Tensor, b as Tensor),
    oracle: ([a, b]) => matmulOracle(a!, b!),
    samples: [pair("batches", [2, 6, 3], [2, 3, 5])],
    errors: [
      {
        name: "a batch that would broadcast",
        inputs: [{ shape: [1, 2, 3] }, { shape: [4, 3, 2] }],
        message: ["bmm", "4"],
      },
    ],
    bench: [
      {
        name: "64×128×64×128",
        inputs: [{ shape: [64, 128, 64] }, { shape: [64, 64, 128] }],
        flops: 2 * 64 * 128 * 64 * 128,
      },
    ],
  }),
  opCase<unknown>({
    name: "mv",
    ops: [],
    run: ([a, x]) => F.mv(a as Tensor, x as Tensor),
    oracle: ([a, x]) => matmulOracle(a!, x!),
    samples: [pair("tail", [6, 7], [7])],
    errors: [{ name: "sizes", inputs: [{ shape: [2, 7] }, { shape: [6] }], message: ["mv", "7", "6"] }],
  }),
  opCase<unknown>({
    name: "dot",
    ops: [],
    run: ([a, b]) => F.dot(a as Tensor, b as Tensor),
    oracle: ([a, b]) => matmulOracle(a!, b!),
    samples: [pair("tail", [19], [19]), pair("empty", [0], [0])],
    errors: [{ name: "sizes", inputs: [{ shape: [7] }, { shape: [6] }], message: ["dot", "7", "6"] }],
  }),
  opCase<unknown>({
    name: "outer",
    ops: [],
    run: ([a, b]) => F.outer(a as Tensor, b as Tensor),
    oracle: ([a, b]) => matmulOracle(new Nd([a!.data.length, 1], a!.data), new Nd([1, b!.data.length], b!.data)),
    samples: [pair("tail", [6], [9])],
    errors: [{ name: "rank", inputs: [{ shape: [2, 7] }, { shape: [6] }], message: ["outer", "rank"] }],
  }),
  opCase<F.AddMatmulOptions>({
    name: "addmm",
    ops: [],
    run: ([x, a, b], options) => F.addmm(x as Tensor, a as Tensor, b as Tensor, options),
    oracle: ([x, a, b], { alpha = 1, beta = 1 } = {}) => {
      const width = b!.shape[1]!;
      return matmulOracle(a!, b!).map(
        (v, i) =>
          alpha * v + (beta === 0 ? 0 : beta * x!.data[i % (x!.data.length === width ? width : x!.data.length)]!),
      );
    },
    samples: [
      { name: "matrix", inputs: [{ shape: [6, 5] }, { shape: [6, 3] }, { shape: [3, 5] }] },
      {
        name: "vector and factors",
        inputs: [{ shape: [5] }, { shape: [2, 3] }, { shape: [3, 5] }],
        options: { alpha: 0.5, beta: -2 },
      },
      {
        name: "a summand that is not read",
        inputs: [{ shape: [2], values: [NaN, Infinity], grad: false }, { shape: [3, 4] }, { shape: [4, 2] }],
        options: { beta: 0 },
      },
    ],
    errors: [
      {
        name: "a summand too large",
        inputs: [{ shape: [2, 3, 5] }, { shape: [3, 4] }, { shape: [4, 5] }],
        message: ["addmm", "broadcast"],
      },
    ],
  }),
  opCase<F.AddMatmulOptions>({
    name: "baddbmm",
    ops: [],
    run: ([x, a, b], options) => F.baddbmm(x as Tensor, a as Tensor, b as Tensor, options),
    oracle: ([x, a, b], { alpha = 1, beta = 1 } = {}) =>
      matmulOracle(a!, b!).map((v, i) => alpha * v + beta * x!.data[i]!),
    samples: [
      {
        name: "factors",
        inputs: [{ shape: [2, 3, 5] }, { shape: [2, 3, 4] }, { shape: [2, 4, 5] }],
        options: { alpha: 2, beta: 0.5 },
      },
    ],
    errors: [
      {
        name: "batches",
        inputs: [{ shape: [] }, { shape: [2, 3, 4] }, { shape: [3, 4, 5] }],
        message: ["baddbmm", "2", "3"],
      },
    ],
  }),
  opCase<F.LinearOptions>({
    name: "linear",
    ops: ["linear"],
    run: ([x, w, b], options) => F.linear(x as Tensor, w as Tensor, b, options),
    oracle: ([x, w, b], options) => {
      const y = linearOracle(x!, w!, b!);
      return options?.activation === "relu" ? y.map((v) => Math.max(v, 0)) : y;
    },
    samples: [
      biased({ shape: [6, 5] }, { shape: [9, 5] }, "batch"),
      biased({ shape: [5] }, { shape: [3, 5] }, "vector"),
      biased({ shape: [2, 3, 4] }, { shape: [7, 4] }, "three dimensions"),
      biased({ shape: [1, 18] }, { shape: [7, 18] }, "one row"),
      biased({ shape: [9, 6] }, { shape: [2, 6] }, "two outputs"),
      biased({ shape: [3, 0] }, { shape: [2, 0] }, "no features"),
      biased({ shape: [0, 3] }, { shape: [2, 3] }, "empty batch"),
      { name: "no bias", inputs: [{ shape: [6, 5] }, { shape: [9, 5] }, null] },
      { ...biased({ shape: [7, 5] }, { shape: [10, 5] }, "relu in the same pass"), options: { activation: "relu" } },
      { ...biased({ shape: [2, 5] }, { shape: [10, 5] }, "relu, few rows"), options: { activation: "relu" } },
      {
        name: "relu keeps NaN",
        inputs: [{ shape: [6, 1], values: NONFINITE }, { shape: [5, 1], values: [1, -1, 0, 2, -2] }, { shape: [5] }],
        options: { activation: "relu" },
        forwardOnly: true,
      },
    ],
    errors: [
      { name: "features", inputs: [{ shape: [2, 5] }, { shape: [3, 7] }, null], message: ["Linear", "5", "7"] },
      { name: "a scalar", inputs: [{ shape: [] }, { shape: [3, 7] }, null], message: ["Linear", "7"] },
      {
        name: "bias",
        inputs: [{ shape: [2, 7] }, { shape: [3, 7] }, { shape: [4] }],
        message: ["Linear", "bias", "3"],
      },
      { name: "rank of the weight", inputs: [{ shape: [2, 7] }, { shape: [7] }, null], message: ["Linear", "weight"] },
      {
        name: "int32",
        inputs: [{ shape: [2, 7], dtype: "int32" }, { shape: [3, 7] }, null],
        message: ["Linear", "int32"],
      },
    ],
    bench: [
      [128, 784, 512],
      [32, 784, 256],
      [1, 1024, 1024],
    ].map(([n, features, out]) => ({
      name: `${n}×${features}×${out}`,
      inputs: [{ shape: [n!, features!] }, { shape: [out!, features!] }, { shape: [out!] }],
      flops: 2 * n! * features! * out!,
    })),
  }),
  opCase<unknown>({
    name: "bilinear",
    ops: [],
    run: ([x1, x2, w, b]) => F.bilinear(x1 as Tensor, x2 as Tensor, w as Tensor, b),
    oracle: ([x1, x2, w, b]) => {
      const [out, in1, in2] = w!.shape as [number, number, number];
      const y = new Nd([...x1!.shape.slice(0, -1), out]);
      y.data.forEach((_, at) => {
        const [row, o] = [Math.floor(at / out), at % out];
        let s = b === null ? 0 : b!.data[o]!;
        for (let i = 0; i < in1; i++) {
          for (let j = 0; j < in2; j++) s += x1!.data[row * in1 + i]! * w!.get(o, i, j) * x2!.data[row * in2 + j]!;
        }
        y.data[at] = s;
      });
      return y;
    },
    samples: [
      { name: "batch", inputs: [{ shape: [3, 4] }, { shape: [3, 5] }, { shape: [2, 4, 5] }, { shape: [2] }] },
      {
        name: "two leading dimensions, no bias",
        inputs: [{ shape: [2, 2, 3] }, { shape: [2, 2, 2] }, { shape: [4, 3, 2] }, null],
      },
    ],
    errors: [
      {
        name: "features of the first input",
        inputs: [{ shape: [3, 6] }, { shape: [3, 5] }, { shape: [3, 4, 5] }, null],
        message: ["Bilinear", "4", "6"],
      },
      {
        name: "leading dimensions",
        inputs: [{ shape: [3, 4] }, { shape: [2, 5] }, { shape: [3, 4, 5] }, null],
        message: ["Bilinear", "3", "2"],
      },
    ],
  }),
];
