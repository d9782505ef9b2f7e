import { functional as F, type Tensor } from "../../src/node.js";
import { forIndex, Nd } from "../support/nd.js";
import { opCase } from "../support/op-case.js";
import { gatherOracle } from "./copy.js";

/** The part of `x` with `size` indices from `start` on in one dimension. */
function part(x: Nd, dim: number, start: number, size: number): Nd {
  const shape = x.shape.map((n, d) => (d === dim ? size : n));
  return gatherOracle(x, shape, (index) => index.map((i, d) => (d === dim ? start + i : i)));
}

function parts(x: Nd, dim: number, sizes: readonly number[]): Nd[] {
  let at = 0;
  return sizes.map((n) => {
    at += n;
    return part(x, dim, at - n, n);
  });
}

interface DiagonalOptions {
  offset?: number;
  dim1?: number;
  dim2?: number;
}

export const cases = [
  opCase<{ shape: number[] }>({
    name: "view",
    ops: ["reshape"],
    // The permuted layouts of the runner have no view of most shapes; a copy in front gives them one.
    run: ([x], { shape }) => (x as Tensor).contiguous().view(shape),
    oracle: ([x], { shape }) => new Nd(shape, x!.data),
    samples: [
      { name: "merges", inputs: [{ shape: [2, 3, 4] }], options: { shape: [6, 4] } },
      { name: "of a scalar", inputs: [{ shape: [] }], options: { shape: [1, 1] } },
    ],
    errors: [
      { name: "another count", inputs: [{ shape: [2, 3] }], options: { shape: [5] }, message: ["view", "6", "5"] },
    ],
  }),
  opCase<{ dim?: number | number[] }>({
    name: "squeeze",
    ops: [],
    run: ([x], options) => F.squeeze(x as Tensor, options),
    oracle: ([x], { dim }) => {
      const rank = x!.shape.length;
      const dims = dim === undefined ? [...x!.shape.keys()] : [dim].flat().map((d) => (d + rank) % rank);
      return new Nd(
        x!.shape.filter((n, d) => n !== 1 || !dims.includes(d)),
        x!.data,
      );
    },
    samples: [
      { name: "all", inputs: [{ shape: [1, 3, 1, 2] }], options: {} },
      { name: "one", inputs: [{ shape: [1, 3, 1] }], options: { dim: -1 } },
      { name: "several", inputs: [{ shape: [1, 3, 1, 1] }], options: { dim: [0, 2] } },
      { name: "a size that stays", inputs: [{ shape: [1, 3] }], options: { dim: 1 } },
      { name: "bool", inputs: [{ shape: [4, 1], dtype: "bool" }], options: { dim: 1 } },
    ],
    errors: [{ name: "no such dim", inputs: [{ shape: [1, 3] }], options: { dim: 2 }, message: ["squeeze", "2"] }],
  }),
  opCase<{ dim: number }>({
    name: "unsqueeze",
    ops: [],
    run: ([x], options) => F.unsqueeze(x as Tensor, options),
    oracle: ([x], { dim }) => {
      const d = dim < 0 ? dim + x!.shape.length + 1 : dim;
      return new Nd([...x!.shape.slice(0, d), 1, ...x!.shape.slice(d)], x!.data);
    },
    samples: [
      { name: "first", inputs: [{ shape: [2, 3] }], options: { dim: 0 } },
      { name: "last", inputs: [{ shape: [2, 3] }], options: { dim: -1 } },
      { name: "of a scalar", inputs: [{ shape: [] }], options: { dim: 0 } },
      { name: "int32", inputs: [{ shape: [2, 0], dtype: "int32" }], options: { dim: 1 } },
    ],
    errors: [{ name: "no such dim", inputs: [{ shape: [2] }], options: { dim: 3 }, message: ["unsqueeze", "3"] }],
  }),
  opCase<{ dim: number; sizes: number[] }>({
    name: "unflatten",
    ops: [],
    run: ([x], options) => F.unflatten(x as Tensor, options),
    oracle: ([x], { dim, sizes }) => {
      const d = (dim + x!.shape.length) % x!.shape.length;
      const known = sizes.reduce((p, n) => (n === -1 ? p : p * n), 1);
      const split = sizes.map((n) => (n === -1 ? x!.shape[d]! / known : n));
      return new Nd([...x!.shape.slice(0, d), ...split, ...x!.shape.slice(d + 1)], x!.data);
    },
    samples: [
      { name: "channels", inputs: [{ shape: [2, 6, 3] }], options: { dim: 1, sizes: [2, 3] } },
      { name: "unknown size", inputs: [{ shape: [2, 12] }], options: { dim: -1, sizes: [2, -1, 3] } },
    ],
    errors: [
      {
        name: "another product",
        inputs: [{ shape: [2, 7] }],
        options: { dim: 1, sizes: [2, 3] },
        message: ["unflatten", "7", "6"],
      },
    ],
  }),
  opCase<{ axis0: number; axis1: number }>({
    name: "swapaxes",
    ops: [],
    run: ([x], options) => F.swapaxes(x as Tensor, options),
    oracle: ([x]) => {
      const [a, b, c] = x!.shape;
      return gatherOracle(x!, [c!, b!, a!], ([i, j, k]) => [k!, j!, i!]);
    },
    samples: [{ name: "outer two of three", inputs: [{ shape: [2, 3, 4] }], options: { axis0: 0, axis1: -1 } }],
  }),
  opCase<{ source: number | number[]; destination: number | number[] }>({
    name: "moveaxis",
    ops: [],
    run: ([x], options) => F.moveaxis(x as Tensor, options),
    oracle: ([x], { source, destination }) => {
      const rank = x!.shape.length;
      const from = [source].flat().map((d) => (d + rank) % rank);
      const to = [destination].flat().map((d) => (d + rank) % rank);
      const rest = [...x!.shape.keys()].filter((d) => !from.includes(d));
      const order = x!.shape.map((_, d) => (to.includes(d) ? from[to.indexOf(d)]! : rest.shift()!));
      return gatherOracle(
        x!,
        order.map((d) => x!.shape[d]!),
        (index) => x!.shape.map((_, d) => index[order.indexOf(d)]!),
      );
    },
    samples: [
      { name: "channels last", inputs: [{ shape: [2, 3, 4, 5] }], options: { source: 1, destination: -1 } },
      { name: "two", inputs: [{ shape: [2, 3, 4] }], options: { source: [0, 1], destination: [-1, 0] } },
    ],
    errors: [
      {
        name: "a dim twice",
        inputs: [{ shape: [2, 3] }],
        options: { source: [0, 0], destination: [0, 1] },
        message: ["moveaxis", "0, 0"],
      },
    ],
  }),
  opCase<{ splitSizeOrSections: number | number[]; dim?: number }>({
    name: "split",
    ops: ["split", "split_grad"],
    run: ([x], options) => F.split(x as Tensor, options),
    oracle: ([x], { splitSizeOrSections: size, dim = 0 }) => {
      const n = x!.shape[dim]!;
      const sizes =
        typeof size === "number"
          ? Array.from({ length: Math.max(1, Math.ceil(n / size)) }, (_, i) => Math.min(size, n - i * size))
          : size;
      return parts(x!, dim, sizes);
    },
    samples: [
      { name: "a smaller last part", inputs: [{ shape: [7, 2] }], options: { splitSizeOrSections: 3 } },
      { name: "sections", inputs: [{ shape: [2, 6] }], options: { splitSizeOrSections: [1, 3, 2], dim: 1 } },
      { name: "an empty section", inputs: [{ shape: [2, 3] }], options: { splitSizeOrSections: [0, 3], dim: 1 } },
      { name: "a size above the dimension", inputs: [{ shape: [3] }], options: { splitSizeOrSections: 9 } },
      { name: "an empty dimension", inputs: [{ shape: [0, 2] }], options: { splitSizeOrSections: 2 } },
      { name: "int32", inputs: [{ shape: [4], dtype: "int32" }], options: { splitSizeOrSections: 2 } },
    ],
    errors: [
      {
        name: "another sum",
        inputs: [{ shape: [7] }],
        options: { splitSizeOrSections: [2, 3] },
        message: ["split", "5", "7"],
      },
      { name: "size 0", inputs: [{ shape: [7] }], options: { splitSizeOrSections: 0 }, message: ["split", "0"] },
      { name: "a scalar", inputs: [{ shape: [] }], options: { splitSizeOrSections: 1 }, message: ["split", "rank"] },
    ],
    bench: [
      { name: "8 columns", inputs: [{ shape: [1024, 1024] }], options: { splitSizeOrSections: 128, dim: 1 }, bytes: 0 },
    ],
  }),
  opCase<{ splitSizeOrSections: number[]; dim: number }>({
    name: "split with an unused part",
    ops: ["split_grad"],
    run: ([x], options) => F.split(x as Tensor, options)[1]!,
    oracle: ([x], { splitSizeOrSections: [first, second], dim }) => part(x!, dim, first!, second!),
    samples: [
      { name: "middle", inputs: [{ shape: [2, 6] }], options: { splitSizeOrSections: [1, 3, 2], dim: 1 } },
      { name: "last", inputs: [{ shape: [5, 3] }], options: { splitSizeOrSections: [2, 3], dim: 0 } },
    ],
  }),
  opCase<{ chunks: number; dim?: number }>({
    name: "chunk",
    ops: [],
    run: ([x], options) => F.chunk(x as Tensor, options),
    oracle: ([x], { chunks, dim = 0 }) => {
      const n = x!.shape[dim]!;
      const size = Math.ceil(n / chunks);
      return parts(
        x!,
        dim,
        Array.from({ length: Math.ceil(n / size) }, (_, i) => Math.min(size, n - i * size)),
      );
    },
    samples: [
      { name: "even", inputs: [{ shape: [4, 3] }], options: { chunks: 2 } },
      { name: "fewer than asked", inputs: [{ shape: [2, 5] }], options: { chunks: 4, dim: 1 } },
    ],
    errors: [{ name: "none", inputs: [{ shape: [4] }], options: { chunks: 0 }, message: ["chunk", "0"] }],
  }),
  opCase<{ dim?: number }>({
    name: "unbind",
    ops: [],
    run: ([x], options) => F.unbind(x as Tensor, options),
    oracle: ([x], { dim = 0 }) => {
      const d = (dim + x!.shape.length) % x!.shape.length;
      return Array.from({ length: x!.shape[d]! }, (_, i) => {
        const one = part(x!, d, i, 1);
        return new Nd(
          one.shape.filter((_n, k) => k !== d),
          one.data,
        );
      });
    },
    samples: [
      { name: "rows", inputs: [{ shape: [3, 2] }], options: {} },
      { name: "last dimension", inputs: [{ shape: [2, 1, 3] }], options: { dim: -1 } },
      { name: "bool", inputs: [{ shape: [2, 2], dtype: "bool" }], options: {} },
    ],
    errors: [{ name: "a scalar", inputs: [{ shape: [] }], options: {}, message: ["unbind", "rank"] }],
  }),
  opCase<DiagonalOptions>({
    name: "diagonal",
    ops: ["diagonal", "diagonal_grad"],
    run: ([x], options) => F.diagonal(x as Tensor, options),
    oracle: ([x], { offset = 0, dim1 = 0, dim2 = 1 }) => {
      const rank = x!.shape.length;
      const [a, b] = [(dim1 + rank) % rank, (dim2 + rank) % rank];
      const others = [...x!.shape.keys()].filter((d) => d !== a && d !== b);
      const [i0, j0] = [Math.max(0, -offset), Math.max(0, offset)];
      const length = Math.max(0, Math.min(x!.shape[a]! - i0, x!.shape[b]! - j0));
      return gatherOracle(x!, [...others.map((d) => x!.shape[d]!), length], (index) => {
        const k = index[index.length - 1]!;
        return x!.shape.map((_, d) => (d === a ? i0 + k : d === b ? j0 + k : index[others.indexOf(d)]!));
      });
    },
    samples: [
      { name: "main", inputs: [{ shape: [4, 4] }], options: {} },
      { name: "above", inputs: [{ shape: [3, 5] }], options: { offset: 2 } },
      { name: "below", inputs: [{ shape: [5, 3] }], options: { offset: -3 } },
      { name: "outside", inputs: [{ shape: [2, 3] }], options: { offset: 4 } },
      { name: "of a batch", inputs: [{ shape: [2, 3, 4] }], options: { dim1: -2, dim2: -1 } },
      { name: "outer dimensions, swapped", inputs: [{ shape: [3, 2, 4] }], options: { offset: 1, dim1: 2, dim2: 0 } },
      { name: "int32", inputs: [{ shape: [3, 3], dtype: "int32" }], options: {} },
    ],
    errors: [
      {
        name: "one dimension",
        inputs: [{ shape: [3, 3] }],
        options: { dim1: 1, dim2: -1 },
        message: ["diagonal", "1"],
      },
    ],
    bench: [{ name: "1024x1024", inputs: [{ shape: [1024, 1024] }], options: {}, bytes: 0 }],
  }),
  opCase<{ diagonal?: number }>({
    name: "diag",
    ops: ["diagonal_grad"],
    run: ([x], options) => F.diag(x as Tensor, options),
    oracle: ([x], { diagonal: k = 0 }) => {
      const n = x!.shape[0]! + Math.abs(k);
      const out = new Nd([n, n]);
      for (const [i, v] of x!.data.entries()) out.set(v, i + Math.max(0, -k), i + Math.max(0, k));
      return out;
    },
    samples: [
      { name: "main", inputs: [{ shape: [3] }], options: {} },
      { name: "below", inputs: [{ shape: [4] }], options: { diagonal: -2 } },
      { name: "bool", inputs: [{ shape: [4], dtype: "bool" }], options: { diagonal: 1 } },
      { name: "empty", inputs: [{ shape: [0] }], options: {} },
    ],
    errors: [{ name: "rank 3", inputs: [{ shape: [2, 2, 2] }], options: {}, message: ["diag", "2, 2, 2"] }],
  }),
  opCase<DiagonalOptions>({
    name: "diagEmbed",
    ops: ["diagonal_grad"],
    run: ([x], options) => F.diagEmbed(x as Tensor, options),
    oracle: ([x], { offset = 0, dim1 = -2 }) => {
      // Only matrices in the last two dimensions, or in the first two of three.
      const [batch, n] = x!.shape as [number, number];
      const size = n + Math.abs(offset);
      const out = new Nd(dim1 === 0 ? [size, size, batch] : [batch, size, size]);
      forIndex(x!.shape, ([b, i], flat) => {
        const at = [i! + Math.max(0, -offset), i! + Math.max(0, offset)] as const;
        out.set(x!.data[flat]!, ...(dim1 === 0 ? [...at, b!] : [b!, ...at]));
      });
      return out;
    },
    samples: [
      { name: "batch", inputs: [{ shape: [2, 3] }], options: { offset: 1 } },
      { name: "other dimensions", inputs: [{ shape: [2, 3] }], options: { dim1: 0, dim2: 1 } },
    ],
  }),
  opCase<{ indexing?: "ij" | "xy" }>({
    name: "meshgrid",
    ops: [],
    run: (xs, options) => F.meshgrid(xs as Tensor[], options),
    oracle: (xs, { indexing = "ij" }) => {
      const place = (k: number): number => (indexing === "xy" && k < 2 ? 1 - k : k);
      const shape = xs.map((_, d) => xs[place(d)]!.data.length);
      return xs.map((x, k) => {
        const out = new Nd(shape);
        forIndex(shape, (index, flat) => {
          out.data[flat] = x!.data[index[place(k)]!]!;
        });
        return out;
      });
    },
    samples: [
      { name: "three", inputs: [{ shape: [2] }, { shape: [3] }, { shape: [4] }], options: {} },
      { name: "xy", inputs: [{ shape: [2] }, { shape: [3] }], options: { indexing: "xy" } },
    ],
    errors: [
      { name: "a matrix", inputs: [{ shape: [2, 2] }, { shape: [3] }], options: {}, message: ["meshgrid", "2, 2"] },
    ],
  }),
  opCase<unknown>({
    name: "broadcastTensors",
    ops: [],
    run: (xs) => F.broadcastTensors(xs as Tensor[]),
    oracle: ([a, b]) => [gatherOracle(a!, [2, 3], ([i]) => [i!, 0]), gatherOracle(b!, [2, 3], ([, j]) => [j!])],
    samples: [{ name: "column and row", inputs: [{ shape: [2, 1] }, { shape: [3] }] }],
    errors: [
      { name: "no common shape", inputs: [{ shape: [2] }, { shape: [3] }], message: ["broadcastTensors", "2", "3"] },
    ],
  }),
];
