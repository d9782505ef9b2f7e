import { describe, expect, test } from "vitest";
import { functional as F, memory, scope, type Tensor, tensor } from "../src/node.js";

const { kernels } = F;

const image = (rows: number[][]): Tensor => tensor([rows]);

describe("fixed kernels", () => {
  test("detect no edge in a plane, and the ends of a step", () => {
    scope(() => {
      const flat = image([
        [3, 3, 3],
        [3, 3, 3],
      ]);
      const step = image([
        [0, 0, 1, 1],
        [0, 0, 1, 1],
        [0, 0, 1, 1],
      ]);
      for (const kernel of [kernels.edge(), kernels.sobelX(), kernels.sobelY()]) {
        expect(kernels.filter2d(flat, kernel).tolist()).toEqual([Array(2).fill([0, 0, 0])]);
      }
      expect(kernels.filter2d(step, kernels.sobelX()).tolist()).toEqual([Array(3).fill([0, 4, 4, 0])]);
      expect(kernels.filter2d(step, kernels.sobelY()).tolist()).toEqual([Array(3).fill([0, 0, 0, 0])]);
      expect(kernels.filter2d(step, kernels.edge()).tolist()).toEqual([Array(3).fill([0, -3, 3, 0])]);
      expect(kernels.filter2d(step.transpose(1, 2), kernels.sobelY()).transpose(1, 2).tolist()).toEqual([
        Array(3).fill([0, 4, 4, 0]),
      ]);
      flat.dispose();
      step.dispose();
    });
  });

  test("keep the brightness of a plane: blurs and sharpening sum to one", () => {
    scope(() => {
      const blurs = [
        kernels.boxBlur(),
        kernels.boxBlur({ size: 4 }),
        kernels.gaussianBlur(),
        kernels.gaussianBlur({ size: 5, sigma: 1.5 }),
      ];
      for (const kernel of [...blurs, kernels.sharpen()]) expect(kernel.sum().item()).toBeCloseTo(1, 6);
      expect(blurs.map(({ shape }) => shape)).toEqual([
        [3, 3],
        [4, 4],
        [3, 3],
        [5, 5],
      ]);
    });
  });

  test("a Gaussian falls with the square of the distance over sigma", () => {
    scope(() => {
      const g = kernels.gaussianBlur({ size: 5, sigma: 1.5 }).data();
      expect(g[12]! / g[13]!).toBeCloseTo(Math.exp(1 / (2 * 1.5 ** 2)), 5);
      expect(g[12]! / g[24]!).toBeCloseTo(Math.exp(8 / (2 * 1.5 ** 2)), 4);
    });
  });

  test("apply to every channel by itself, with the padding asked for", () => {
    scope(() => {
      const x = F.stack([tensor([[1, 2, 3]]), tensor([[10, 20, 60]])]);
      const kernel = tensor([[1, 1, 1]]);
      expect(kernels.filter2d(x, kernel).tolist()).toEqual([[[4, 6, 8]], [[40, 90, 140]]]);
      expect(kernels.filter2d(x, kernel, { paddingMode: "constant" }).tolist()).toEqual([[[3, 6, 5]], [[30, 90, 80]]]);
      expect(kernels.filter2d(x, kernel, { padding: "valid" }).tolist()).toEqual([[[6]], [[90]]]);
    });
  });

  test("send gradients to image and kernel", () => {
    const x = image([
      [1, 2],
      [3, 4],
    ]).requiresGrad_();
    const kernel = tensor([[0, 1, 2]], { requiresGrad: true });
    scope(() => kernels.filter2d(x, kernel).sum().backward());
    expect(x.grad!.tolist()).toEqual([
      [
        [1, 5],
        [1, 5],
      ],
    ]);
    expect(kernel.grad!.tolist()).toEqual([[8, 10, 12]]);
    x.dispose();
    kernel.dispose();
  });

  test("belong to the open scope", () => {
    const before = memory().liveBlocks;
    scope(() => {
      kernels.gaussianBlur();
    });
    expect(memory().liveBlocks).toBe(before);
  });

  test("refuse wrong options and shapes by name", () => {
    scope(() => {
      const x = image([[1, 2]]);
      expect(() => kernels.gaussianBlur({ sigma: 0 })).toThrow("gaussianBlur: sigma is 0");
      expect(() => kernels.boxBlur({ size: 2.5 })).toThrow("boxBlur: size is 2.5");
      expect(() => kernels.filter2d(x, x)).toThrow("filter2d: kernel has shape [1, 1, 2]");
      expect(() => kernels.filter2d(x, kernels.edge(), { padding: "full" as "same" })).toThrow("filter2d: padding");
      expect(() => kernels.filter2d(x, kernels.edge(), { padding: "valid" })).toThrow("does not fit");
      x.dispose();
    });
  });
});
