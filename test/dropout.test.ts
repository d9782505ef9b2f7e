import { expect, test } from "vitest";
import { functional as F, Generator, nn, ones, randn, scope, tensor } from "../src/node.js";

test("Dropout drops while training and is the identity in evaluation", () => {
  scope(() => {
    const layer = new nn.Dropout({ p: 0.25, generator: new Generator(1) });
    const x = ones([4000]);
    const y = layer.forward(x).data();
    expect(new Set(y)).toEqual(new Set([0, Math.fround(1 / 0.75)]));
    expect(y.filter((v) => v === 0).length / 4000).toBeCloseTo(0.25, 1);
    expect(layer.forward(x).data()).not.toEqual(y);
    expect(layer.eval().forward(x)).toBe(x);
    expect([...layer.parameters()]).toEqual([]);
    expect(layer.stateDict().size).toBe(0);
  });
});

test.each([
  ["Dropout1d", [3, 200, 5]],
  ["Dropout2d", [3, 200, 2, 3]],
  ["Dropout3d", [3, 200, 2, 3, 2]],
  ["Dropout1d", [200, 5]],
  ["Dropout2d", [200, 2, 3]],
  ["Dropout3d", [200, 2, 3, 2]],
] as const)("%s drops whole channels of %s, and so does its gradient", (name, shape) => {
  scope(() => {
    const layer = new nn[name]({ generator: new Generator(2) });
    const x = ones(shape, { requiresGrad: true });
    const y = layer.forward(x);
    y.sum().backward();
    const values = y.data();
    expect(x.grad?.data()).toEqual(values);
    const batched = name === "Dropout1d" ? shape.length === 3 : shape.length === (name === "Dropout2d" ? 4 : 5);
    const size = shape.slice(batched ? 2 : 1).reduce((n: number, s: number) => n * s, 1);
    const channels = Array.from({ length: values.length / size }, (_, c) => values.subarray(c * size, (c + 1) * size));
    for (const c of channels) expect(new Set(c).size).toBe(1);
    expect(channels.filter((c) => c[0] === 0).length / channels.length).toBeCloseTo(0.5, 0);
    expect(new Set(values)).toEqual(new Set([0, 2]));
  });
});

test("what cannot be dropped is refused", () => {
  expect(() => new nn.Dropout({ p: 1.5 })).toThrow("Dropout: p is 1.5");
  expect(() => new nn.Dropout2d({ p: -0.1 })).toThrow("Dropout2d: p is -0.1");
  expect(() => new nn.Dropout({ q: 0.5 } as never)).toThrow('unknown option "q"');
  const x = tensor([1, 2]);
  expect(() => F.dropout2d(x)).toThrow("Dropout2d: input has shape [2] of rank 1");
  x.dispose();
});

test("a second derivative passes through the same mask", () => {
  scope(() => {
    const x = ones([64], { requiresGrad: true });
    const y = F.dropout(x, { p: 0.5, generator: new Generator(3) });
    const z = F.dropout(y, { p: 0.5, generator: new Generator(3) });
    z.sum().backward();
    expect(x.grad?.data()).toEqual(z.data());
    expect(new Set(z.data())).toEqual(new Set([0, 4]));
  });
});

test("AlphaDropout keeps mean and variance, and its gradient is the mask", () => {
  scope(() => {
    const layer = new nn.AlphaDropout({ p: 0.2, generator: new Generator(4) });
    const x = randn([50_000], { generator: new Generator(5), requiresGrad: true });
    const y = layer.forward(x);
    const mean = y.mean().item();
    expect(Math.abs(mean)).toBeLessThan(0.02);
    expect(Math.abs(y.mul(y).mean().item() - 1)).toBeLessThan(0.03);
    y.sum().backward();
    const a = Math.fround(1 / Math.sqrt(0.8 * (1 + 0.2 * 1.7580993408473766 ** 2)));
    expect(new Set(x.grad?.data())).toEqual(new Set([0, a]));
    expect(
      F.alphaDropout(x, { p: 1 })
        .data()
        .every((v) => v === 0),
    ).toBe(true);
    expect(layer.eval().forward(x)).toBe(x);
  });
});

test("StochasticDepth drops whole samples, or the whole batch", () => {
  scope(() => {
    const x = ones([40, 2, 3], { requiresGrad: true });
    const y = new nn.StochasticDepth(0.5, "row", { generator: new Generator(6) }).forward(x);
    y.sum().backward();
    expect(x.grad?.data()).toEqual(y.data());
    const sums = y.sum([1, 2]).data();
    expect(new Set(sums)).toEqual(new Set([0, 12]));
    const generator = new Generator(7);
    const batches = Array.from({ length: 30 }, () => F.stochasticDepth(x, { mode: "batch", generator }).sum().item());
    expect(new Set(batches)).toEqual(new Set([0, 480]));
    expect(new nn.StochasticDepth(0.5).eval().forward(x)).toBe(x);
    expect(() => new nn.StochasticDepth(2)).toThrow("StochasticDepth: p is 2");
    expect(() => new nn.StochasticDepth(0.5, "column" as never)).toThrow('"row"');
  });
});
