import type { Tensor } from "../../src/node.js";
import { lstmLayer } from "../../src/ops/recurrent_lstm.js";
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

/** x, the weights and biases, the projection, h0 and c0. */
const all = (shape: Omit<Shape, "gates">, states = true) => {
  const { hidden, batch, size = hidden } = shape;
  return [
    ...layerInputs({ ...shape, gates: 4 }),
    size === hidden ? null : { shape: [size, hidden] },
    states ? { shape: [batch, size] } : null,
    states ? { shape: [batch, hidden] } : null,
  ];
};

export const cases = [
  opCase<LayerOptions>({
    name: "lstm",
    ops: ["lstm", "lstm_grad"],
    run: (inputs, options) => {
      const weights = weightsOf(inputs, inputs[5] ?? null);
      return lstmLayer(inputs[0] as Tensor, weights, inputs[6] ?? null, inputs[7] ?? null, attrsOf("LSTM", options));
    },
    oracle: ([x, wi, wh, bi, bh, wr, h0, c0], options) => {
      const hidden = wh!.shape[0]! / 4;
      const starts = [
        { from: h0 ?? null, size: wh!.shape[1]! },
        { from: c0 ?? null, size: hidden },
      ];
      return walkRows(x!, options, starts, (input, states) => {
        const [h, c] = states as [Float64Array, Float64Array];
        const gate = (k: number, j: number): number =>
          dot(wi!, k * hidden + j, input, bi ?? null) + dot(wh!, k * hidden + j, h, bh ?? null);
        const next = c.map((v, j) => sigmoid(gate(1, j)) * v + sigmoid(gate(0, j)) * Math.tanh(gate(2, j)));
        const full = next.map((v, j) => sigmoid(gate(3, j)) * Math.tanh(v));
        states[1] = next;
        states[0] = wr ? h.map((_, q) => dot(wr, q, full, null)) : full;
        return states[0];
      });
    },
    samples: [
      ...GRID.map((shape) => ({ name: shape.name, inputs: all(shape), options: shape })),
      { name: "different lengths", inputs: all(RAGGED), options: RAGGED },
      { name: "backwards", inputs: all(GRID[5]), options: { ...GRID[5], reverse: true } },
      { name: "different lengths, backwards", inputs: all(RAGGED), options: { ...RAGGED, reverse: true } },
      { name: "neither bias nor state", inputs: all({ ...RAGGED, bias: false }, false), options: RAGGED },
      { name: "projected", inputs: all({ ...GRID[4], size: 3 }), options: GRID[4] },
      { name: "projected batch", inputs: all({ ...GRID[5], size: 6 }, false), options: GRID[5] },
      {
        name: "projected, different lengths, backwards",
        inputs: all({ ...RAGGED, size: 1 }),
        options: { ...RAGGED, reverse: true },
      },
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
          { shape: [4, 1], values: [1, 1, 1, 1] },
          { shape: [4, 1], values: [0, 0, 0, 0] },
          ...new Array<null>(5).fill(null),
        ],
        options: even(1, 2),
        forwardOnly: true,
      },
    ],
    errors: [
      {
        name: "a cell state of another size",
        inputs: [...all(GRID[2], false).slice(0, 7), { shape: [2, 5] }],
        options: GRID[2],
        message: ["LSTM", "initial state", "[2, 5]", "[2, 4]"],
      },
      {
        name: "a projection of another size",
        inputs: [...layerInputs({ ...GRID[2], gates: 4, size: 2 }), { shape: [3, 4] }, null, null],
        options: GRID[2],
        message: ["LSTM", "projection", "[3, 4]", "[2, 4]"],
      },
      {
        name: "rows for fewer steps",
        inputs: all({ ...GRID[2], sizes: [2, 2] }, false),
        options: GRID[2],
        message: ["LSTM", "[4, 3]", "[10, 3]"],
      },
    ],
    bench: [1, 16].map((batch) => ({
      name: `T 64, N ${batch}, 128 → 256`,
      inputs: all({ features: 128, hidden: 256, bound: 1 / 16, ...even(64, batch) }, false),
      options: even(64, batch),
      flops: 8 * 64 * batch * 256 * 384,
    })),
  }),
];
