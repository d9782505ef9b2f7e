import { describe, expect, test } from "vitest";
import { functional as F, memory, nn, noGrad, scope, type Tensor, tensor } from "../src/node.js";

/** y = x Wᵀ, with a weight that is read once. */
class Product extends nn.Module {
  weight = new nn.Parameter(
    tensor([
      [1, 2, -1],
      [0.5, -1, 2],
    ]),
  );
  forward(x: Tensor): Tensor {
    return F.matmul(x, F.transpose(this.weight, { dim0: 0, dim1: 1 }));
  }
}

const input = (): Tensor => tensor([[1, -1, 2]]);
const near = (t: Tensor | null | undefined, want: number[]): void => {
  const got = Array.from(t!.data());
  expect(got.length).toBe(want.length);
  got.forEach((v, i) => {
    expect(v).toBeCloseTo(want[i]!, 5);
  });
};
const own = (m: nn.Module, key: string): Tensor => m.stateDict().get(key)!;

// The expected values are PyTorch 1.13's.
describe("weightNorm", () => {
  test("trains length and direction apart", () => {
    const m = nn.utils.weightNorm(new Product());
    const x = input();
    expect([...m.stateDict().keys()]).toEqual(["weight_g", "weight_v"]);
    expect(own(m, "weight_g").shape).toEqual([2, 1]);
    noGrad(() => own(m, "weight_g").copy_(F.mul(own(m, "weight_g"), 2)));
    scope(() => {
      const y = m.forward(x);
      near(y, [-6, 11]);
      y.sum().backward();
    });
    near(own(m, "weight_g").grad, [-1.224745, 2.400397]);
    near(own(m, "weight_v").grad, [3, 0, 3, 0.952381, 0.095238, -0.190476]);
    m.dispose();
    x.dispose();
  });

  test("leaves the output as it was, until it is removed and after", () => {
    const m = new Product();
    const x = input();
    scope(() => {
      nn.utils.weightNorm(m, { dim: null });
      expect(own(m, "weight_g").shape).toEqual([]);
      near(m.forward(x), [-3, 5.5]);
      nn.utils.removeWeightNorm(m);
      expect([...m.stateDict().keys()]).toEqual(["weight"]);
      expect(m.weight).toBeInstanceOf(nn.Parameter);
      near(m.forward(x), [-3, 5.5]);
    });
    near(m.weight, [1, 2, -1, 0.5, -1, 2]);
    m.dispose();
    x.dispose();
  });

  test("gives the present weight outside of forward too", () => {
    const m = nn.utils.weightNorm(new Product());
    scope(() => {
      near(m.weight, [1, 2, -1, 0.5, -1, 2]);
      noGrad(() => own(m, "weight_g").fill_(0));
      near(m.weight, [0, 0, 0, 0, 0, 0]);
    });
    m.dispose();
  });

  test("refuses what it cannot replace", () => {
    const m = nn.utils.weightNorm(new Product());
    expect(() => nn.utils.weightNorm(m)).toThrow(/weightNorm: "weight" of Product is parametrised already/);
    expect(() => nn.utils.weightNorm(m, { name: "bias" })).toThrow(/weightNorm: "bias" of Product is no Parameter/);
    expect(() => nn.utils.weightNorm(new Product(), { axis: 0 } as never)).toThrow(/unknown option "axis"/);
    expect(() => nn.utils.removeWeightNorm(new Product())).toThrow(/removeWeightNorm: "weight" of Product is not/);
    m.dispose();
  });
});

describe("spectralNorm", () => {
  /** With the singular vectors that the reference started from. */
  const made = (): Product => {
    const m = nn.utils.spectralNorm(new Product());
    scope(() => own(m, "weight_u").copy_(tensor([0.6, 0.8])));
    return m;
  };

  test("divides by the largest singular value, one power iteration a forward pass in training", () => {
    const m = made();
    const x = input();
    expect([...m.stateDict().keys()]).toEqual(["weight_orig", "weight_u", "weight_v"]);
    scope(() => {
      const y = m.forward(x);
      near(y, [-1.962016, 3.597028]);
      const z = m.forward(x);
      near(z, [-1.359697, 2.492778]);
      F.add(y.sum(), F.mul(z.sum(), 2)).backward();
    });
    near(own(m, "weight_orig").grad, [1.445627, -1.703039, 3.126888, 0.415546, -1.706752, 1.586407]);
    near(own(m, "weight_u"), [-0.296125, 0.955149]);
    near(own(m, "weight_v"), [0.474008, -0.12811, 0.871151]);
    m.dispose();
    x.dispose();
  });

  test("keeps the singular vectors in evaluation, and when the weight is only looked at", () => {
    const m = made();
    scope(() => {
      const before = own(m, "weight_u").data();
      expect(m.weight.shape).toEqual([2, 3]);
      m.eval().forward(input());
      expect(own(m, "weight_u").data()).toEqual(before);
    });
    m.dispose();
  });

  test("converges to a weight of norm 1 along the asked dimension, and can be taken out again", () => {
    const m = nn.utils.spectralNorm(new Product(), { nPowerIterations: 50, dim: 1 });
    expect(own(m, "weight_u").shape).toEqual([3]);
    expect(own(m, "weight_v").shape).toEqual([2]);
    scope(() => m.forward(input()));
    nn.utils.removeSpectralNorm(m);
    expect([...m.stateDict().keys()]).toEqual(["weight"]);
    // The largest eigenvalue of the 2×2 matrix W Wᵀ, by its characteristic polynomial.
    const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = m.weight.data();
    const [p, q, r] = [a * a + b * b + c * c, a * d + b * e + c * f, d * d + e * e + f * f];
    expect((p + r) / 2 + Math.sqrt(((p - r) / 2) ** 2 + q * q)).toBeCloseTo(1, 5);
    m.dispose();
  });
});

test.each(["weightNorm", "spectralNorm"] as const)("%s leaves no memory behind, in a scope or without", (name) => {
  const m = nn.utils[name](new Product());
  const x = input();
  const step = (): void => {
    scope(() => m.forward(x).sum().backward());
    m.zeroGrad();
    noGrad(() => m.forward(x)).dispose();
    m.eval();
    noGrad(() => m.forward(x)).dispose();
    m.train();
  };
  step();
  const before = memory().liveBlocks;
  step();
  expect(memory().liveBlocks).toBe(before);
  const unscoped = nn.utils[name](new nn.Linear(3, 2)).eval();
  const start = memory().liveBlocks;
  const y = unscoped.forward(x);
  y.dispose();
  expect(memory().liveBlocks).toBe(start);
  unscoped.dispose();
  m.dispose();
  x.dispose();
});
