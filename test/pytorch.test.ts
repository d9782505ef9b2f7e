import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Backend, functional as F, memory, nn, scope, setBackend, type Tensor, tensor } from "../src/node.js";

// What a user who comes from PyTorch relies on, and what no other test asks for. Values are PyTorch's.

const ints = (...values: number[]): Tensor => tensor(Int32Array.from(values));

describe.each<Backend>(["js", "wasm"])("as in PyTorch, on %s", (backend) => {
  beforeEach(() => setBackend(backend));
  afterEach(() => setBackend("wasm"));

  test("options may follow the tensors where optional ones are left out", () => {
    scope(() => {
      const x = tensor([[[1, 2, 4, 8]]]);
      const w = tensor([[[1, -1]]]);
      expect(F.conv1d(x, w, { stride: 2 }).tolist()).toEqual([[[-1, -4]]]);
      expect(F.conv1d(x, w, tensor([1]), { stride: 2 }).tolist()).toEqual([[[0, -3]]]);
      expect(F.convTranspose1d(x, w, { padding: 1 }).tolist()).toEqual([[[1, 2, 4]]]);
      expect(F.linear(tensor([[1, 2]]), tensor([[1, -1]]), { activation: "relu" }).tolist()).toEqual([[0]]);
      const rows = tensor([[1, 3]]);
      const expected = F.layerNorm(rows, null, null, { normalizedShape: 2 }).tolist();
      expect(F.layerNorm(rows, { normalizedShape: 2 }).tolist()).toEqual(expected);
      expect(F.layerNorm(rows, tensor([1, 1]), { normalizedShape: 2 }).tolist()).toEqual(expected);
      expect(F.groupNorm(tensor([[1, 3]]), { numGroups: 1 }).tolist()).toEqual(expected);
      expect(F.instanceNorm(tensor([[[1, 3]]]), { eps: 1e-5 }).tolist()).toEqual([expected]);
      expect(F.batchNorm(tensor([[1], [3]]), null, null, { training: true }).tolist()).toEqual(
        F.batchNorm(tensor([[1], [3]]), null, null, null, null, { training: true }).tolist(),
      );
      expect(F.rmsNorm(rows, { normalizedShape: 2 }).tolist()).toEqual(
        F.rmsNorm(rows, null, { normalizedShape: 2 }).tolist(),
      );
      const table = tensor([[1], [10]]);
      expect(F.embeddingBag(tensor([[0, 1]], { dtype: "int32" }), table, { mode: "sum" }).tolist()).toEqual([[11]]);
    });
  });

  test("add and sub take alpha, div a rounding mode", () => {
    scope(() => {
      const a = tensor([1, 2], { requiresGrad: true });
      const b = tensor([3, -4], { requiresGrad: true });
      const y = F.add(a, b, { alpha: 0.5 });
      expect(y.tolist()).toEqual([2.5, 0]);
      y.sum().backward();
      expect(b.grad!.tolist()).toEqual([0.5, 0.5]);
      expect(F.sub(ints(1, 2), ints(3, 4), { alpha: 2 }).tolist()).toEqual([-5, -6]);
      expect(F.sub(ints(1, 2), ints(3, 4), { alpha: 2 }).dtype).toBe("int32");
      expect(F.div(tensor([7, -7]), 2, { roundingMode: "floor" }).tolist()).toEqual([3, -4]);
      expect(F.div(tensor([7, -7]), 2, { roundingMode: "trunc" }).tolist()).toEqual([3, -3]);
      const whole = F.div(ints(7, -7), 2, { roundingMode: "floor" });
      expect([whole.dtype, whole.tolist()]).toEqual(["int32", [3, -4]]);
      expect(() => F.add(a, b, { beta: 1 } as F.AlphaOptions)).toThrow("add: unknown option");
    });
  });

  test("the largest and smallest of bools are bools", () => {
    scope(() => {
      const x = tensor([
        [true, false],
        [true, true],
      ]);
      expect([F.amax(x).dtype, F.amin(x, { dim: 1 }).tolist()]).toEqual(["bool", [false, true]]);
      const [values, indices] = F.min(x, { dim: 1 });
      expect([values.dtype, values.tolist(), indices.tolist()]).toEqual(["bool", [false, true], [1, 0]]);
    });
  });

  test("the gradient of the median of everything is shared among equals", () => {
    scope(() => {
      const x = tensor([-Infinity, 3, -Infinity, -Infinity, 5], { requiresGrad: true });
      F.median(x).backward();
      const third = Math.fround(1 / 3);
      expect(x.grad!.tolist()).toEqual([third, 0, third, third, 0]);
      expect(F.median(tensor([])).item()).toBeNaN();
      expect(F.median(tensor(4)).item()).toBe(4);
    });
  });

  test("logarithms survive beside the largest logits", () => {
    scope(() => {
      const y = F.logSoftmax(tensor([1e38, 1e38, -1e38]), { dim: 0 }).data();
      expect(y[0]).toBeCloseTo(-Math.log(2), 6);
      const loss = F.crossEntropy(tensor([[1e38, 1e38]]), ints(0));
      expect(loss.item()).toBeCloseTo(Math.log(2), 6);
    });
  });

  test("norm knows Frobenius by name", () => {
    scope(() => {
      expect(F.norm(tensor([[3, 4]]), { p: "fro" }).item()).toBe(5);
    });
  });

  test("the norm of order 0 counts, and its gradient is 0", () => {
    scope(() => {
      const x = tensor([0, -3, NaN, 0.1], { requiresGrad: true });
      const y = F.norm(x, { p: 0 });
      expect(y.item()).toBe(3);
      y.backward();
      expect(x.grad!.tolist()).toEqual([0, 0, 0, 0]);
    });
  });

  test("clamp takes bounds for each element, and the gradient goes to the bound that is reached", () => {
    scope(() => {
      const x = tensor([-1, 0, 1, NaN], { requiresGrad: true });
      const min = tensor([-0.5, -0.5, -0.5, 0], { requiresGrad: true });
      const y = F.clamp(x, { min, max: 0.5 });
      expect(y.tolist()).toEqual([-0.5, 0, 0.5, NaN]);
      y.sum().backward();
      expect(x.grad!.tolist()).toEqual([0, 1, 0, 1]);
      expect(min.grad!.tolist()).toEqual([1, 0, 0, 0]);
    });
  });

  test("joined tensors take the wider dtype", () => {
    scope(() => {
      const joined = F.cat([ints(1), tensor([0.5]), tensor([true])]);
      expect([joined.dtype, joined.tolist()]).toEqual(["float32", [1, 0.5, 1]]);
      const stacked = F.stack([tensor([true]), ints(3)]);
      expect([stacked.dtype, stacked.tolist()]).toEqual(["int32", [[1], [3]]]);
    });
  });

  test("an embedding divides gradients by how often a row was read, if asked to", () => {
    const table = new nn.Embedding(3, 2, { scaleGradByFreq: true });
    scope(() => {
      const g = tensor([
        [1, 2],
        [3, 4],
        [5, 6],
      ]);
      table.forward(ints(2, 0, 2)).backward(g);
    });
    expect(table.weight.grad!.tolist()).toEqual([
      [3, 4],
      [0, 0],
      [3, 4],
    ]);
    table.dispose();
  });

  test("a module that is refused leaves nothing behind", () => {
    const before = memory().liveBlocks;
    const nonlinearity = "gelu" as "relu";
    expect(() => new nn.RNN(2, 3, { nonlinearity })).toThrow('RNN: nonlinearity is "gelu"');
    expect(() => new nn.RNNCell(2, 3, { nonlinearity })).toThrow('RNNCell: nonlinearity is "gelu"');
    const paddingMode = "reflect" as "zeros";
    expect(() => new nn.ConvTranspose1d(2, 3, 3, { paddingMode })).toThrow('ConvTranspose1d: paddingMode is "reflect"');
    expect(memory().liveBlocks).toBe(before);
    new nn.ConvTranspose1d(2, 3, 3, { paddingMode: "zeros" }).dispose();
  });

  test("softmin is refused under its own name", () => {
    scope(() => expect(() => F.softmin(ints(1), { dim: 0 })).toThrow("Softmin: input [1] is int32"));
  });

  test("options that cannot be left out are asked for by name", () => {
    scope(() => {
      const cumsum = F.cumsum as (x: Tensor) => Tensor;
      expect(() => cumsum(tensor([1]))).toThrow("cumsum: options are undefined; expected an object with dim");
    });
  });

  test("a bag of embeddings names itself when an index is out of range", () => {
    scope(() => {
      const input = tensor([[0, 5]], { dtype: "int32" });
      expect(() => F.embeddingBag(input, tensor([[1], [2]]))).toThrow("EmbeddingBag: an index is 5");
    });
  });

  test("binary cross-entropy of large scores against soft targets keeps its digits", () => {
    scope(() => {
      const target = Math.fround(0.9999);
      const loss = F.binaryCrossEntropyWithLogits(tensor([3e4, -3e4, Infinity]), tensor([target, 1 - target, 0.5]), {
        reduction: "none",
      }).data();
      const expected = 3e4 * (1 - target);
      expect(Math.abs(loss[0]! - expected)).toBeLessThan(1e-6 * expected);
      expect(Math.abs(loss[1]! - expected)).toBeLessThan(1e-6 * expected);
      expect(loss[2]).toBe(Infinity);
    });
  });
});
