import { describe, expect, test } from "vitest";
import {
  arange,
  bernoulli,
  DTypeError,
  eye,
  functional as F,
  full,
  linspace,
  memory,
  multinomial,
  normal,
  ones,
  onesLike,
  rand,
  randint,
  randn,
  randperm,
  scope,
  tensor,
  uniform,
  zeros,
  zerosLike,
} from "../src/node.js";

describe("creation", () => {
  test("gives PyTorch's values", () => {
    scope(() => {
      expect(zeros([2, 2]).tolist()).toEqual([
        [0, 0],
        [0, 0],
      ]);
      expect(ones([2], { dtype: "bool" }).tolist()).toEqual([true, true]);
      expect(full([2], true).dtype).toBe("bool");
      expect(full([], 2.5).item()).toBe(2.5);
      expect(eye(2, 3).tolist()).toEqual([
        [1, 0, 0],
        [0, 1, 0],
      ]);
      expect(eye(2, { dtype: "int32" }).dtype).toBe("int32");
      expect(arange(3).tolist()).toEqual([0, 1, 2]);
      expect(arange(3).dtype).toBe("int32");
      expect(arange(1, 4, { dtype: "float32" }).dtype).toBe("float32");
      expect(arange(1, 0, -0.25).tolist()).toEqual([1, 0.75, 0.5, 0.25]);
      expect(linspace(-1, 1, 5).tolist()).toEqual([-1, -0.5, 0, 0.5, 1]);
      expect(linspace(3, 10, 1).tolist()).toEqual([3]);
      expect(linspace(0, 1, 0).tolist()).toEqual([]);
      const like = zeros([1, 2], { dtype: "int32" });
      expect([zerosLike(like).dtype, onesLike(like, { dtype: "float32" }).tolist()]).toEqual(["int32", [[1, 1]]]);
    });
  });

  test("belongs to the innermost scope", () => {
    const before = memory().liveBlocks;
    scope(() => {
      zeros([3]);
      arange(4);
      eye(2);
      rand([2]);
      randperm(3);
      bernoulli(0.5, [2]);
      multinomial(ones([2]), 1);
    });
    expect(memory().liveBlocks).toBe(before);
  });

  test("refuses what it cannot hold, before allocating", () => {
    const x = tensor(new Int32Array(3));
    const before = memory().liveBlocks;
    expect(() => zeros([2], { dtype: "int32", requiresGrad: true })).toThrow(DTypeError);
    expect(() => full([2], 1.5, { dtype: "int32" })).toThrow("value is 1.5");
    expect(() => zeros([-1])).toThrow("expected integers ≥ 0");
    expect(() => arange(0, 5, -1)).toThrow("expected a step");
    expect(() => rand([2], { requiresGrad: true, ...{ sed: 1 } })).toThrow('unknown option "sed"');
    expect(() => uniform(2, 1, [1])).toThrow("low ≤ high");
    expect(() => normal(0, -1, [1])).toThrow("std is -1");
    expect(() => randint(3, 3, [1])).toThrow("high is 3");
    expect(() => F.dropout(x)).toThrow("Dropout: input [3] is int32");
    expect(() => F.dropout(x, { p: 1.5 })).toThrow("Dropout: p is 1.5");
    expect(memory().liveBlocks).toBe(before);
    x.dispose();
  });

  test("can require a gradient", () => {
    scope(() => {
      expect(randn([2], { requiresGrad: true }).requiresGrad).toBe(true);
      expect(ones([2], { requiresGrad: true }).isLeaf).toBe(true);
    });
  });
});
