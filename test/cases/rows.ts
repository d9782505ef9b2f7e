import { functional as F, type Tensor } from "../../src/node.js";
import { forIndex, Nd } from "../support/nd.js";
import { opCase } from "../support/op-case.js";
import { at } from "./gather.js";

interface AlongDim {
  dim: number;
}

/** Calls `put` with each place of the source and the place of the output that the index maps it to. */
function updateOracle(x: Nd, index: Nd, dim: number, put: (out: Nd, to: number[], from: number[]) => void): Nd {
  const d = (dim + x.shape.length) % x.shape.length;
  const out = new Nd(x.shape, x.data);
  const source = x.shape.map((n, k) => (k === d ? index.data.length : n));
  forIndex(source, (from) => {
    put(
      out,
      from.map((i, k) => (k === d ? index.data[i]! : i)),
      from,
    );
  });
  return out;
}

export const cases = [
  opCase<AlongDim>({
    name: "indexSelect",
    ops: ["indexSelect", "indexSelect_grad"],
    run: ([x, index], options) => F.indexSelect(x as Tensor, index as Tensor, options),
    oracle: ([x, index], { dim }) => {
      const d = (dim + x!.shape.length) % x!.shape.length;
      const out = new Nd(x!.shape.map((n, k) => (k === d ? index!.data.length : n)));
      forIndex(out.shape, (i, flat) => {
        out.data[flat] = x!.get(...i.map((v, k) => (k === d ? index!.data[v]! : v)));
      });
      return out;
    },
    samples: [
      { name: "rows", inputs: [{ shape: [4, 7] }, at([5], [3, 0, 0, 2, 3])], options: { dim: 0 } },
      { name: "columns", inputs: [{ shape: [3, 5] }, at([2], [4, 1])], options: { dim: -1 } },
      { name: "long rows", inputs: [{ shape: [3, 300] }, at([2], [2, 1])], options: { dim: 0 } },
      { name: "middle", inputs: [{ shape: [2, 3, 4] }, at([3], [2, 2, 0])], options: { dim: 1 } },
      { name: "none", inputs: [{ shape: [2, 3] }, at([0], [])], options: { dim: 0 } },
      { name: "int32", inputs: [{ shape: [3, 2], dtype: "int32" }, at([2], [2, 1])], options: { dim: 0 } },
      { name: "bool", inputs: [{ shape: [3, 21], dtype: "bool" }, at([2], [2, 1])], options: { dim: 0 } },
    ],
    errors: [
      {
        name: "too large",
        inputs: [{ shape: [4, 2] }, at([2], [1, 4])],
        options: { dim: 0 },
        message: ["indexSelect", "4"],
      },
      {
        name: "negative",
        inputs: [{ shape: [4] }, at([1], [-1])],
        options: { dim: 0 },
        message: ["indexSelect", "-1"],
      },
      {
        name: "past four",
        inputs: [{ shape: [4] }, at([6], [0, 1, 2, 3, 0, 5])],
        options: { dim: 0 },
        message: ["indexSelect", "element 5"],
      },
      {
        name: "a matrix of indices",
        inputs: [{ shape: [4] }, at([1, 1], [0])],
        options: { dim: 0 },
        message: ["indexSelect", "rank"],
      },
      {
        name: "a scalar",
        inputs: [{ shape: [] }, at([1], [0])],
        options: { dim: 0 },
        message: ["indexSelect", "rank"],
      },
    ],
    bench: [
      {
        name: "4096 rows of 256",
        inputs: [{ shape: [1000, 256] }, { shape: [4096], dtype: "int32", high: 1000 }],
        options: { dim: 0 },
        bytes: 8 << 20,
      },
    ],
  }),
  opCase<AlongDim>({
    name: "indexCopy",
    ops: ["indexCopy"],
    run: ([x, index, src], options) => F.indexCopy(x as Tensor, index as Tensor, src as Tensor, options),
    oracle: ([x, index, src], { dim }) =>
      updateOracle(x!, index!, dim, (out, to, from) => out.set(src!.get(...from), ...to)),
    samples: [
      { name: "rows", inputs: [{ shape: [4, 5] }, at([2], [3, 1]), { shape: [2, 5] }], options: { dim: 0 } },
      { name: "columns", inputs: [{ shape: [3, 4] }, at([2], [0, 3]), { shape: [3, 2] }], options: { dim: 1 } },
      {
        name: "int32",
        inputs: [{ shape: [3], dtype: "int32" }, at([1], [2]), { shape: [1], dtype: "int32" }],
        options: { dim: 0 },
      },
      {
        name: "bool",
        inputs: [{ shape: [3], dtype: "bool" }, at([1], [2]), { shape: [1], dtype: "bool" }],
        options: { dim: 0 },
      },
    ],
    errors: [
      {
        name: "too large",
        inputs: [{ shape: [3] }, at([1], [3]), { shape: [1] }],
        options: { dim: 0 },
        message: ["indexCopy", "3"],
      },
      {
        name: "another source",
        inputs: [{ shape: [3, 2] }, at([1], [0]), { shape: [2, 2] }],
        options: { dim: 0 },
        message: ["indexCopy", "[1, 2]"],
      },
    ],
    bench: [
      {
        name: "4096 rows of 256",
        inputs: [{ shape: [4096, 256] }, { shape: [4096], dtype: "int32", high: 4096 }, { shape: [4096, 256] }],
        options: { dim: 0 },
        bytes: 12 << 20,
      },
    ],
  }),
  opCase<AlongDim & { alpha?: number }>({
    name: "indexAdd",
    ops: ["indexAdd"],
    run: ([x, index, src], options) => F.indexAdd(x as Tensor, index as Tensor, src as Tensor, options),
    oracle: ([x, index, src], { dim, alpha = 1 }) =>
      updateOracle(x!, index!, dim, (out, to, from) => out.set(out.get(...to) + alpha * src!.get(...from), ...to)),
    samples: [
      { name: "rows", inputs: [{ shape: [4, 5] }, at([3], [3, 1, 3]), { shape: [3, 5] }], options: { dim: 0 } },
      {
        name: "scaled columns",
        inputs: [{ shape: [3, 4] }, at([2], [0, 0]), { shape: [3, 2] }],
        options: { dim: 1, alpha: -2 },
      },
      {
        name: "int32",
        inputs: [{ shape: [3], dtype: "int32" }, at([2], [2, 2]), { shape: [2], dtype: "int32" }],
        options: { dim: 0 },
      },
    ],
    errors: [
      {
        name: "negative",
        inputs: [{ shape: [3] }, at([1], [-2]), { shape: [1] }],
        options: { dim: 0 },
        message: ["indexAdd", "-2"],
      },
      {
        name: "another dtype",
        inputs: [{ shape: [3] }, at([1], [0]), { shape: [1], dtype: "int32" }],
        options: { dim: 0 },
        message: ["indexAdd", "int32"],
      },
    ],
    bench: [
      {
        name: "4096 rows of 256",
        inputs: [{ shape: [4096, 256] }, { shape: [4096], dtype: "int32", high: 4096 }, { shape: [4096, 256] }],
        options: { dim: 0 },
        bytes: 12 << 20,
      },
    ],
  }),
  opCase<AlongDim & { value: number }>({
    name: "indexFill",
    ops: ["indexFill"],
    run: ([x, index], options) => F.indexFill(x as Tensor, index as Tensor, options),
    oracle: ([x, index], { dim, value }) => updateOracle(x!, index!, dim, (out, to) => out.set(value, ...to)),
    samples: [
      { name: "rows", inputs: [{ shape: [4, 5] }, at([3], [3, 1, 3])], options: { dim: 0, value: 1.5 } },
      {
        name: "int32 columns",
        inputs: [{ shape: [2, 3], dtype: "int32" }, at([1], [2])],
        options: { dim: 1, value: -1 },
      },
      { name: "bool", inputs: [{ shape: [5], dtype: "bool" }, at([2], [2, 4])], options: { dim: 0, value: 1 } },
    ],
    errors: [
      {
        name: "too large",
        inputs: [{ shape: [3] }, at([1], [3])],
        options: { dim: 0, value: 0 },
        message: ["indexFill", "3"],
      },
    ],
    bench: [
      {
        name: "4096 rows of 256",
        inputs: [{ shape: [4096, 256] }, { shape: [4096], dtype: "int32", high: 4096 }],
        options: { dim: 0, value: 1 },
        bytes: 8 << 20,
      },
    ],
  }),
];
