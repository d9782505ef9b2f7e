import { bernoulli, functional as F, Generator, normal, randint, type Tensor, uniform } from "../../src/node.js";
import { Nd } from "../support/nd.js";
import { opCase } from "../support/op-case.js";
import { philoxUnits, philoxWords } from "../support/philox.js";

const SEED = 0x123456789abcdef0n;
const SHAPES: readonly (readonly number[])[] = [[0], [1], [2], [3], [4], [5], [2, 0, 3], [17], [3, 7], [67], []];

const size = (shape: readonly number[]): number => shape.reduce((n, s) => n * s, 1);
const generator = (): Generator => new Generator(SEED);

export const cases = [
  opCase<{ shape: number[]; low: number; high: number }>({
    name: "uniform",
    ops: ["uniform"],
    run: (_, { shape, low, high }) => uniform(low, high, shape, { generator: generator() }),
    oracle: (_, { shape, low, high }) =>
      new Nd(
        shape,
        philoxUnits(SEED, size(shape)).map((u) => low + (high - low) * u),
      ),
    samples: SHAPES.map((shape) => ({
      name: `[${shape}]`,
      inputs: [],
      options: { shape: [...shape], low: -2, high: 3 },
    })),
    errors: [
      { name: "empty range", inputs: [], options: { shape: [2], low: 1, high: 0 }, message: ["uniform", "[1, 0)"] },
      {
        name: "range beyond float32",
        inputs: [],
        options: { shape: [2], low: -3e38, high: 3e38 },
        message: ["uniform", "finite"],
      },
    ],
    bench: [{ name: "1M", inputs: [], options: { shape: [1 << 20], low: 0, high: 1 }, bytes: 4 << 20 }],
  }),
  opCase<{ shape: number[]; mean: number; std: number }>({
    name: "normal",
    ops: ["normal"],
    run: (_, { shape, mean, std }) => normal(mean, std, shape, { generator: generator() }),
    oracle: (_, { shape, mean, std }) => {
      const words = philoxWords(SEED, 0n, size(shape) + 1);
      const values = Array.from({ length: size(shape) }, (_v, i) => {
        const angle = (2 * Math.PI * words[i | 1]!) / 2 ** 32;
        const r = Math.sqrt(-2 * Math.log((words[i & ~1]! + 1) / 2 ** 32));
        return mean + std * r * (i % 2 === 0 ? Math.cos(angle) : Math.sin(angle));
      });
      return new Nd(shape, values);
    },
    samples: SHAPES.map((shape) => ({
      name: `[${shape}]`,
      inputs: [],
      options: { shape: [...shape], mean: 1, std: 2 },
    })),
    errors: [
      { name: "negative std", inputs: [], options: { shape: [2], mean: 0, std: -1 }, message: ["normal", "std", "-1"] },
    ],
    bench: [{ name: "1M", inputs: [], options: { shape: [1 << 20], mean: 0, std: 1 }, bytes: 4 << 20 }],
  }),
  opCase<{ shape: number[]; low: number; high: number }>({
    name: "randint",
    ops: ["randint"],
    run: (_, { shape, low, high }) => randint(low, high, shape, { generator: generator() }),
    oracle: (_, { shape, low, high }) =>
      new Nd(
        shape,
        philoxWords(SEED, 0n, size(shape)).map((w) => low + Number((BigInt(w) * BigInt(high - low)) >> 32n)),
      ),
    samples: [
      ...SHAPES.map((shape) => ({
        name: `[${shape}]`,
        inputs: [],
        options: { shape: [...shape], low: -5, high: 100 },
      })),
      { name: "widest range", inputs: [], options: { shape: [37], low: -(2 ** 31), high: 2 ** 31 - 1 } },
    ],
    errors: [
      { name: "empty range", inputs: [], options: { shape: [2], low: 3, high: 3 }, message: ["randint", "high", "3"] },
    ],
    bench: [{ name: "1M", inputs: [], options: { shape: [1 << 20], low: 0, high: 10 }, bytes: 4 << 20 }],
  }),
  opCase<unknown>({
    name: "bernoulli",
    ops: ["bernoulli"],
    run: ([p]) => bernoulli(p as Tensor, { generator: generator() }),
    oracle: ([p]) => {
      const units = philoxUnits(SEED, p!.data.length);
      return p!.map((v, i) => (units[i]! < v ? 1 : 0));
    },
    samples: SHAPES.map((shape) => ({
      name: `[${shape}]`,
      inputs: [{ shape, low: 0, grad: false }],
      forwardOnly: true,
    })),
    errors: [{ name: "integers", inputs: [{ shape: [2], dtype: "int32" }], message: ["bernoulli", "int32"] }],
    bench: [{ name: "1M", inputs: [{ shape: [1 << 20] }], bytes: 8 << 20 }],
  }),
  opCase<{ p: number }>({
    name: "dropout",
    ops: ["dropout"],
    run: ([x], { p }) => F.dropout(x as Tensor, { p, generator: generator() }),
    oracle: ([x], { p }) => {
      const words = philoxWords(SEED, 0n, x!.data.length);
      return x!.map((v, i) => v * (Math.floor(words[i]! / 2) >= p * 2 ** 31 && p < 1 ? 1 / (1 - p) : 0));
    },
    samples: [
      ...SHAPES.map((shape) => ({ name: `[${shape}]`, inputs: [{ shape }], options: { p: 0.25 } })),
      { name: "everything", inputs: [{ shape: [9] }], options: { p: 1 } },
      { name: "nothing", inputs: [{ shape: [9] }], options: { p: 0 } },
      {
        name: "NaN and infinities",
        inputs: [{ shape: [8], values: [NaN, NaN, NaN, NaN, Infinity, -Infinity, Infinity, -Infinity] }],
        options: { p: 0.5 },
        forwardOnly: true,
      },
    ],
    errors: [
      { name: "p above 1", inputs: [{ shape: [2] }], options: { p: 1.5 }, message: ["Dropout", "1.5"] },
      {
        name: "integers",
        inputs: [{ shape: [2], dtype: "int32" }],
        options: { p: 0.5 },
        message: ["Dropout", "int32"],
      },
    ],
    bench: [{ name: "1M", inputs: [{ shape: [1 << 20] }], options: { p: 0.5 }, bytes: 8 << 20 }],
  }),
];
