import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { manualSeed, memory, nn, scope, setBackend, type Tensor, tensor } from "../src/node.js";

/** A tensor of reproducible values around 0. */
function image(...shape: number[]): Tensor {
  const n = shape.reduce((p, s) => p * s, 1);
  return tensor(
    Float32Array.from({ length: n }, (_, i) => Math.sin(i * 2.3) + Math.cos(i * 0.7)),
    { shape },
  );
}

/** Keys of weights and biases. */
const keysOf = (m: nn.Module): string[] => [...m.namedParameters()].map(([key]) => key);

/** `keys` with what a convolution without bias or a normalisation has behind each. */
const conv = (name: string): string[] => [`${name}.weight`];
const norm = (name: string): string[] => [`${name}.weight`, `${name}.bias`];

interface Row {
  readonly name: string;
  readonly make: () => nn.Layer;
  readonly input: readonly number[];
  readonly output: readonly number[];
  /** torchvision's keys, in its order. */
  readonly keys: readonly string[];
}

const layers = (name: string): string[] =>
  ["norm1", "conv1", "norm2", "conv2"].flatMap((part) => {
    const key = `${name}.${part}`;
    return part.startsWith("norm") ? norm(key) : conv(key);
  });
const brick = (name: string): string[] => [...conv(`${name}.conv`), ...norm(`${name}.bn`)];

const ROWS: readonly Row[] = [
  {
    name: "BasicBlock",
    make: () => new nn.BasicBlock(6, 6),
    input: [2, 6, 5, 5],
    output: [2, 6, 5, 5],
    keys: [...conv("conv1"), ...norm("bn1"), ...conv("conv2"), ...norm("bn2")],
  },
  {
    name: "BasicBlock with stride 2",
    make: () => new nn.BasicBlock(4, 8, { stride: 2 }),
    input: [2, 4, 6, 6],
    output: [2, 8, 3, 3],
    keys: [
      ...[...conv("conv1"), ...norm("bn1"), ...conv("conv2"), ...norm("bn2")],
      ...[...conv("downsample.0"), ...norm("downsample.1")],
    ],
  },
  {
    name: "Bottleneck",
    make: () => new nn.Bottleneck(16, 4),
    input: [2, 16, 5, 5],
    output: [2, 16, 5, 5],
    keys: [1, 2, 3].flatMap((i) => [...conv(`conv${i}`), ...norm(`bn${i}`)]),
  },
  {
    name: "Bottleneck with groups, stride and dilation",
    make: () => new nn.Bottleneck(8, 16, { groups: 4, widthPerGroup: 8, stride: 2, dilation: 2 }),
    input: [2, 8, 7, 7],
    output: [2, 64, 4, 4],
    keys: [
      ...[1, 2, 3].flatMap((i) => [...conv(`conv${i}`), ...norm(`bn${i}`)]),
      ...[...conv("downsample.0"), ...norm("downsample.1")],
    ],
  },
  {
    name: "DenseBlock",
    make: () => new nn.DenseBlock(3, 6, 4, { bottleneckSize: 2 }),
    input: [2, 6, 4, 4],
    output: [2, 18, 4, 4],
    keys: [1, 2, 3].flatMap((i) => layers(`denselayer${i}`)),
  },
  {
    name: "TransitionLayer",
    make: () => new nn.TransitionLayer(8, 4),
    input: [2, 8, 6, 6],
    output: [2, 4, 3, 3],
    keys: [...norm("norm"), ...conv("conv")],
  },
  {
    name: "InceptionBlock",
    make: () => new nn.InceptionBlock(6, { one: 4, three: [3, 5], five: [2, 3], pool: 2 }),
    input: [2, 6, 5, 5],
    output: [2, 14, 5, 5],
    keys: ["branch1", "branch2.0", "branch2.1", "branch3.0", "branch3.1", "branch4.1"].flatMap(brick),
  },
  {
    name: "SqueezeExcitation",
    make: () => new nn.SqueezeExcitation(8, 2),
    input: [2, 8, 4, 4],
    output: [2, 8, 4, 4],
    keys: [...norm("fc1"), ...norm("fc2")],
  },
  {
    name: "InvertedResidual without expansion",
    make: () => new nn.InvertedResidual(6, 4, 1, 1),
    input: [2, 6, 5, 5],
    output: [2, 4, 5, 5],
    keys: [...conv("conv.0.0"), ...norm("conv.0.1"), ...conv("conv.1"), ...norm("conv.2")],
  },
  {
    name: "InvertedResidual that adds its input",
    make: () => new nn.InvertedResidual(4, 4, 1, 3),
    input: [2, 4, 5, 5],
    output: [2, 4, 5, 5],
    keys: [
      ...[...conv("conv.0.0"), ...norm("conv.0.1"), ...conv("conv.1.0"), ...norm("conv.1.1")],
      ...[...conv("conv.2"), ...norm("conv.3")],
    ],
  },
  {
    name: "InvertedResidual with stride 2",
    make: () => new nn.InvertedResidual(4, 6, 2, 2),
    input: [2, 4, 6, 6],
    output: [2, 6, 3, 3],
    keys: [
      ...[...conv("conv.0.0"), ...norm("conv.0.1"), ...conv("conv.1.0"), ...norm("conv.1.1")],
      ...[...conv("conv.2"), ...norm("conv.3")],
    ],
  },
  {
    name: "ShuffleUnit",
    make: () => new nn.ShuffleUnit(8, 8, 1),
    input: [2, 8, 5, 5],
    output: [2, 8, 5, 5],
    keys: [0, 3, 5].flatMap((i) => [...conv(`branch2.${i}`), ...norm(`branch2.${i + 1}`)]),
  },
  {
    name: "ShuffleUnit with stride 2",
    make: () => new nn.ShuffleUnit(6, 8, 2),
    input: [2, 6, 6, 6],
    output: [2, 8, 3, 3],
    keys: [
      ...[0, 2].flatMap((i) => [...conv(`branch1.${i}`), ...norm(`branch1.${i + 1}`)]),
      ...[0, 3, 5].flatMap((i) => [...conv(`branch2.${i}`), ...norm(`branch2.${i + 1}`)]),
    ],
  },
  {
    name: "Conv2dNormActivation",
    make: () => new nn.Conv2dNormActivation(3, 4, { kernelSize: 5, stride: 2 }),
    input: [2, 3, 8, 8],
    output: [2, 4, 4, 4],
    keys: [...conv("0"), ...norm("1")],
  },
  {
    name: "Conv2dNormActivation without normalisation and activation",
    make: () => new nn.Conv2dNormActivation(3, 4, { dilation: 2, norm: null, activation: null }),
    input: [2, 3, 8, 8],
    output: [2, 4, 8, 8],
    keys: norm("0"),
  },
  {
    name: "Residual with a shortcut",
    make: () => new nn.Residual(new nn.Conv2d(3, 5, 3, { padding: 1 }), { shortcut: new nn.Conv2d(3, 5, 1) }),
    input: [2, 3, 4, 4],
    output: [2, 5, 4, 4],
    keys: [...norm("body"), ...norm("shortcut")],
  },
  {
    name: "Branches",
    make: () => new nn.Branches({ left: new nn.Linear(3, 2), right: new nn.Linear(3, 4) }, { dim: -1 }),
    input: [5, 3],
    output: [5, 6],
    keys: [...norm("left"), ...norm("right")],
  },
];

let blocksBefore = 0;
beforeEach(() => {
  blocksBefore = memory().liveBlocks;
});
afterEach(() => {
  expect(memory().liveBlocks).toBe(blocksBefore);
});

describe.each(["wasm", "js"] as const)("on %s", (backend) => {
  test.each(ROWS)("$name gives its shape, and gradients reach its input and every parameter", (row) => {
    setBackend(backend);
    manualSeed(1);
    const block = row.make();
    const x = image(...row.input).requiresGrad_();
    const weights = image(...row.output);
    scope(() => expect(block.forward(x).shape).toEqual(row.output));
    // In training a normalisation takes out the bias before it, whose gradient then is rightly 0.
    block.eval();
    scope(() => {
      const y = block.forward(x);
      expect(y.shape).toEqual(row.output);
      y.mul(weights).sum().backward();
    });
    for (const [key, p] of [["input", x] as const, ...block.namedParameters()]) {
      const size = Math.max(...(p.grad?.data() ?? [0]).map(Math.abs));
      expect(size, key).toBeGreaterThan(1e-6);
    }
    for (const t of [x, weights]) t.dispose();
    block.dispose();
  });
});

test.each(ROWS)("$name has torchvision's state-dict keys", ({ make, keys }) => {
  const block = make();
  expect(keysOf(block)).toEqual(keys);
  block.dispose();
});

describe("blocks", () => {
  test("Bottleneck has ResNeXt-50's and Wide ResNet-50's widths", () => {
    const shapes = (options: nn.BottleneckOptions): (readonly number[])[] => {
      const b = new nn.Bottleneck(64, 64, options);
      const found = [b.conv1, b.conv2, b.conv3].map((c) => c.weight.shape);
      b.dispose();
      return found;
    };
    expect(shapes({ groups: 32, widthPerGroup: 4 })).toEqual([
      [128, 64, 1, 1],
      [128, 4, 3, 3],
      [256, 128, 1, 1],
    ]);
    expect(shapes({ widthPerGroup: 128 })[1]).toEqual([128, 128, 3, 3]);
    expect(shapes({})[1]).toEqual([64, 64, 3, 3]);
  });

  test("a residual whose body gives 0 passes its input on", () => {
    const body = new nn.Linear(3, 3);
    for (const p of body.requiresGrad_(false).parameters()) p.fill_(0);
    const block = new nn.Residual(body);
    const x = image(2, 3);
    scope(() => expect(block.forward(x).tolist()).toEqual(x.tolist()));
    x.dispose();
    block.dispose();
  });

  test("a squeeze-and-excitation scales each channel by its own gate in (0, 1)", () => {
    const block = new nn.SqueezeExcitation(4, 2);
    const x = image(1, 4, 3, 3);
    scope(() => {
      const ratio = block.forward(x).div(x).reshape(4, 9);
      const first = ratio.select(1, 0).reshape(4, 1);
      expect(Math.max(...ratio.sub(first).abs().data())).toBeLessThan(1e-5);
      expect([...first.data()].every((v) => v > 0 && v < 1)).toBe(true);
    });
    x.dispose();
    block.dispose();
  });

  test("a shuffle unit of stride 1 passes half of the channels, at every other place", () => {
    const block = new nn.ShuffleUnit(6, 6, 1);
    const x = image(1, 6, 2, 2);
    scope(() => {
      const y = block.forward(x);
      for (let c = 0; c < 3; c++) expect(y.select(1, 2 * c).tolist()).toEqual(x.select(1, c).tolist());
    });
    x.dispose();
    block.dispose();
  });

  test("a dense layer drops only while training", () => {
    const layer = new nn.DenseLayer(4, 2, { dropRate: 0.5 });
    const x = image(2, 4, 6, 6);
    const zeros = (): number => scope(() => [...layer.forward(x).data()].filter((v) => v === 0).length);
    expect(zeros()).toBeGreaterThan(30);
    layer.eval();
    expect(zeros()).toBe(0);
    x.dispose();
    layer.dispose();
  });

  test("refuse what does not fit", () => {
    const widening = new nn.Residual(new nn.Linear(3, 4));
    const x = image(2, 3);
    expect(() => scope(() => widening.forward(x))).toThrow(
      /Residual: body gives \[2, 4\] beside \[2, 3\]; expected.*shortcut/,
    );
    expect(() => new nn.Residual(3 as never)).toThrow(/Residual: body is no Module/);
    expect(() => new nn.Branches({ a: 3 as never })).toThrow(/Branches: branch "a" is no Module/);
    expect(() => new nn.ShuffleUnit(6, 8, 1)).toThrow(/ShuffleUnit: outChannels is 8; expected inChannels 6/);
    expect(() => new nn.ShuffleUnit(6, 7, 2)).toThrow(/ShuffleUnit: outChannels is 7; expected an even number/);
    expect(() => new nn.InvertedResidual(4, 4, 3, 2)).toThrow(/InvertedResidual: stride is 3/);
    expect(() => new nn.BasicBlock(4, 4, { groups: 2 } as object)).toThrow(/BasicBlock: unknown option "groups"/);
    expect(() => new nn.DenseBlock(0, 4, 4)).toThrow(/DenseBlock: layers is 0/);
    x.dispose();
    widening.dispose();
  });
});
