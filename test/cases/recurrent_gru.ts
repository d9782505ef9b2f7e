import type { Tensor } from "../../src/node.js";
import { gruLayer } from "../../src/ops/recurrent_gru.js";
import type { Nd } from "../support/nd.js";
import { opCase } from "../support/op-case.js";
import {
  attrsOf,
  dot,
  even,
  GRID,
  type LayerOptions,
  layerInputs,
  RAGGED,
  type Shape,
  sigmoid,
  walkRows,
  weightsOf,
} from "../support/recurrent.js";

const all = (shape: Omit<Shape, "gates">, state = true) => [
  ...layerInputs({ ...shape, gates: 3 }),
  state ? { shape: [shape.batch, shape.hidden] } : null,
];

/** n from the input's part, the state, and the reset gate of each unit. */
type Candidate = (share: number, j: number, h: Float64Array, r: readonly number[]) => number;

function oracle(
  [x, wi, wh, bi, bh, h0]: readonly (Nd | null)[],
  options: LayerOptions,
  candidate: (wh: Nd, bh: Nd | null) => Candidate,
): Nd[] {
  const hidden = wh!.shape[1]!;
  const n = candidate(wh!, bh ?? null);
  return walkRows(x!, options, [{ from: h0 ?? null, size: hidden }], (input, states) => {
    const h = states[0]!;
    const share = (k: number, j: number): number => dot(wi!, k * hidden + j, input, bi ?? null);
    const gate = (k: number): number[] =>
      Array.from(h, (_, j) => sigmoid(share(k, j) + dot(wh!, k * hidden + j, h, bh ?? null)));
    const [r, z] = [gate(0), gate(1)];
    states[0] = h.map((v, j) => {
      const fresh = n(share(2, j), j, h, r);
      return (1 - z[j]!) * fresh + z[j]! * v;
    });
    return states[0];
  });
}

const samples = [
  ...GRID.map((shape) => ({ name: shape.name, inputs: all(shape), options: shape })),
  { name: "different lengths", inputs: all(RAGGED), options: RAGGED },
  { name: "backwards", inputs: all(GRID[5]), options: { ...GRID[5], reverse: true } },
  { name: "different lengths, backwards", inputs: all(RAGGED), options: { ...RAGGED, reverse: true } },
  { name: "neither bias nor state", inputs: all({ ...RAGGED, bias: false }, false), options: RAGGED },
  {
    name: "two blocks of depth",
    inputs: all({ features: 2, hidden: 200, bound: 0.1, ...even(4, 6) }),
    options: even(4, 6),
    forwardOnly: true,
  },
  {
    name: "NaN and infinity",
    inputs: [
      { shape: [2, 1], values: [NaN, Infinity] },
      { shape: [3, 1], values: [1, 1, 1] },
      { shape: [3, 1], values: [0, 0, 0] },
      ...new Array<null>(3).fill(null),
    ],
    options: even(1, 2),
    forwardOnly: true,
  },
];

const errors = [
  {
    name: "a state of another size",
    inputs: [...all(GRID[2], false).slice(0, 5), { shape: [3, 4] }],
    options: GRID[2],
    message: ["GRU", "initial state", "[3, 4]", "[2, 4]"],
  },
  {
    name: "a bias of another size",
    inputs: [...all({ ...GRID[2], bias: false }, false).slice(0, 3), { shape: [4] }, { shape: [4] }, null],
    options: GRID[2],
    message: ["GRU", "bias", "[4]", "[12]"],
  },
];

const bench = [1, 16].map((batch) => ({
  name: `T 64, N ${batch}, 128 → 256`,
  inputs: all({ features: 128, hidden: 256, bound: 1 / 16, ...even(64, batch) }, false),
  options: even(64, batch),
  flops: 6 * 64 * batch * 256 * 384,
}));

const run =
  (resetAfter: boolean) =>
  (inputs: readonly (Tensor | null)[], options: LayerOptions): readonly Tensor[] =>
    gruLayer(inputs[0]!, weightsOf(inputs), inputs[5] ?? null, { ...attrsOf("GRU", options), resetAfter });

export const cases = [
  opCase<LayerOptions>({
    name: "gru",
    ops: ["gru", "gru_grad"],
    run: run(true),
    oracle: (inputs, options) =>
      oracle(
        inputs,
        options,
        (wh, bh) => (share, j, h, r) => Math.tanh(share + r[j]! * dot(wh, 2 * h.length + j, h, bh)),
      ),
    samples,
    errors,
    bench,
  }),
  opCase<LayerOptions>({
    name: "gru with the reset gate before the product",
    ops: ["gru_classic", "gru_classic_grad"],
    run: run(false),
    oracle: (inputs, options) =>
      oracle(inputs, options, (wh, bh) => (share, j, h, r) => {
        const reset = h.map((v, i) => v * r[i]!);
        return Math.tanh(share + dot(wh, 2 * h.length + j, reset, bh));
      }),
    samples,
    errors,
    bench,
  }),
];
