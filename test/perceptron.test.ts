import { describe, expect, test } from "vitest";
import { functional as F, memory, nn, scope, setBackend, tensor } from "../src/node.js";

const INPUTS = [
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
];

describe.each(["wasm", "js"] as const)("on %s", (backend) => {
  test("a perceptron answers 1 from 0 on, and 0 below", () => {
    setBackend(backend);
    const before = memory().liveBlocks;
    const p = new nn.Perceptron(2, 1);
    expect([...p.stateDict().keys()]).toEqual(["weight", "bias"]);
    p.weight.copy_(tensor([[1, -1]]));
    const x = tensor([
      [3, 3],
      [3, 3.5],
      [4, 3],
      [NaN, 0],
    ]);
    scope(() => {
      const y = p.forward(x);
      expect(y.tolist()).toEqual([[1], [0], [1], [0]]);
      expect([y.dtype, y.requiresGrad]).toEqual(["float32", false]);
    });
    x.dispose();
    p.dispose();
    expect(memory().liveBlocks).toBeLessThanOrEqual(before + 1);
  });

  test("a perceptron learns what a line separates, several outputs at once, and counts its mistakes", () => {
    setBackend(backend);
    const p = new nn.Perceptron(2, 2);
    const x = tensor(INPUTS);
    const andOr = tensor([
      [0, 0],
      [0, 1],
      [0, 1],
      [1, 1],
    ]);
    const before = memory().liveBlocks;
    const mistakes: number[] = [];
    while (mistakes.at(-1) !== 0 && mistakes.length < 50) mistakes.push(p.learn(x, andOr, 0.5));
    expect(mistakes.length).toBeGreaterThan(1);
    expect(mistakes.at(-1)).toBe(0);
    expect(memory().liveBlocks).toBe(before);
    scope(() => expect(p.forward(x).tolist()).toEqual(andOr.tolist()));
    for (const t of [x, andOr]) t.dispose();
    p.dispose();
  });

  test("a perceptron moves by lr·(target − y)·x for one example, and not at all when it is right", () => {
    setBackend(backend);
    const p = new nn.Perceptron(3, 1);
    const x = tensor([1, -2, 3]);
    const [zero, one] = [tensor([0]), tensor([1], { dtype: "int32" })];
    expect(p.learn(x, one)).toBe(0);
    expect(p.weight.tolist()).toEqual([[0, 0, 0]]);
    expect(p.learn(x, zero, 0.5)).toBe(1);
    expect([p.weight.tolist(), p.bias!.tolist()]).toEqual([[[-0.5, 1, -1.5]], [-0.5]]);
    for (const t of [x, zero, one]) t.dispose();
    p.dispose();
  });

  test("a perceptron never learns exclusive or", () => {
    setBackend(backend);
    const p = new nn.Perceptron(2, 1);
    const x = tensor(INPUTS);
    const xor = tensor([[0], [1], [1], [0]]);
    for (let i = 0; i < 40; i++) expect(p.learn(x, xor)).toBeGreaterThan(0);
    for (const t of [x, xor]) t.dispose();
    p.dispose();
  });

  test("maxout takes the largest of its pieces, and hands the gradient to it", () => {
    setBackend(backend);
    const m = new nn.Maxout(1, 1, 3, { bias: false });
    m.loadStateDict({ weight: tensor([[-1], [0.25], [1]]) });
    const x = tensor([[-2], [0], [3]], { requiresGrad: true });
    scope(() => {
      const y = m.forward(x);
      expect(y.tolist()).toEqual([[2], [0], [3]]);
      y.sum().backward();
    });
    expect(x.grad!.tolist()).toEqual([[-1], [-1], [1]]);
    expect(m.weight.grad!.tolist()).toEqual([[-2], [0], [3]]);
    x.dispose();
    m.dispose();
  });
});

describe("wrong calls", () => {
  test("of perceptrons and maxout name what was expected", () => {
    const p = new nn.Perceptron(2, 1);
    const m = new nn.Maxout(2, 3, 2);
    const [x, target, flat] = [tensor([[1, 2]]), tensor([[1, 0]]), tensor([1, 2, 3])];
    expect(() => p.learn(x, target)).toThrow(/Perceptron: target has shape \[1, 2\]; expected \[1, 1\]/);
    expect(() => p.forward(flat)).toThrow(/Perceptron: input has 3 features; expected 2/);
    expect(() => m.forward(flat)).toThrow(/Maxout: input has 3 features; expected 2/);
    expect(() => new nn.Maxout(2, 3, 0)).toThrow(/Maxout: pieces is 0/);
    expect(() => new nn.Perceptron(0, 3)).toThrow(/Perceptron: inFeatures is 0/);
    expect(() => F.linear(flat, m.weight)).toThrow(/Linear/);
    for (const t of [x, target, flat]) t.dispose();
    p.dispose();
    m.dispose();
  });
});
