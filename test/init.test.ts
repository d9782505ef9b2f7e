import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { normalCdf, normalQuantile } from "../src/nn/quantile.js";
import { Generator, memory, nn, noGrad, setBackend, type Tensor, zeros } from "../src/node.js";

const { init } = nn;
const made: Tensor[] = [];
let generator: Generator;

beforeEach(() => {
  generator = new Generator(2024);
});

afterEach(() => {
  setBackend("wasm");
  for (const t of made.splice(0)) t.dispose();
});

function blank(...shape: number[]): Tensor {
  const t = zeros(shape);
  made.push(t);
  return t;
}

function stats(t: Tensor): { mean: number; std: number; low: number; high: number } {
  const values = Array.from(t.data());
  const mean = values.reduce((s, v) => s + v, 0) / values.length;
  const std = Math.sqrt(values.reduce((s, v) => s + (v - mean) ** 2, 0) / values.length);
  return { mean, std, low: Math.min(...values), high: Math.max(...values) };
}

/** A uniform distribution in ±bound: its ends are nearly reached, and its deviation fits. */
function expectUniform(t: Tensor, bound: number): void {
  const { mean, std, low, high } = stats(t);
  expect(Math.abs(mean) / bound).toBeLessThan(0.03);
  expect(std / (bound / Math.sqrt(3))).toBeCloseTo(1, 1);
  expect(low).toBeGreaterThanOrEqual(-bound * (1 + 1e-6));
  expect(high).toBeLessThan(bound * (1 + 1e-6));
  expect(Math.min(-low, high) / bound).toBeGreaterThan(0.99);
}

function expectNormal(t: Tensor, std: number): void {
  const got = stats(t);
  expect(Math.abs(got.mean) / std).toBeLessThan(0.03);
  expect(got.std / std).toBeCloseTo(1, 1);
  expect(got.high / std).toBeGreaterThan(3);
}

describe("initialisers", () => {
  test("fill with constants", () => {
    expect(init.constant_(blank(2, 2), 3.5).tolist()).toEqual([
      [3.5, 3.5],
      [3.5, 3.5],
    ]);
    expect(init.ones_(blank(3)).tolist()).toEqual([1, 1, 1]);
    expect(init.zeros_(init.ones_(blank(3))).tolist()).toEqual([0, 0, 0]);
    expect(init.eye_(blank(2, 3)).tolist()).toEqual([
      [1, 0, 0],
      [0, 1, 0],
    ]);
  });

  test("fill with uniform and normal numbers", () => {
    expectUniform(init.uniform_(blank(100, 100), -0.5, 0.5, { generator }), 0.5);
    expectNormal(init.normal_(blank(100, 100), 0, 0.02, { generator }), 0.02);
    expect(stats(init.uniform_(blank(1000))).low).toBeGreaterThanOrEqual(0);
  });

  test("count the taps of a kernel in fan in and out", () => {
    expect(init.calculateFanInAndFanOut(blank(8, 3, 5, 5))).toEqual({ fanIn: 75, fanOut: 200 });
    expect(init.calculateFanInAndFanOut(blank(8, 3))).toEqual({ fanIn: 3, fanOut: 8 });
    expect(() => init.calculateFanInAndFanOut(blank(8))).toThrow("expected rank ≥ 2");
  });

  test("know PyTorch's gains", () => {
    expect(init.calculateGain("linear")).toBe(1);
    expect(init.calculateGain("sigmoid")).toBe(1);
    expect(init.calculateGain("conv_transpose2d")).toBe(1);
    expect(init.calculateGain("tanh")).toBe(5 / 3);
    expect(init.calculateGain("relu")).toBe(Math.SQRT2);
    expect(init.calculateGain("leaky_relu")).toBeCloseTo(Math.sqrt(2 / 1.0001), 12);
    expect(init.calculateGain("leaky_relu", 0.2)).toBeCloseTo(Math.sqrt(2 / 1.04), 12);
    expect(init.calculateGain("selu")).toBe(0.75);
  });

  test("follow Xavier's and Kaiming's formulas", () => {
    expectUniform(init.xavierUniform_(blank(200, 100), { gain: 2, generator }), 2 * Math.sqrt(6 / 300));
    expectNormal(init.xavierNormal_(blank(200, 100), { generator }), Math.sqrt(2 / 300));
    expectUniform(init.kaimingUniform_(blank(64, 32, 3, 3), { a: Math.sqrt(5), generator }), 1 / Math.sqrt(288));
    expectUniform(init.kaimingUniform_(blank(64, 32, 3, 3), { generator }), Math.sqrt(6 / 288));
    expectNormal(
      init.kaimingNormal_(blank(64, 32, 3, 3), { mode: "fan_out", nonlinearity: "relu", generator }),
      Math.sqrt(2 / 576),
    );
    expectNormal(init.kaimingNormal_(blank(64, 300), { nonlinearity: "tanh", generator }), 5 / 3 / Math.sqrt(300));
  });

  test.each([
    [20, 20],
    [30, 12],
    [12, 30],
    [8, 3, 3, 2],
    [1, 5],
  ])("make %i rows against %i… columns orthonormal", (...shape) => {
    const t = init.orthogonal_(blank(...shape), { gain: 3, generator });
    const rows = shape[0]!;
    const cols = t.numel / rows;
    const values = t.data();
    const vector = (v: number): number[] =>
      rows < cols
        ? Array.from({ length: cols }, (_, i) => values[v * cols + i]!)
        : Array.from({ length: rows }, (_, i) => values[i * cols + v]!);
    const count = Math.min(rows, cols);
    for (let a = 0; a < count; a++) {
      for (let b = 0; b <= a; b++) {
        const product = vector(a).reduce((s, v, i) => s + v * vector(b)[i]!, 0);
        expect(product).toBeCloseTo(a === b ? 9 : 0, 5);
      }
    }
  });

  test("orthogonal matrices have no preferred sign", () => {
    let positive = 0;
    for (let i = 0; i < 400; i++) if (init.orthogonal_(blank(2, 2), { generator }).data()[0]! > 0) positive++;
    expect(Math.abs(positive - 200)).toBeLessThan(50);
  });

  test("truncate the normal distribution", () => {
    const t = init.truncNormal_(blank(50_000), { generator });
    const { mean, std, low, high } = stats(t);
    expect(Math.abs(mean)).toBeLessThan(0.02);
    // Variance of a standard normal within ±2: 1 − 4φ(2)/(2Φ(2) − 1).
    expect(std).toBeCloseTo(Math.sqrt(1 - (4 * 0.05399) / 0.9545), 2);
    expect(low).toBeGreaterThanOrEqual(-2);
    expect(high).toBeLessThanOrEqual(2);
    expect(high - low).toBeGreaterThan(3.99);
    const far = stats(init.truncNormal_(blank(2000), { a: 7, b: 9, generator }));
    expect(far.low).toBeGreaterThanOrEqual(7);
    expect(far.low).toBeLessThan(7.01);
    expect(far.mean).toBeCloseTo(7.137, 1);
    const shifted = stats(init.truncNormal_(blank(20_000), { mean: 5, std: 0.1, a: -100, b: 100, generator }));
    expect(shifted.mean).toBeCloseTo(5, 2);
    expect(shifted.std).toBeCloseTo(0.1, 2);
  });

  test("leave the wanted share of each column zero", () => {
    const t = init.sparse_(blank(10, 40), 0.25, { generator });
    const values = t.data();
    for (let c = 0; c < 40; c++) {
      expect(Array.from({ length: 10 }, (_, r) => values[r * 40 + c]).filter((v) => v === 0)).toHaveLength(3);
    }
    expect(stats(t).std).toBeCloseTo(0.01 * Math.sqrt(0.7), 3);
  });

  test("make convolutions that keep their input", () => {
    const t = init.dirac_(blank(4, 2, 3, 3), { groups: 2 });
    const values = t.data();
    const ones = [...values.keys()].filter((i) => values[i] === 1);
    expect(ones).toEqual([0, 3, 4, 7].map((plane) => plane * 9 + 4));
    expect(values.filter((v) => v !== 0)).toHaveLength(4);
    expect(init.dirac_(blank(2, 1, 2)).tolist()).toEqual([[[0, 1]], [[0, 0]]]);
    expect(() => init.dirac_(blank(3, 2, 3), { groups: 2 })).toThrow(
      "groups is 2; expected a divisor of the 3 output channels",
    );
  });

  test("write through views, and count as in-place writes", () => {
    const t = blank(3, 4);
    const view = noGrad(() => t.transpose(0, 1).keep());
    const version = t.storage.version;
    init.normal_(view, 0, 1, { generator });
    expect(t.storage.version).toBeGreaterThan(version);
    const direct = init.normal_(blank(4, 3), 0, 1, { generator: new Generator(2024) });
    expect(view.tolist()).toEqual(direct.tolist());
    view.dispose();
  });

  test("initialise parameters without recording", () => {
    const p = new nn.Parameter(zeros([3, 3]));
    made.push(p);
    expect(init.xavierUniform_(p, { generator })).toBe(p);
    expect(p.isLeaf && p.requiresGrad).toBe(true);
    expect(stats(p).std).toBeGreaterThan(0);
  });

  test("give the same bits on both back ends", () => {
    const all = ["wasm", "js"].map((backend) => {
      setBackend(backend as "wasm" | "js");
      const g = new Generator(5);
      return [
        init.kaimingUniform_(blank(7, 5), { generator: g }),
        init.orthogonal_(blank(5, 7), { generator: g }),
        init.truncNormal_(blank(33), { generator: g }),
        init.sparse_(blank(5, 5), 0.5, { generator: g }),
      ].map((t) => t.tolist());
    });
    expect(all[0]).toEqual(all[1]);
  });

  test("accept tensors without elements", () => {
    for (const fill of [init.xavierNormal_, init.kaimingUniform_, init.orthogonal_])
      expect(fill(blank(0, 3)).numel).toBe(0);
    expect(init.truncNormal_(blank(0)).numel).toBe(0);
  });

  test("refuse what does not fit, and leave the tensor as it was", () => {
    const before = memory().liveBlocks;
    const t = blank(2, 2);
    expect(() => init.xavierUniform_(t, { gian: 1 } as never)).toThrow('unknown option "gian"');
    expect(() => init.kaimingNormal_(t, { mode: "fanIn" } as never)).toThrow('"fan_in"');
    expect(() => init.kaimingNormal_(t, { nonlinearity: "leakyRelu" } as never)).toThrow('"leaky_relu"');
    expect(() => init.normal_(t, 0, -1)).toThrow("std is -1");
    expect(() => init.eye_(blank(2))).toThrow("expected rank 2");
    expect(() => init.sparse_(t, 1.5)).toThrow("sparsity is 1.5");
    expect(() => init.truncNormal_(t, { a: 1, b: 0 })).toThrow("b is 0");
    const ints = zeros([2], { dtype: "int32" });
    made.push(ints);
    expect(() => init.ones_(ints)).toThrow("int32");
    expect(t.data()).toEqual(new Float32Array(4));
    expect(memory().liveBlocks).toBe(before + 3);
  });
});

test("the normal distribution function and its inverse undo each other", () => {
  for (let x = -8; x <= 3; x += 0.125) expect(Math.abs(normalQuantile(normalCdf(x)) - x)).toBeLessThan(1e-5);
  expect(normalCdf(0)).toBeCloseTo(0.5, 7);
  expect(normalCdf(1.959964)).toBeCloseTo(0.975, 6);
});
