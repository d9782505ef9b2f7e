import { functional as F, type Tensor } from "../../src/node.js";
import { forIndex, Nd } from "../support/nd.js";
import { type OpCase, opCase, type Sample } from "../support/op-case.js";

export interface DimOptions {
  dim?: number | number[];
  keepdim?: boolean;
}

/** Calls `reduce` with the reduced values of each output element, in row-major order. */
export function reduceOracle(x: Nd, { dim, keepdim }: DimOptions, reduce: (values: number[]) => number): Nd {
  const rank = x.shape.length;
  const dims =
    dim === undefined ? [...x.shape.keys()] : (typeof dim === "number" ? [dim] : dim).map((d) => (d + rank) % rank);
  const kept = x.shape.map((n, d) => (dims.includes(d) ? 1 : n));
  const groups = new Nd(kept).map(() => 0);
  const values: number[][] = Array.from(groups.data, () => []);
  forIndex(x.shape, (index, flat) => {
    values[groups.at(...index.map((i, d) => (dims.includes(d) ? 0 : i)))]!.push(x.data[flat]!);
  });
  const shape = keepdim ? kept : x.shape.filter((_, d) => !dims.includes(d));
  return new Nd(shape, values.map(reduce));
}

/** Dimension choices that reach every loop of the kernels, with their tails. */
export const REDUCE_SAMPLES: readonly Sample<DimOptions>[] = [
  { name: "all", inputs: [{ shape: [3, 7] }], options: {} },
  { name: "all of a long vector", inputs: [{ shape: [67] }], options: {} },
  { name: "last dimension", inputs: [{ shape: [3, 17] }], options: { dim: -1 } },
  { name: "first dimension, tail of lanes", inputs: [{ shape: [5, 7] }], options: { dim: 0 } },
  { name: "middle dimension", inputs: [{ shape: [2, 3, 8] }], options: { dim: 1, keepdim: true } },
  { name: "neighbouring dimensions", inputs: [{ shape: [2, 3, 4] }], options: { dim: [1, 2] } },
  { name: "dimensions apart", inputs: [{ shape: [2, 3, 4] }], options: { dim: [0, 2] } },
  { name: "one element", inputs: [{ shape: [1] }], options: { dim: 0, keepdim: true } },
  { name: "scalar", inputs: [{ shape: [] }], options: {} },
  { name: "more than a chunk of columns", inputs: [{ shape: [3, 1031] }], options: { dim: 0 } },
];

function cumsumOracle(x: Nd, dim: number): Nd {
  const out = x.map((v) => v);
  const d = dim < 0 ? dim + x.shape.length : dim;
  forIndex(x.shape, (index, flat) => {
    if (x.shape.length > 0 && index[d]! > 0) {
      out.data[flat]! += out.get(...index.map((i, k) => (k === d ? i - 1 : i)));
    }
  });
  return out;
}

function quantifier(name: "all" | "any", holds: (values: number[]) => boolean): OpCase<never> {
  return opCase<DimOptions>({
    name,
    ops: [name],
    run: ([x], options) => F[name](x as Tensor, options),
    oracle: ([x], options) => reduceOracle(x!, options, (v) => Number(holds(v))),
    samples: [
      ...REDUCE_SAMPLES.map((s) => ({ ...s, inputs: s.inputs.map((i) => ({ ...i!, dtype: "bool" as const })) })),
      { name: "all true", inputs: [{ shape: [2, 9], dtype: "bool", values: Array(18).fill(1) }], options: { dim: 1 } },
      { name: "all false", inputs: [{ shape: [2, 9], dtype: "bool", values: Array(18).fill(0) }], options: { dim: 1 } },
      { name: "over nothing", inputs: [{ shape: [2, 0], dtype: "bool" }], options: { dim: 1 } },
      { name: "int32", inputs: [{ shape: [4, 3], dtype: "int32", high: 2 }], options: { dim: 1 } },
    ],
    errors: [{ name: "no such dimension", inputs: [{ shape: [2] }], options: { dim: 3 }, message: [name, "3"] }],
    // Values of which none settles the question before the end.
    bench: [
      {
        name: "1M",
        inputs: [{ shape: [1 << 20], dtype: "bool", low: Number(name === "all"), high: name === "all" ? 2 : 1 }],
        options: {},
        bytes: 1 << 20,
      },
    ],
  });
}

export const cases = [
  opCase<DimOptions>({
    name: "sum",
    ops: ["sum", "expand"],
    run: ([x], options) => F.sum(x as Tensor, options),
    oracle: ([x], options) => reduceOracle(x!, options, (v) => v.reduce((s, e) => s + e, 0)),
    samples: [
      ...REDUCE_SAMPLES,
      { name: "more than a block of a row", inputs: [{ shape: [2, 2053] }], options: { dim: 1 }, forwardOnly: true },
      { name: "more than a block of rows", inputs: [{ shape: [131, 6] }], options: { dim: 0 }, forwardOnly: true },
      { name: "int32", inputs: [{ shape: [3, 21], dtype: "int32" }], options: { dim: 1 } },
      { name: "int32 columns", inputs: [{ shape: [5, 6], dtype: "int32" }], options: { dim: 0 } },
      { name: "bool", inputs: [{ shape: [3, 5], dtype: "bool" }], options: { dim: 1 } },
      { name: "over nothing", inputs: [{ shape: [3, 0] }], options: { dim: 1 } },
      { name: "of nothing", inputs: [{ shape: [0, 3] }], options: { dim: 1 } },
      {
        name: "NaN and infinity",
        inputs: [{ shape: [2, 2], values: [NaN, 1, Infinity, 1] }],
        options: { dim: 1 },
        forwardOnly: true,
      },
    ],
    errors: [
      { name: "no such dimension", inputs: [{ shape: [2, 3] }], options: { dim: 4 }, message: ["sum", "4"] },
      { name: "a dimension twice", inputs: [{ shape: [2, 3] }], options: { dim: [1, -1] }, message: ["sum", "twice"] },
    ],
    bench: [
      { name: "1M", inputs: [{ shape: [1 << 20] }], options: {}, bytes: 4 << 20 },
      { name: "rows of 1024x1024", inputs: [{ shape: [1024, 1024] }], options: { dim: 0 }, bytes: 4 << 20 },
    ],
  }),
  opCase<DimOptions>({
    name: "mean",
    ops: [],
    run: ([x], options) => F.mean(x as Tensor, options),
    oracle: ([x], options) => reduceOracle(x!, options, (v) => v.reduce((s, e) => s + e, 0) / v.length),
    samples: REDUCE_SAMPLES,
    errors: [
      { name: "int32", inputs: [{ shape: [2], dtype: "int32" }], options: {}, message: ["mean", "int32", "float32"] },
    ],
  }),
  opCase<{ dim?: number; keepdim?: boolean }>({
    name: "prod",
    ops: ["prod", "prod_grad"],
    run: ([x], options) => F.prod(x as Tensor, options),
    oracle: ([x], options) => reduceOracle(x!, options, (v) => v.reduce((p, e) => p * e, 1)),
    samples: [
      { name: "all", inputs: [{ shape: [3, 7] }], options: {} },
      { name: "last dimension", inputs: [{ shape: [3, 17], low: 0.5, high: 1.5 }], options: { dim: -1 } },
      { name: "first dimension", inputs: [{ shape: [5, 7] }], options: { dim: 0, keepdim: true } },
      { name: "middle dimension", inputs: [{ shape: [2, 3, 4] }], options: { dim: 1 } },
      { name: "one zero", inputs: [{ shape: [4], values: [2, 0, 3, 0.5] }], options: {} },
      { name: "two zeros", inputs: [{ shape: [4], values: [2, 0, 3, 0] }], options: {} },
      { name: "scalar", inputs: [{ shape: [] }], options: {} },
      { name: "over nothing", inputs: [{ shape: [2, 0] }], options: { dim: 1 } },
      { name: "int32", inputs: [{ shape: [3, 5], dtype: "int32", low: 1, high: 4 }], options: { dim: 1 } },
    ],
    errors: [{ name: "no such dimension", inputs: [{ shape: [2] }], options: { dim: 3 }, message: ["prod", "3"] }],
    bench: [{ name: "1M", inputs: [{ shape: [1024, 1024] }], options: { dim: 1 }, bytes: 4 << 20 }],
  }),
  opCase<{ dim: number }>({
    name: "cumsum",
    ops: ["cumsum"],
    run: ([x], options) => F.cumsum(x as Tensor, options),
    oracle: ([x], { dim }) => cumsumOracle(x!, dim),
    samples: [
      { name: "last dimension", inputs: [{ shape: [3, 7] }], options: { dim: -1 } },
      { name: "first dimension", inputs: [{ shape: [3, 7] }], options: { dim: 0 } },
      { name: "middle dimension", inputs: [{ shape: [2, 3, 5] }], options: { dim: 1 } },
      { name: "scalar", inputs: [{ shape: [] }], options: { dim: 0 } },
      { name: "empty", inputs: [{ shape: [0, 3] }], options: { dim: 1 } },
      { name: "int32", inputs: [{ shape: [3, 5], dtype: "int32" }], options: { dim: 1 } },
      { name: "NaN", inputs: [{ shape: [4], values: [1, NaN, 2, 3] }], options: { dim: 0 }, forwardOnly: true },
    ],
    errors: [{ name: "no such dimension", inputs: [{ shape: [2] }], options: { dim: 3 }, message: ["cumsum", "3"] }],
    bench: [{ name: "1M", inputs: [{ shape: [1024, 1024] }], options: { dim: 1 }, bytes: 8 << 20 }],
  }),
  quantifier("all", (v) => v.every((e) => e !== 0)),
  quantifier("any", (v) => v.some((e) => e !== 0)),
  opCase<{ shape: number[] }>({
    name: "expand",
    ops: ["expand"],
    run: ([x], options) => F.expand(x as Tensor, options),
    oracle: ([x], { shape }) => {
      const lead = shape.length - x!.shape.length;
      const to = shape.map((n, d) => (n === -1 ? x!.shape[d - lead]! : n));
      const out = new Nd(to);
      forIndex(to, (index, flat) => {
        out.data[flat] = x!.get(...index.slice(lead).map((i, d) => (x!.shape[d] === 1 ? 0 : i)));
      });
      return out;
    },
    samples: [
      { name: "a column", inputs: [{ shape: [3, 1] }], options: { shape: [3, 5] } },
      { name: "new dimensions", inputs: [{ shape: [3] }], options: { shape: [2, 4, -1] } },
    ],
    errors: [
      {
        name: "a size that is not 1",
        inputs: [{ shape: [3] }],
        options: { shape: [4] },
        message: ["expand", "3", "4"],
      },
    ],
    bench: [{ name: "row to 1M", inputs: [{ shape: [1024] }], options: { shape: [1024, 1024] }, bytes: 0 }],
  }),
];
