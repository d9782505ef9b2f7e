import { functional as F, type Tensor } from "../../src/node.js";
import { cast, clone } from "../../src/ops/copy.js";
import { forIndex, Nd } from "../support/nd.js";
import { opCase } from "../support/op-case.js";

/** Output element at each index is the input's at `from(index)`. */
export function gatherOracle(
  x: Nd,
  shape: readonly number[],
  from: (index: readonly number[]) => readonly number[],
): Nd {
  const out = new Nd(shape);
  forIndex(shape, (index, flat) => {
    out.data[flat] = x.get(...from(index));
  });
  return out;
}

function swapped<T>(list: readonly T[], a: number, b: number): T[] {
  const out = [...list];
  [out[a], out[b]] = [out[b]!, out[a]!];
  return out;
}

export const cases = [
  opCase<{ shape: number[] }>({
    name: "reshape",
    ops: ["reshape", "contiguous"],
    run: ([x], options) => F.reshape(x as Tensor, options),
    oracle: ([x], { shape }) => {
      const known = shape.reduce((p, n) => (n === -1 ? p : p * n), 1);
      return new Nd(
        shape.map((n) => (n === -1 ? x!.data.length / known : n)),
        x!.data,
      );
    },
    samples: [
      { name: "splits and merges", inputs: [{ shape: [4, 6] }], options: { shape: [2, 3, 4] } },
      { name: "unknown size", inputs: [{ shape: [2, 3, 5] }], options: { shape: [-1, 5] } },
      { name: "to a scalar", inputs: [{ shape: [1, 1] }], options: { shape: [] } },
      { name: "with dimensions of 1", inputs: [{ shape: [1, 6, 1] }], options: { shape: [2, 1, 3, 1] } },
      { name: "int32", inputs: [{ shape: [2, 6], dtype: "int32" }], options: { shape: [3, 4] } },
      { name: "empty", inputs: [{ shape: [0, 4] }], options: { shape: [2, 0] } },
    ],
    errors: [
      { name: "another count", inputs: [{ shape: [13] }], options: { shape: [4, 4] }, message: ["reshape", "13", "4"] },
      {
        name: "two unknown sizes",
        inputs: [{ shape: [12] }],
        options: { shape: [-1, -1] },
        message: ["reshape", "-1"],
      },
      { name: "no whole size", inputs: [{ shape: [13] }], options: { shape: [-1, 2] }, message: ["reshape", "13"] },
    ],
    bench: [{ name: "1M", inputs: [{ shape: [1 << 20] }], options: { shape: [1 << 10, 1 << 10] }, bytes: 0 }],
  }),
  opCase<{ dims: number[] }>({
    name: "permute",
    ops: ["permute"],
    run: ([x], options) => F.reshape(F.permute(x as Tensor, options), { shape: [-1] }),
    oracle: ([x], { dims }) => {
      const shape = dims.map((d) => x!.shape[d < 0 ? d + dims.length : d]!);
      const out = gatherOracle(x!, shape, (index) => {
        const from = index.map(() => 0);
        dims.forEach((d, i) => {
          from[d < 0 ? d + dims.length : d] = index[i]!;
        });
        return from;
      });
      return new Nd([out.data.length], out.data);
    },
    samples: [
      { name: "matrix with tails", inputs: [{ shape: [5, 7] }], options: { dims: [1, 0] } },
      { name: "matrix of whole blocks", inputs: [{ shape: [8, 4] }], options: { dims: [1, 0] } },
      { name: "batch of images to channels last", inputs: [{ shape: [2, 3, 5, 4] }], options: { dims: [0, 2, 3, 1] } },
      { name: "all reversed", inputs: [{ shape: [2, 3, 4, 2] }], options: { dims: [-1, -2, -3, -4] } },
      { name: "six dimensions", inputs: [{ shape: [2, 1, 3, 2, 2, 3] }], options: { dims: [5, 3, 1, 0, 2, 4] } },
      { name: "bool", inputs: [{ shape: [3, 5], dtype: "bool" }], options: { dims: [1, 0] } },
    ],
    errors: [
      { name: "repeated", inputs: [{ shape: [2, 3, 4] }], options: { dims: [1, 1, 0] }, message: ["permute", "1"] },
      { name: "too few", inputs: [{ shape: [2, 3, 4] }], options: { dims: [1, 0] }, message: ["permute", "3"] },
    ],
    bench: [{ name: "1024x1024", inputs: [{ shape: [1024, 1024] }], options: { dims: [1, 0] }, bytes: 8 << 20 }],
  }),
  opCase<{ dim0: number; dim1: number }>({
    name: "transpose",
    ops: [],
    run: ([x], options) => F.transpose(x as Tensor, options),
    oracle: ([x], { dim0, dim1 }) => {
      const rank = x!.shape.length;
      const a = (dim0 + rank) % rank;
      const b = (dim1 + rank) % rank;
      return gatherOracle(x!, swapped(x!.shape, a, b), (index) => swapped(index, a, b));
    },
    samples: [{ name: "last two", inputs: [{ shape: [2, 3, 4] }], options: { dim0: -1, dim1: -2 } }],
  }),
  opCase<{ dim: number; start?: number; end?: number; step?: number }>({
    name: "slice",
    ops: ["slice", "slice_grad"],
    run: ([x], options) => F.slice(x as Tensor, options),
    oracle: ([x], { dim, start = 0, end, step = 1 }) => {
      const n = x!.shape[dim]!;
      const clip = (i: number): number => Math.min(Math.max(i < 0 ? i + n : i, 0), n);
      const from = clip(start);
      const size = Math.max(0, Math.ceil((clip(end ?? n) - from) / step));
      const shape = x!.shape.map((s, d) => (d === dim ? size : s));
      return gatherOracle(x!, shape, (index) => index.map((i, d) => (d === dim ? from + i * step : i)));
    },
    samples: [
      { name: "inner range", inputs: [{ shape: [3, 9] }], options: { dim: 1, start: 2, end: 7 } },
      { name: "step", inputs: [{ shape: [7, 3] }], options: { dim: 0, step: 3 } },
      { name: "negative bounds", inputs: [{ shape: [2, 8] }], options: { dim: 1, start: -5, end: -1 } },
      { name: "clipped bounds", inputs: [{ shape: [4] }], options: { dim: 0, start: -9, end: 99 } },
      { name: "empty range", inputs: [{ shape: [4, 2] }], options: { dim: 0, start: 3, end: 1 } },
    ],
    errors: [{ name: "step 0", inputs: [{ shape: [4] }], options: { dim: 0, step: 0 }, message: ["slice", "step"] }],
    bench: [
      { name: "middle of 1M", inputs: [{ shape: [1024, 1024] }], options: { dim: 1, start: 256, end: 768 }, bytes: 0 },
    ],
  }),
  opCase<{ dim: number; start: number; length: number }>({
    name: "narrow",
    ops: [],
    run: ([x], options) => F.narrow(x as Tensor, options),
    oracle: ([x], { dim, start, length }) => {
      const shape = x!.shape.map((s, d) => (d === dim ? length : s));
      return gatherOracle(x!, shape, (index) => index.map((i, d) => (d === dim ? start + i : i)));
    },
    samples: [{ name: "columns", inputs: [{ shape: [3, 6] }], options: { dim: 1, start: 2, length: 3 } }],
    errors: [
      {
        name: "past the end",
        inputs: [{ shape: [6] }],
        options: { dim: 0, start: 4, length: 5 },
        message: ["narrow", "6"],
      },
    ],
  }),
  opCase<{ dim: number; index: number }>({
    name: "select",
    ops: [],
    run: ([x], options) => F.select(x as Tensor, options),
    oracle: ([x], { dim, index }) => {
      const shape = x!.shape.filter((_, d) => d !== dim);
      const at = (index + x!.shape[dim]!) % x!.shape[dim]!;
      return gatherOracle(x!, shape, (i) => [...i.slice(0, dim), at, ...i.slice(dim)]);
    },
    samples: [
      { name: "a row", inputs: [{ shape: [4, 5] }], options: { dim: 0, index: -1 } },
      { name: "a column", inputs: [{ shape: [4, 5] }], options: { dim: 1, index: 2 } },
    ],
    errors: [{ name: "outside", inputs: [{ shape: [4] }], options: { dim: 0, index: 4 }, message: ["select", "4"] }],
  }),
  opCase<{ dim: number }>({
    name: "cat",
    ops: ["cat"],
    run: (xs, options) => F.cat(xs as readonly Tensor[], options),
    oracle: (xs, { dim }) => {
      const first = xs[0]!;
      const total = xs.reduce((n, x) => n + x!.shape[dim]!, 0);
      const out = new Nd(first.shape.map((n, d) => (d === dim ? total : n)));
      let at = 0;
      for (const x of xs) {
        const start = at;
        forIndex(x!.shape, (index, flat) => {
          out.set(x!.data[flat]!, ...index.map((i, d) => (d === dim ? start + i : i)));
        });
        at += x!.shape[dim]!;
      }
      return out;
    },
    samples: [
      { name: "rows", inputs: [{ shape: [2, 3] }, { shape: [1, 3] }, { shape: [4, 3] }], options: { dim: 0 } },
      { name: "columns", inputs: [{ shape: [3, 2] }, { shape: [3, 5] }], options: { dim: 1 } },
      { name: "channels", inputs: [{ shape: [2, 1, 3, 3] }, { shape: [2, 2, 3, 3] }], options: { dim: 1 } },
      { name: "one empty", inputs: [{ shape: [0, 3] }, { shape: [2, 3] }], options: { dim: 0 } },
      {
        name: "bool",
        inputs: [
          { shape: [3], dtype: "bool" },
          { shape: [2], dtype: "bool" },
        ],
        options: { dim: 0 },
      },
    ],
    errors: [
      {
        name: "other sizes",
        inputs: [{ shape: [2, 5] }, { shape: [2, 6] }],
        options: { dim: 0 },
        message: ["cat", "5", "6"],
      },
      { name: "none", inputs: [], options: { dim: 0 }, message: ["cat"] },
    ],
    bench: [
      {
        name: "2 × 1M",
        inputs: [{ shape: [1024, 1024] }, { shape: [1024, 1024] }],
        options: { dim: 1 },
        bytes: 16 << 20,
      },
    ],
  }),
  opCase<unknown>({
    name: "clone",
    ops: ["contiguous"],
    run: ([x]) => clone(x as Tensor),
    oracle: ([x]) => x!,
    samples: [
      { name: "matrix", inputs: [{ shape: [5, 3] }] },
      { name: "int32", inputs: [{ shape: [5, 3], dtype: "int32" }] },
    ],
    bench: [{ name: "1M", inputs: [{ shape: [1 << 20] }], bytes: 8 << 20 }],
  }),
  opCase<{ dtype: "float32" | "int32" | "bool" }>({
    name: "cast",
    ops: ["cast"],
    run: ([x], { dtype }) => cast(x as Tensor, dtype),
    oracle: ([x], { dtype }) => {
      if (dtype === "bool") return x!.map((v) => (v === 0 ? 0 : 1));
      return dtype === "int32" ? x!.map((v) => Math.min(Math.max(Math.trunc(v || 0), -(2 ** 31)), 2 ** 31 - 1)) : x!;
    },
    samples: [
      {
        name: "float32 to int32",
        inputs: [{ shape: [7], low: -9, high: 9 }],
        options: { dtype: "int32" },
        forwardOnly: true,
      },
      {
        name: "float32 out of int32's range",
        inputs: [{ shape: [5], values: [NaN, Infinity, -Infinity, 3e9, -3e9] }],
        options: { dtype: "int32" },
        forwardOnly: true,
      },
      {
        name: "float32 to bool",
        inputs: [{ shape: [4], values: [0, -0, 0.5, NaN] }],
        options: { dtype: "bool" },
        forwardOnly: true,
      },
      { name: "int32 to float32", inputs: [{ shape: [2, 5], dtype: "int32", low: -9 }], options: { dtype: "float32" } },
      { name: "int32 to bool", inputs: [{ shape: [6], dtype: "int32", high: 2 }], options: { dtype: "bool" } },
      { name: "bool to float32", inputs: [{ shape: [9], dtype: "bool" }], options: { dtype: "float32" } },
      { name: "bool to int32", inputs: [{ shape: [9], dtype: "bool" }], options: { dtype: "int32" } },
    ],
    bench: [
      {
        name: "1M int32",
        inputs: [{ shape: [1 << 20], dtype: "int32" }],
        options: { dtype: "float32" },
        bytes: 8 << 20,
      },
    ],
  }),
];
