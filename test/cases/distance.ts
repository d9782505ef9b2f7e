import { functional as F, type Tensor } from "../../src/node.js";
import { forIndex, Nd } from "../support/nd.js";
import { opCase } from "../support/op-case.js";
import { broadcastGet, broadcastShape } from "./mask.js";

export const cases = [
  opCase<{ dim?: number; eps?: number }>({
    name: "cosineSimilarity",
    ops: [],
    run: ([a, b], options) => F.cosineSimilarity(a as Tensor, b as Tensor, options),
    oracle: ([a, b], { dim = 1, eps = 1e-8 }) => {
      const shape = broadcastShape(a!.shape, b!.shape);
      const d = (dim + shape.length) % shape.length;
      const out = new Nd(shape.filter((_, k) => k !== d));
      const [dot, left, right] = [new Nd(out.shape), new Nd(out.shape), new Nd(out.shape)];
      forIndex(shape, (index) => {
        const to = out.at(...index.filter((_, k) => k !== d));
        const [x, y] = [broadcastGet(a!, index), broadcastGet(b!, index)];
        dot.data[to] = dot.data[to]! + x * y;
        left.data[to] = left.data[to]! + x * x;
        right.data[to] = right.data[to]! + y * y;
      });
      return dot.map((v, i) => v / Math.max(Math.sqrt(left.data[i]! * right.data[i]!), eps));
    },
    samples: [
      { name: "rows", inputs: [{ shape: [3, 5] }, { shape: [3, 5] }], options: {} },
      { name: "first dimension", inputs: [{ shape: [4, 3] }, { shape: [4, 3] }], options: { dim: 0 } },
      { name: "one against many", inputs: [{ shape: [1, 5] }, { shape: [3, 5] }], options: { dim: -1 } },
      {
        name: "shorter than eps",
        inputs: [{ shape: [1, 2], values: [1e-3, 0] }, { shape: [1, 2] }],
        options: { eps: 0.5 },
      },
      {
        name: "a zero vector",
        inputs: [{ shape: [1, 3], values: [0, 0, 0] }, { shape: [1, 3] }],
        options: {},
        forwardOnly: true,
      },
    ],
    errors: [
      {
        name: "other sizes",
        inputs: [{ shape: [2, 3] }, { shape: [2, 4] }],
        options: {},
        message: ["CosineSimilarity", "3", "4"],
      },
    ],
  }),
];
