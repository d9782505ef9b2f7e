import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  ArgumentError,
  functional as F,
  manualSeed,
  memory,
  models,
  nn,
  noGrad,
  ShapeError,
  scope,
  summary,
  type Tensor,
  tensor,
  zeros,
} from "../src/node.js";

let blocksBefore = 0;
beforeEach(() => {
  blocksBefore = memory().liveBlocks;
});
afterEach(() => {
  expect(memory().liveBlocks).toBe(blocksBefore);
});

const parametersOf = (m: nn.Module): number => [...m.parameters()].reduce((n, p) => n + p.numel, 0);
const keysOf = (m: nn.Module): string[] => [...m.stateDict().keys()];

/** Uses a model and disposes of it. */
function using<M extends nn.Module>(model: M, use: (model: M) => void): void {
  try {
    scope(() => use(model));
  } finally {
    model.dispose();
  }
}

function image(...shape: number[]): Tensor {
  const n = shape.reduce((p, s) => p * s, 1);
  return tensor(
    Float32Array.from({ length: n }, (_, i) => Math.sin(i * 2.3) + Math.cos(i * 0.7)),
    { shape },
  );
}

describe("parameters", () => {
  test.each([
    ["lenet5", 61_706],
    ["nin", 7_439_608],
    ["mobilenet_v1", 4_231_976],
    ["se_resnet50", 28_088_024],
    ["xception", 22_855_952],
    ["unet", 31_030_658],
    ["dense_autoencoder", 2_837_314],
    ["gan_generator", 2_503_984],
    ["dcgan_generator", 3_576_704],
    ["dcgan_discriminator", 2_765_568],
    ["shufflenet_v2_x0_5", 1_366_792],
    ["mnasnet0_5", 2_218_512],
    ["densenet169", 14_149_480],
    ["regnet_x_800mf", 7_259_656],
    // Its second width is a tie: 80 · 2.25 / 8 = 22.5.
    ["regnet_x_1_6gf", 9_190_136],
    ["regnet_y_1_6gf", 11_202_430],
    ["efficientnet_b2", 9_109_994],
  ] as const)("of %s are %d, as in the paper or in torchvision", (name, count) => {
    using(models.create(name as string), (model) => expect(parametersOf(model)).toBe(count));
  });

  test.each([
    ["googlenet", 13_004_888],
    ["inception_v3", 27_161_264],
    ["fcn_resnet50", 35_322_218],
  ] as const)("of %s with auxiliary heads are %d", (name, count) => {
    using(models.create(name as string, { auxLogits: true }), (model) => expect(parametersOf(model)).toBe(count));
  });

  test("of linear models are classes · (features + 1)", () => {
    using(models.create("logistic_regression"), (model) => expect(parametersOf(model)).toBe(7850));
    using(models.create("mlp", { hiddenChannels: [30, 20] }), (model) => {
      expect(parametersOf(model)).toBe(785 * 30 + 31 * 20 + 21 * 10);
      expect(keysOf(model)).toEqual(["0", "3", "6"].flatMap((key) => [`${key}.weight`, `${key}.bias`]));
    });
  });
});

describe("multiply-adds", () => {
  test.each([
    ["resnet50", 4.09e9],
    ["mobilenet_v2", 0.3e9],
  ] as const)("of %s at 224 px are %d", (name, count) => {
    using(models.create(name as string), (model) => {
      const { multiplyAdds } = summary(model, [1, 3, 224, 224]).totals;
      expect(Math.abs(multiplyAdds / count - 1)).toBeLessThan(0.01);
    });
  });

  test("ResNet-50 sees 427 pixels in each direction", () => {
    // 7 + 2·2 behind the stem; 3 blocks see 2·4 more each; then strides double: 2·4 + 3·2·8, 2·8 + 5·2·16, 2·16 + 2·2·32.
    const field = 11 + 24 + 56 + 176 + 160;
    using(models.create("resnet50", { widthMult: 1 / 16 }), (model) => {
      const rows = summary(model, [1, 3, 64, 64]).rows;
      expect(rows.find((r) => r.path === "layer4.2.conv3")!.receptiveField).toEqual([field, field]);
      expect(field).toBe(427);
    });
  });
});

describe("linear models", () => {
  test("regression in closed form finds the weights that made the targets", () => {
    using(new models.LinearRegression(2, 2), (model) => {
      const x = tensor([
        [0, 0],
        [1, 0],
        [0, 1],
        [2, 3],
      ]);
      const y = tensor([
        [1, 0],
        [3, 1],
        [0, -1],
        [2, -1],
      ]);
      model.fit(x, y);
      const close = (t: Tensor, want: number[]) => {
        for (const [i, v] of [...t.flatten().data()].entries()) expect(v).toBeCloseTo(want[i]!, 4);
      };
      close(model.linear.weight, [2, -1, 1, -1]);
      close(model.linear.bias!, [1, 0]);
      expect(() => model.fit(x, x.t())).toThrow(ShapeError);
      for (const t of [x, y]) t.dispose();
    });
  });

  test("a perceptron flattens images and takes the activation it is told", () => {
    using(new models.MLP(6, [4, 2], { activation: "tanh", dropout: 0.5 }), (model) => {
      const x = image(3, 1, 2, 3);
      model.eval();
      const [first, , , last] = [...model] as [nn.Linear, nn.Module, nn.Module, nn.Linear];
      const wanted = last.forward(first.forward(x.reshape(3, 6)).tanh());
      expect(model.forward(x).tolist()).toEqual(wanted.tolist());
      x.dispose();
    });
    expect(() => new models.MLP(6, [])).toThrow("hiddenChannels");
    expect(() => new models.MLP(6, [2], { activation: "step" as never })).toThrow(ArgumentError);
  });
});

describe("residual networks", () => {
  test("have torchvision's keys", () => {
    using(models.create("resnet18", { layers: [1, 1, 1, 1], widthMult: 1 / 16 }), (model) => {
      const keys = keysOf(model).filter((key) => key.endsWith("weight"));
      const block = (name: string, down: boolean) => [
        ...["conv1", "bn1", "conv2", "bn2"].map((part) => `${name}.0.${part}.weight`),
        ...(down ? [`${name}.0.downsample.0.weight`, `${name}.0.downsample.1.weight`] : []),
      ];
      expect(keys).toEqual([
        "conv1.weight",
        "bn1.weight",
        ...[1, 2, 3, 4].flatMap((n) => block(`layer${n}`, n > 1)),
        "fc.weight",
      ]);
    });
  });

  test("that dilate keep the size of the stage before", () => {
    const options = { widthMult: 1 / 16, replaceStrideWithDilation: [false, true, true] };
    using(models.create("resnet50", options), (model) => {
      const x = image(1, 3, 64, 64);
      expect(model.stages(x).map((t) => t.size(2))).toEqual([16, 8, 8, 8]);
      const dilations = [model.layer3, model.layer4].map((layer) =>
        [...layer].map((b) => (b as nn.Bottleneck).conv2.dilation[0]),
      );
      expect(dilations.map((d) => [d[0], d[1]])).toEqual([
        [1, 2],
        [2, 4],
      ]);
      x.dispose();
    });
  });

  test("begin as identities where asked, and fold into convolutions", () => {
    manualSeed(1);
    using(models.create("resnet50", { widthMult: 1 / 16, zeroInitResidual: true, small: true }), (model) => {
      const last = [...model.modules()].filter((m) => m instanceof nn.Bottleneck);
      for (const { bn3 } of last) expect((bn3 as nn.BatchNorm2d).weight!.abs().sum().item()).toBe(0);
      for (const { bn3 } of last) nn.init.ones_((bn3 as nn.BatchNorm2d).weight!);
      const x = image(1, 3, 16, 16);
      model.eval();
      const fused = nn.utils.fuse(model);
      expect(keysOf(fused).some((key) => key.includes("bn"))).toBe(false);
      const [a, b] = [model, fused].map((m) => noGrad(() => m.forward(x).flatten().data().slice()));
      const size = Math.max(...[...a!].map(Math.abs));
      for (const [i, v] of [...a!].entries()) expect(Math.abs(v - b![i]!)).toBeLessThan(1e-4 * size);
      fused.dispose();
      x.dispose();
    });
  });

  test("of basic blocks have no groups", () => {
    expect(() => models.create("resnet18", { groups: 2 })).toThrow("groups is 2; expected 1 with basic blocks");
    expect(() => models.create("resnet18", { layers: [1, 1] })).toThrow("layers is 1,1");
  });
});

describe("auxiliary heads", () => {
  test.each(["googlenet", "inception_v3"] as const)("of %s are silent but where asked", (name) => {
    manualSeed(2);
    const options = { auxLogits: true, transformInput: true, widthMult: 0.125, numClasses: 4, small: true };
    using(models.create(name, options), (model) => {
      const x = image(2, 3, 32, 32);
      model.eval();
      const { logits, aux } = model.forwardWithAux(x);
      expect(aux.map((t) => t.shape)).toEqual(
        name === "googlenet"
          ? [
              [2, 4],
              [2, 4],
            ]
          : [[2, 4]],
      );
      expect(model.forward(x).tolist()).toEqual(logits.tolist());
      x.dispose();
    });
    expect(() => models.create(name, { transformInput: true, inChannels: 1 })).toThrow(
      "expected 3 with transformInput",
    );
  });

  test("of a fully convolutional net read the third stage", () => {
    using(models.create("fcn_resnet50", { auxLogits: true, widthMult: 1 / 16, numClasses: 3 }), (model) => {
      const x = image(1, 3, 40, 48);
      const { logits, aux } = model.forwardWithAux(x);
      expect([logits.shape, ...aux.map((t) => t.shape)]).toEqual([
        [1, 3, 40, 48],
        [1, 3, 40, 48],
      ]);
      x.dispose();
    });
  });

  test("transformed images have mean and deviation 0.5 where they had ImageNet's", () => {
    const options = { widthMult: 0.125, numClasses: 4, small: true };
    using(models.create("googlenet", { ...options, transformInput: true }), (transforming) => {
      using(models.create("googlenet", options), (plain) => {
        plain.loadStateDict(transforming.stateDict());
        const pixels = image(1, 3, 28, 28);
        const perChannel = (values: number[]) => tensor(values, { shape: [1, 3, 1, 1] });
        const [mean, std] = [perChannel([0.485, 0.456, 0.406]), perChannel([0.229, 0.224, 0.225])];
        const wanted = plain.eval().forward(pixels.sub(0.5).div(0.5)).data();
        const got = transforming.eval().forward(pixels.sub(mean).div(std)).data();
        const size = Math.max(...wanted.map(Math.abs));
        for (const [i, v] of [...got].entries()) expect(v / size).toBeCloseTo(wanted[i]! / size, 5);
        for (const t of [pixels, mean, std]) t.dispose();
      });
    });
  });
});

describe("U-Net", () => {
  test("in the paper's padding takes 572 pixels to 388", () => {
    using(new models.UNet({ padding: "valid", width: 1 }), (model) => {
      const x = zeros([1, 1, 572, 572]);
      expect(noGrad(() => model.forward(x)).shape).toEqual([1, 2, 388, 388]);
      x.dispose();
    });
  });

  test("refuses sizes that it cannot halve, and unknown padding", () => {
    using(new models.UNet({ depth: 2, width: 2 }), (model) => {
      const x = zeros([1, 1, 30, 32]);
      expect(() => model.forward(x)).toThrow(
        "UNet: input is [1, 1, 30, 32], 15 × 16 at a halving; expected multiples of 4",
      );
      x.dispose();
    });
    expect(() => new models.UNet({ padding: "none" as never })).toThrow("UNet: padding");
  });

  test("normalises and drops where asked", () => {
    using(new models.UNet({ depth: 1, width: 2, batchNorm: true, dropout: 0.5 }), (model) => {
      expect(keysOf(model)).toContain("down.0.1.running_mean");
      expect([...model.modules()].filter((m) => m instanceof nn.Dropout).map((m) => m.p)).toEqual([0.5]);
    });
  });
});

describe("the AnyNet design space", () => {
  test("has RegNetX-400MF at the widths that its four numbers stand for", () => {
    const space = models.regNetSpace({ depth: 22, w0: 24, wA: 24.48, wM: 2.54, groupWidth: 16 });
    expect(space).toMatchObject({ depths: [1, 2, 7, 12], widths: [24, 64, 152, 392], seRatio: null });
    expect(() => models.regNetSpace({ depth: 2, w0: 12, wA: 1, wM: 2, groupWidth: 8 })).toThrow("w0 is 12");
    expect(() => models.regNetSpace({ depth: 2, w0: 16, wA: 1, wM: 1, groupWidth: 8 })).toThrow("wM is 1");
  });

  test("takes depths, widths, groups, bottlenecks, strides and gates stage by stage", () => {
    const space = {
      depths: [1, 2],
      widths: [16, 20],
      groupWidths: [8, 8],
      bottleneckMultipliers: [0.5, 1],
      strides: [1, 2],
      seRatio: 0.25,
    };
    using(new models.AnyNet(space, { numClasses: 3, stemWidth: 4, small: true }), (model) => {
      const shapes = new Map([...model.stateDict()].map(([key, t]) => [key, t.shape]));
      expect(shapes.get("trunk_output.block1.block1-0.f.b.0.weight")).toEqual([8, 8, 3, 3]);
      // 20 channels are no groups of 8: the nearest are 24.
      expect(shapes.get("trunk_output.block2.block2-1.f.b.0.weight")).toEqual([24, 8, 3, 3]);
      expect(shapes.get("trunk_output.block2.block2-0.f.se.fc1.weight")).toEqual([4, 24, 1, 1]);
      expect(shapes.get("fc.weight")).toEqual([3, 24]);
      const x = image(2, 3, 8, 8);
      expect(model.trunkOutput.forward(model.stem.forward(x)).shape).toEqual([2, 24, 4, 4]);
      x.dispose();
    });
    expect(() => new models.AnyNet({ depths: [1], widths: [8, 8], groupWidths: [8] })).toThrow("AnyNet: widths is 8,8");
  });
});

describe("other families", () => {
  test("a vision transformer refuses images of another size and patches that do not fit", () => {
    using(models.create("vit_b_16", { small: true, numLayers: 1, hiddenDim: 8, numHeads: 2, mlpDim: 16 }), (model) => {
      const x = zeros([1, 3, 32, 32]);
      expect(() => model.forward(x)).toThrow(ShapeError);
      expect(model.encoder.posEmbedding.shape).toEqual([1, 50, 8]);
      x.dispose();
    });
    expect(() => models.create("vit_b_16", { imageSize: 30 })).toThrow("expected a multiple of patchSize 16");
  });

  test("ShuffleNet v1 has the widths of its groups, and no others", () => {
    using(models.create("shufflenet_v1", { groups: 8, repeats: [1, 1, 1] }), (model) => {
      expect(model.fc.weight.shape).toEqual([1000, 4 * 384]);
    });
    expect(() => models.create("shufflenet_v1", { groups: 5 })).toThrow("groups is 5; expected one of 1, 2, 3, 4, 8");
  });

  test("depth options of the others change the number of blocks", () => {
    const count = (model: nn.Module, type: string): number => {
      const n = [...model.modules()].filter((m) => m.constructor.name === type).length;
      model.dispose();
      return n;
    };
    const tiny = { widthMult: 0.125, numClasses: 2 };
    expect(count(models.create("xception", { ...tiny, middleBlocks: 0 }), "XceptionBlock")).toBe(4);
    expect(count(models.create("densenet121", { ...tiny, blockConfig: [1, 2], growthRate: 8 }), "DenseLayer")).toBe(3);
    expect(count(models.create("efficientnet_b0", { ...tiny, depthMult: 0.5 }), "MBConv")).toBe(10);
    expect(count(models.create("vgg11", { ...tiny, small: true, convs: [1, 1, 1, 1, 1] }), "Conv2d")).toBe(5);
    const stages = [
      [1, 8, 1, 1],
      [2, 16, 2, 2],
    ] as const;
    expect(count(models.create("mobilenet_v2", { ...tiny, invertedResidualSetting: stages }), "InvertedResidual")).toBe(
      3,
    );
    expect(count(models.create("regnet_x_400mf", { ...tiny, depths: [1, 1, 1, 1] }), "RegNetBlock")).toBe(4);
    expect(count(models.create("mobilenet_v1", { ...tiny, middleBlocks: 0 }), "DepthwiseSeparable")).toBe(8);
    const depths = [1, 2, 1, 1, 1, 1];
    expect(count(models.create("mnasnet0_5", { ...tiny, depths }), "InvertedResidual")).toBe(7);
  });

  test("a gated bottleneck is a bottleneck whose body is scaled by channel", () => {
    using(new models.SEBottleneck(16, 4), (block) => {
      const x = image(1, 16, 4, 4);
      block.eval();
      const y = block.forward(x);
      nn.init.zeros_(block.se.fc2.weight);
      nn.init.constant_(block.se.fc2.bias!, -100);
      expect(block.forward(x).tolist()).toEqual(F.relu(x).tolist());
      expect(y.tolist()).not.toEqual(F.relu(x).tolist());
      x.dispose();
    });
  });

  test("dropout options reach the heads", () => {
    const drops = (model: nn.Module): number[] => {
      const found = [...model.modules()].filter((m) => m instanceof nn.Dropout).map((m) => m.p);
      model.dispose();
      return found;
    };
    const tiny = { widthMult: 0.125, numClasses: 2, small: true, dropout: 0.25 };
    for (const name of ["nin", "googlenet", "squeezenet1_1", "mobilenet_v1", "mobilenet_v2", "mnasnet1_0"] as const) {
      expect(drops(models.create(name, tiny)), name).toEqual([0.25]);
    }
    expect(drops(models.create("alexnet", tiny))).toEqual([0.25, 0.25]);
    expect(drops(models.create("vgg11", tiny))).toEqual([0.25, 0.25]);
    expect(() => models.create("nin", { dropout: 2 })).toThrow(ArgumentError);
  });
});
