import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { functional as F, nn, optim, setBackend, type Tensor, tensor } from "../src/node.js";
import { generatorOf } from "./support/make.js";

/** ln(e^a + e^b). */
function logAdd(a: number, b: number): number {
  const m = Math.max(a, b);
  return m === -Infinity ? m : m + Math.log1p(Math.exp(Math.min(a, b) - m));
}

/** The textbook's recursion in float64, without any shift. */
function textbook(x: ArrayLike<number>, steps: number, classes: number, target: readonly number[]): number {
  const states = [0, ...target.flatMap((label) => [label, 0])];
  let alpha = states.map((c, s) => (s < 2 ? x[c]! : -Infinity));
  for (let t = 1; t < steps; t++) {
    const before = alpha;
    alpha = states.map((c, s) => {
      let sum = before[s]!;
      if (s > 0) sum = logAdd(sum, before[s - 1]!);
      if (s > 1 && c !== 0 && c !== states[s - 2]) sum = logAdd(sum, before[s - 2]!);
      return sum + x[t * classes + c]!;
    });
  }
  return -logAdd(alpha.at(-1)!, alpha.at(-2) ?? -Infinity);
}

function logits(steps: number, classes: number, scale: number): Float32Array {
  const random = generatorOf(steps * classes);
  return Float32Array.from({ length: steps * classes }, () => scale * (2 * random() - 1));
}

describe.each(["js", "wasm"] as const)("CTC on %s", (backend) => {
  beforeEach(() => setBackend(backend));
  afterEach(() => setBackend("wasm"));

  test.each([
    { steps: 2000, classes: 30, labels: 400, scale: 3 },
    { steps: 500, classes: 20, labels: 240, scale: 200 },
    { steps: 300, classes: 5, labels: 120, scale: 3000 },
  ])("stays exact over $steps steps with scores to ±$scale", ({ steps, classes, labels, scale }) => {
    const random = generatorOf(labels);
    const target = Array.from({ length: labels }, () => 1 + Math.floor(random() * (classes - 1)));
    const x = F.logSoftmax(tensor(logits(steps, classes, scale), { shape: [steps, classes] }), { dim: 1 });
    const loss = F.ctcLoss(x, tensor(Int32Array.from(target)), [steps], [labels], { reduction: "sum" }).item();
    const want = textbook(x.data(), steps, classes, target);
    expect(Math.abs(loss - want)).toBeLessThan(2e-6 * want);
  });

  test("gives each step a gradient that sums to 0 through logSoftmax, and to −1 without it", () => {
    const target = tensor(new Int32Array([3, 3, 1, 2, 4, 1]));
    const lengths = [[60], [6]] as const;
    const scores = tensor(logits(60, 5, 20), { shape: [60, 5], requiresGrad: true });
    F.ctcLoss(F.logSoftmax(scores, { dim: 1 }), target, ...lengths, { reduction: "sum" }).backward();
    const logs = F.logSoftmax(scores.detach(), { dim: 1 }).detach().requiresGrad_();
    F.ctcLoss(logs, target, ...lengths, { reduction: "sum" }).backward();
    const sums = (g: Tensor): number[] => Array.from(g.sum(1).data());
    for (const s of sums(scores.grad!)) expect(Math.abs(s)).toBeLessThan(1e-5);
    for (const s of sums(logs.grad!)) expect(Math.abs(s + 1)).toBeLessThan(1e-5);
  });

  test("leaves impossible classes without a gradient instead of NaN", () => {
    const values = [-1, -Infinity, -0.5, -Infinity, -0.3, -2, -1, -Infinity, -0.7];
    const x = tensor(values, { shape: [3, 3], requiresGrad: true });
    F.ctcLoss(x, tensor(new Int32Array([1])), [3], [1]).backward();
    const expected = [-1, 0, 0, 0, -1, 0, -1, 0, 0];
    Array.from(x.grad!.data()).forEach((v, i) => {
      expect(v).toBeCloseTo(expected[i]!, 6);
    });
  });

  test("gives NaN for the gradient of an infinite loss, and only of that one", () => {
    const x = tensor(logits(2, 6, 1), { shape: [2, 2, 3], requiresGrad: true });
    const loss = F.ctcLoss(x, tensor(new Int32Array([1, 1, 1, 2]), { shape: [2, 2] }), [2, 2], [2, 2], {
      reduction: "none",
    });
    expect(loss.data()[0]).toBe(Infinity);
    loss.sum().backward();
    const g = x.grad!.tolist() as number[][][];
    for (const step of g) {
      expect(step[0]!.some(Number.isNaN)).toBe(true);
      expect(step[1]!.every(Number.isFinite)).toBe(true);
    }
  });

  test("passes NaN on", () => {
    const x = tensor([NaN, -1, -1, -1, -1, -1], { shape: [2, 3] });
    expect(F.ctcLoss(x, tensor(new Int32Array([1])), [2], [1]).item()).toBeNaN();
  });

  test("divides by the target's length in the mean, but by no less than 1", () => {
    const x = F.logSoftmax(tensor(logits(6, 8, 1), { shape: [6, 2, 4] }), { dim: 2 });
    const call = (reduction: "none" | "mean"): Tensor =>
      F.ctcLoss(x, tensor(new Int32Array([1, 2, 3])), [6, 6], [3, 0], { reduction });
    const [a, b] = call("none").data() as Float32Array;
    expect(call("mean").item()).toBeCloseTo((a! / 3 + b!) / 2, 5);
  });

  test("trains a model to spell", () => {
    const scores = new nn.Parameter(tensor(new Float32Array(8 * 4), { shape: [8, 4] }));
    const loss = new nn.CTCLoss({ reduction: "sum" });
    const target = tensor(new Int32Array([2, 1, 1]));
    const optimizer = new optim.SGD([scores], { lr: 1 });
    let last = Infinity;
    for (let i = 0; i < 60; i++) {
      const l = loss.forward(F.logSoftmax(scores, { dim: 1 }), target, [8], [3]);
      last = l.item();
      optimizer.zeroGrad();
      l.backward();
      optimizer.step();
    }
    expect(last).toBeLessThan(0.1);
  });
});

describe("ctcLoss", () => {
  test("refuses lengths that are no integers", () => {
    const x = tensor(new Float32Array(6), { shape: [2, 3] });
    expect(() => F.ctcLoss(x, tensor(new Int32Array([1])), [1.5], [1])).toThrow(/CTCLoss: inputLengths is 1.5/);
    expect(() => F.ctcLoss(x, tensor(new Int32Array([1])), [2], [-1])).toThrow(/CTCLoss: targetLengths is -1/);
  });
});
