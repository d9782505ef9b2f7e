import { describe, expect, test } from "vitest";
import { models, nn, randn, scope } from "../src/node.js";
import { freeAfterEach, own } from "./support/modules.js";

freeAfterEach();

describe("the small version", () => {
  test("of NiN has hidden layers in its last block that do not shrink with the classes", () => {
    const outputs = (small: boolean): (number | undefined)[] => {
      const model = own(models.create("nin", { small, numClasses: 10, widthMult: 0.125 }));
      const convs = [...model.classifier.modules()].filter((m) => m instanceof nn.Conv2d);
      return convs.map(({ weight }) => weight.shape[0]);
    };
    expect(outputs(true)).toEqual([48, 48, 10]);
    expect(outputs(false)).toEqual([10, 10, 10]);
  });

  test("of SqueezeNet says numbers below 0 too", () => {
    const least = (small: boolean): number => {
      const model = own(models.create("squeezenet1_1", { small, widthMult: 0.25 })).eval();
      return scope(() =>
        model
          .forward(randn([2, 3, 32, 32]))
          .min()
          .item(),
      );
    };
    expect(least(true)).toBeLessThan(0);
    expect(least(false)).toBe(0);
  });

  test("of MNASNet has running statistics that follow within an epoch", () => {
    const momenta = (small: boolean): Set<number | null> => {
      const model = own(models.create("mnasnet0_5", { small, widthMult: 0.25 }));
      return new Set([...model.modules()].filter((m) => m instanceof nn.BatchNorm2d).map((m) => m.momentum));
    };
    expect(momenta(true)).toEqual(new Set([0.1]));
    expect(momenta(false)).toEqual(new Set([1 - 0.9997]));
  });

  test("of a Vision Transformer can tell its patches apart", () => {
    const deviation = (small: boolean): number => {
      const model = own(models.create("vit_b_32", { small, imageSize: 224, numLayers: 1, hiddenDim: 48, mlpDim: 8 }));
      return scope(() => model.encoder.posEmbedding.square().mean().sqrt().item());
    };
    expect(deviation(true)).toBeCloseTo(0.5, 1);
    expect(deviation(false)).toBeCloseTo(0.02, 2);
  });
});
