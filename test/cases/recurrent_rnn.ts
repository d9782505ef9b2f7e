import type { Tensor } from "../../src/node.js";
import { rnnLayer } from "../../src/ops/recurrent_rnn.js";
import { opCase } from "../support/op-case.js";
import {
  attrsOf,
  dot,
  even,
  GRID,
  type LayerOptions,
  layerInputs,
  RAGGED,
  walkRows,
  weightsOf,
} from "../support/recurrent.js";

interface Options extends LayerOptions {
  relu?: boolean;
}

const all = (shape: (typeof GRID)[number] | typeof RAGGED) => [
  ...layerInputs({ ...shape, gates: 1 }),
  { shape: [shape.batch, shape.hidden] },
];

export const cases = [
  opCase<Options>({
    name: "rnn",
    ops: ["rnn", "rnn_grad"],
    run: (inputs, options) => {
      const attrs = { ...attrsOf("RNN", options), relu: options.relu ?? false };
      return rnnLayer(inputs[0] as Tensor, weightsOf(inputs), inputs[5] ?? null, attrs);
    },
    oracle: ([x, wi, wh, bi, bh, h0], options) => {
      const hidden = wh!.shape[0]!;
      const act = options.relu ? (v: number): number => Math.max(v, 0) : Math.tanh;
      return walkRows(x!, options, [{ from: h0 ?? null, size: hidden }], (input, states) => {
        const h = states[0]!;
        states[0] = h.map((_, j) => act(dot(wi!, j, input, bi ?? null) + dot(wh!, j, h, bh ?? null)));
        return states[0];
      });
    },
    samples: [
      ...GRID.map((shape) => ({ name: shape.name, inputs: all(shape), options: shape })),
      ...[RAGGED, GRID[4]].flatMap((shape) => [
        { name: `${shape.name}, relu`, inputs: all(shape), options: { ...shape, relu: true } },
        { name: `${shape.name}, backwards`, inputs: all(shape), options: { ...shape, reverse: true } },
      ]),
      {
        name: "neither bias nor state",
        inputs: [...layerInputs({ ...RAGGED, gates: 1, bias: false }), null],
        options: RAGGED,
      },
      {
        name: "NaN and infinity",
        inputs: [
          { shape: [2, 1], values: [NaN, -Infinity] },
          { shape: [1, 1], values: [1] },
          { shape: [1, 1], values: [0] },
          null,
          null,
          null,
        ],
        options: even(1, 2),
        forwardOnly: true,
      },
    ],
    errors: [
      {
        name: "a state of another size",
        inputs: [...layerInputs({ ...GRID[2], gates: 1 }), { shape: [2, 5] }],
        options: GRID[2],
        message: ["RNN", "initial state", "[2, 5]", "[2, 4]"],
      },
      {
        name: "weights for other features",
        inputs: [{ shape: [10, 3] }, { shape: [4, 2] }, { shape: [4, 4] }, null, null, null],
        options: GRID[2],
        message: ["RNN", "[10, 3]", "[10, 2]"],
      },
      {
        name: "int32",
        inputs: [{ shape: [10, 3], dtype: "int32" }, { shape: [4, 3] }, { shape: [4, 4] }, null, null, null],
        options: GRID[2],
        message: ["RNN", "int32"],
      },
    ],
    bench: [
      {
        name: "T 64, N 16, 128 → 256",
        inputs: [...layerInputs({ features: 128, hidden: 256, bound: 1 / 16, ...even(64, 16), gates: 1 }), null],
        options: even(64, 16),
        flops: 2 * 64 * 16 * 256 * 384,
      },
    ],
  }),
];
