import { functional as F, type Tensor } from "../../src/node.js";
import { forIndex, Nd } from "../support/nd.js";
import { type InputSpec, opCase } from "../support/op-case.js";

const floats = (shape: number[], values: number[]): InputSpec => ({ shape, values });

/** NaN last, everything else by value. */
function compare(a: number, b: number): number {
  return Number.isNaN(a) || Number.isNaN(b) ? Number(Number.isNaN(a)) - Number(Number.isNaN(b)) : a - b;
}

/** [values, indices] of the positions that `choose` picks from each line of a dimension. */
function ranked(x: Nd, dim: number, choose: (line: number[]) => number[]): [Nd, Nd] {
  const d = (dim + x.shape.length) % x.shape.length;
  const heads = x.shape.map((n, k) => (k === d ? 1 : n));
  const size = choose(new Array(x.shape[d]!).fill(0)).length;
  const out = x.shape.map((n, k) => (k === d ? size : n));
  const [values, indices] = [new Nd(out), new Nd(out)];
  forIndex(heads, (head) => {
    const along = (i: number): number[] => head.map((v, k) => (k === d ? i : v));
    const line = Array.from({ length: x.shape[d]! }, (_, i) => x.get(...along(i)));
    choose(line).forEach((from, to) => {
      values.set(line[from]!, ...along(to));
      indices.set(from, ...along(to));
    });
  });
  return [values, indices];
}

/** The positions of a line in order; equal values keep theirs. */
function orderOf(line: readonly number[], descending = false): number[] {
  const sign = descending ? -1 : 1;
  return [...line.keys()].sort((a, b) => sign * compare(line[a]!, line[b]!));
}

function withoutDim(pair: [Nd, Nd], dim: number, keepdim?: boolean): Nd[] {
  return pair.map((x) => {
    const d = (dim + x.shape.length) % x.shape.length;
    return keepdim
      ? x
      : new Nd(
          x.shape.filter((_, k) => k !== d),
          x.data,
        );
  });
}

interface SortOptions {
  dim?: number;
  descending?: boolean;
}

const SPECIAL = floats([1, 9], [0, NaN, -Infinity, 3, -0, Infinity, -3, NaN, 0]);

export const cases = [
  opCase<SortOptions>({
    name: "sort",
    ops: ["argsort"],
    run: ([x], options) => F.sort(x as Tensor, options),
    oracle: ([x], { dim = -1, descending }) => ranked(x!, dim, (line) => orderOf(line, descending)),
    samples: [
      { name: "rows", inputs: [{ shape: [3, 7] }], options: {} },
      { name: "columns, descending", inputs: [{ shape: [5, 3] }], options: { dim: 0, descending: true } },
      { name: "middle of three", inputs: [{ shape: [2, 5, 3] }], options: { dim: 1 } },
      { name: "long enough for the radix sort", inputs: [{ shape: [2, 200], low: -1e4, high: 1e4 }], options: {} },
      { name: "long, descending", inputs: [{ shape: [131] }], options: { descending: true } },
      { name: "ties keep their order", inputs: [{ shape: [90], dtype: "int32", high: 4 }], options: {} },
      {
        name: "ties keep their order, descending",
        inputs: [{ shape: [90], dtype: "int32", high: 4 }],
        options: { descending: true },
      },
      {
        name: "int32 of both signs",
        inputs: [{ shape: [300], dtype: "int32", low: -(2 ** 31), high: 2 ** 31 }],
        options: {},
      },
      { name: "bool", inputs: [{ shape: [2, 5], dtype: "bool" }], options: {} },
      { name: "one element", inputs: [{ shape: [2, 1] }], options: {} },
      { name: "nothing", inputs: [{ shape: [2, 0] }], options: {} },
      { name: "NaN last, zeros equal", inputs: [SPECIAL], options: {}, forwardOnly: true },
      { name: "NaN first, descending", inputs: [SPECIAL], options: { descending: true }, forwardOnly: true },
    ],
    errors: [{ name: "no such dim", inputs: [{ shape: [2] }], options: { dim: 1 }, message: ["sort", "1"] }],
    bench: [
      { name: "1M", inputs: [{ shape: [1 << 20] }], options: {}, bytes: 12 << 20 },
      { name: "1024 rows of 1024", inputs: [{ shape: [1024, 1024] }], options: {}, bytes: 12 << 20 },
    ],
  }),
  opCase<{ k: number; dim?: number; largest?: boolean }>({
    name: "topk",
    ops: ["topk"],
    run: ([x], options) => F.topk(x as Tensor, options),
    oracle: ([x], { k, dim = -1, largest = true }) => ranked(x!, dim, (line) => orderOf(line, largest).slice(0, k)),
    samples: [
      { name: "largest", inputs: [{ shape: [3, 7] }], options: { k: 3 } },
      { name: "smallest of columns", inputs: [{ shape: [5, 3] }], options: { k: 2, dim: 0, largest: false } },
      { name: "few of many", inputs: [{ shape: [2, 500] }], options: { k: 5 } },
      { name: "all", inputs: [{ shape: [2, 9] }], options: { k: 9 } },
      { name: "more than are kept at hand", inputs: [{ shape: [2, 150] }], options: { k: 140, largest: false } },
      { name: "none", inputs: [{ shape: [2, 3] }], options: { k: 0 } },
      {
        name: "ascending input, the worst for largest",
        inputs: [{ shape: [40], values: Array.from({ length: 40 }, (_, i) => i) }],
        options: { k: 6 },
      },
      { name: "ties, the first ones", inputs: [{ shape: [60], dtype: "int32", high: 3 }], options: { k: 9 } },
      { name: "bool", inputs: [{ shape: [9], dtype: "bool" }], options: { k: 4 } },
      { name: "NaN is the largest", inputs: [SPECIAL], options: { k: 4 }, forwardOnly: true },
      {
        name: "NaN is the last of the smallest",
        inputs: [SPECIAL],
        options: { k: 8, largest: false },
        forwardOnly: true,
      },
    ],
    errors: [
      { name: "more than there are", inputs: [{ shape: [2, 5] }], options: { k: 9 }, message: ["topk", "9", "5"] },
      { name: "half a value", inputs: [{ shape: [5] }], options: { k: 0.5 }, message: ["topk", "0.5"] },
      { name: "a scalar", inputs: [{ shape: [] }], options: { k: 1 }, message: ["topk", "rank"] },
    ],
    bench: [{ name: "5 of 50257, 32 rows", inputs: [{ shape: [32, 50257] }], options: { k: 5 }, bytes: 6.4e6 }],
  }),
  opCase<{ k: number; dim?: number; keepdim?: boolean }>({
    name: "kthvalue",
    ops: [],
    run: ([x], options) => F.kthvalue(x as Tensor, options),
    oracle: ([x], { k, dim = -1, keepdim }) =>
      withoutDim(
        ranked(x!, dim, (line) => orderOf(line).slice(k - 1, k)),
        dim,
        keepdim,
      ),
    samples: [
      { name: "second of rows", inputs: [{ shape: [3, 5] }], options: { k: 2 } },
      { name: "last of columns", inputs: [{ shape: [4, 2] }], options: { k: 4, dim: 0, keepdim: true } },
    ],
    errors: [{ name: "zeroth", inputs: [{ shape: [3] }], options: { k: 0 }, message: ["kthvalue", "0", "3"] }],
  }),
  opCase<{ dim: number; keepdim?: boolean }>({
    name: "median",
    ops: ["median"],
    run: ([x], options) => F.median(x as Tensor, options),
    oracle: ([x], { dim, keepdim }) =>
      withoutDim(
        ranked(x!, dim, (line) => {
          const nan = line.findIndex(Number.isNaN);
          return [nan >= 0 ? nan : orderOf(line)[(line.length - 1) >> 1]!];
        }),
        dim,
        keepdim,
      ),
    samples: [
      { name: "odd", inputs: [{ shape: [3, 5] }], options: { dim: 1 } },
      { name: "even: the lower one", inputs: [{ shape: [4, 3] }], options: { dim: 0, keepdim: true } },
      { name: "int32", inputs: [{ shape: [2, 6], dtype: "int32" }], options: { dim: -1 } },
      {
        name: "NaN",
        inputs: [floats([2, 4], [3, NaN, 1, NaN, 2, 1, Infinity, 0])],
        options: { dim: 1 },
        forwardOnly: true,
      },
    ],
    errors: [{ name: "of nothing", inputs: [{ shape: [2, 0] }], options: { dim: 1 }, message: ["median", "empty"] }],
    bench: [{ name: "1024 rows of 1024", inputs: [{ shape: [1024, 1024] }], options: { dim: 1 }, bytes: 4 << 20 }],
  }),
  opCase<unknown>({
    name: "median of everything",
    ops: [],
    run: ([x]) => F.median(x as Tensor),
    oracle: ([x]) => {
      const values = [...x!.data];
      return new Nd([], [values.find(Number.isNaN) ?? values[orderOf(values)[(values.length - 1) >> 1]!]!]);
    },
    samples: [
      { name: "matrix", inputs: [{ shape: [3, 4] }] },
      { name: "NaN", inputs: [floats([3], [1, NaN, 2])], forwardOnly: true },
    ],
  }),
  opCase<unknown>({
    name: "unique",
    ops: ["unique", "unique_count"],
    run: ([x]) => F.unique(x as Tensor, { returnInverse: true, returnCounts: true }),
    oracle: ([x]) => {
      const sorted = orderOf([...x!.data]).map((i) => x!.data[i]!);
      const values = sorted.filter((v, i) => i === 0 || v !== sorted[i - 1]);
      // Every NaN is a value of its own, in the order of appearance.
      let nans = values.findIndex(Number.isNaN);
      const inverse = x!.data.map((v) => (Number.isNaN(v) ? nans++ : values.indexOf(v)));
      const counts = values.map((v) => (Number.isNaN(v) ? 1 : sorted.filter((w) => w === v).length));
      return [new Nd([values.length], values), new Nd(x!.shape, inverse), new Nd([values.length], counts)];
    },
    samples: [
      { name: "int32 matrix", inputs: [{ shape: [5, 9], dtype: "int32", high: 7 }] },
      { name: "floats", inputs: [{ ...floats([6], [2, -1, 2, 0, -0, 5]), grad: false }] },
      { name: "NaN", inputs: [{ ...floats([5], [NaN, 1, NaN, Infinity, 1]), grad: false }] },
      { name: "bool", inputs: [{ shape: [7], dtype: "bool" }] },
      { name: "nothing", inputs: [{ shape: [0], dtype: "int32" }] },
    ],
    bench: [{ name: "1000 values in 1M", inputs: [{ shape: [1 << 20], dtype: "int32", high: 1000 }], bytes: 8 << 20 }],
  }),
  opCase<{ right?: boolean; side?: "left" | "right" }>({
    name: "searchsorted",
    ops: ["searchsorted"],
    run: ([sorted, x], options) => F.searchsorted(sorted as Tensor, x as Tensor, options),
    oracle: ([sorted, x], { right, side = right ? "right" : "left" }) => {
      const n = sorted!.shape.at(-1)!;
      const m = x!.shape.at(-1) ?? 1;
      return x!.map((v, i) => {
        const row = sorted!.shape.length === 1 ? 0 : Math.floor(i / m) * n;
        const line = [...sorted!.data.slice(row, row + n)];
        return line.filter((w) => (side === "left" ? compare(w, v) < 0 : compare(w, v) <= 0)).length;
      });
    },
    samples: [
      {
        name: "left",
        inputs: [
          { ...floats([4], [1, 3, 3, 5]), grad: false },
          { ...floats([5], [0, 3, 4, 5, 9]), grad: false },
        ],
        options: {},
      },
      {
        name: "right",
        inputs: [
          { ...floats([4], [1, 3, 3, 5]), grad: false },
          { ...floats([5], [0, 3, 4, 5, 9]), grad: false },
        ],
        options: { right: true },
      },
      {
        name: "a row each",
        inputs: [
          { shape: [2, 3], dtype: "int32", values: [1, 4, 9, 2, 2, 3] },
          { shape: [2, 2], dtype: "int32" },
        ],
        options: { side: "right" },
      },
      {
        name: "in nothing",
        inputs: [
          { shape: [0], dtype: "int32" },
          { shape: [2], dtype: "int32" },
        ],
        options: {},
      },
    ],
    errors: [
      {
        name: "other rows",
        inputs: [{ shape: [2, 3] }, { shape: [3, 3] }],
        options: {},
        message: ["searchsorted", "2, 3"],
      },
      {
        name: "other dtypes",
        inputs: [{ shape: [3] }, { shape: [3], dtype: "int32" }],
        options: {},
        message: ["searchsorted", "int32"],
      },
    ],
    bench: [
      {
        name: "1M in 1000",
        inputs: [
          { shape: [1000], values: Array.from({ length: 1000 }, (_, i) => i / 1000), grad: false },
          { shape: [1 << 20], grad: false },
        ],
        options: {},
        bytes: 8 << 20,
      },
    ],
  }),
];
