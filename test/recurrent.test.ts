import { afterEach, describe, expect, test } from "vitest";
import {
  functional as F,
  memory,
  nn,
  noGrad,
  QuadlaneError,
  randn,
  scope,
  setBackend,
  type Tensor,
  tensor,
} from "../src/node.js";

const BACKENDS = ["wasm", "js"] as const;

afterEach(() => setBackend("wasm"));

function expectSame(got: Tensor, want: Tensor, tolerance = 1e-5): void {
  expect(got.shape).toEqual(want.shape);
  const w = want.data();
  got.data().forEach((v, i) => {
    if (!(Math.abs(v - w[i]!) <= tolerance * (1 + Math.abs(w[i]!)))) {
      throw new Error(`element ${i} is ${v}; expected ${w[i]}`);
    }
  });
}

/** One part of the gates. */
const part = (gates: Tensor, k: number, hidden: number): Tensor => gates.narrow(1, k * hidden, hidden);

/** What the three layers have in common when they start from zeros. */
interface Layer extends nn.Module {
  forward(x: Tensor, state?: null, options?: nn.RecurrentForwardOptions): [y: Tensor, state: Tensor | nn.LstmState];
  forward(x: nn.utils.rnn.PackedSequence): [y: nn.utils.rnn.PackedSequence, state: Tensor | nn.LstmState];
}

type Step = (x: Tensor, h: Tensor, c: Tensor, w: (name: string) => Tensor) => [h: Tensor, c: Tensor];

/** The formulas of the docstrings, one plain op after the other. */
const STEPS: Record<string, { make: () => Layer; step: Step }> = {
  RNN: {
    make: () => new nn.RNN(6, 21),
    step: (x, h, c, w) => [
      F.linear(x, w("weight_ih"), w("bias_ih"))
        .add(F.linear(h, w("weight_hh"), w("bias_hh")))
        .tanh(),
      c,
    ],
  },
  LSTM: {
    make: () => new nn.LSTM(6, 21),
    step: (x, h, c, w) => {
      const gates = F.linear(x, w("weight_ih"), w("bias_ih")).add(F.linear(h, w("weight_hh"), w("bias_hh")));
      const next = part(gates, 1, 21)
        .sigmoid()
        .mul(c)
        .add(
          part(gates, 0, 21)
            .sigmoid()
            .mul(part(gates, 2, 21).tanh()),
        );
      return [part(gates, 3, 21).sigmoid().mul(next.tanh()), next];
    },
  },
  GRU: {
    make: () => new nn.GRU(6, 21),
    step: (x, h, c, w) => {
      const a = F.linear(x, w("weight_ih"), w("bias_ih"));
      const b = F.linear(h, w("weight_hh"), w("bias_hh"));
      const [r, z] = [0, 1].map((k) =>
        part(a, k, 21)
          .add(part(b, k, 21))
          .sigmoid(),
      );
      const n = part(a, 2, 21)
        .add(r!.mul(part(b, 2, 21)))
        .tanh();
      return [n.add(z!.mul(h.sub(n))), c];
    },
  },
};

describe.each(BACKENDS)("on %s", (backend) => {
  test.each(Object.entries(STEPS))("a fused %s is its composite, values and gradients", (_name, { make, step }) => {
    setBackend(backend);
    for (const batch of [1, 3, 9]) {
      const layer = make();
      const run = (forward: () => Tensor): (Tensor | null)[] =>
        scope(() => {
          const y = forward();
          y.square().sum().backward();
          const grads = [...layer.parameters()].map((p) => p.grad!.clone().keep());
          layer.zeroGrad();
          return [y, ...grads];
        });
      const x = randn([7, batch, 6]).keep();
      const fused = run(() => layer.forward(x)[0]);
      const composite = run(() => {
        const weights = layer.stateDict();
        let h = F.mul(x.select(0, 0).narrow(1, 0, 1), 0).expand([batch, 21]);
        let c = h;
        const ys: Tensor[] = [];
        for (let t = 0; t < 7; t++) {
          [h, c] = step(x.select(0, t), h, c, (name) => weights.get(`${name}_l0`)!);
          ys.push(h);
        }
        return F.stack(ys, { dim: 0 });
      });
      fused.forEach((t, i) => {
        expectSame(t!, composite[i]!, 1e-4);
      });
      for (const t of [...fused, ...composite, x]) t!.dispose();
      layer.dispose();
    }
  });

  const MAKERS: [string, () => Layer][] = [
    ["RNN", () => new nn.RNN(3, 4, { numLayers: 2, bidirectional: true })],
    ["LSTM", () => new nn.LSTM(3, 5, { numLayers: 2, bidirectional: true, projSize: 2 })],
    ["GRU", () => new nn.GRU(3, 4, { numLayers: 2, bidirectional: true, resetAfter: false })],
  ];

  test.each(MAKERS)("%s runs each sequence of a padded or packed batch as if it were alone", (_name, make) => {
    setBackend(backend);
    const layer = make();
    const lengths = [2, 5, 1, 4];
    const x = randn([5, 4, 3]).keep();
    scope(() => {
      const flat = (state: Tensor | readonly Tensor[]): readonly Tensor[] => ("shape" in state ? [state] : state);
      const [y, state] = layer.forward(x, null, { lengths });
      const packed = nn.utils.rnn.packPaddedSequence(x, lengths, { enforceSorted: false });
      const [packedY, packedState] = layer.forward(packed);
      expect(packedY.batchSizes).toEqual([4, 3, 2, 2, 1]);
      expectSame(nn.utils.rnn.padPackedSequence(packedY)[0], y);
      flat(packedState).forEach((s, i) => {
        expectSame(s, flat(state)[i]!);
      });
      lengths.forEach((length, n) => {
        const alone = x.select(1, n).narrow(0, 0, length);
        const [ownY, ownState] = layer.forward(alone);
        expectSame(y.select(1, n).narrow(0, 0, length), ownY);
        if (length < 5)
          expect(
            y
              .select(1, n)
              .narrow(0, length, 5 - length)
              .abs()
              .max()
              .item(),
          ).toBe(0);
        flat(ownState).forEach((s, i) => {
          expectSame(flat(state)[i]!.select(1, n), s);
        });
      });
    });
    x.dispose();
    layer.dispose();
  });

  test("two halves of a sequence, the state carried over, give what the whole gives", () => {
    setBackend(backend);
    const layer = new nn.LSTM(3, 6, { batchFirst: true });
    const x = randn([2, 8, 3]).keep();
    noGrad(() => {
      const [whole, end] = layer.forward(x);
      const [first, middle] = layer.forward(x.narrow(1, 0, 3));
      const [second, last] = layer.forward(x.narrow(1, 3, 5), middle);
      expectSame(F.cat([first, second], { dim: 1 }), whole);
      expectSame(last[0], end[0]);
      expectSame(last[1], end[1]);
    });
    x.dispose();
    layer.dispose();
  });

  test("gradients of a padded batch do not depend on what stands beyond the ends", () => {
    setBackend(backend);
    const layer = new nn.LSTM(2, 3, { bidirectional: true });
    const gradients = [0, 100].map((beyond) =>
      scope(() => {
        const x = tensor([1, 2, 3, 4, 5, 6, beyond, beyond], { shape: [2, 2, 2], requiresGrad: true });
        const [y, [h]] = layer.forward(x, null, { lengths: [2, 1] });
        y.sum().add(h.sum()).backward();
        const all = [x, ...layer.parameters()].flatMap((t) => [...t.grad!.data()]);
        layer.zeroGrad();
        x.dispose();
        return all;
      }),
    );
    expect(gradients[1]).toEqual(gradients[0]);
    expect(gradients[0]!.slice(6, 8)).toEqual([0, 0]);
    layer.dispose();
  });

  test("a cell is a layer's step", () => {
    setBackend(backend);
    const lstm = new nn.LSTM(3, 4);
    const cell = new nn.LSTMCell(3, 4);
    cell.loadStateDict(new Map([...lstm.stateDict()].map(([key, t]) => [key.replace("_l0", ""), t])));
    const x = randn([3, 2, 3]).keep();
    noGrad(() => {
      const [y, [h, c]] = lstm.forward(x);
      let state: nn.LstmState | null = null;
      for (let t = 0; t < 3; t++) {
        state = cell.forward(x.select(0, t), state);
        expectSame(state[0], y.select(0, t));
      }
      expectSame(state![1], c.select(0, 0));
      const alone = cell.forward(x.select(0, 0).select(0, 1));
      expect(alone[0].shape).toEqual([4]);
      expectSame(alone[0], y.select(0, 0).select(0, 1));
      expect(h.shape).toEqual([1, 2, 4]);
    });
    for (const d of [lstm, cell, x]) d.dispose();
  });
});

describe("a recurrent layer", () => {
  test("has PyTorch's keys, in its order", () => {
    const lstm = new nn.LSTM(3, 4, { numLayers: 2, bidirectional: true, projSize: 2 });
    const kinds = ["weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr"];
    const suffixes = ["l0", "l0_reverse", "l1", "l1_reverse"];
    expect([...lstm.stateDict().keys()]).toEqual(suffixes.flatMap((s) => kinds.map((k) => `${k}_${s}`)));
    expect(lstm.weightIhL1!.shape).toEqual([16, 4]);
    expect(lstm.weightHhL1Reverse!.shape).toEqual([16, 2]);
    lstm.dispose();
  });

  test("begins uniform in ±1/√hiddenSize", () => {
    const gru = new nn.GRU(8, 64);
    for (const p of gru.parameters()) {
      const largest = Math.max(...p.data().map(Math.abs));
      expect(largest).toBeLessThanOrEqual(1 / 8);
      expect(largest).toBeGreaterThan(0.11);
    }
    gru.dispose();
  });

  test("drops between layers only, and only while training", () => {
    const rnn = new nn.RNN(3, 16, { numLayers: 2, dropout: 0.5 });
    const single = new nn.RNN(3, 16, { dropout: 0.5 });
    const x = randn([4, 2, 3]).keep();
    noGrad(() => {
      const different = (layer: nn.RNN): boolean => {
        const [a, b] = [layer.forward(x)[0].data(), layer.forward(x)[0].data()];
        return a.some((v, i) => v !== b[i]);
      };
      expect(different(rnn)).toBe(true);
      expect(different(single)).toBe(false);
      expect(different(rnn.eval())).toBe(false);
    });
    for (const d of [rnn, single, x]) d.dispose();
  });

  test("keeps nothing for a gradient that nobody will ask for, and frees everything with its scope", () => {
    const lstm = new nn.LSTM(8, 32);
    const x = randn([16, 4, 8]).keep();
    const before = memory();
    noGrad(() => {
      lstm.forward(x);
      expect(memory().liveBytes - before.liveBytes).toBeLessThan(4 * 16 * 4 * 32 * 2);
    });
    for (let i = 0; i < 3; i++) {
      scope(() => {
        lstm.forward(x)[0].sum().backward();
        lstm.zeroGrad();
      });
      expect(memory().liveBlocks).toBe(before.liveBlocks);
    }
    lstm.dispose();
    x.dispose();
  });

  test("refuses what does not fit, with the sizes", () => {
    const lstm = new nn.LSTM(3, 4);
    const x = randn([5, 2, 3]).keep();
    const h = randn([1, 2, 4]).keep();
    const refused = (call: () => unknown, ...parts: string[]): void =>
      scope(() => {
        for (const part of parts) expect(call).toThrow(part);
        expect(call).toThrow(QuadlaneError);
      });
    refused(() => lstm.forward(randn([5, 2, 4])), "LSTM: input has 4 features; expected 3", "[5, 2, 4]");
    refused(() => lstm.forward(x, [h, randn([1, 3, 4])]), "LSTM: initial cell state", "[1, 3, 4]", "[1, 2, 4]");
    refused(() => lstm.forward(x, [h] as never), "LSTM: state is no pair");
    refused(() => lstm.forward(x, null, { lengths: [5, 6] }), "LSTM: length 1 is 6", "5");
    refused(() => lstm.forward(x, null, { length: [5, 5] } as never), 'LSTM: unknown option "length"');
    refused(() => lstm.forward(x.narrow(0, 0, 0)), "LSTM: input [0, 2, 3] has no steps");
    refused(() => new nn.LSTM(3, 4, { projSize: 4 }), "LSTM: projSize is 4", "4");
    refused(() => new nn.RNN(3, 4, { nonlinearity: "sigmoid" as "tanh" }), 'RNN: nonlinearity is "sigmoid"');
    refused(() => new nn.GRU(3, 4, { layers: 2 } as never), 'GRU: unknown option "layers"');
    const cell = new nn.GRUCell(3, 4);
    refused(() => cell.forward(randn([2, 3]), randn([2, 5])), "GRUCell: state has shape [2, 5]", "[2, 4]");
    cell.dispose();
    const before = memory().liveBlocks;
    refused(() => new nn.GRU(0, 4), "GRU: inputSize is 0");
    expect(memory().liveBlocks).toBe(before);
    for (const d of [lstm, x, h]) d.dispose();
  });

  test("takes a parametrised weight", () => {
    const gru = new nn.GRU(3, 4);
    const x = randn([2, 1, 3]).keep();
    noGrad(() => {
      const want = gru.forward(x)[0];
      nn.utils.weightNorm(gru, { name: "weightHhL0" });
      expectSame(gru.forward(x)[0], want);
      gru.loadStateDict({ weight_hh_l0_g: gru.stateDict().get("weight_hh_l0_g")!.mul(2) }, { strict: false });
      expect(gru.forward(x)[0].sub(want).abs().max().item()).toBeGreaterThan(0);
    });
    gru.dispose();
    x.dispose();
  });
});
