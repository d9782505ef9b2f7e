import { functional as F, type Tensor } from "../../src/node.js";
import { Nd } from "../support/nd.js";
import { opCase } from "../support/op-case.js";
import { at } from "./gather.js";

export const cases = [
  opCase<{ paddingIdx?: number }>({
    name: "embedding",
    ops: ["embedding", "embedding_grad"],
    run: ([index, weight], options) => F.embedding(index as Tensor, weight as Tensor, options),
    oracle: ([index, weight]) => {
      const dim = weight!.shape[1]!;
      const rows = [...index!.data].map((i) => [...weight!.data.slice(i * dim, (i + 1) * dim)]);
      return new Nd([...index!.shape, dim], rows.flat());
    },
    samples: [
      { name: "sentences", inputs: [{ shape: [2, 5], dtype: "int32", high: 7 }, { shape: [7, 4] }], options: {} },
      { name: "one row again and again", inputs: [at([4], [2, 2, 2, 2]), { shape: [3, 5] }], options: {} },
      { name: "one index", inputs: [at([], [2]), { shape: [3, 1] }], options: {} },
      { name: "none", inputs: [at([0], []), { shape: [3, 2] }], options: {} },
      {
        name: "no padding among the indices",
        inputs: [at([3], [0, 2, 2]), { shape: [3, 2] }],
        options: { paddingIdx: -2 },
      },
      {
        name: "padding is looked up as any other row",
        inputs: [at([3], [0, 1, 1]), { shape: [3, 2] }],
        options: { paddingIdx: 1 },
        forwardOnly: true,
      },
    ],
    errors: [
      {
        name: "too large",
        inputs: [at([2], [0, 13]), { shape: [11, 4] }],
        options: {},
        message: ["Embedding", "13", "0 to 10"],
      },
      { name: "negative", inputs: [at([1], [-1]), { shape: [11, 4] }], options: {}, message: ["Embedding", "-1"] },
      {
        name: "float indices",
        inputs: [{ shape: [2] }, { shape: [3, 2] }],
        options: {},
        message: ["Embedding", "int32"],
      },
      {
        name: "a vector as table",
        inputs: [at([1], [0]), { shape: [3] }],
        options: {},
        message: ["Embedding", "rank"],
      },
      {
        name: "no such padding row",
        inputs: [at([1], [0]), { shape: [3, 2] }],
        options: { paddingIdx: 3 },
        message: ["Embedding", "paddingIdx", "3"],
      },
    ],
    bench: [
      {
        name: "32x64 tokens of 256",
        inputs: [{ shape: [32, 64], dtype: "int32", high: 1000 }, { shape: [1000, 256] }],
        options: {},
        bytes: 4 << 20,
      },
    ],
  }),
  opCase<{ numClasses?: number }>({
    name: "oneHot",
    ops: ["oneHot"],
    run: ([index], options) => F.oneHot(index as Tensor, options),
    oracle: ([index], { numClasses }) => {
      const classes = numClasses ?? Math.max(...index!.data) + 1;
      const out = new Nd([...index!.shape, classes]);
      for (const [k, i] of index!.data.entries()) out.data[k * classes + i] = 1;
      return out;
    },
    samples: [
      { name: "vector", inputs: [at([4], [1, 0, 4, 2])], options: { numClasses: 5 } },
      { name: "matrix, classes counted", inputs: [at([2, 2], [1, 0, 3, 3])], options: {} },
      { name: "nothing", inputs: [at([0], [])], options: { numClasses: 3 } },
    ],
    errors: [
      { name: "too large", inputs: [at([2], [1, 5])], options: { numClasses: 5 }, message: ["oneHot", "5"] },
      { name: "no classes", inputs: [at([0], [])], options: {}, message: ["oneHot", "numClasses"] },
      { name: "floats", inputs: [{ shape: [2] }], options: {}, message: ["oneHot", "int32"] },
    ],
    bench: [
      {
        name: "2048 of 1000",
        inputs: [{ shape: [2048], dtype: "int32", high: 1000 }],
        options: { numClasses: 1000 },
        bytes: 2048 * 4004,
      },
    ],
  }),
];
