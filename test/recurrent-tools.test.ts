import { afterEach, describe, expect, test } from "vitest";
import {
  functional as F,
  Generator,
  memory,
  nn,
  noGrad,
  randn,
  scope,
  setBackend,
  type Tensor,
  tensor,
} from "../src/node.js";

const { bpttSegments, CarriedState, detachState } = nn.utils;
const { packSequence, padSequence, unpackSequence, unpadSequence } = nn.utils.rnn;

afterEach(() => setBackend("wasm"));

function expectSame(got: Tensor, want: Tensor): void {
  expect(got.shape).toEqual(want.shape);
  const w = want.data();
  got.data().forEach((v, i) => {
    expect(v).toBeCloseTo(w[i]!, 5);
  });
}

describe("segments", () => {
  test("cover a sequence once, in order, the last one shorter", () => {
    const x = tensor(
      Float32Array.from({ length: 7 }, (_, i) => i),
      { shape: [7, 1] },
    );
    const seen = [...bpttSegments([x], { length: 3 })].length;
    const parts: number[][] = [];
    for (const [part] of bpttSegments([x], { length: 3 })) parts.push([...part.data()]);
    expect(seen).toBe(3);
    expect(parts).toEqual([[0, 1, 2], [3, 4, 5], [6]]);
    x.dispose();
  });

  test("of random length stay in the range and cover the sequence, the same for one seed", () => {
    const x = tensor(new Float32Array(400), { shape: [2, 200] });
    const lengths = (seed: number): number[] => {
      const out: number[] = [];
      const generator = new Generator(seed);
      for (const [part] of bpttSegments([x], { length: [5, 9], dim: 1, generator })) out.push(part.size(1));
      return out;
    };
    const drawn = lengths(1);
    expect(drawn.reduce((a, b) => a + b, 0)).toBe(200);
    expect(new Set(drawn.slice(0, -1))).toEqual(new Set([5, 6, 7, 8, 9]));
    expect(lengths(1)).toEqual(drawn);
    expect(lengths(2)).not.toEqual(drawn);
    x.dispose();
  });

  test("free what a pass of the loop makes, but for the carried state", () => {
    const rnn = new nn.RNN(2, 3);
    const x = randn([12, 1, 2]).keep();
    const before = memory().liveBlocks;
    const carried = new CarriedState<Tensor>();
    for (const [part] of bpttSegments([x], { length: 4 })) {
      const [y, state] = rnn.forward(part, carried.state);
      y.sum().backward();
      rnn.zeroGrad();
      carried.carry(state);
    }
    expect(memory().liveBlocks).toBe(before + 1);
    carried.dispose();
    expect(memory().liveBlocks).toBe(before);
    for (const d of [rnn, x]) d.dispose();
  });

  test("refuse sequences of different lengths, and empty segments", () => {
    const [a, b] = [tensor([1, 2]), tensor([1, 2, 3])];
    expect(() => [...bpttSegments([a, b], { length: 1 })]).toThrow("bpttSegments: sequences have shapes [2], [3]");
    expect(() => [...bpttSegments([a], { length: 0 })]).toThrow("bpttSegments: length is 0");
    expect(() => [...bpttSegments([a], { length: [3, 2] })]).toThrow("bpttSegments: length is 2");
    for (const t of [a, b]) t.dispose();
  });
});

describe.each(["wasm", "js"] as const)("a carried state on %s", (backend) => {
  test("runs on over the cuts, while gradients stop at them", () => {
    setBackend(backend);
    const lstm = new nn.LSTM(2, 3);
    const x = tensor(randn([6, 2, 2]).data(), { shape: [6, 2, 2], requiresGrad: true });
    const whole = noGrad(() => lstm.forward(x)[0]);
    const carried = new CarriedState<nn.LstmState>();
    const outputs: Tensor[] = [];
    for (const [part] of bpttSegments([x], { length: 4 })) {
      const [y, state] = lstm.forward(part, carried.state);
      outputs.push(y.detach().keep());
      // Only the second segment has a loss: nothing may reach the first one's inputs.
      if (outputs.length === 2) y.sum().backward();
      carried.carry(state);
    }
    scope(() => expectSame(F.cat(outputs, { dim: 0 }), whole));
    const gradient = x.grad!.data();
    expect(gradient.subarray(0, 16).every((v) => v === 0)).toBe(true);
    expect(gradient.subarray(16).every((v) => v !== 0)).toBe(true);
    for (const d of [...outputs, whole, x, lstm, carried]) d.dispose();
  });

  test("is null after a reset, and its tensors are free", () => {
    setBackend(backend);
    const before = memory().liveBlocks;
    const carried = new CarriedState<{ h: Tensor }>();
    scope(() => carried.carry({ h: randn([2]) }));
    expect(carried.state!.h.shape).toEqual([2]);
    carried.reset();
    expect(carried.state).toBeNull();
    expect(memory().liveBlocks).toBe(before);
  });

  test("detached by hand keeps its nesting and values", () => {
    setBackend(backend);
    scope(() => {
      const h = tensor([1, 2], { requiresGrad: true });
      const state = detachState({ layers: [h.mul(2), h] });
      expect(state.layers.map((t) => [t.requiresGrad, t.tolist()])).toEqual([
        [false, [2, 4]],
        [false, [1, 2]],
      ]);
      h.dispose();
    });
  });
});

describe("lists of sequences", () => {
  const lists = (): Tensor[] => [tensor([[1], [2]]), tensor([[3], [4], [5]]), tensor([[6]])];

  test("are padded and cut again", () => {
    const sequences = lists();
    scope(() => {
      const padded = padSequence(sequences, { batchFirst: true, paddingValue: -1 });
      expect(padded.tolist()).toEqual([
        [[1], [2], [-1]],
        [[3], [4], [5]],
        [[6], [-1], [-1]],
      ]);
      expect(padSequence(sequences).select(1, 0).tolist()).toEqual([[1], [2], [0]]);
      const lengths = tensor([2, 3, 1], { dtype: "int32" });
      const cut = unpadSequence(padded, lengths, { batchFirst: true });
      expect(cut.map((t) => t.tolist())).toEqual(sequences.map((t) => t.tolist()));
      lengths.dispose();
    });
    for (const t of sequences) t.dispose();
  });

  test("are packed and unpacked again", () => {
    const sequences = lists();
    scope(() => {
      const packed = packSequence(sequences, { enforceSorted: false });
      expect(packed.data.tolist()).toEqual([[3], [1], [6], [4], [2], [5]]);
      expect(packed).toMatchObject({ batchSizes: [3, 2, 1], sortedIndices: [1, 0, 2], unsortedIndices: [1, 0, 2] });
      expect(unpackSequence(packed).map((t) => t.tolist())).toEqual(sequences.map((t) => t.tolist()));
      expect(() => packSequence(sequences)).toThrow("packSequence: lengths [2, 3, 1] are not in descending order");
      expect(() => padSequence([])).toThrow("padSequence: got no sequence");
      expect(() => padSequence([sequences[0]!, randn([2, 2])])).toThrow("[2, 2]");
    });
    for (const t of sequences) t.dispose();
  });

  test("survive a scope when they are packed", () => {
    const sequences = lists();
    const packed = scope(() => packSequence(sequences, { enforceSorted: false }));
    expect(packed.data.size(0)).toBe(6);
    for (const t of [...sequences, packed.data]) t.dispose();
  });
});

describe("convolutional recurrent layers", () => {
  const makers = {
    ConvRNN2d: (o: nn.ConvRecurrentOptions) => new nn.ConvRNN2d(2, 3, [3, 2], o),
    ConvLSTM2d: (o: nn.ConvRecurrentOptions) => new nn.ConvLSTM2d(2, 3, [3, 2], o),
    ConvGRU2d: (o: nn.ConvRecurrentOptions) => new nn.ConvGRU2d(2, 3, [3, 2], o),
  };

  test.each(Object.entries(makers))("%s takes channels last", (_name, make) => {
    const first = make({});
    const last = make({ channelsLast: true });
    last.loadStateDict(first.stateDict());
    const x = randn([2, 3, 2, 4, 5]).keep();
    noGrad(() => {
      const [y, state] = first.forward(x);
      const [swapped, swappedState] = last.forward(x.permute([0, 1, 4, 3, 2]));
      expect(swapped.shape).toEqual([2, 3, 5, 4, 3]);
      expectSame(swapped.permute([0, 1, 4, 3, 2]), y);
      expectSame([swappedState].flat()[0]!, [state].flat()[0]!);
      expectSame([state].flat()[0]!, y.select(1, 2));
    });
    for (const d of [first, last, x]) d.dispose();
  });

  test("go on from a state", () => {
    const layer = new nn.ConvLSTM2d(1, 2, 3);
    const x = randn([1, 4, 1, 3, 3]).keep();
    noGrad(() => {
      const [whole] = layer.forward(x);
      const [, middle] = layer.forward(x.narrow(1, 0, 2));
      expectSame(layer.forward(x.narrow(1, 2, 2), middle)[0], whole.narrow(1, 2, 2));
    });
    for (const d of [layer, x]) d.dispose();
  });

  test("refuse other channels and states", () => {
    const layer = new nn.ConvGRU2d(2, 3, 3);
    scope(() => {
      expect(() => layer.forward(randn([1, 2, 3, 4, 4]))).toThrow("ConvGRU2d: input has 3 channels; expected 2");
      expect(() => layer.forward(randn([1, 2, 2, 4, 4]), randn([1, 3, 4, 5]))).toThrow("[1, 3, 4, 4]");
      expect(() => layer.forward(randn([2, 2, 4, 4]))).toThrow("ConvGRU2d: input has shape [2, 2, 4, 4]");
    });
    layer.dispose();
  });
});
