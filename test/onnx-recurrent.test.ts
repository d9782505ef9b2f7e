import { describe, expect, test } from "vitest";
import { functional as F, nn, setBackend, Tensor } from "../src/node.js";
import { recurrentLayers } from "../src/onnx/ops/recurrent.js";
import { expectClose } from "./support/compare.js";
import { Nd } from "./support/nd.js";
import { type AttributeValue, gradientError, ints, runNode, sample } from "./support/onnx.js";

const TOLERANCE = { rtol: 1e-4, atol: 1e-5 };
const [T, N, I, H] = [5, 3, 4, 6];

type Op = "RNN" | "GRU" | "LSTM";
type Layer = nn.RNN | nn.GRU | nn.LSTM;

/** For each gate in ONNX's order, its place in PyTorch's. */
const PLACES: Readonly<Record<Op, readonly number[]>> = { RNN: [0], GRU: [1, 0, 2], LSTM: [0, 3, 1, 2] };

const ndOf = (t: Tensor): Nd => new Nd(t.shape, t.data());

/** W, R and B of a node from the parameters of a layer. */
function operands(op: Op, layer: Layer): Tensor[] {
  const suffixes = layer.bidirectional ? (["L0", "L0Reverse"] as const) : (["L0"] as const);
  const reordered = (t: Tensor): Tensor => F.cat(PLACES[op].map((k) => t.narrow(0, k * H, H)));
  return [
    F.stack(suffixes.map((s) => reordered(layer[`weightIh${s}`]!))),
    F.stack(suffixes.map((s) => reordered(layer[`weightHh${s}`]!))),
    F.stack(suffixes.map((s) => F.cat([reordered(layer[`biasIh${s}`]!), reordered(layer[`biasHh${s}`]!)]))),
  ];
}

/** A layer in PyTorch's form, and the attributes of the node that computes the same. */
const ROWS: readonly (readonly [
  name: string,
  op: Op,
  make: () => Layer,
  attributes: Readonly<Record<string, AttributeValue>>,
])[] = [
  ["RNN", "RNN", () => new nn.RNN(I, H), {}],
  ["RNN with relu", "RNN", () => new nn.RNN(I, H, { nonlinearity: "relu" }), { activations: ["Relu"] }],
  ["GRU", "GRU", () => new nn.GRU(I, H), { linear_before_reset: 1 }],
  ["GRU that resets before", "GRU", () => new nn.GRU(I, H, { resetAfter: false }), {}],
  ["GRU in both directions", "GRU", () => new nn.GRU(I, H, { bidirectional: true }), { linear_before_reset: 1 }],
  ["LSTM", "LSTM", () => new nn.LSTM(I, H), { activations: ["sigmoid", "tanh", "tanh"] }],
  ["LSTM in both directions", "LSTM", () => new nn.LSTM(I, H, { bidirectional: true }), {}],
];

/** [T, D, N, H] as PyTorch has it: [T, N, D·H]. */
function joined(y: Tensor): Tensor {
  return y.permute(0, 2, 1, 3).reshape([T, N, -1]);
}

describe.each(["js", "wasm"] as const)("an ONNX layer on %s", (backend) => {
  test.each(ROWS)("computes what PyTorch's does: %s", (name, op, make, given) => {
    setBackend(backend);
    const layer = make();
    const directions = layer.bidirectional ? 2 : 1;
    const attributes = { hidden_size: H, ...given, ...(directions === 2 ? { direction: "bidirectional" } : {}) };
    const x = sample("x", T, N, I);
    const states = ["h", "c"].slice(0, op === "LSTM" ? 2 : 1).map((s) => sample(s, directions, N, H));
    for (const lengths of [null, [3, 5, 1]]) {
      const options = lengths === null ? {} : { lengths };
      const [y, last] =
        layer instanceof nn.LSTM
          ? layer.forward(x, states as [Tensor, Tensor], options)
          : layer.forward(x, states[0]!, options);
      const want = [y, ...(last instanceof Tensor ? [last] : last)];
      const lens = lengths === null ? null : ints(lengths);
      const inputs = [x, ...operands(op, layer), lens, ...states];
      // A clip that never acts takes the way step by step.
      for (const more of [{}, { clip: 1e6 }]) {
        const got = runNode(recurrentLayers, op, inputs, { ...attributes, ...more }, { outputs: want.length });
        [joined(got[0]!), ...got.slice(1)].forEach((t, i) => {
          expectClose(`${name}, output ${i}`, t, ndOf(want[i]!), TOLERANCE);
        });
      }
    }
  });

  test.each(ROWS.filter(([name]) => !name.includes("relu")))("has gradients: %s", (_, op, make, attributes) => {
    setBackend(backend);
    const layer = make();
    const direction = layer.bidirectional ? "bidirectional" : "forward";
    const inputs = [sample("x", T, N, I), ...operands(op, layer).map((t) => t.detach())];
    for (const more of [{}, { clip: 1e6 }]) {
      const run = (...t: Tensor[]): Tensor =>
        runNode(recurrentLayers, op, t, { ...attributes, ...more, direction })[0]!;
      expect(gradientError(run, inputs)).toBeLessThan(5e-3);
    }
  });

  test("walks a sequence backwards, and takes the batch in front", () => {
    setBackend(backend);
    const layer = new nn.LSTM(I, H);
    const inputs = operands("LSTM", layer);
    const x = sample("x", T, N, I);
    const forward = runNode(recurrentLayers, "LSTM", [F.flip(x, { dims: 0 }), ...inputs], {}, { outputs: 3 });
    const attributes = { direction: "reverse", layout: 1 };
    const reverse = runNode(recurrentLayers, "LSTM", [x.transpose(0, 1), ...inputs], attributes, { outputs: 3 });
    const want = [
      F.flip(forward[0]!, { dims: 0 }).permute(2, 0, 1, 3),
      ...forward.slice(1).map((t) => t.transpose(0, 1)),
    ];
    want.forEach((t, i) => {
      expectClose(`output ${i}`, reverse[i]!, ndOf(t), TOLERANCE);
    });
  });

  test("clips, couples gates and hands α and β to the activations that have them", () => {
    setBackend(backend);
    const [x, w, r] = [sample("x", 1, 2, 3), sample("w", 1, 4 * 2, 3), sample("r", 1, 4 * 2, 2)];
    const attributes = {
      activations: ["HardSigmoid", "Softsign", "Affine"],
      activation_alpha: [0.3, 2],
      activation_beta: [0.4, -0.5],
      clip: 0.25,
      input_forget: 1,
    };
    const c0 = sample("c", 1, 2, 2);
    const [, h, c] = runNode(recurrentLayers, "LSTM", [x, w, r, null, null, null, c0], attributes, { outputs: 3 });
    const clip = (t: Tensor): Tensor => t.clamp(-0.25, 0.25);
    const gates = F.linear(x.select(0, 0), w.select(0, 0));
    const gate = (k: number): Tensor => clip(gates.narrow(1, 2 * k, 2));
    const hard = (t: Tensor): Tensor => t.mul(0.3).add(0.4).clamp(0, 1);
    const input = hard(gate(0));
    const cell = input
      .neg()
      .add(1)
      .mul(c0.select(0, 0))
      .add(input.mul(F.softsign(gate(3))));
    expectClose("cell", c!.select(0, 0), ndOf(cell), TOLERANCE);
    const output = hard(gate(1)).mul(clip(cell).mul(2).sub(0.5));
    expectClose("hidden", h!.select(0, 0), ndOf(output), TOLERANCE);
  });

  test("refuses what does not fit", () => {
    const inputs = [sample("x", T, N, I), ...operands("GRU", new nn.GRU(I, H))];
    const run =
      (attributes: Record<string, AttributeValue>, more: (Tensor | null)[] = []) =>
      () =>
        runNode(recurrentLayers, "GRU", [...inputs, ...more], attributes);
    expect(run({ direction: "bidirectional" })).toThrow("W is [1, 18, 4]; expected [2, 3·hidden_size, …]");
    expect(run({ hidden_size: 5 })).toThrow("hidden_size is 5");
    expect(run({ activations: ["Sigmoid", "Sine"] })).toThrow('activation "Sine" is unknown');
    expect(run({ activations: ["Tanh"] })).toThrow("expected 2 of them");
    expect(run({}, [ints([1, 2, 6])])).toThrow("sequence_lens is [1, 2, 6]; expected 3 lengths from 1 to 5");
  });
});
