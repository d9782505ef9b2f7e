import { afterEach, describe, expect, test } from "vitest";
import { functional as F, manualSeed, nn, scope, setBackend, type Tensor, tensor } from "../src/node.js";
import { generatorOf, seedOf } from "./support/make.js";

afterEach(() => setBackend("wasm"));

function random(name: string, shape: readonly number[]): Tensor {
  const next = generatorOf(seedOf(name));
  const count = shape.reduce((p, n) => p * n, 1);
  return tensor(
    Float32Array.from({ length: count }, () => 2 * next() - 1),
    { shape },
  );
}

describe("a transposed convolution", () => {
  test.each([
    ["many channels", [2, 40, 9, 10], [40, 24, 3, 3], {}],
    ["doubling", [1, 48, 14, 13], [48, 33, 4, 4], { stride: 2, padding: 1 }],
    ["more outputPadding than stride", [1, 9, 12, 11], [9, 8, 3, 3], { dilation: 3, padding: 1, outputPadding: 2 }],
    ["depthwise", [2, 12, 15, 14], [12, 1, 3, 3], { groups: 12, stride: 2, padding: 1, outputPadding: 1 }],
  ] as const)("gives the same on both back ends: %s", (_, xs, ws, options) => {
    const run = (): Float32Array[] => {
      const operands = [random("x", xs).requiresGrad_(), random("w", ws).requiresGrad_()] as const;
      const y = scope(() => {
        const out = F.convTranspose2d(...operands, null, options);
        out.backward(random("g", out.shape));
        return out.data() as Float32Array;
      });
      const gradients = operands.map((t) => t.grad!.data() as Float32Array);
      for (const t of operands) t.dispose();
      return [y, ...gradients];
    };
    setBackend("js");
    const want = run();
    setBackend("wasm");
    const got = run();
    want.forEach((values, k) => {
      const scale = values.reduce((m, v) => Math.max(m, Math.abs(v)), 1);
      const worst = values.reduce((m, v, i) => Math.max(m, Math.abs(v - got[k]![i]!)), 0);
      expect(worst, ["y", "dx", "dw"][k]).toBeLessThan(2e-6 * scale);
    });
  });

  test("is the adjoint of the convolution with the same weight", () => {
    scope(() => {
      const [x, w] = [random("x", [2, 3, 9, 8]), random("w", [5, 3, 3, 3])];
      const options = { stride: 2, padding: 1 };
      const y = F.conv2d(x, w, null, options);
      const g = random("g", y.shape);
      const back = F.convTranspose2d(g, w, null, { ...options, outputPadding: [0, 1] });
      expect(back.shape).toEqual(x.shape);
      expect(back.mul(x).sum().item()).toBeCloseTo(y.mul(g).sum().item() as number, 4);
    });
  });
});

describe("ConvTranspose2d", () => {
  test("has PyTorch's state keys, shapes and initial range", () => {
    manualSeed(1);
    const layer = new nn.ConvTranspose2d(12, 8, [3, 5], { groups: 4 });
    expect([...layer.stateDict()].map(([key, t]) => [key, t.shape])).toEqual([
      ["weight", [12, 2, 3, 5]],
      ["bias", [8]],
    ]);
    const bound = 1 / Math.sqrt(2 * 3 * 5);
    for (const t of layer.parameters()) {
      const values = Array.from(t.data(), Math.abs);
      expect(Math.max(...values)).toBeLessThanOrEqual(bound);
      expect(Math.max(...values)).toBeGreaterThan(0.8 * bound);
    }
    layer.dispose();
  });

  test("gives the size that forward's outputSize asks for, in place of outputPadding", () => {
    const layer = new nn.ConvTranspose2d(2, 3, 3, { stride: 2, padding: 1, outputPadding: 1 });
    const x = random("x", [1, 2, 4, 5]);
    scope(() => {
      expect(layer.forward(x).shape).toEqual([1, 3, 8, 10]);
      expect(layer.forward(x, { outputSize: [7, 10] }).shape).toEqual([1, 3, 7, 10]);
      expect(layer.forward(x, { outputSize: [1, 3, 8, 9] }).shape).toEqual([1, 3, 8, 9]);
      const narrow = layer.forward(x, { outputSize: [7, 9] }).data();
      const wide = layer.forward(x).narrow(2, 0, 7).narrow(3, 0, 9).data();
      expect(narrow).toEqual(wide);
      expect(() => layer.forward(x, { outputSize: [9, 9] })).toThrow(
        "ConvTranspose2d: outputSize is [9, 9]; expected from [7, 9] to [8, 10]",
      );
      expect(() => layer.forward(x, { outputSize: [9] })).toThrow("ConvTranspose2d: outputSize is [9]");
    });
    expect([layer.outputPadding, layer.padding]).toEqual([
      [1, 1],
      [
        [1, 1],
        [1, 1],
      ],
    ]);
    layer.dispose();
    x.dispose();
  });

  test("refuses an outputPadding that reaches stride and dilation", () => {
    expect(() => new nn.ConvTranspose2d(4, 5, 5, { outputPadding: 3 })).toThrow(
      "ConvTranspose2d: outputPadding is 3; expected less than stride 1 or dilation 1",
    );
  });
});
