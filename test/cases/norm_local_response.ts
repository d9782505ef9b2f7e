import { functional as F, type Tensor } from "../../src/node.js";
import { forIndex, Nd } from "../support/nd.js";
import { opCase } from "../support/op-case.js";

interface Options {
  size: number;
  alpha?: number;
  beta?: number;
  k?: number;
}

export const cases = [
  opCase<Options>({
    name: "localResponseNorm",
    ops: ["local_response_norm", "local_response_norm_grad"],
    run: ([x], options) => F.localResponseNorm(x as Tensor, options),
    oracle: ([x], { size, alpha = 1e-4, beta = 0.75, k = 1 }) => {
      const out = new Nd(x!.shape);
      forIndex(x!.shape, (index, flat) => {
        const [n, c, ...place] = index as [number, number, ...number[]];
        let sum = 0;
        for (let w = c - Math.floor(size / 2); w <= c + Math.floor((size - 1) / 2); w++) {
          if (w >= 0 && w < x!.shape[1]!) sum += x!.get(n, w, ...place) ** 2;
        }
        out.data[flat] = x!.data[flat]! / (k + (alpha / size) * sum) ** beta;
      });
      return out;
    },
    samples: [
      { name: "defaults", inputs: [{ shape: [2, 7, 3, 3] }], options: { size: 5 } },
      { name: "an even size", inputs: [{ shape: [1, 5, 6] }], options: { size: 4, alpha: 2 } },
      { name: "more neighbours than channels", inputs: [{ shape: [2, 3, 4] }], options: { size: 9, alpha: 1 } },
      { name: "one neighbour", inputs: [{ shape: [1, 3, 5] }], options: { size: 1, alpha: 1, k: 2 } },
      { name: "a square root", inputs: [{ shape: [1, 4, 5] }], options: { size: 3, alpha: 1, beta: 0.5 } },
      { name: "no root", inputs: [{ shape: [1, 4, 5] }], options: { size: 3, alpha: 1, beta: 1 } },
      { name: "any other power", inputs: [{ shape: [1, 4, 5] }], options: { size: 3, alpha: 3, beta: 1.7, k: 0.5 } },
      { name: "one position", inputs: [{ shape: [2, 3, 1] }], options: { size: 3, alpha: 1 } },
      { name: "no position", inputs: [{ shape: [2, 3, 0] }], options: { size: 3 } },
      {
        name: "NaN reaches its neighbours, infinity too",
        inputs: [{ shape: [1, 4, 2], values: [1, 2, NaN, 3, 1, Infinity, 2, 2] }],
        options: { size: 3 },
        forwardOnly: true,
      },
    ],
    errors: [
      { name: "no space", inputs: [{ shape: [2, 3] }], options: { size: 2 }, message: ["LocalResponseNorm", "[2, 3]"] },
      { name: "no neighbour", inputs: [{ shape: [2, 3, 4] }], options: { size: 0 }, message: ["size", "0"] },
    ],
    bench: [
      { name: "[8, 96, 27, 27]", inputs: [{ shape: [8, 96, 27, 27] }], options: { size: 5 }, bytes: 8 * 8 * 96 * 729 },
    ],
  }),
];
