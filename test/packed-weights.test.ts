import { afterEach, describe, expect, test } from "vitest";
import { functional as F, memory, nn, noGrad, optim, scope, setBackend, type Tensor, tensor } from "../src/node.js";
import { generatorOf, seedOf } from "./support/make.js";

function random(name: string, shape: readonly number[]): Tensor {
  const next = generatorOf(seedOf(name));
  const count = shape.reduce((p, n) => p * n, 1);
  return tensor(
    Float32Array.from({ length: count }, () => 2 * next() - 1),
    { shape },
  );
}

/** An inference that reads the weight, and what it gives. */
interface Use {
  run(): Float32Array;
  readonly weight: Tensor;
  dispose(): void;
}

function linear(m: number, k: number, n: number, biased = true): Use {
  const [x, weight, bias] = [random("x", [m, k]), random("w", [n, k]), biased ? random("b", [n]) : null];
  return {
    run: () => noGrad(() => scope(() => F.linear(x, weight, bias).data() as Float32Array)),
    weight,
    dispose: () => [x, weight, bias].forEach((t) => void t?.dispose()),
  };
}

/** The input's share has too few rows for its weights to be kept, or too many. */
function recurrent<L extends nn.Module>(
  layer: L,
  forward: (layer: L, x: Tensor) => Tensor,
  steps: number,
  n: number,
): Use {
  for (const p of layer.parameters()) {
    const values = random(`p${p.shape.join()}`, p.shape);
    noGrad(() => p.copy_(values));
    values.dispose();
  }
  const x = random("x", [steps, n, 3]);
  return {
    run: () => noGrad(() => scope(() => forward(layer, x).data() as Float32Array)),
    weight: new Map(layer.namedParameters()).get("weight_hh_l0")!,
    dispose: () => {
      layer.dispose();
      x.dispose();
    },
  };
}

/** Odd sizes, more than one block of rows and of columns. */
const LINEAR: [string, () => Use][] = [
  ["linear 13 × 5 × 7", () => linear(13, 5, 7)],
  ["linear 128 × 300 × 279 without a bias", () => linear(128, 300, 279, false)],
  ["linear 16 × 513 × 33", () => linear(16, 513, 33)],
];

/** A few rows and many, which read other forms. */
const RECURRENT: [string, () => Use][] = [
  ["LSTM of 4 × 1", () => recurrent(new nn.LSTM(3, 13), (layer, x) => layer.forward(x)[0], 4, 1)],
  ["GRU of 5 × 2", () => recurrent(new nn.GRU(3, 13), (layer, x) => layer.forward(x)[0], 5, 2)],
  ["RNN of 2 × 6", () => recurrent(new nn.RNN(3, 13), (layer, x) => layer.forward(x)[0], 2, 6)],
  ["LSTM of 30 × 6", () => recurrent(new nn.LSTM(3, 70), (layer, x) => layer.forward(x)[0], 30, 6)],
];

function halve(t: Tensor): void {
  noGrad(() => scope(() => void t.copy_(t.mul(0.5))));
}

afterEach(() => setBackend("wasm"));

describe("packed weights", () => {
  test.each([...LINEAR, ...RECURRENT])(
    "are kept from the second use on, give the same bits, and are freed with the tensor: %s",
    (_name, make) => {
      const empty = memory();
      const use = make();
      const before = memory();
      const first = use.run();
      expect(memory().liveBlocks).toBe(before.liveBlocks);
      const second = use.run();
      const kept = memory();
      expect(kept.liveBlocks).toBe(before.liveBlocks + 1);
      expect(kept.liveBytes).toBeGreaterThanOrEqual(before.liveBytes + 4 * use.weight.numel);
      expect(second).toEqual(first);
      expect(use.run()).toEqual(first);
      expect(memory().liveBytes).toBe(kept.liveBytes);
      use.dispose();
      expect(memory().liveBlocks).toBe(empty.liveBlocks);
    },
  );

  test.each([...LINEAR, ...RECURRENT])("follow what is written into the tensor: %s", (_name, make) => {
    const use = make();
    for (let i = 0; i < 2; i++) use.run();
    const blocks = memory().liveBlocks;
    halve(use.weight);
    const got = use.run();
    expect(memory().liveBlocks).toBe(blocks - 1);
    for (let i = 0; i < 2; i++) expect(use.run()).toEqual(got);
    use.dispose();
    const fresh = make();
    halve(fresh.weight);
    expect(fresh.run()).toEqual(got);
    fresh.dispose();
  });

  test("serve any number of rows, with and without relu", () => {
    const [w, bias] = [random("w", [24, 40]), random("b", [24])];
    scope(() => {
      for (const m of [13, 64, 128, 13]) {
        const x = random(`x${m}`, [m, 40]);
        const want = F.linear(x, w.clone(), bias);
        expect(F.linear(x, w, bias).data()).toEqual(want.data());
        expect(F.linear(x, w, bias, { activation: "relu" }).data()).toEqual(want.relu().data());
      }
    });
    for (const t of [w, bias]) t.dispose();
  });

  test.each([1, 4, 12, 129])("are not kept of a linear layer for %i rows, which gain nothing from it", (m) => {
    const use = linear(m, 16, 24);
    const blocks = memory().liveBlocks;
    for (let i = 0; i < 3; i++) use.run();
    expect(memory().liveBlocks).toBe(blocks);
    use.dispose();
  });

  test("are told apart by their place in the storage", () => {
    const [x, w] = [random("x", [16, 8]), random("w", [2, 24, 8])];
    scope(() => {
      const alone = [0, 1].map((i) => w.select(0, i).clone());
      for (let round = 0; round < 3; round++) {
        for (const i of [0, 1]) {
          expect(F.linear(x, w.select(0, i), null).data()).toEqual(F.linear(x, alone[i]!, null).data());
        }
      }
    });
    for (const t of [x, w]) t.dispose();
  });

  test("are not kept in a training loop, whose memory is flat", () => {
    const [lstm, head] = [new nn.LSTM(8, 16), new nn.Linear(16, 8)];
    const sgd = new optim.SGD([...lstm.parameters(), ...head.parameters()], { lr: 0.001 });
    const x = random("x", [6, 5, 8]);
    const live: number[] = [];
    for (let step = 0; step < 4; step++) {
      scope(() => {
        sgd.zeroGrad();
        head.forward(lstm.forward(x)[0]).square().mean().backward();
        sgd.step();
      });
      live.push(memory().liveBytes);
    }
    expect(new Set(live.slice(1)).size).toBe(1);
    const blocks = memory().liveBlocks;
    const infer = (): number[] => noGrad(() => scope(() => head.forward(lstm.forward(x)[0]).shape.slice()));
    infer();
    expect(memory().liveBlocks).toBe(blocks);
    infer();
    expect(memory().liveBlocks).toBe(blocks + 3);
    sgd.zeroGrad();
    for (const t of [lstm, head, x]) t.dispose();
  });

  test("are not kept for a weight whose gradient is being recorded, but used if they are there", () => {
    const [x, w] = [random("x", [16, 8]), random("w", [24, 8]).requiresGrad_()];
    const blocks = memory().liveBlocks;
    const run = (): Float32Array => scope(() => F.linear(x, w).data() as Float32Array);
    for (let i = 0; i < 3; i++) run();
    expect(memory().liveBlocks).toBe(blocks);
    const want = noGrad(run);
    expect(memory().liveBlocks).toBe(blocks + 1);
    expect(run()).toEqual(want);
    noGrad(() => void w.zero_());
    expect(run().every((v) => v === 0)).toBe(true);
    expect(memory().liveBlocks).toBe(blocks);
    for (const t of [x, w]) t.dispose();
  });

  test("are not there on the JavaScript back end, which reads the weights as they are", () => {
    setBackend("js");
    const use = linear(16, 8, 24);
    const blocks = memory().liveBlocks;
    for (let i = 0; i < 3; i++) use.run();
    expect(memory().liveBlocks).toBe(blocks);
    use.dispose();
  });
});
