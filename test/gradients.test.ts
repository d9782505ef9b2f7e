import { afterEach, describe, expect, test } from "vitest";
import { functional as F, Generator, memory, nn, scope, setBackend, type Tensor, tensor } from "../src/node.js";

const made: Tensor[] = [];
afterEach(() => {
  setBackend("wasm");
  for (const t of made.splice(0)) t.dispose();
});

function own(t: Tensor): Tensor {
  made.push(t);
  return t;
}

function withGradient(gradient: readonly number[]): Tensor {
  const p = own(tensor(new Float32Array(gradient.length), { requiresGrad: true }));
  p.grad = tensor(Float32Array.from(gradient));
  return p;
}

describe.each(["wasm", "js"] as const)("on %s", (backend) => {
  test.each([
    [2, 13],
    [1, 19],
    [Infinity, 12],
    [3, (3 ** 3 + 4 ** 3 + 12 ** 3) ** (1 / 3)],
  ])("clipGradNorm_ scales all gradients together by the norm of order %d", (normType, norm) => {
    setBackend(backend);
    const params = [withGradient([3, -4]), withGradient([12]), withGradient([0, 0, 0, 0, 0]), own(tensor([1]))];
    const total = scope(() => nn.utils.clipGradNorm_(params, 2, { normType }).item());
    expect(total).toBeCloseTo(norm, 4);
    const factor = 2 / (norm + 1e-6);
    expect(params[0]!.grad!.data()[1]).toBeCloseTo(-4 * factor, 5);
    expect(params[1]!.grad!.item()).toBeCloseTo(12 * factor, 5);
    expect(params[3]!.grad).toBeNull();
  });

  test("clipGradNorm_ leaves short gradients as they are, to the bit", () => {
    setBackend(backend);
    const p = withGradient([0.1, 0.2]);
    const before = [...p.grad!.data()];
    scope(() => nn.utils.clipGradNorm_(p, 5).item());
    expect([...p.grad!.data()]).toEqual(before);
  });

  test("clipGradValue_ clamps each element, also of a gradient that does not lie in order", () => {
    setBackend(backend);
    const p = own(tensor([0, 0, 0, 0, 0, 0], { shape: [3, 2], requiresGrad: true }));
    const g = own(tensor([1, -9, 0.5, NaN, 3, -0.1], { shape: [2, 3] }));
    p.grad = scope(() => g.transpose(0, 1).keep());
    nn.utils.clipGradValue_([p], 0.7);
    expect([...p.grad!.data()].map((v) => Number(v.toFixed(3)))).toEqual([0.7, NaN, -0.7, 0.7, 0.5, -0.1]);
  });

  test("penalties are sums over all parameters, with gradients", () => {
    setBackend(backend);
    const a = own(tensor([1, -2], { requiresGrad: true }));
    const b = own(tensor([[3], [0]], { requiresGrad: true }));
    scope(() => {
      const l1 = F.l1Penalty([a, b]);
      expect(l1.item()).toBe(6);
      l1.backward();
    });
    expect([...a.grad!.data(), ...b.grad!.data()]).toEqual([1, -1, 1, 0]);
    for (const p of [a, b]) p.grad = null;
    scope(() => {
      const l2 = F.l2Penalty(new Set([a, b]));
      expect(l2.item()).toBe(14);
      l2.backward();
    });
    expect([...a.grad!.data(), ...b.grad!.data()]).toEqual([2, -4, 6, 0]);
    expect(scope(() => F.l2Penalty([]).item())).toBe(0);
  });

  test("GaussianNoise adds noise of its standard deviation while training only", () => {
    setBackend(backend);
    const layer = new nn.GaussianNoise(0.5, { generator: new Generator(3) });
    const x = own(tensor(new Float32Array(20000).fill(2), { requiresGrad: true }));
    scope(() => {
      const y = layer.forward(x);
      const values = [...y.data()];
      const mean = values.reduce((s, v) => s + v, 0) / values.length;
      const variance = values.reduce((s, v) => s + (v - mean) ** 2, 0) / values.length;
      expect(Math.abs(mean - 2)).toBeLessThan(0.02);
      expect(Math.abs(Math.sqrt(variance) - 0.5)).toBeLessThan(0.01);
      expect([...layer.forward(x).data()]).not.toEqual(values);
      y.sum().backward();
      layer.eval();
      expect(layer.forward(x)).toBe(x);
    });
    expect(new Set(x.grad!.data())).toEqual(new Set([1]));
  });
});

describe("functional clipping", () => {
  test("returns new tensors and the norm, and is differentiable", () => {
    const g = own(tensor([3, 4], { requiresGrad: true }));
    scope(() => {
      const [[clipped], total] = F.clipGradNorm([g], { maxNorm: 1 });
      expect(total.item()).toBe(5);
      expect(clipped!.data()[0]).toBeCloseTo(0.6, 5);
      clipped!.sum().backward();
      expect(F.clipGradValue([g], { clipValue: 3.5 })[0]!.tolist()).toEqual([3, 3.5]);
    });
    // ∂/∂g of Σg/‖g‖ is (1 − g·Σg/‖g‖²)/‖g‖.
    expect(g.grad!.data()[0]).toBeCloseTo((1 - (3 * 7) / 25) / 5, 4);
    expect(g.tolist()).toEqual([3, 4]);
  });

  test("of no gradients gives a norm of 0", () => {
    scope(() => {
      const [clipped, total] = F.clipGradNorm([], { maxNorm: 1 });
      expect([clipped.length, total.item()]).toEqual([0, 0]);
      expect(nn.utils.clipGradNorm_([own(tensor([1], { requiresGrad: true }))], 1).item()).toBe(0);
    });
  });
});

describe("vectors of parameters", () => {
  test("go out and back in", () => {
    const a = own(tensor([1, 2, 3, 4, 5, 6], { shape: [2, 3], requiresGrad: true }));
    const b = own(tensor([7], { requiresGrad: true }));
    scope(() => {
      const v = nn.utils.parametersToVector([a, b]);
      expect(v.tolist()).toEqual([1, 2, 3, 4, 5, 6, 7]);
      nn.utils.vectorToParameters(F.mul(v, 2), [a, b]);
      v.sum().backward();
    });
    expect(a.tolist()).toEqual([
      [2, 4, 6],
      [8, 10, 12],
    ]);
    expect(b.item()).toBe(14);
    expect(b.grad!.item()).toBe(1);
    expect(scope(() => nn.utils.parametersToVector([]).shape)).toEqual([0]);
  });
});

describe("wrong calls are refused", () => {
  test.each<readonly [string, () => unknown]>([
    ["clipGradNorm_: maxNorm is -1", () => nn.utils.clipGradNorm_([withGradient([1])], -1)],
    ["clipGradNorm_: got 5", () => nn.utils.clipGradNorm_(5 as never, 1)],
    ["clipGradNorm_: tensor 0 is 5", () => nn.utils.clipGradNorm_([5] as never, 1)],
    ["clipGradValue_: clipValue is NaN", () => nn.utils.clipGradValue_([withGradient([1])], NaN)],
    ["clipGradNorm: maxNorm is undefined", () => F.clipGradNorm([], {} as never)],
    ['clipGradNorm: unknown option "max"', () => F.clipGradNorm([], { max: 1 } as never)],
    ["clipGradValue: clipValue is -1", () => F.clipGradValue([], { clipValue: -1 })],
    ["l1Penalty: tensor 0", () => F.l1Penalty([own(tensor(Int32Array.of(1)))])],
    ["GaussianNoise: std is -1", () => new nn.GaussianNoise(-1)],
    ["expected [1]", () => nn.utils.vectorToParameters(own(tensor([1, 2])), [withGradient([1])])],
  ])("%s", (message, call) => {
    expect(call).toThrow(message);
  });

  test("a norm that is not finite, if one asks for it, and nothing changes", () => {
    const p = withGradient([NaN, 1]);
    const options = { errorIfNonfinite: true };
    expect(() => scope(() => nn.utils.clipGradNorm_(p, 1, options))).toThrow("the norm of the gradients is NaN");
    expect(p.grad!.data()[1]).toBe(1);
    scope(() => nn.utils.clipGradNorm_(p, 1).item());
    expect(p.grad!.data()[1]).toBeNaN();
  });

  test("clipping frees what it used", () => {
    const p = withGradient([30, 40]);
    const before = memory().liveBlocks;
    scope(() => {
      nn.utils.clipGradNorm_(p, 1);
    });
    nn.utils.clipGradValue_(p, 1);
    expect(memory().liveBlocks).toBe(before);
  });
});
