import { functional as F, type Tensor } from "../../src/node.js";
import { forIndex, Nd } from "../support/nd.js";
import { opCase } from "../support/op-case.js";

export const cases = [
  opCase<{ dim: number }>({
    name: "cumprod",
    ops: ["cumprod", "cumprod_grad"],
    run: ([x], options) => F.cumprod(x as Tensor, options),
    oracle: ([x], { dim }) => {
      const d = (dim + x!.shape.length) % x!.shape.length;
      const out = new Nd(x!.shape);
      forIndex(x!.shape, (index, flat) => {
        const before = index[d] === 0 ? 1 : out.get(...index.map((i, k) => (k === d ? i - 1 : i)));
        out.data[flat] = before * x!.data[flat]!;
      });
      return out;
    },
    samples: [
      { name: "rows", inputs: [{ shape: [3, 5], low: 0.5, high: 2 }], options: { dim: 1 } },
      { name: "columns", inputs: [{ shape: [4, 3] }], options: { dim: 0 } },
      { name: "middle", inputs: [{ shape: [2, 3, 2] }], options: { dim: -2 } },
      { name: "one zero", inputs: [{ shape: [4], values: [2, 0, 3, 4] }], options: { dim: 0 } },
      { name: "two zeros", inputs: [{ shape: [4], values: [0, 2, 0, 4] }], options: { dim: 0 } },
      { name: "nothing", inputs: [{ shape: [2, 0] }], options: { dim: 1 } },
    ],
    errors: [
      { name: "int32", inputs: [{ shape: [2], dtype: "int32" }], options: { dim: 0 }, message: ["cumprod", "int32"] },
      { name: "no such dim", inputs: [{ shape: [2] }], options: { dim: 1 }, message: ["cumprod", "dim"] },
    ],
    bench: [
      { name: "1M", inputs: [{ shape: [1024, 1024], low: 0.9, high: 1.1 }], options: { dim: 1 }, bytes: 8 << 20 },
    ],
  }),
];
