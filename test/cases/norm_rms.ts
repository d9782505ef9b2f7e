import { functional as F, type Tensor } from "../../src/node.js";
import { Nd } from "../support/nd.js";
import { type InputSpec, opCase } from "../support/op-case.js";

interface Options {
  normalizedShape: number | number[];
  eps?: number | null;
  epsOutside?: boolean;
}

const x = (...shape: number[]): InputSpec => ({ shape, low: -1, high: 2 });
const weight = (...shape: number[]): InputSpec => ({ shape, low: 0.5, high: 1.5 });

export const cases = [
  opCase<Options>({
    name: "rmsNorm",
    ops: ["rms_norm", "rms_norm_grad"],
    run: ([x, weight], options) => F.rmsNorm(x as Tensor, weight!, options),
    oracle: ([x, weight], { normalizedShape, eps, epsOutside }) => {
      const n = [normalizedShape].flat().reduce((product, s) => product * s, 1);
      const out = new Nd(x!.shape);
      for (let start = 0; start < out.data.length; start += n) {
        const square = x!.data.subarray(start, start + n).reduce((s, v) => s + v * v, 0) / n;
        const e = eps ?? 2 ** -23;
        const scale = epsOutside ? 1 / (Math.sqrt(square) + e) : 1 / Math.sqrt(square + e);
        for (let i = 0; i < n; i++) out.data[start + i] = x!.data[start + i]! * scale * (weight?.data[i] ?? 1);
      }
      return out;
    },
    samples: [
      { name: "rows, vector tail", inputs: [x(3, 7), weight(7)], options: { normalizedShape: 7 } },
      { name: "rows of two dimensions", inputs: [x(2, 4, 5), weight(4, 5)], options: { normalizedShape: [4, 5] } },
      { name: "eps", inputs: [x(2, 17), weight(17)], options: { normalizedShape: 17, eps: 0.3 } },
      {
        name: "eps outside the root",
        inputs: [x(3, 9), weight(9)],
        options: { normalizedShape: 9, eps: 0.3, epsOutside: true },
      },
      { name: "one element", inputs: [x(3, 1), weight(1)], options: { normalizedShape: 1, eps: 0.1 } },
      { name: "without weight", inputs: [x(3, 18), null], options: { normalizedShape: 18 } },
      { name: "more than a block of rows", inputs: [x(67, 5), weight(5)], options: { normalizedShape: 5 } },
      { name: "no row", inputs: [x(0, 4), weight(4)], options: { normalizedShape: 4 } },
      { name: "rows of nothing", inputs: [x(3, 0), weight(0)], options: { normalizedShape: 0 } },
      {
        name: "rows longer than a block",
        inputs: [x(2, 4100), weight(4100)],
        options: { normalizedShape: 4100 },
        forwardOnly: true,
      },
      {
        name: "NaN and infinity stay in their row",
        inputs: [{ shape: [3, 2], values: [1, Infinity, NaN, 3, 4, 2] }, null],
        options: { normalizedShape: 2 },
        forwardOnly: true,
      },
    ],
    errors: [
      {
        name: "another trailing size",
        inputs: [x(2, 5), null],
        options: { normalizedShape: 7 },
        message: ["RMSNorm", "[2, 5]", "[7]"],
      },
      {
        name: "weight of another shape",
        inputs: [x(2, 5), weight(4)],
        options: { normalizedShape: 5 },
        message: ["RMSNorm", "weight", "[4]", "[5]"],
      },
    ],
    bench: [
      {
        name: "[512, 768]",
        inputs: [x(512, 768), weight(768)],
        options: { normalizedShape: 768 },
        bytes: 8 * 512 * 768,
      },
    ],
  }),
];
