import { functional as F, type Tensor } from "../../src/node.js";
import { forIndex, Nd } from "../support/nd.js";
import { opCase } from "../support/op-case.js";

const bool = (shape: number[], values?: number[]) => ({ shape, dtype: "bool" as const, ...(values && { values }) });

/** The value of a tensor at an index of a shape that it broadcasts to. */
export function broadcastGet(x: Nd, index: readonly number[]): number {
  return x.get(...index.slice(index.length - x.shape.length).map((i, d) => (x.shape[d] === 1 ? 0 : i)));
}

export function broadcastShape(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, d) => {
    const [m, n] = [a[d - rank + a.length] ?? 1, b[d - rank + b.length] ?? 1];
    return m === 1 ? n : m;
  });
}

export const cases = [
  opCase<{ value: number }>({
    name: "maskedFill",
    ops: ["maskedFill"],
    run: ([x, mask], options) => F.maskedFill(x as Tensor, mask as Tensor, options),
    oracle: ([x, mask], { value }) => {
      const out = new Nd(broadcastShape(x!.shape, mask!.shape));
      forIndex(out.shape, (index, flat) => {
        out.data[flat] = broadcastGet(mask!, index) ? value : broadcastGet(x!, index);
      });
      return out;
    },
    samples: [
      { name: "same shape with tail", inputs: [{ shape: [3, 7] }, bool([3, 7])], options: { value: 2.5 } },
      {
        name: "one mask for a batch of heads",
        inputs: [{ shape: [2, 3, 4, 5] }, bool([4, 5])],
        options: { value: -1 },
      },
      { name: "one mask row a batch entry", inputs: [{ shape: [2, 3, 5] }, bool([2, 1, 5])], options: { value: 0 } },
      { name: "mask constant along rows", inputs: [{ shape: [4, 6] }, bool([4, 1])], options: { value: 1 } },
      { name: "input smaller than mask", inputs: [{ shape: [5] }, bool([3, 5])], options: { value: 1 } },
      { name: "scalar mask", inputs: [{ shape: [5] }, bool([], [1])], options: { value: 1 } },
      { name: "minus infinity", inputs: [{ shape: [9] }, bool([9])], options: { value: -Infinity }, forwardOnly: true },
      { name: "int32", inputs: [{ shape: [2, 9], dtype: "int32" }, bool([9])], options: { value: -3 } },
      { name: "bool", inputs: [bool([2, 9]), bool([2, 1])], options: { value: 1 } },
      { name: "empty", inputs: [{ shape: [0, 3] }, bool([3])], options: { value: 1 } },
    ],
    errors: [
      {
        name: "a float mask",
        inputs: [{ shape: [2] }, { shape: [2] }],
        options: { value: 0 },
        message: ["maskedFill", "bool"],
      },
      {
        name: "no common shape",
        inputs: [{ shape: [2] }, bool([3])],
        options: { value: 0 },
        message: ["maskedFill", "2", "3"],
      },
    ],
    bench: [
      {
        name: "causal mask of 8 heads of 512x512",
        inputs: [{ shape: [8, 512, 512] }, bool([512, 512])],
        options: { value: -Infinity },
        bytes: 18 << 20,
      },
    ],
  }),
  opCase<unknown>({
    name: "nonzero",
    ops: ["nonzero", "count_true"],
    run: ([x]) => F.nonzero(x as Tensor),
    oracle: ([x]) => {
      const found: number[][] = [];
      forIndex(x!.shape, (index, flat) => {
        if (x!.data[flat] !== 0) found.push([...index]);
      });
      return new Nd([found.length, x!.shape.length], found.flat());
    },
    samples: [
      {
        name: "floats, NaN among them",
        inputs: [{ shape: [2, 3], values: [0, 1, NaN, -0, 2, 0], grad: false }],
        forwardOnly: true,
      },
      { name: "mask of rank 3", inputs: [bool([3, 2, 5])] },
      { name: "int32", inputs: [{ shape: [17], dtype: "int32", high: 2 }] },
      { name: "nothing found", inputs: [bool([4], [0, 0, 0, 0])] },
      { name: "nothing to search", inputs: [bool([0, 2])] },
      { name: "a scalar", inputs: [bool([], [1])] },
    ],
    bench: [{ name: "half of 1M", inputs: [{ shape: [1024, 1024], dtype: "bool" }], bytes: 5 << 20 }],
  }),
];
