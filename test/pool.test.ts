import { expect, test } from "vitest";
import { nn, ones, scope, setBackend, tensor, zeros } from "../src/node.js";

test("a maximum that two windows share gets both gradients", () => {
  for (const backend of ["wasm", "js"] as const) {
    setBackend(backend);
    scope(() => {
      const x = tensor([[[0, 5, 0, 0]]], { requiresGrad: true });
      new nn.MaxPool1d(2, { stride: 1 }).forward(x).backward(ones([1, 1, 3]));
      expect(x.grad?.tolist()).toEqual([[[0, 2, 1, 0]]]);
      x.dispose();
    });
  }
});

test("equal maxima: the first gets the gradient, as in PyTorch", () => {
  for (const backend of ["wasm", "js"] as const) {
    setBackend(backend);
    scope(() => {
      const x = ones([1, 1, 2, 16], { requiresGrad: true });
      new nn.MaxPool2d(2).forward(x).sum().backward();
      const row = Array.from({ length: 16 }, (_, i) => (i % 2 === 0 ? 1 : 0));
      expect(x.grad?.tolist()).toEqual([[[row, row.map(() => 0)]]]);
    });
  }
});

test("a NaN's gradient goes to the last NaN of its window", () => {
  for (const backend of ["wasm", "js"] as const) {
    setBackend(backend);
    scope(() => {
      const rows = [Array.from({ length: 8 }, () => NaN), Array.from({ length: 8 }, (_, i) => (i === 2 ? NaN : 1))];
      const x = tensor([rows], { requiresGrad: true });
      new nn.MaxPool2d(2).forward(x).sum().backward();
      expect(x.grad?.tolist()).toEqual([
        [
          [0, 1, 0, 0, 0, 1, 0, 1],
          [0, 0, 1, 0, 0, 0, 0, 0],
        ],
      ]);
      x.dispose();
    });
  }
});

test.each([1, 2])("NaN, both infinities and ties are the same on both back ends: windows 3 × 3 by %i", (stride) => {
  const values = Float32Array.from({ length: 2 * 13 * 29 }, (_, i) => ((i * 7919) % 11) - 5);
  for (const [at, value] of [
    [40, NaN],
    [41, Infinity],
    [60, Infinity],
    [90, -Infinity],
    [91, Infinity],
    [500, NaN],
  ] as const) {
    values[at] = value;
  }
  const run = (backend: "js" | "wasm"): unknown[] => {
    setBackend(backend);
    return scope(() => {
      const x = tensor(values, { shape: [2, 13, 29], requiresGrad: true });
      const y = new nn.MaxPool2d(3, { stride, padding: 1 }).forward(x);
      const g = Float32Array.from({ length: y.numel }, (_, i) => (i % 5) - 2);
      y.backward(tensor(g, { shape: y.shape }));
      const results = [y.tolist(), x.grad!.tolist()];
      x.dispose();
      return results;
    });
  };
  expect(run("wasm")).toEqual(run("js"));
  setBackend("wasm");
});

test("MaxUnpool puts back what MaxPool with indices has taken", () => {
  scope(() => {
    const x = tensor([
      [
        [
          [1, 2, 0, 0, 9],
          [3, 1, 0, 4, 9],
        ],
      ],
    ]);
    const [y, indices] = new nn.MaxPool2d(2, { returnIndices: true }).forward(x);
    expect(indices.tolist()).toEqual([[[[5, 8]]]]);
    const unpool = new nn.MaxUnpool2d(2);
    expect(unpool.forward(y, indices, { outputSize: x.shape }).tolist()).toEqual([
      [
        [
          [0, 0, 0, 0, 0],
          [3, 0, 0, 4, 0],
        ],
      ],
    ]);
    expect(unpool.forward(y, indices.fill_(1)).shape).toEqual([1, 1, 2, 4]);
    x.dispose();
  });
});

test("modules refuse windows when they are made", () => {
  expect(() => new nn.MaxPool2d(5, { padding: 4 })).toThrow(
    "MaxPool2d: padding is 4; expected at most half the kernel size 5",
  );
  expect(() => new nn.MaxPool1d(0)).toThrow("MaxPool1d: kernelSize is 0");
  expect(() => new nn.AvgPool1d(2, { divisorOverride: 2 } as never)).toThrow(
    'AvgPool1d: unknown option "divisorOverride"',
  );
  expect(() => new nn.AvgPool3d([1, 2])).toThrow("AvgPool3d: kernelSize is [1, 2]");
  expect(() => new nn.AdaptiveMaxPool2d([1, 2, 3])).toThrow("AdaptiveMaxPool2d");
  expect(() => new nn.AdaptiveAvgPool1d(0)).toThrow("AdaptiveAvgPool1d: outputSize is 0");
});

test("Lp pooling of zeros has a gradient of zeros, not NaN", () => {
  scope(() => {
    const x = zeros([1, 1, 8], { requiresGrad: true });
    const y = new nn.LPPool1d(2, 2).forward(x);
    y.sum().backward();
    expect(y.tolist()).toEqual([[[0, 0, 0, 0]]]);
    expect(x.grad?.tolist()).toEqual([[[0, 0, 0, 0, 0, 0, 0, 0]]]);
  });
});

test("global pooling takes one value from each plane, with or without its dimensions", () => {
  scope(() => {
    const x = tensor(
      Float32Array.from({ length: 12 }, (_, i) => i),
      { shape: [1, 2, 2, 3] },
    );
    expect(new nn.GlobalAvgPool2d().forward(x).tolist()).toEqual([[[[2.5]], [[8.5]]]]);
    expect(new nn.GlobalMaxPool2d({ keepdim: false }).forward(x).tolist()).toEqual([[5, 11]]);
    expect(new nn.GlobalAvgPool3d({ keepdim: false }).forward(x).tolist()).toEqual([5.5]);
    expect(new nn.GlobalMaxPool3d().forward(x).shape).toEqual([1, 1, 1, 1]);
    const rows = x.reshape(4, 3);
    expect(new nn.GlobalMaxPool1d().forward(rows).tolist()).toEqual([[2], [5], [8], [11]]);
    expect(new nn.GlobalAvgPool1d({ keepdim: false }).forward(rows).tolist()).toEqual([1, 4, 7, 10]);
    expect(() => new nn.GlobalAvgPool2d().forward(rows)).toThrow("GlobalAvgPool2d: input has shape [4, 3]");
    expect(() => new nn.GlobalMaxPool1d({ outputSize: 1 } as never)).toThrow('unknown option "outputSize"');
  });
});
