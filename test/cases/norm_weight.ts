import { functional as F, type Tensor } from "../../src/node.js";
import { forIndex, Nd } from "../support/nd.js";
import { opCase } from "../support/op-case.js";

/** Σ |x|^p to the power 1 / p over all elements that `key` puts together. */
function norms(x: Nd, p: number, key: (index: number[]) => number): Map<number, number> {
  const sums = new Map<number, number>();
  forIndex(x.shape, (index, flat) => {
    const k = key(index);
    sums.set(k, (sums.get(k) ?? 0) + Math.abs(x.data[flat]!) ** p);
  });
  return new Map([...sums].map(([k, s]) => [k, s ** (1 / p)]));
}

export const cases = [
  opCase<{ dim?: number | null }>({
    name: "weightNorm",
    ops: [],
    run: ([v, g], options) => F.weightNorm(v as Tensor, g as Tensor, options),
    oracle: ([v, g], { dim = 0 }) => {
      const rank = v!.shape.length;
      const key = (index: number[]): number => (dim === null ? 0 : index[(dim + rank) % rank]!);
      const lengths = norms(v!, 2, key);
      const out = new Nd(v!.shape);
      forIndex(v!.shape, (index, flat) => {
        out.data[flat] = (g!.data[key(index)]! * v!.data[flat]!) / lengths.get(key(index))!;
      });
      return out;
    },
    samples: [
      { name: "rows of a matrix", inputs: [{ shape: [3, 5] }, { shape: [3, 1] }], options: {} },
      { name: "output channels", inputs: [{ shape: [4, 2, 3, 3] }, { shape: [4, 1, 1, 1] }], options: { dim: 0 } },
      { name: "a middle dimension", inputs: [{ shape: [2, 3, 4] }, { shape: [1, 3, 1] }], options: { dim: 1 } },
      { name: "the last dimension", inputs: [{ shape: [2, 3] }, { shape: [1, 3] }], options: { dim: -1 } },
      { name: "one length in all", inputs: [{ shape: [3, 4] }, { shape: [] }], options: { dim: null } },
    ],
    errors: [
      {
        name: "lengths of another shape",
        inputs: [{ shape: [3, 5] }, { shape: [3] }],
        options: {},
        message: ["weightNorm", "[3]", "[3, 1]"],
      },
      {
        name: "no such dimension",
        inputs: [{ shape: [3] }, { shape: [3] }],
        options: { dim: 2 },
        message: ["weightNorm", "dim"],
      },
    ],
    bench: [
      { name: "[256, 2304]", inputs: [{ shape: [256, 2304] }, { shape: [256, 1] }], options: {}, bytes: 4718592 },
    ],
  }),
  opCase<{ p?: number; dim?: number | number[]; eps?: number }>({
    name: "normalize",
    ops: [],
    run: ([x], options) => F.normalize(x as Tensor, options),
    oracle: ([x], { p = 2, dim = 1, eps = 1e-12 }) => {
      const rank = x!.shape.length;
      const dims = [dim].flat().map((d) => (d + rank) % rank);
      const key = (index: number[]): number =>
        index.reduce((k, i, d) => k * x!.shape[d]! + (dims.includes(d) ? 0 : i), 0);
      const lengths = norms(x!, p, key);
      const out = new Nd(x!.shape);
      forIndex(x!.shape, (index, flat) => {
        out.data[flat] = x!.data[flat]! / Math.max(lengths.get(key(index))!, eps);
      });
      return out;
    },
    samples: [
      { name: "rows", inputs: [{ shape: [3, 5] }], options: {} },
      { name: "columns", inputs: [{ shape: [3, 5] }], options: { dim: 0 } },
      { name: "a plane", inputs: [{ shape: [2, 3, 4] }], options: { dim: [-1, 0] } },
      { name: "sums of magnitudes", inputs: [{ shape: [3, 5], low: 0.1 }], options: { p: 1 } },
      { name: "cubes", inputs: [{ shape: [3, 5], low: 0.1 }], options: { p: 3 } },
      { name: "shorter than eps", inputs: [{ shape: [2, 3], low: -0.1, high: 0.1 }], options: { eps: 0.5 } },
      { name: "a zero vector", inputs: [{ shape: [1, 3], values: [0, 0, 0] }], options: { eps: 0.1 } },
    ],
    errors: [
      { name: "no such dimension", inputs: [{ shape: [3] }], options: {}, message: ["normalize", "dim is 1"] },
      { name: "p of 0", inputs: [{ shape: [3, 2] }], options: { p: 0 }, message: ["normalize", "p is 0"] },
      { name: "int32", inputs: [{ shape: [3, 2], dtype: "int32" }], options: {}, message: ["normalize", "int32"] },
    ],
    bench: [{ name: "[4096, 256]", inputs: [{ shape: [4096, 256] }], options: {}, bytes: 8 * 4096 * 256 }],
  }),
];
