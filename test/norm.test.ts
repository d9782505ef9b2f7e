import { describe, expect, test } from "vitest";
import { functional as F, memory, nn, noGrad, scope, setBackend, type Tensor, tensor } from "../src/node.js";

const rounded = (t: Tensor | null): number[] => Array.from(t!.data(), (v) => Number(v.toFixed(4)));
// The expected values are PyTorch 1.13's.
const batch = (): Tensor =>
  tensor([
    [1, 2],
    [3, 5],
    [8, -2],
  ]);

describe.each(["wasm", "js"] as const)("running statistics on %s", (backend) => {
  const on = <R>(fn: () => R): R => {
    setBackend(backend);
    return scope(fn);
  };

  test("move by momentum towards the batch's mean and unbiased variance", () => {
    const norm = new nn.BatchNorm1d(2);
    const x = batch();
    on(() => {
      norm.forward(x);
      norm.forward(F.mul(x, 2));
    });
    expect(rounded(norm.runningMean)).toEqual([1.16, 0.4833]);
    expect(rounded(norm.runningVar)).toEqual([7.18, 6.8533]);
    expect(norm.numBatchesTracked!.item()).toBe(2);
    norm.dispose();
    x.dispose();
  });

  test("average all batches alike with momentum null", () => {
    const norm = new nn.BatchNorm1d(2, { momentum: null });
    const x = batch();
    on(() => {
      for (const factor of [1, 2, 3]) norm.forward(F.mul(x, factor));
    });
    expect(rounded(norm.runningMean)).toEqual([8, 3.3333]);
    expect(rounded(norm.runningVar)).toEqual([60.6667, 57.5556]);
    expect(norm.numBatchesTracked!.item()).toBe(3);
    norm.resetRunningStats();
    expect([rounded(norm.runningMean), rounded(norm.runningVar), norm.numBatchesTracked!.item()]).toEqual([
      [0, 0],
      [1, 1],
      0,
    ]);
    norm.dispose();
    x.dispose();
  });

  test("of instance normalisation take in the mean over samples, and count no batches", () => {
    const norm = new nn.InstanceNorm1d(2, { trackRunningStats: true });
    const x = tensor(
      Float32Array.from({ length: 16 }, (_, i) => i * i),
      { shape: [2, 2, 4] },
    );
    on(() => {
      norm.forward(x);
      norm.forward(x);
    });
    expect(rounded(norm.runningMean)).toEqual([9.025, 20.425]);
    expect(rounded(norm.runningVar)).toEqual([59.6467, 135.6467]);
    expect(norm.numBatchesTracked!.item()).toBe(0);
    norm.dispose();
    x.dispose();
  });

  test("stay as they are for an empty batch, in evaluation, and when the input is refused", () => {
    const norm = new nn.BatchNorm1d(2);
    const x = batch();
    on(() => {
      norm.forward(tensor([], { shape: [0, 2] }));
      norm.eval().forward(x);
      norm.train();
      expect(() => norm.forward(tensor([[1, 2]]))).toThrow(/BatchNorm1d: .*one value per channel/);
      expect(() => norm.forward(tensor([[1, 2, 3]]))).toThrow(/BatchNorm1d: input has 3 channels; expected 2/);
      expect(() => norm.forward(tensor([1, 2]))).toThrow(/BatchNorm1d: .*rank 2 or 3/);
    });
    expect([rounded(norm.runningMean), rounded(norm.runningVar)]).toEqual([
      [0, 0],
      [1, 1],
    ]);
    expect(norm.numBatchesTracked!.item()).toBe(1);
    norm.dispose();
    x.dispose();
  });

  test("that lie in memory with gaps are updated too", () => {
    const table = tensor([
      [0, 1],
      [0, 1],
    ]);
    const x = batch();
    on(() => {
      const [mean, variance] = [table.select(1, 0), table.select(1, 1)];
      F.batchNorm(x, mean, variance, null, null, { training: true, momentum: 1 });
    });
    expect(rounded(table)).toEqual([4, 13, 1.6667, 12.3333]);
    table.dispose();
    x.dispose();
  });
});

describe("normalisation modules", () => {
  test("name their state as PyTorch does", () => {
    const keys = (m: nn.Module): string[] => [...m.stateDict().keys()];
    const tracked = ["running_mean", "running_var", "num_batches_tracked"];
    expect(keys(new nn.BatchNorm2d(3))).toEqual(["weight", "bias", ...tracked]);
    expect(keys(new nn.BatchNorm3d(3, { affine: false }))).toEqual(tracked);
    expect(keys(new nn.BatchNorm1d(3, { trackRunningStats: false }))).toEqual(["weight", "bias"]);
    expect(keys(new nn.InstanceNorm2d(3))).toEqual([]);
    expect(keys(new nn.LayerNorm([2, 3], { bias: false }))).toEqual(["weight"]);
    expect(keys(new nn.LayerNorm(3, { elementwiseAffine: false }))).toEqual([]);
    expect(keys(new nn.RMSNorm(3))).toEqual(["weight"]);
    expect(keys(new nn.GroupNorm(2, 4))).toEqual(["weight", "bias"]);
  });

  test("use the batch's statistics in evaluation when they track none", () => {
    const norm = new nn.BatchNorm1d(2, { trackRunningStats: false }).eval();
    const x = batch();
    scope(() => expect(rounded(F.sum(norm.forward(x), { dim: 0 }))).toEqual([0, 0]));
    norm.dispose();
    x.dispose();
  });

  test("take one instance without a batch dimension, and give it back so", () => {
    const norm = new nn.InstanceNorm2d(3, { affine: true });
    const x = tensor(
      Float32Array.from({ length: 12 }, (_, i) => i),
      { shape: [3, 2, 2], requiresGrad: true },
    );
    scope(() => {
      const y = norm.forward(x);
      expect(y.shape).toEqual([3, 2, 2]);
      expect(rounded(y).slice(0, 4)).toEqual([-1.3416, -0.4472, 0.4472, 1.3416]);
      y.backward(F.mul(y, 0).detach());
    });
    expect(x.grad!.shape).toEqual([3, 2, 2]);
    norm.dispose();
    x.dispose();
  });

  test("refuse what does not fit, under their own name", () => {
    expect(() => new nn.GroupNorm(3, 4)).toThrow(/GroupNorm: 4 channels do not split into 3 groups/);
    expect(() => new nn.LayerNorm(3, { affine: true } as never)).toThrow(/LayerNorm: unknown option "affine"/);
    expect(() => new nn.BatchNorm2d(0)).toThrow(/BatchNorm2d: numFeatures is 0/);
    expect(() => new nn.LocalResponseNorm(0)).toThrow(/LocalResponseNorm: size is 0/);
    scope(() => {
      const image = tensor(new Float32Array(8), { shape: [1, 2, 2, 2] });
      expect(() => new nn.GroupNorm(2, 4).forward(image)).toThrow(/GroupNorm: input has 2 channels; expected 4/);
      expect(() => new nn.InstanceNorm1d(2).forward(image)).toThrow(/InstanceNorm1d: .*rank 2 or 3/);
    });
  });

  test("leave no memory behind, in training and in evaluation", () => {
    const layers = [new nn.BatchNorm1d(2), new nn.LayerNorm(2), new nn.GroupNorm(1, 2), new nn.RMSNorm(2)];
    const x = batch();
    const step = (): void => {
      scope(() =>
        layers
          .reduce((t, layer) => layer.forward(t), x)
          .sum()
          .backward(),
      );
      for (const layer of layers) layer.zeroGrad();
      noGrad(() => {
        for (const layer of layers) layer.eval().forward(x);
      });
      for (const layer of layers) layer.train();
    };
    step();
    const before = memory().liveBlocks;
    step();
    expect(memory().liveBlocks).toBe(before);
    for (const layer of layers) layer.dispose();
    x.dispose();
  });
});
