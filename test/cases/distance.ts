import { functional as F, type Tensor } from "../../src/node.js";
import { forIndex, Nd } from "../support/nd.js";
import { opCase } from "../support/op-case.js";
import { broadcastGet, broadcastShape } from "./mask.js";

const distance = (differences: number[], p: number): number =>
  differences.reduce((s, v) => s + Math.abs(v) ** p, 0) ** (1 / p);

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
      return dot.map((v, i) => v / Math.max(Math.sqrt(left.data[i]!), eps) / Math.max(Math.sqrt(right.data[i]!), eps));
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
  opCase<{ p?: number; eps?: number; keepdim?: boolean }>({
    name: "pairwiseDistance",
    ops: [],
    run: ([a, b], options) => F.pairwiseDistance(a as Tensor, b as Tensor, options),
    oracle: ([a, b], { p = 2, eps = 1e-6, keepdim }) => {
      const shape = broadcastShape(a!.shape, b!.shape);
      const lead = shape.slice(0, -1);
      const out = new Nd(keepdim ? [...lead, 1] : lead);
      forIndex(lead, (index, flat) => {
        out.data[flat] = distance(
          Array.from({ length: shape.at(-1)! }, (_, k) => {
            const at = [...index, k];
            return broadcastGet(a!, at) - broadcastGet(b!, at) + eps;
          }),
          p,
        );
      });
      return out;
    },
    samples: [
      { name: "rows", inputs: [{ shape: [3, 5] }, { shape: [3, 5] }], options: {} },
      {
        name: "one against many, p 1",
        inputs: [{ shape: [1, 4] }, { shape: [3, 4] }],
        options: { p: 1, keepdim: true },
      },
      { name: "p 3", inputs: [{ shape: [2, 4] }, { shape: [2, 4] }], options: { p: 3 } },
    ],
    errors: [
      {
        name: "other sizes",
        inputs: [{ shape: [2, 3] }, { shape: [2, 4] }],
        options: {},
        message: ["PairwiseDistance", "3", "4"],
      },
    ],
  }),
  opCase<{ p?: number }>({
    name: "cdist",
    ops: [],
    run: ([a, b], options) => F.cdist(a as Tensor, b as Tensor, options),
    oracle: ([a, b], { p = 2 }) => {
      const m = a!.shape.at(-1)!;
      const out = new Nd([...a!.shape.slice(0, -1), b!.shape.at(-2)!]);
      forIndex(out.shape, (index, flat) => {
        const [i, j] = index.slice(-2) as [number, number];
        const lead = index.slice(0, -2);
        const differences = Array.from({ length: m }, (_, k) => a!.get(...lead, i, k) - b!.get(...lead, j, k));
        out.data[flat] = distance(differences, p);
      });
      return out;
    },
    samples: [
      { name: "two sets", inputs: [{ shape: [3, 4] }, { shape: [5, 4] }], options: {} },
      { name: "batch, p 1", inputs: [{ shape: [2, 2, 3] }, { shape: [2, 4, 3] }], options: { p: 1 } },
    ],
    errors: [
      {
        name: "other widths",
        inputs: [{ shape: [2, 3] }, { shape: [2, 4] }],
        options: {},
        message: ["cdist", "[2, 3]", "[2, 4]"],
      },
    ],
  }),
];
