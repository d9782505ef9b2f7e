import { describe, expect, test } from "vitest";
import { functional as F, nn, scope, type Tensor, tensor } from "../src/node.js";
import { generatorOf, seedOf } from "./support/make.js";

function random(name: string, shape: readonly number[]): Tensor {
  const next = generatorOf(seedOf(name));
  const count = shape.reduce((p, n) => p * n, 1);
  return tensor(
    Float32Array.from({ length: count }, () => 2 * next() - 1),
    { shape },
  );
}

function keysOf(module: nn.Module): [string, readonly number[]][] {
  return [...module.stateDict()].map(([key, t]) => [key, t.shape]);
}

describe("depthwise and separable convolutions", () => {
  test("a depthwise convolution has a group for each channel", () => {
    const layer = new nn.DepthwiseConv2d(3, 3, { multiplier: 2, padding: 1, stride: 2 });
    const x = random("x", [2, 3, 6, 7]);
    expect(keysOf(layer)).toEqual([
      ["weight", [6, 1, 3, 3]],
      ["bias", [6]],
    ]);
    scope(() => {
      const y = layer.forward(x);
      expect(y.shape).toEqual([2, 6, 3, 4]);
      const second = F.conv2d(x.narrow(1, 1, 1), layer.weight.narrow(0, 2, 2), layer.bias?.narrow(0, 2, 2), {
        padding: 1,
        stride: 2,
      });
      y.narrow(1, 2, 2)
        .sub(second)
        .abs()
        .data()
        .forEach((error) => {
          expect(error).toBeLessThan(1e-6);
        });
    });
    layer.dispose();
    x.dispose();
  });

  test("a separable convolution is a depthwise one without bias, then a pointwise one", () => {
    const layer = new nn.SeparableConv2d(4, 5, [3, 5], { multiplier: 2, padding: "same" });
    const x = random("x", [1, 4, 6, 7]);
    expect(keysOf(layer)).toEqual([
      ["depthwise.weight", [8, 1, 3, 5]],
      ["pointwise.weight", [5, 8, 1, 1]],
      ["pointwise.bias", [5]],
    ]);
    scope(() => {
      const { depthwise, pointwise } = layer;
      const between = F.conv2d(x, depthwise.weight, null, { padding: "same", groups: 4 });
      expect(layer.forward(x).data()).toEqual(F.conv2d(between, pointwise.weight, pointwise.bias).data());
    });
    layer.dispose();
    x.dispose();
  });

  test("a separable convolution over one dimension takes sequences", () => {
    const layer = new nn.SeparableConv1d(4, 5, 3, { stride: 2, bias: false });
    const x = random("x", [4, 9]);
    expect(keysOf(layer)).toEqual([
      ["depthwise.weight", [4, 1, 3]],
      ["pointwise.weight", [5, 4, 1]],
    ]);
    scope(() => expect(layer.forward(x).shape).toEqual([5, 4]));
    layer.dispose();
    x.dispose();
  });

  test("both name themselves when options are wrong", () => {
    expect(() => new nn.SeparableConv2d(4, 5, 3, { groups: 2 } as object)).toThrow(/^SeparableConv2d: .*groups/);
    expect(() => new nn.DepthwiseConv1d(4, 3, { multiplier: 0 })).toThrow(/^DepthwiseConv1d: multiplier is 0/);
    expect(() => new nn.DepthwiseConv2d(0, 3)).toThrow(/^DepthwiseConv2d: inChannels is 0/);
  });
});

describe("padding modules", () => {
  test.each([
    [new nn.ZeroPad1d(2), [3, 4], { pad: [2, 2] }],
    [new nn.ZeroPad2d([1, 2, 0, 3]), [3, 4], { pad: [1, 2, 0, 3] }],
    [new nn.ZeroPad3d(-1), [1, 3, 4, 5], { pad: [-1, -1, -1, -1, -1, -1] }],
    [new nn.ConstantPad1d(1, 2.5), [3, 4], { pad: [1, 1], value: 2.5 }],
    [new nn.ConstantPad2d([0, 1, 2, 0], -1), [2, 3, 4], { pad: [0, 1, 2, 0], value: -1 }],
    [new nn.ConstantPad3d(1, 1), [1, 1, 2, 2, 2], { pad: [1, 1, 1, 1, 1, 1], value: 1 }],
    [new nn.ReflectionPad1d([2, 1]), [3, 4], { pad: [2, 1], mode: "reflect" }],
    [new nn.ReflectionPad2d(1), [2, 3, 4], { pad: [1, 1, 1, 1], mode: "reflect" }],
    [new nn.ReflectionPad3d(1), [2, 3, 4, 2], { pad: [1, 1, 1, 1, 1, 1], mode: "reflect" }],
    [new nn.ReplicationPad1d(3), [1, 3, 4], { pad: [3, 3], mode: "replicate" }],
    [new nn.ReplicationPad2d([0, 1, 2, 3]), [1, 2, 3, 4], { pad: [0, 1, 2, 3], mode: "replicate" }],
    [new nn.ReplicationPad3d(1), [1, 2, 2, 3, 1], { pad: [1, 1, 1, 1, 1, 1], mode: "replicate" }],
    [new nn.CircularPad1d([0, 4]), [3, 4], { pad: [0, 4], mode: "circular" }],
    [new nn.CircularPad2d(2), [1, 3, 4], { pad: [2, 2, 2, 2], mode: "circular" }],
    [new nn.CircularPad3d([1, 0, 0, 1, 1, 1]), [1, 1, 2, 3, 4], { pad: [1, 0, 0, 1, 1, 1], mode: "circular" }],
  ] as const)("%o gives what functional.pad gives", (layer, shape, options) => {
    const x = random("x", shape);
    scope(() => {
      const [got, want] = [layer.forward(x), F.pad(x, options)];
      expect(got.shape).toEqual(want.shape);
      expect(got.data()).toEqual(want.data());
    });
    x.dispose();
  });

  test("refuse what does not fit, by name", () => {
    const x = random("x", [1, 2, 4, 4]);
    scope(() => {
      expect(() => new nn.ReflectionPad2d(6).forward(x)).toThrow(/^ReflectionPad2d: .*6.*4/);
      expect(() => new nn.CircularPad2d(5).forward(x)).toThrow(/^CircularPad2d: .*5/);
      expect(() => new nn.ReplicationPad1d(1).forward(x)).toThrow("ReplicationPad1d: input has shape [1, 2, 4, 4]");
      expect(() => new nn.ZeroPad2d(1).forward(x.select(0, 0).select(0, 0).select(0, 0))).toThrow(/^ZeroPad2d: .*rank/);
      expect(() => new nn.ZeroPad2d(-3).forward(x)).toThrow(/^ZeroPad2d: .*-3/);
    });
    expect(() => new nn.ConstantPad1d([1, 2, 3], 0)).toThrow(/^ConstantPad1d: padding is \[1, 2, 3\]/);
    expect(() => new nn.ConstantPad1d(1, Number.NaN)).toThrow(/^ConstantPad1d: value/);
    x.dispose();
  });
});

describe("the receptive field", () => {
  const { receptiveField } = nn.utils;

  test("grows by (k − 1) times the product of the strides before", () => {
    expect(receptiveField([])).toEqual([1]);
    expect(receptiveField([{ kernelSize: 3 }, { kernelSize: 3 }])).toEqual([5]);
    expect(receptiveField([{ kernelSize: 7, stride: 2 }, { kernelSize: 3, stride: 2 }, { kernelSize: 3 }])).toEqual([
      19,
    ]);
    expect(receptiveField([{ kernelSize: 3, dilation: 4 }])).toEqual([9]);
    expect(receptiveField([{ kernelSize: [3, 5], stride: [1, 2] }, { kernelSize: 2 }])).toEqual([4, 7]);
  });

  test("of modules counts convolutions, pooling and what is in containers", () => {
    const chain = new nn.Sequential(
      new nn.Conv2d(1, 4, 5, { padding: 2 }),
      new nn.ReLU(),
      new nn.MaxPool2d(2),
      new nn.Sequential(new nn.SeparableConv2d(4, 8, 3, { dilation: [1, 2] }), new nn.AvgPool2d(3, { stride: 2 })),
    );
    // 1 + 4·1 + 1·1 + (2 or 4)·2 + 2·2
    expect(receptiveField(chain)).toEqual([14, 18]);
    chain.dispose();
  });

  test("refuses what it cannot tell", () => {
    const up = new nn.ConvTranspose1d(1, 1, 3);
    expect(() => receptiveField([up])).toThrow(/^receptiveField: .*ConvTranspose1d/);
    expect(() => receptiveField([{ kernelSize: [3, 3] }, { kernelSize: [3] }])).toThrow("2 and 1 dimensions");
    expect(() => receptiveField([{ kernel: 3 } as never])).toThrow(/^receptiveField: .*kernelSize/);
    expect(() => receptiveField([{ kernelSize: 0 }])).toThrow(/^receptiveField: kernelSize is 0/);
    up.dispose();
  });
});

describe("resampling modules", () => {
  test("pass their options on", () => {
    const x = random("x", [1, 2, 3, 4]);
    scope(() => {
      const options = { size: [5, 7], mode: "bicubic", alignCorners: true } as const;
      expect(new nn.Upsample(options).forward(x).data()).toEqual(F.interpolate(x, options).data());
      expect(new nn.UpsamplingNearest2d({ scaleFactor: 2 }).forward(x).data()).toEqual(
        F.interpolate(x, { scaleFactor: 2 }).data(),
      );
      expect(new nn.UpsamplingBilinear2d({ size: 6 }).forward(x).data()).toEqual(
        F.interpolate(x, { size: 6, mode: "bilinear", alignCorners: true }).data(),
      );
    });
    expect(() => new nn.Upsample({ factor: 2 } as object)).toThrow(/^Upsample: unknown option "factor"/);
    expect(() => new nn.UpsamplingNearest2d({ mode: "area" } as object)).toThrow(/^UpsamplingNearest2d: .*mode/);
    x.dispose();
  });

  test("Fold undoes Unfold where windows do not overlap", () => {
    const x = random("x", [2, 3, 4, 6]);
    scope(() => {
      const columns = new nn.Unfold(2, { stride: 2 }).forward(x);
      expect(columns.shape).toEqual([2, 12, 6]);
      expect(new nn.Fold([4, 6], 2, { stride: 2 }).forward(columns).data()).toEqual(x.data());
    });
    expect(() => new nn.Unfold(0)).toThrow(/^Unfold: kernelSize is 0/);
    expect(() => new nn.Fold([4], 2)).toThrow(/^Fold: outputSize is \[4\]/);
    x.dispose();
  });
});
