import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { ArgumentError, functional as F, memory, nn, scope, setBackend, type Tensor, tensor } from "../src/node.js";
import { softplus } from "./support/losses.js";

/** The gradient of the summed loss by one input. */
function gradientOf(loss: (x: Tensor) => Tensor, values: readonly number[]): number[] {
  const x = tensor(values, { requiresGrad: true });
  loss(x).sum().backward();
  return Array.from(x.grad!.data());
}

/** The largest error in units in the last place. */
function worstUlp(got: ArrayLike<number>, want: readonly number[]): number {
  return Math.max(...want.map((w, i) => Math.abs(got[i]! - w) / 2 ** (Math.floor(Math.log2(Math.abs(w))) - 23)));
}

describe.each(["js", "wasm"] as const)("losses on %s", (backend) => {
  beforeEach(() => setBackend(backend));
  afterEach(() => setBackend("wasm"));

  test("cross-entropy of scores keeps its relative accuracy however small it is", () => {
    const scores = Float32Array.from({ length: 1009 }, (_, i) => -80 + (160 * i) / 1008);
    const zeros = tensor(new Float32Array(scores.length));
    const loss = F.binaryCrossEntropyWithLogits(tensor(scores), zeros, { reduction: "none" });
    expect(worstUlp(loss.data(), Array.from(scores, softplus))).toBeLessThan(5);
  });

  test("cross-entropy of probabilities keeps its relative accuracy at both ends", () => {
    const x = Float32Array.from({ length: 1001 }, (_, i) => (i < 500 ? 2 ** (-i / 20) : 1 - 2 ** (-(i - 499) / 22)));
    const inside = x.filter((v) => v > 0 && v < 1);
    const loss = (target: number): Tensor =>
      F.binaryCrossEntropy(tensor(inside), tensor(new Float32Array(inside.length).fill(target)), { reduction: "none" });
    expect(
      worstUlp(
        loss(1).data(),
        Array.from(inside, (v) => -Math.log(v)),
      ),
    ).toBeLessThan(3.5);
    expect(
      worstUlp(
        loss(0).data(),
        Array.from(inside, (v) => -Math.log1p(-v)),
      ),
    ).toBeLessThan(3.5);
  });

  test.each([1, 4])("cross-entropy of 50257 classes, %d places apart, stays exact where all of them count", (inner) => {
    const n = 50257;
    const low = Math.fround(-0.3567);
    const scores = new Float32Array(n * inner).fill(low).fill(0, 0, inner);
    const target = tensor(new Int32Array(inner).fill(3), { shape: [1, inner] });
    const loss = F.crossEntropy(tensor(scores, { shape: [1, n, inner] }), target).item();
    const want = Math.log(1 + (n - 1) * Math.exp(low)) - low;
    expect(Math.abs(loss / want - 1)).toBeLessThan(5e-6);
  });

  test("BCELoss is steep but finite where a certainty is wrong, as in PyTorch", () => {
    const target = tensor([1, 0, 0, 1]);
    const loss = (x: Tensor): Tensor => F.binaryCrossEntropy(x, target, { reduction: "sum" });
    const slopes = gradientOf(loss, [0, 1, 0, 1]);
    expect(slopes.map((v) => Math.fround(v))).toEqual([-1e12, 1e12, 0, 0].map(Math.fround));
  });

  test("GaussianNLLLoss passes gradients through the bound on the variance", () => {
    const [x, t] = [tensor([2]), tensor([0])];
    const slope = gradientOf((v) => F.gaussianNllLoss(x, t, v, { eps: 0.5 }), [0.1]);
    expect(slope[0]).toBeCloseTo(0.5 * (1 / 0.5 - 4 / 0.25), 4);
  });

  test("hinges pass their gradient at the very edge as PyTorch's do", () => {
    const one = tensor([1]);
    expect(gradientOf((x) => F.marginRankingLoss(x, one, one), [1])).toEqual([-1]);
    expect(gradientOf((x) => F.hingeEmbeddingLoss(x, tensor([-1])), [1])).toEqual([-1]);
    const scores = (x: Tensor): Tensor => F.multiMarginLoss(x, tensor(0, { dtype: "int32" }));
    expect(gradientOf(scores, [1, 0])).toEqual([0, 0]);
  });

  test("klDiv has no gradient by the logarithm of a target of 0", () => {
    const logs = tensor([-1, -2]);
    expect(gradientOf((t) => F.klDiv(logs, t, { reduction: "sum" }), [0, 1])).toEqual([1, 3]);
  });

  test("frees what it made when a scope closes", () => {
    const x = tensor([[0.2, 0.7, 0.1]], { requiresGrad: true });
    const t = tensor(new Int32Array([0, 2, -1]), { shape: [1, 3] });
    const step = (): void => {
      scope(() => {
        F.add(F.multilabelMarginLoss(x, t), F.ctcLoss(x, tensorOnce, [1], [1])).backward();
      });
      x.grad = null;
    };
    const tensorOnce = tensor(new Int32Array([1]));
    step();
    const before = memory().liveBlocks;
    step();
    expect(memory().liveBlocks).toBe(before);
    for (const made of [x, t, tensorOnce]) made.dispose();
  });
});

describe("modules of losses", () => {
  const PLAIN = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CosineEmbeddingLoss",
    "CTCLoss",
    "GANDiscriminatorLoss",
    "GANGeneratorLoss",
    "GaussianKLLoss",
    "GaussianNLLLoss",
    "HingeEmbeddingLoss",
    "HuberLoss",
    "KLDivLoss",
    "MarginRankingLoss",
    "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss",
    "MultiMarginLoss",
    "PoissonNLLLoss",
    "SmoothL1Loss",
    "SoftMarginLoss",
    "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
  ] as const;

  test.each(PLAIN)("%s takes its options at construction and refuses others by name", (name) => {
    expect(new nn[name]().reduction).toBe("mean");
    expect(new nn[name]({ reduction: "sum" }).reduction).toBe("sum");
    for (const options of [{ sizeAverage: true }, { reduce: true }, { reduction: "average" }]) {
      let error: unknown;
      try {
        new nn[name](options as never);
      } catch (e) {
        error = e;
      }
      expect(error).toBeInstanceOf(ArgumentError);
      expect((error as Error).message).toContain(`${name}: `);
      expect((error as Error).message).toContain(Object.keys(options)[0]);
    }
  });

  test("keep their weights in the state dict under PyTorch's names", () => {
    const weight = tensor([1, 2]);
    const loss = new nn.BCEWithLogitsLoss({ weight, posWeight: tensor([3, 4]) });
    expect([...loss.stateDict().keys()]).toEqual(["weight", "pos_weight"]);
    expect([...new nn.MultiMarginLoss({ weight }).stateDict().keys()]).toEqual(["weight"]);
    expect([...new nn.BCELoss().stateDict().keys()]).toEqual([]);
    weight.dispose();
    expect(Array.from(loss.weight!.data())).toEqual([1, 2]);
  });

  test("refuse an option that is no tensor where one is expected", () => {
    expect(() => new nn.BCELoss({ weight: 2 as never })).toThrow(/BCELoss: weight is 2; expected a tensor or null/);
  });

  test("bring the posterior of a variational autoencoder to its prior", () => {
    const kl = new nn.GaussianKLLoss({ reduction: "batchmean" });
    const zeros = tensor([[0, 0]]);
    expect(kl.forward(zeros, zeros).item()).toBe(0);
    expect(kl.forward(tensor([[1, -2]]), zeros).item()).toBeCloseTo(2.5, 6);
  });
});
