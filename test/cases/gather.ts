import { functional as F, type Tensor } from "../../src/node.js";
import { forIndex, Nd } from "../support/nd.js";
import { type InputSpec, opCase } from "../support/op-case.js";

interface AlongDim {
  dim: number;
}

/** int32 indices from a list. */
export const at = (shape: number[], values: number[]): InputSpec => ({ shape, dtype: "int32", values });

/** The place that `index` points to in dimension `dim`. */
const moved = (index: readonly number[], dim: number, to: number): number[] => {
  const rank = index.length;
  return index.map((i, d) => (d === (dim + rank) % rank ? to : i));
};

function scatterOracle(x: Nd, index: Nd, dim: number, put: (out: Nd, to: number[], from: number[]) => void): Nd {
  const out = new Nd(x.shape, x.data);
  forIndex(index.shape, (from, flat) => {
    put(out, moved(from, dim, index.data[flat]!), from);
  });
  return out;
}

export const cases = [
  opCase<AlongDim>({
    name: "gather",
    ops: ["gather", "gather_grad"],
    run: ([x, index], options) => F.gather(x as Tensor, index as Tensor, options),
    oracle: ([x, index], { dim }) => {
      const out = new Nd(index!.shape);
      forIndex(index!.shape, (i, flat) => {
        out.data[flat] = x!.get(...moved(i, dim, index!.data[flat]!));
      });
      return out;
    },
    samples: [
      { name: "columns", inputs: [{ shape: [3, 5] }, { shape: [3, 4], dtype: "int32", high: 5 }], options: { dim: 1 } },
      { name: "rows", inputs: [{ shape: [4, 3] }, { shape: [2, 3], dtype: "int32", high: 4 }], options: { dim: 0 } },
      {
        name: "middle of three",
        inputs: [{ shape: [2, 5, 3] }, { shape: [2, 7, 3], dtype: "int32", high: 5 }],
        options: { dim: -2 },
      },
      {
        name: "a smaller index",
        inputs: [{ shape: [4, 5, 3] }, { shape: [2, 7, 1], dtype: "int32", high: 5 }],
        options: { dim: 1 },
      },
      { name: "one place again and again", inputs: [{ shape: [3] }, at([5], [1, 1, 1, 1, 1])], options: { dim: 0 } },
      { name: "scalars", inputs: [{ shape: [] }, at([], [0])], options: { dim: 0 } },
      { name: "nothing", inputs: [{ shape: [2, 3] }, at([2, 0], [])], options: { dim: 1 } },
      { name: "int32", inputs: [{ shape: [2, 3], dtype: "int32" }, at([2, 1], [2, 0])], options: { dim: 1 } },
      { name: "bool", inputs: [{ shape: [2, 3], dtype: "bool" }, at([2, 2], [2, 0, 1, 1])], options: { dim: 1 } },
    ],
    errors: [
      {
        name: "too large",
        inputs: [{ shape: [2, 3] }, at([2, 1], [0, 9])],
        options: { dim: 1 },
        message: ["gather", "9", "0 to 2"],
      },
      {
        name: "negative",
        inputs: [{ shape: [2, 3] }, at([2, 1], [0, -1])],
        options: { dim: 1 },
        message: ["gather", "-1"],
      },
      {
        name: "into nothing",
        inputs: [{ shape: [2, 0] }, at([2, 1], [0, 0])],
        options: { dim: 1 },
        message: ["gather", "0"],
      },
      {
        name: "another rank",
        inputs: [{ shape: [2, 3] }, at([2], [0, 0])],
        options: { dim: 1 },
        message: ["gather", "rank 2"],
      },
      {
        name: "a larger index",
        inputs: [{ shape: [1, 3] }, at([2, 1], [0, 0])],
        options: { dim: 1 },
        message: ["gather", "2, 1"],
      },
      {
        name: "float indices",
        inputs: [{ shape: [3] }, { shape: [2] }],
        options: { dim: 0 },
        message: ["gather", "int32"],
      },
      { name: "no such dim", inputs: [{ shape: [3] }, at([1], [0])], options: { dim: 1 }, message: ["gather", "dim"] },
    ],
    bench: [
      {
        name: "1M from rows of 1024",
        inputs: [{ shape: [1024, 1024] }, { shape: [1024, 1024], dtype: "int32", high: 1024 }],
        options: { dim: 1 },
        bytes: 12 << 20,
      },
    ],
  }),
  opCase<AlongDim>({
    name: "takeAlongDim",
    ops: [],
    run: ([x, index], options) => F.takeAlongDim(x as Tensor, index as Tensor, options),
    oracle: ([x, index], { dim }) => {
      const shape = index!.shape.map((n, d) => (d === dim ? n : Math.max(n, x!.shape[d]!)));
      const out = new Nd(shape);
      const inside = (t: Nd, i: number[]): number[] => i.map((v, d) => (t.shape[d] === 1 ? 0 : v));
      forIndex(shape, (i, flat) => {
        const to = index!.get(...inside(index!, i));
        out.data[flat] = x!.get(...moved(inside(x!, i), dim, to));
      });
      return out;
    },
    samples: [
      { name: "one index row for all", inputs: [{ shape: [3, 4] }, at([1, 2], [3, 0])], options: { dim: 1 } },
      { name: "one input row for all", inputs: [{ shape: [1, 4] }, at([3, 1], [3, 0, 2])], options: { dim: 1 } },
    ],
  }),
  opCase<AlongDim>({
    name: "scatter",
    ops: ["scatter", "sliceScatter"],
    run: ([x, index, src], options) => F.scatter(x as Tensor, index as Tensor, src as Tensor, options),
    oracle: ([x, index, src], { dim }) =>
      scatterOracle(x!, index!, dim, (out, to, from) => {
        out.set(src!.get(...from), ...to);
      }),
    samples: [
      {
        name: "columns",
        inputs: [{ shape: [2, 5] }, at([2, 3], [4, 0, 2, 1, 3, 0]), { shape: [2, 3] }],
        options: { dim: 1 },
      },
      { name: "rows", inputs: [{ shape: [4, 2] }, at([2, 2], [3, 0, 1, 2]), { shape: [2, 2] }], options: { dim: 0 } },
      {
        name: "index smaller than both",
        inputs: [{ shape: [4, 5] }, at([2, 2], [4, 0, 1, 3]), { shape: [3, 3] }],
        options: { dim: 1 },
      },
      {
        name: "the last one stays",
        inputs: [{ shape: [3] }, at([3], [1, 1, 1]), { shape: [3] }],
        options: { dim: 0 },
        forwardOnly: true,
      },
      {
        name: "int32",
        inputs: [{ shape: [3], dtype: "int32" }, at([2], [2, 0]), { shape: [2], dtype: "int32" }],
        options: { dim: 0 },
      },
      {
        name: "bool",
        inputs: [{ shape: [5], dtype: "bool" }, at([2], [2, 0]), { shape: [2], dtype: "bool" }],
        options: { dim: 0 },
      },
      { name: "nothing", inputs: [{ shape: [3] }, at([0], []), { shape: [0] }], options: { dim: 0 } },
    ],
    errors: [
      {
        name: "too large",
        inputs: [{ shape: [3] }, at([1], [3]), { shape: [1] }],
        options: { dim: 0 },
        message: ["scatter", "3"],
      },
      {
        name: "a smaller source",
        inputs: [{ shape: [3] }, at([2], [0, 1]), { shape: [1] }],
        options: { dim: 0 },
        message: ["scatter", "source", "[1]"],
      },
      {
        name: "another dtype",
        inputs: [{ shape: [3] }, at([1], [0]), { shape: [1], dtype: "int32" }],
        options: { dim: 0 },
        message: ["scatter", "int32"],
      },
    ],
    bench: [
      {
        name: "1M into rows of 1024",
        inputs: [{ shape: [1024, 1024] }, { shape: [1024, 1024], dtype: "int32", high: 1024 }, { shape: [1024, 1024] }],
        options: { dim: 1 },
        bytes: 16 << 20,
      },
    ],
  }),
  opCase<AlongDim & { value: number }>({
    name: "scatter of a number",
    ops: ["scatter"],
    run: ([x, index], { value, dim }) => F.scatter(x as Tensor, index as Tensor, value, { dim }),
    oracle: ([x, index], { dim, value }) => scatterOracle(x!, index!, dim, (out, to) => out.set(value, ...to)),
    samples: [
      { name: "float32", inputs: [{ shape: [2, 4] }, at([2, 2], [3, 0, 1, 1])], options: { dim: 1, value: 2.5 } },
      { name: "int32", inputs: [{ shape: [4], dtype: "int32" }, at([2], [3, 0])], options: { dim: 0, value: -7 } },
      { name: "bool", inputs: [{ shape: [4], dtype: "bool" }, at([2], [3, 0])], options: { dim: 0, value: 1 } },
    ],
  }),
  opCase<AlongDim>({
    name: "scatterAdd",
    ops: ["scatterAdd", "sliceScatter"],
    run: ([x, index, src], options) => F.scatterAdd(x as Tensor, index as Tensor, src as Tensor, options),
    oracle: ([x, index, src], { dim }) =>
      scatterOracle(x!, index!, dim, (out, to, from) => {
        out.set(out.get(...to) + src!.get(...from), ...to);
      }),
    samples: [
      {
        name: "columns",
        inputs: [{ shape: [3, 5] }, { shape: [3, 7], dtype: "int32", high: 5 }, { shape: [3, 7] }],
        options: { dim: 1 },
      },
      {
        name: "rows",
        inputs: [{ shape: [4, 3] }, { shape: [6, 3], dtype: "int32", high: 4 }, { shape: [6, 3] }],
        options: { dim: 0 },
      },
      {
        name: "index smaller than both",
        inputs: [{ shape: [4, 5] }, at([2, 2], [4, 4, 1, 3]), { shape: [3, 3] }],
        options: { dim: 1 },
      },
      {
        name: "int32",
        inputs: [{ shape: [3], dtype: "int32" }, at([4], [2, 0, 2, 2]), { shape: [4], dtype: "int32" }],
        options: { dim: 0 },
      },
    ],
    errors: [
      {
        name: "too large",
        inputs: [{ shape: [3] }, at([1], [3]), { shape: [1] }],
        options: { dim: 0 },
        message: ["scatterAdd", "3"],
      },
      {
        name: "bool",
        inputs: [{ shape: [3], dtype: "bool" }, at([1], [0]), { shape: [1], dtype: "bool" }],
        options: { dim: 0 },
        message: ["scatterAdd", "bool"],
      },
    ],
    bench: [
      {
        name: "1M into rows of 1024",
        inputs: [{ shape: [1024, 1024] }, { shape: [1024, 1024], dtype: "int32", high: 1024 }, { shape: [1024, 1024] }],
        options: { dim: 1 },
        bytes: 20 << 20,
      },
    ],
  }),
  opCase<AlongDim & { reduce: "sum" | "mean" | "amax" | "amin"; includeSelf?: boolean }>({
    name: "scatterReduce",
    ops: ["scatterReduce"],
    run: ([x, index, src], options) => F.scatterReduce(x as Tensor, index as Tensor, src as Tensor, options),
    oracle: ([x, index, src], { dim, reduce, includeSelf = true }) => {
      const values = Array.from(x!.data, (v) => (includeSelf ? [v] : []));
      forIndex(index!.shape, (from, flat) => {
        values[x!.at(...moved(from, dim, index!.data[flat]!))]!.push(src!.get(...from));
      });
      return x!.map((v, i) => {
        const list = values[i]!;
        if (list.length === 0) return v;
        if (reduce === "amax") return Math.max(...list);
        if (reduce === "amin") return Math.min(...list);
        const total = list.reduce((s, w) => s + w, 0);
        return reduce === "mean" ? total / list.length : total;
      });
    },
    samples: (["sum", "mean", "amax", "amin"] as const).flatMap((reduce) =>
      [true, false].map((includeSelf) => ({
        name: `${reduce} ${includeSelf ? "with" : "without"} x itself`,
        inputs: [{ shape: [3, 5] }, at([2, 4], [0, 3, 3, 1, 4, 4, 4, 0]), { shape: [2, 5] }],
        options: { dim: 1, reduce, includeSelf },
      })),
    ),
    errors: [
      {
        name: "another reduction",
        inputs: [{ shape: [3] }, at([1], [0]), { shape: [1] }],
        options: { dim: 0, reduce: "median" as "sum" },
        message: ["scatterReduce", "median"],
      },
      {
        name: "too large",
        inputs: [{ shape: [3] }, at([1], [3]), { shape: [1] }],
        options: { dim: 0, reduce: "amax" },
        message: ["scatterReduce", "3"],
      },
    ],
    bench: [
      {
        name: "1M into rows of 1024",
        inputs: [{ shape: [1024, 1024] }, { shape: [1024, 1024], dtype: "int32", high: 1024 }, { shape: [1024, 1024] }],
        options: { dim: 1, reduce: "amax" },
        bytes: 20 << 20,
      },
    ],
  }),
];
