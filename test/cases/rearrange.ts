import { functional as F, type Tensor } from "../../src/node.js";
import { forIndex, Nd } from "../support/nd.js";
import { opCase } from "../support/op-case.js";
import { gatherOracle } from "./copy.js";

type Dims = number | number[];

const dimsOf = (dims: Dims, rank: number): number[] => [dims].flat().map((d) => (d + rank) % rank);

/** Element kept or zero, by row and column of the last two dimensions. */
function bandOracle(x: Nd, keeps: (i: number, j: number) => boolean): Nd {
  const out = new Nd(x.shape);
  forIndex(x.shape, (index, flat) => {
    const [i, j] = index.slice(-2);
    out.data[flat] = keeps(i!, j!) ? x.data[flat]! : 0;
  });
  return out;
}

function repeatOracle(x: Nd, counts: readonly number[]): Nd {
  const lead = counts.length - x.shape.length;
  const shape = counts.map((c, d) => c * (d < lead ? 1 : x.shape[d - lead]!));
  return gatherOracle(x, shape, (index) => index.slice(lead).map((i, d) => i % x.shape[d]!));
}

export const cases = [
  opCase<{ dim?: number }>({
    name: "stack",
    ops: [],
    run: (xs, options) => F.stack(xs as Tensor[], options),
    oracle: (xs, { dim = 0 }) => {
      const first = xs[0]!;
      const d = dim < 0 ? dim + first.shape.length + 1 : dim;
      const out = new Nd([...first.shape.slice(0, d), xs.length, ...first.shape.slice(d)]);
      xs.forEach((x, k) => {
        forIndex(x!.shape, (index, flat) => {
          out.set(x!.data[flat]!, ...index.slice(0, d), k, ...index.slice(d));
        });
      });
      return out;
    },
    samples: [
      { name: "first", inputs: [{ shape: [2, 3] }, { shape: [2, 3] }], options: {} },
      { name: "last", inputs: [{ shape: [2, 3] }, { shape: [2, 3] }, { shape: [2, 3] }], options: { dim: -1 } },
      { name: "scalars", inputs: [{ shape: [] }, { shape: [] }], options: {} },
    ],
    errors: [
      { name: "other shapes", inputs: [{ shape: [2] }, { shape: [3] }], options: {}, message: ["stack", "3", "2"] },
      { name: "none", inputs: [], options: {}, message: ["stack"] },
    ],
  }),
  opCase<{ dims: Dims }>({
    name: "flip",
    ops: ["flip"],
    run: ([x], options) => F.flip(x as Tensor, options),
    oracle: ([x], { dims }) => {
      const flipped = dimsOf(dims, x!.shape.length);
      return gatherOracle(x!, x!.shape, (index) =>
        index.map((i, d) => (flipped.includes(d) ? x!.shape[d]! - 1 - i : i)),
      );
    },
    samples: [
      { name: "images left to right", inputs: [{ shape: [2, 3, 4, 5] }], options: { dims: -1 } },
      { name: "rows", inputs: [{ shape: [5, 7] }], options: { dims: 0 } },
      { name: "everything", inputs: [{ shape: [3, 5] }], options: { dims: [0, 1] } },
      { name: "outer two of five", inputs: [{ shape: [2, 2, 3, 2, 3] }], options: { dims: [0, 3] } },
      { name: "long row", inputs: [{ shape: [67] }], options: { dims: [0] } },
      { name: "int32", inputs: [{ shape: [3, 4], dtype: "int32" }], options: { dims: [1] } },
      { name: "bool", inputs: [{ shape: [3, 4], dtype: "bool" }], options: { dims: [0, 1] } },
      { name: "empty", inputs: [{ shape: [0, 4] }], options: { dims: [0] } },
    ],
    errors: [
      { name: "no such dim", inputs: [{ shape: [2] }], options: { dims: 1 }, message: ["flip", "1"] },
      { name: "a dim twice", inputs: [{ shape: [2] }], options: { dims: [0, -1] }, message: ["flip", "twice"] },
    ],
    bench: [{ name: "1M", inputs: [{ shape: [1024, 1024] }], options: { dims: -1 }, bytes: 8 << 20 }],
  }),
  opCase<{ shifts: Dims; dims?: Dims }>({
    name: "roll",
    ops: ["roll"],
    run: ([x], options) => F.roll(x as Tensor, options),
    oracle: ([x], { shifts, dims }) => {
      const shape = dims === undefined ? [x!.data.length] : x!.shape;
      const by = shape.map(() => 0);
      dimsOf(dims ?? 0, shape.length).forEach((d, i) => {
        by[d] = by[d]! + [shifts].flat()[i]!;
      });
      const flat = new Nd(shape, x!.data);
      const rolled = gatherOracle(flat, shape, (index) =>
        index.map((i, d) => (((i - by[d]!) % shape[d]!) + shape[d]!) % shape[d]!),
      );
      return new Nd(x!.shape, rolled.data);
    },
    samples: [
      { name: "flattened", inputs: [{ shape: [3, 4] }], options: { shifts: 2 } },
      { name: "backwards", inputs: [{ shape: [5] }], options: { shifts: -2, dims: 0 } },
      { name: "two dimensions", inputs: [{ shape: [4, 5, 2] }], options: { shifts: [1, -2], dims: [0, 1] } },
      { name: "one dimension twice", inputs: [{ shape: [7] }], options: { shifts: [1, 2], dims: [0, 0] } },
      { name: "more than once around", inputs: [{ shape: [3, 2] }], options: { shifts: 7, dims: 0 } },
      { name: "not at all", inputs: [{ shape: [3] }], options: { shifts: 0, dims: 0 } },
      { name: "int32", inputs: [{ shape: [2, 3], dtype: "int32" }], options: { shifts: 1, dims: 1 } },
      { name: "empty", inputs: [{ shape: [0] }], options: { shifts: 1, dims: 0 } },
    ],
    errors: [
      {
        name: "too few dims",
        inputs: [{ shape: [2] }],
        options: { shifts: [1, 1], dims: 0 },
        message: ["roll", "1, 1"],
      },
      { name: "shifts without dims", inputs: [{ shape: [2] }], options: { shifts: [1, 1] }, message: ["roll", "2"] },
      { name: "half a shift", inputs: [{ shape: [2] }], options: { shifts: 0.5, dims: 0 }, message: ["roll", "0.5"] },
    ],
    bench: [
      { name: "1M", inputs: [{ shape: [1024, 1024] }], options: { shifts: [100, 100], dims: [0, 1] }, bytes: 8 << 20 },
    ],
  }),
  opCase<{ repeats: number[] }>({
    name: "repeat",
    ops: [],
    run: ([x], options) => F.repeat(x as Tensor, options),
    oracle: ([x], { repeats }) => repeatOracle(x!, repeats),
    samples: [
      { name: "both dimensions", inputs: [{ shape: [2, 3] }], options: { repeats: [2, 3] } },
      { name: "a new dimension", inputs: [{ shape: [3] }], options: { repeats: [4, 2] } },
      { name: "no time", inputs: [{ shape: [3] }], options: { repeats: [0] } },
      { name: "bool", inputs: [{ shape: [2], dtype: "bool" }], options: { repeats: [3] } },
    ],
    errors: [
      { name: "too few", inputs: [{ shape: [2, 3] }], options: { repeats: [2] }, message: ["repeat", "2, 3"] },
      { name: "negative", inputs: [{ shape: [2] }], options: { repeats: [-1] }, message: ["repeat", "-1"] },
    ],
  }),
  opCase<{ dims: number[] }>({
    name: "tile",
    ops: [],
    run: ([x], options) => F.tile(x as Tensor, options),
    oracle: ([x], { dims }) => repeatOracle(x!, [...new Array(x!.shape.length - dims.length).fill(1), ...dims]),
    samples: [{ name: "last dimension only", inputs: [{ shape: [2, 3] }], options: { dims: [2] } }],
  }),
  opCase<{ repeats: number; dim?: number }>({
    name: "repeatInterleave",
    ops: [],
    run: ([x], options) => F.repeatInterleave(x as Tensor, options),
    oracle: ([x], { repeats, dim }) => {
      const flat = dim === undefined ? new Nd([x!.data.length], x!.data) : x!;
      const d = dim ?? 0;
      const shape = flat.shape.map((n, i) => (i === d ? n * repeats : n));
      return gatherOracle(flat, shape, (index) => index.map((i, k) => (k === d ? Math.floor(i / repeats) : i)));
    },
    samples: [
      { name: "flattened", inputs: [{ shape: [2, 3] }], options: { repeats: 2 } },
      { name: "rows", inputs: [{ shape: [2, 3] }], options: { repeats: 3, dim: 0 } },
      { name: "columns", inputs: [{ shape: [2, 3] }], options: { repeats: 2, dim: 1 } },
    ],
    errors: [
      { name: "negative", inputs: [{ shape: [2] }], options: { repeats: -1 }, message: ["repeatInterleave", "-1"] },
    ],
  }),
  opCase<{ dim?: number }>({
    name: "repeatInterleave with a count each",
    ops: [],
    run: ([x, repeats], options) => F.repeatInterleave(x as Tensor, { repeats: repeats as Tensor, ...options }),
    oracle: ([x, repeats], { dim }) => {
      const flat = dim === undefined ? new Nd([x!.data.length], x!.data) : x!;
      const d = dim ?? 0;
      const from = [...repeats!.data].flatMap((count, i) => new Array<number>(count).fill(i));
      const shape = flat.shape.map((n, i) => (i === d ? from.length : n));
      return gatherOracle(flat, shape, (index) => index.map((i, k) => (k === d ? from[i]! : i)));
    },
    samples: [
      {
        name: "columns",
        inputs: [{ shape: [2, 3] }, { shape: [3], dtype: "int32", values: [2, 0, 3] }],
        options: { dim: 1 },
      },
      { name: "flattened", inputs: [{ shape: [2] }, { shape: [2], dtype: "int32", values: [1, 2] }], options: {} },
    ],
    errors: [
      {
        name: "too few counts",
        inputs: [{ shape: [3] }, { shape: [2], dtype: "int32" }],
        options: {},
        message: ["repeatInterleave", "[2]", "[3]"],
      },
      {
        name: "a negative count",
        inputs: [{ shape: [1] }, { shape: [1], dtype: "int32", values: [-1] }],
        options: {},
        message: ["repeatInterleave", "-1"],
      },
    ],
  }),
  opCase<{ k?: number; dims?: number[] }>({
    name: "rot90",
    ops: [],
    run: ([x], options) => F.rot90(x as Tensor, options),
    oracle: ([x], { k = 1, dims: [a, b] = [0, 1] }) => {
      let y = x!;
      for (let turn = 0; turn < (k + 4) % 4; turn++) {
        const from = y;
        const shape = from.shape.map((n, d) => (d === a ? from.shape[b!]! : d === b ? from.shape[a!]! : n));
        y = gatherOracle(from, shape, (index) =>
          index.map((i, d) => (d === a ? index[b!]! : d === b ? from.shape[b]! - 1 - index[a!]! : i)),
        );
      }
      return y;
    },
    samples: [0, 1, 2, 3, -1].map((k) => ({
      name: `${k} quarter turns`,
      inputs: [{ shape: [3, 4] }],
      options: { k },
    })),
    errors: [{ name: "one dim", inputs: [{ shape: [2, 3] }], options: { dims: [0] }, message: ["rot90", "0"] }],
  }),
  opCase<{ diagonal?: number }>({
    name: "tril",
    ops: ["band"],
    run: ([x], options) => F.tril(x as Tensor, options),
    oracle: ([x], { diagonal = 0 }) => bandOracle(x!, (i, j) => j <= i + diagonal),
    samples: [
      { name: "square", inputs: [{ shape: [5, 5] }], options: {} },
      { name: "batch, wide, above", inputs: [{ shape: [2, 3, 6] }], options: { diagonal: 2 } },
      { name: "tall, below", inputs: [{ shape: [7, 3] }], options: { diagonal: -2 } },
      { name: "nothing stays", inputs: [{ shape: [3, 3] }], options: { diagonal: -9 } },
      { name: "all stays", inputs: [{ shape: [3, 3] }], options: { diagonal: 9 } },
      { name: "int32", inputs: [{ shape: [3, 4], dtype: "int32" }], options: {} },
      { name: "bool", inputs: [{ shape: [4, 4], dtype: "bool" }], options: {} },
      { name: "empty", inputs: [{ shape: [0, 4] }], options: {} },
      {
        name: "NaN and infinity go",
        inputs: [{ shape: [2, 2], values: [1, NaN, 2, Infinity] }],
        options: {},
        forwardOnly: true,
      },
    ],
    errors: [{ name: "a vector", inputs: [{ shape: [3] }], options: {}, message: ["tril", "rank"] }],
    bench: [{ name: "1024x1024", inputs: [{ shape: [1024, 1024] }], options: {}, bytes: 8 << 20 }],
  }),
  opCase<{ diagonal?: number }>({
    name: "triu",
    ops: ["band"],
    run: ([x], options) => F.triu(x as Tensor, options),
    oracle: ([x], { diagonal = 0 }) => bandOracle(x!, (i, j) => j >= i + diagonal),
    samples: [
      { name: "square", inputs: [{ shape: [4, 4] }], options: { diagonal: 1 } },
      { name: "batch", inputs: [{ shape: [2, 3, 2, 4] }], options: { diagonal: -1 } },
      { name: "nothing stays", inputs: [{ shape: [3, 3] }], options: { diagonal: 3 } },
      { name: "bool", inputs: [{ shape: [3, 5], dtype: "bool" }], options: {} },
    ],
    errors: [
      { name: "half a diagonal", inputs: [{ shape: [3, 3] }], options: { diagonal: 0.5 }, message: ["triu", "0.5"] },
    ],
  }),
  opCase<{ dim?: number; start?: number; end?: number; step?: number }>({
    name: "sliceScatter",
    ops: ["sliceScatter"],
    run: ([x, src], options) => F.sliceScatter(x as Tensor, src as Tensor, options),
    oracle: ([x, src], { dim = 0, start = 0, step = 1 }) => {
      const out = new Nd(x!.shape, x!.data);
      forIndex(src!.shape, (index, flat) => {
        out.set(src!.data[flat]!, ...index.map((i, d) => (d === dim ? start + i * step : i)));
      });
      return out;
    },
    samples: [
      { name: "rows", inputs: [{ shape: [5, 3] }, { shape: [2, 3] }], options: { start: 1, end: 3 } },
      { name: "every other column", inputs: [{ shape: [2, 5] }, { shape: [2, 3] }], options: { dim: 1, step: 2 } },
      {
        name: "bool",
        inputs: [
          { shape: [5], dtype: "bool" },
          { shape: [2], dtype: "bool" },
        ],
        options: { start: 3 },
      },
    ],
    errors: [
      {
        name: "another size",
        inputs: [{ shape: [5] }, { shape: [3] }],
        options: { end: 2 },
        message: ["sliceScatter", "[3]", "[2]"],
      },
    ],
  }),
];
