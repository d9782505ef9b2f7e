import { afterEach, describe, expect, test, vi } from "vitest";
import { prepare, spatialSizes } from "../src/backend/convolution.js";
import { K } from "../src/backend/index.js";
import { functional as F, scope, setBackend, type Tensor, tensor } from "../src/node.js";
import { convAttrs } from "../src/ops/conv.js";
import { withFrugality } from "../src/runtime/frugal.js";
import { generatorOf, seedOf } from "./support/make.js";

afterEach(() => {
  vi.restoreAllMocks();
  setBackend("wasm");
});

interface Shape {
  readonly x: readonly number[];
  readonly w: readonly number[];
  readonly stride?: number;
  readonly padding?: number;
  readonly dilation?: number;
  readonly groups?: number;
}

/** What the numbers that `conv_algorithm` and its like of the gradients return stand for. */
const WAYS = ["in place", "planes", "panels", "tiles", "columns", "small tiles"] as const;

type Way = (typeof WAYS)[number];

/** A shape, and the ways that its output, its input's gradient and its weights' gradient go. */
const SELECTION: readonly (readonly [name: string, forward: Way, inputGrad: Way, weightGrad: Way, Shape])[] = [
  ["LeNet's first layer", "in place", "in place", "in place", { x: [64, 1, 28, 28], w: [6, 1, 5, 5], padding: 2 }],
  ["LeNet's second layer", "panels", "columns", "panels", { x: [64, 6, 14, 14], w: [16, 6, 5, 5] }],
  [
    "a residual network's stem",
    "panels",
    "columns",
    "panels",
    { x: [1, 3, 224, 224], w: [64, 3, 7, 7], stride: 2, padding: 3 },
  ],
  ["its first stage", "tiles", "tiles", "tiles", { x: [1, 64, 56, 56], w: [64, 64, 3, 3], padding: 1 }],
  [
    "its second stage, stride 2",
    "panels",
    "columns",
    "panels",
    { x: [1, 64, 56, 56], w: [128, 64, 3, 3], stride: 2, padding: 1 },
  ],
  ["its third stage", "tiles", "tiles", "panels", { x: [1, 256, 14, 14], w: [256, 256, 3, 3], padding: 1 }],
  ["its last stage", "small tiles", "small tiles", "panels", { x: [1, 512, 7, 7], w: [512, 512, 3, 3], padding: 1 }],
  ["its last stage, 8 images", "tiles", "tiles", "tiles", { x: [8, 512, 7, 7], w: [512, 512, 3, 3], padding: 1 }],
  [
    "its last stage on a small image",
    "small tiles",
    "small tiles",
    "panels",
    { x: [1, 512, 5, 5], w: [512, 512, 3, 3], padding: 1 },
  ],
  ["a projection", "panels", "panels", "panels", { x: [1, 64, 56, 56], w: [256, 64, 1, 1] }],
  ["SqueezeNet's expansion", "tiles", "tiles", "tiles", { x: [1, 16, 55, 55], w: [64, 16, 3, 3], padding: 1 }],
  ["three inputs", "panels", "in place", "panels", { x: [1, 3, 64, 64], w: [64, 3, 3, 3], padding: 1 }],
  ["dilation", "panels", "panels", "panels", { x: [1, 32, 20, 20], w: [32, 32, 3, 3], padding: 2, dilation: 2 }],
  ["tiles mostly of padding", "panels", "panels", "panels", { x: [9, 32, 5, 5], w: [32, 32, 3, 3], padding: 1 }],
  [
    "groups of many channels",
    "tiles",
    "tiles",
    "tiles",
    { x: [1, 64, 28, 28], w: [64, 32, 3, 3], padding: 1, groups: 2 },
  ],
  ["depthwise", "planes", "planes", "planes", { x: [1, 32, 112, 112], w: [32, 1, 3, 3], padding: 1, groups: 32 }],
  [
    "depthwise, stride 2",
    "planes",
    "planes",
    "planes",
    { x: [1, 8, 28, 28], w: [8, 1, 3, 3], padding: 1, stride: 2, groups: 8 },
  ],
  ["depthwise, 5 × 5", "planes", "planes", "planes", { x: [1, 8, 14, 14], w: [8, 1, 5, 5], padding: 2, groups: 8 }],
  [
    "depthwise, doubling",
    "planes",
    "in place",
    "in place",
    { x: [1, 8, 14, 14], w: [16, 1, 3, 3], padding: 1, groups: 8 },
  ],
  [
    "depthwise, dilated",
    "in place",
    "in place",
    "in place",
    { x: [1, 8, 9, 9], w: [8, 1, 3, 3], dilation: 2, padding: 2, groups: 8 },
  ],
  ["a sequence", "panels", "panels", "panels", { x: [1, 32, 100], w: [32, 32, 3], padding: 1 }],
  ["a volume", "panels", "panels", "panels", { x: [1, 16, 8, 8, 8], w: [16, 16, 3, 3, 3], padding: 1 }],
];

test.each(SELECTION)(
  "%s: the output goes by %s, the gradient of the input by %s, of the weights by %s",
  (_, forward, inputGrad, weightGrad, shape) => {
    const { x, w, ...options } = shape;
    const attrs = convAttrs("Conv", w.slice(2), options);
    const size = w.slice(2).map((k, d) => {
      const [before, after] = attrs.padding[d]!;
      return Math.floor((x[2 + d]! + before + after - attrs.dilation[d]! * (k - 1) - 1) / attrs.stride[d]!) + 1;
    });
    const sizes = spatialSizes(x, w, [x[0]!, w[0]!, ...size], attrs);
    const geometry = prepare(sizes, 0);
    const [n, , cg, og] = sizes.counts;
    const ways = [
      K.conv_algorithm(geometry, n, cg, og),
      K.conv_input_grad_algorithm(geometry, n, cg, og),
      K.conv_weight_grad_algorithm(geometry, n, cg, og),
    ];
    expect(ways.map((way) => WAYS[way])).toEqual([forward, inputGrad, weightGrad]);
  },
);

function random(name: string, shape: readonly number[]): Tensor {
  const next = generatorOf(seedOf(name));
  const count = shape.reduce((p, n) => p * n, 1);
  return tensor(
    Float32Array.from({ length: count }, () => 2 * next() - 1),
    { shape },
  );
}

/** Output, with all that a convolution can add and apply, and the gradients of x and w. */
function run({ x: xs, w: ws, ...options }: Shape): Float32Array[] {
  const conv = [F.conv1d, F.conv2d, F.conv3d][ws.length - 3]!;
  return scope(() => {
    const [x, w, b] = [random("x", xs), random("w", ws), random("b", [ws[0]!])];
    x.requiresGrad_();
    w.requiresGrad_();
    const plain = conv(x, w, b, options);
    const residual = random("r", plain.shape);
    const y = conv(x, w, b, { ...options, residual, activation: "relu6" });
    plain.backward(random("g", y.shape));
    const results = [y, x.grad!, w.grad!].map((t) => t.data() as Float32Array);
    for (const t of [x, w, b, residual]) t.dispose();
    return results;
  });
}

/** As text: quicker to compare than arrays. */
function bits(values: Float32Array): string {
  return Buffer.from(values.buffer).toString("base64");
}

/** Shapes that take every way, with units that do not divide evenly. */
const SPLIT: Readonly<Record<string, Shape>> = {
  "in place": { x: [2, 5, 9, 11], w: [7, 5, 3, 3], padding: 1 },
  "planes, stride 2": { x: [2, 5, 10, 12], w: [5, 1, 3, 3], padding: 1, stride: 2, groups: 5 },
  "planes of 5 × 5 taps": { x: [2, 5, 9, 17], w: [5, 1, 5, 5], padding: 2, groups: 5 },
  "planes, doubling": { x: [2, 5, 9, 11], w: [10, 1, 3, 3], padding: 1, groups: 5 },
  "small images": { x: [5, 6, 5, 5], w: [17, 6, 3, 3], padding: 1 },
  planes: { x: [2, 5, 9, 11], w: [5, 1, 3, 3], padding: 1, groups: 5 },
  panels: { x: [2, 12, 9, 11], w: [26, 6, 5, 5], padding: 2, groups: 2 },
  pointwise: { x: [2, 12, 9, 11], w: [26, 12, 1, 1] },
  tiles: { x: [2, 18, 14, 17], w: [22, 9, 3, 3], padding: 1, groups: 2 },
  "blocks of tiles": { x: [3, 40, 22, 21], w: [72, 40, 3, 3], padding: 1 },
  "rows of few outputs": { x: [2, 12, 9, 11], w: [130, 12, 3, 3], padding: 1, stride: 2 },
  "panels of tiles": { x: [1, 24, 14, 12], w: [70, 24, 3, 3], padding: 1 },
  "many tiles": { x: [2, 16, 70, 66], w: [20, 16, 3, 3], padding: 1 },
  "tiles of many channels": { x: [1, 300, 26, 25], w: [24, 300, 3, 3], padding: 1 },
  "small tiles": { x: [1, 130, 7, 9], w: [253, 130, 3, 3], padding: 1 },
  "panels of few tiles": { x: [1, 24, 7, 8], w: [70, 24, 3, 3], padding: 1 },
  columns: { x: [2, 10, 9, 11], w: [14, 5, 3, 3], padding: 1, stride: 2, groups: 2 },
  "a sequence": { x: [2, 5, 40], w: [14, 5, 3] },
  "a volume": { x: [1, 5, 4, 5, 6], w: [14, 5, 2, 3, 3] },
};

const CASES = Object.keys(SPLIT).flatMap((name) => [[name, false] as const, [name, true] as const]);

describe("split into parts that are computed by calls of their own, a convolution gives the same bits", () => {
  test.each(CASES)("%s, with memory before time: %s", (name, frugal) => {
    const all = (): string[] => withFrugality(frugal, () => run(SPLIT[name]!).map(bits));
    const whole = all();
    for (const parts of [2, 3, 7]) {
      for (const kernel of [
        "conv_f32",
        "conv_pack_f32",
        "conv_input_grad_f32",
        "conv_input_grad_pack_f32",
        "conv_weight_grad_f32",
      ] as const) {
        const original = K[kernel] as (...args: number[]) => void;
        vi.spyOn(K, kernel).mockImplementation((...args: number[]) => {
          const [begin, end] = args.slice(-2) as [number, number];
          const at = (part: number): number => begin + Math.floor(((end - begin) * part) / parts);
          // Last part first: none may rely on what another has left behind.
          for (let part = parts - 1; part >= 0; part--) original(...args.slice(0, -2), at(part), at(part + 1));
        });
      }
      expect(all()).toEqual(whole);
      vi.restoreAllMocks();
    }
  });
});

describe.each(["js", "wasm"] as const)("on %s, of a convolution by tiles", (backend) => {
  const shape = { x: [1, 9, 18, 17], w: [10, 9, 3, 3] } as const;

  test.each([NaN, Infinity])("a pixel of %s reaches those outputs and gradients only that read it", (value) => {
    setBackend(backend);
    scope(() => {
      const [x, w] = [random("x", shape.x).requiresGrad_(), random("w", shape.w)];
      const g = random("g", [1, 10, 18, 17]);
      const clean = F.conv2d(x, w, { padding: 1 });
      clean.backward(g);
      const cleanGrad = x.grad!.data();
      x.grad!.dispose();
      x.grad = null;
      const spoil = (t: Tensor): void => {
        t.detach().select(0, 0).select(0, 3).select(0, 6).select(0, 9).fill_(value);
      };
      spoil(g);
      F.conv2d(x, w, { padding: 1 }).backward(g);
      spoil(x);
      const y = F.conv2d(x, w, { padding: 1 });
      for (const [got, want] of [
        [y.data(), clean.data()],
        [x.grad!.data(), cleanGrad],
      ] as const) {
        got.forEach((v, i) => {
          const [row, column] = [Math.floor(i / 17) % 18, i % 17];
          const reads = Math.abs(row - 6) <= 1 && Math.abs(column - 9) <= 1;
          expect(Number.isFinite(v)).toBe(!reads);
          if (!reads) expect(Math.abs(v - want[i]!)).toBeLessThan(1e-4);
          else if (value === Infinity) expect(Number.isNaN(v)).toBe(false);
        });
      }
      for (const t of [x, w, g]) t.dispose();
    });
  });

  test.each([NaN, Infinity])("a pixel of %s in a corner reaches those weights only that read it", (value) => {
    setBackend(backend);
    scope(() => {
      const [x, w, g] = [random("x", shape.x), random("w", shape.w).requiresGrad_(), random("g", [1, 10, 18, 17])];
      const grad = (): ArrayLike<number> => {
        w.grad = null;
        F.conv2d(x, w, { padding: 1 }).backward(g);
        return w.grad!.data();
      };
      const clean = grad();
      x.select(0, 0).select(0, 3).select(0, 0).select(0, 0).fill_(value);
      Array.from(grad()).forEach((v, i) => {
        const [channel, row, column] = [Math.floor(i / 9) % 9, Math.floor(i / 3) % 3, i % 3];
        const reads = channel === 3 && row < 2 && column < 2;
        expect(Number.isFinite(v)).toBe(!reads);
        if (!reads) expect(Math.abs(v - clean[i]!)).toBeLessThan(1e-4);
      });
      for (const t of [x, w, g]) t.dispose();
    });
  });
});

test.each([NaN, Infinity])("a pixel of %s reaches those outputs of small tiles only that read it", (value) => {
  scope(() => {
    const [x, w] = [random("x", [1, 130, 7, 9]), random("w", [253, 130, 3, 3])];
    const clean = F.conv2d(x, w, { padding: 1 }).data();
    x.select(0, 0).select(0, 3).select(0, 2).select(0, 5).fill_(value);
    F.conv2d(x, w, { padding: 1 })
      .data()
      .forEach((v, i) => {
        const [row, column] = [Math.floor(i / 9) % 7, i % 9];
        const reads = Math.abs(row - 2) <= 1 && Math.abs(column - 5) <= 1;
        expect(Number.isFinite(v)).toBe(!reads);
        if (!reads) expect(Math.abs(v - clean[i]!)).toBeLessThan(1e-4);
      });
    for (const t of [x, w]) t.dispose();
  });
});
