import { functional as F, type Tensor } from "../../src/node.js";
import { opCase } from "../support/op-case.js";

export const cases = [
  opCase<unknown>({
    name: "relu",
    ops: ["relu", "relu_grad"],
    run: ([x]) => F.relu(x as Tensor),
    oracle: ([x]) => x!.map((v) => Math.max(v, 0)),
    samples: [
      { name: "tail", inputs: [{ shape: [3, 7] }] },
      { name: "one element", inputs: [{ shape: [1] }] },
      { name: "empty", inputs: [{ shape: [0] }] },
      {
        name: "NaN and infinities",
        inputs: [{ shape: [5], values: [NaN, Infinity, -Infinity, 0, -1] }],
        forwardOnly: true,
      },
    ],
    bench: [{ name: "1M", inputs: [{ shape: [1 << 20] }], bytes: 8 << 20 }],
  }),
];
