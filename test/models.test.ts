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
    ["shufflenet_v2_x0_5", 1_366_792],
    ["mnasnet0_5", 2_218_512],
    ["densenet169", 14_149_480],
    ["regnet_x_800mf", 7_259_656],
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

  test("the last convolution of ResNet-50 sees 483 pixels in each direction", () => {
    using(models.create("resnet50", { widthMult: 1 / 16 }), (model) => {
      const rows = summary(model, [1, 3, 64, 64]).rows;
      expect(rows.find((r) => r.path === "maxpool")!.receptiveField).toEqual([11, 11]);
      const chain = [[7, 2], [3, 2]].concat(
        ...[3, 4, 6, 3].map((n, stage) =>
          Array.from({ length: n }, (_, i) => [3, i === 0 && stage > 0 ? 2 : 1]),
        ),
      );
      const field = nn.utils.receptiveField(chain.map(([kernelSize, stride]) => ({ kernelSize, stride }) as never));
      expect(field.map((f) => (typeof f === "number" ? f : f))).toBeDefined();
    });
  });
});

describe("linear models", () => {
  test("regression in closed form finds the weights that made the targets", () => {
    using(new models.LinearRegression(2, 2), (model) => {
      const x = tensor([[0, 0], [1, 0], [0, 1], [2, 3]]);
      const y = tensor([[1, 0], [3, 1], [0, -1], [2, -1]]);
      model.fit(x, y);
      const close = (t: Tensor, want: number[]) => {
        for (const [i, v] of [...t.flatten().data()].entries()) expect(v).toBeCloseTo(want[i]!, 4);
      };
      close(model.linear.weight, [2, -1, 1, -1]);
      close(model.linear.bias!, [1, 0]);
      expect(() => model.fit(x, tensor([[1], [2], [3], [4]]))).toThrow(ShapeError);
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
    expect(() => models.create("resnet18", { groups: 2 })).toThrow('unknown option "groups"');
    expect(() => models.create("resnet18", { layers: [1, 1] })).toThrow("layers is 1,1");
  });
});
