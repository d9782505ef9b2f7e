import { afterEach, describe, expect, test, vi } from "vitest";
import { functional as F, manualSeed, nn, scope, setBackend, type Tensor, tensor } from "../src/node.js";
import { arena } from "../src/runtime/arena.js";
import { generatorOf, seedOf } from "./support/make.js";

afterEach(() => setBackend("wasm"));

interface Shape {
  readonly x: readonly number[];
  readonly w: readonly number[];
  readonly stride?: number;
  readonly padding?: number;
  readonly dilation?: number;
  readonly groups?: number;
}

/** Sizes beyond the blocks of the kernels; what each of them reaches. */
const LARGE: Readonly<Record<string, Shape>> = {
  "many channels": { x: [2, 16, 17, 19], w: [33, 16, 3, 3], padding: 1 },
  "more taps than one block of the product": { x: [1, 30, 6, 6], w: [20, 30, 3, 3], padding: 1 },
  "more outputs than one block of the product": { x: [1, 3, 25, 27], w: [13, 3, 3, 3], padding: 1 },
  "more taps than one pass over few channels": { x: [2, 60, 5, 6], w: [3, 60, 3, 3], padding: 1 },
  "few channels both ways": { x: [2, 5, 30, 40], w: [7, 5, 3, 3], padding: 1 },
  "columns in several blocks": { x: [1, 70, 15, 13], w: [14, 70, 5, 5] },
  "columns of more outputs than one block of the product": { x: [1, 3, 13, 14], w: [200, 3, 3, 3], stride: 2 },
  "few outputs": { x: [1, 40, 4, 4], w: [30, 40, 3, 3], padding: 1 },
  "stride 2": { x: [2, 9, 31, 33], w: [24, 9, 3, 3], stride: 2, padding: 1 },
  "stride 3 and dilation": { x: [2, 6, 29, 31], w: [12, 6, 3, 3], stride: 3, padding: 2, dilation: 2 },
  "the stem of a residual network": { x: [1, 3, 40, 40], w: [16, 3, 7, 7], stride: 2, padding: 3 },
  "tiles in several blocks": { x: [3, 40, 22, 21], w: [72, 40, 3, 3], padding: 1 },
  "tiles of more channels than one block of the product": { x: [2, 280, 11, 12], w: [215, 280, 3, 3], padding: 1 },
  "few tiles of many outputs": { x: [1, 24, 7, 8], w: [70, 24, 3, 3], padding: 1 },
  "tiles of more outputs than one block of the product": { x: [1, 9, 15, 16], w: [521, 9, 3, 3], padding: 2 },
  "rows of tiles longer than a strip": { x: [1, 8, 6, 90], w: [9, 8, 3, 3] },
  "tiles beyond the padding": { x: [1, 8, 12, 13], w: [9, 8, 3, 3], padding: 4 },
  pointwise: { x: [2, 40, 13, 14], w: [50, 40, 1, 1] },
  groups: { x: [2, 24, 13, 14], w: [36, 8, 3, 3], groups: 3, padding: 1 },
  "depthwise 3 × 3": { x: [2, 12, 29, 30], w: [12, 1, 3, 3], groups: 12, padding: 1 },
  "depthwise 3 × 3, stride 2, multiplier 2": { x: [2, 6, 29, 30], w: [12, 1, 3, 3], groups: 6, padding: 1, stride: 2 },
  "depthwise 3 × 3, stride 2": { x: [2, 6, 28, 34], w: [6, 1, 3, 3], groups: 6, padding: 1, stride: 2 },
  "depthwise 3 × 3 of odd planes, stride 2": { x: [2, 6, 13, 15], w: [6, 1, 3, 3], groups: 6, padding: 1, stride: 2 },
  "depthwise 3 × 3 of small planes": { x: [2, 6, 7, 7], w: [6, 1, 3, 3], groups: 6, padding: 1 },
  "depthwise 3 × 3 of three rows": { x: [2, 6, 3, 23], w: [6, 1, 3, 3], groups: 6, padding: 1 },
  "depthwise 3 × 3 without padding": { x: [2, 6, 9, 22], w: [6, 1, 3, 3], groups: 6 },
  "depthwise 3 × 3 of narrow planes": { x: [2, 6, 9, 3], w: [6, 1, 3, 3], groups: 6, padding: 1 },
  "depthwise 7 × 7": { x: [2, 6, 14, 21], w: [6, 1, 7, 7], groups: 6, padding: 3 },
  "depthwise 7 × 7 of small planes": { x: [2, 6, 7, 7], w: [6, 1, 7, 7], groups: 6, padding: 3 },
  "depthwise 7 × 7, stride 2": { x: [2, 6, 15, 22], w: [6, 1, 7, 7], groups: 6, padding: 3, stride: 2 },
  "depthwise 5 × 5, two rows": { x: [2, 6, 2, 22], w: [6, 1, 5, 5], groups: 6, padding: 2 },
  "small images, many outputs": { x: [7, 6, 5, 5], w: [24, 6, 3, 3], padding: 1 },
  "depthwise 5 × 5": { x: [2, 6, 37, 42], w: [6, 1, 5, 5], groups: 6, padding: 2 },
  "depthwise 5 × 5, stride 2": { x: [2, 6, 37, 42], w: [6, 1, 5, 5], groups: 6, padding: 2, stride: 2 },
};

function random(name: string, shape: readonly number[]): Tensor {
  const next = generatorOf(seedOf(name));
  const count = shape.reduce((p, n) => p * n, 1);
  return tensor(
    Float32Array.from({ length: count }, () => 2 * next() - 1),
    { shape },
  );
}

/** Output and the gradients of x, w and b. */
function run({ x: xs, w: ws, ...options }: Shape): Float32Array[] {
  const operands = [random("x", xs), random("w", ws), random("b", [ws[0]!])] as const;
  for (const t of operands) t.requiresGrad_();
  const y = scope(() => {
    const out = F.conv2d(...operands, options);
    out.backward(random("g", out.shape));
    return out.data() as Float32Array;
  });
  const gradients = operands.map((t) => t.grad!.data() as Float32Array);
  for (const t of operands) t.dispose();
  return [y, ...gradients];
}

describe("convolution of larger images", () => {
  test.each(Object.keys(LARGE))("gives the same on both back ends: %s", (name) => {
    setBackend("js");
    const want = run(LARGE[name]!);
    setBackend("wasm");
    const got = run(LARGE[name]!);
    want.forEach((values, k) => {
      // Rounding grows with the length of the sums, which the largest value tells of.
      const scale = values.reduce((m, v) => Math.max(m, Math.abs(v)), 1);
      const worst = values.reduce((m, v, i) => Math.max(m, Math.abs(v - got[k]![i]!)), 0);
      expect(worst, `${["y", "dx", "dw", "db"][k]}`).toBeLessThan(2e-6 * scale);
    });
  });
});

test("a convolution stays within the work space it asked for", () => {
  // The arena's own block is replaced by one with a guard behind each request, checked at the next one.
  const guard = 1 << 16;
  const block = arena.alloc(1 << 25);
  let end = 0;
  const check = (): void => {
    if (end > 0) expect(arena.u8.subarray(end, end + guard).every((v) => v === 0xa5)).toBe(true);
  };
  const scratch = vi.spyOn(arena, "scratch").mockImplementation((bytes) => {
    check();
    end = block.start + Math.ceil(bytes);
    arena.u8.fill(0xa5, end, end + guard);
    return arena.at(block, 0);
  });
  for (const shape of Object.values(LARGE)) run(shape);
  check();
  expect(scratch).toHaveBeenCalled();
  scratch.mockRestore();
  arena.free(block);
});

describe.each(["js", "wasm"] as const)("on %s", (backend) => {
  test("an infinite pixel reaches the gradients of those taps only that read it", () => {
    setBackend(backend);
    const x = tensor(new Float32Array(5 * 6).fill(1), { shape: [1, 1, 5, 6] });
    x.select(2, 4).fill_(Infinity);
    for (const outputs of [1, 9]) {
      const w = tensor(new Float32Array(outputs * 9).fill(1), { shape: [outputs, 1, 3, 3], requiresGrad: true });
      scope(() => {
        const y = F.conv2d(x, w);
        y.backward(tensor(new Float32Array(y.numel).fill(1), { shape: y.shape }));
      });
      const infinite = Infinity;
      const kernel = [12, 12, 12, 12, 12, 12, infinite, infinite, infinite];
      expect([...w.grad!.data()]).toEqual(Array.from({ length: outputs }, () => kernel).flat());
      w.dispose();
    }
    x.dispose();
  });

  test("the gradient of the weights of an empty batch is zero", () => {
    setBackend(backend);
    const x = tensor(new Float32Array(0), { shape: [0, 2, 4, 4] });
    const w = random("w", [3, 2, 3, 3]).requiresGrad_();
    scope(() => F.conv2d(x, w).sum().backward());
    expect(w.grad!.data()).toEqual(new Float32Array(54));
    x.dispose();
    w.dispose();
  });
});

describe("Conv2d", () => {
  test("has PyTorch's state keys, shapes and initial range", () => {
    manualSeed(1);
    const layer = new nn.Conv2d(8, 12, [3, 5], { groups: 4 });
    expect([...layer.stateDict()].map(([key, t]) => [key, t.shape])).toEqual([
      ["weight", [12, 2, 3, 5]],
      ["bias", [12]],
    ]);
    const bound = 1 / Math.sqrt(2 * 3 * 5);
    for (const t of layer.parameters()) {
      const values = Array.from(t.data(), Math.abs);
      expect(Math.max(...values)).toBeLessThanOrEqual(bound);
      expect(Math.max(...values)).toBeGreaterThan(0.8 * bound);
    }
    layer.dispose();
  });

  test("has no bias if told so", () => {
    const layer = new nn.Conv2d(1, 2, 3, { bias: false });
    expect([...layer.stateDict().keys()]).toEqual(["weight"]);
    layer.dispose();
  });

  test.each(["reflect", "replicate", "circular"] as const)(
    "pads by %s before a convolution without padding",
    (mode) => {
      const layer = new nn.Conv2d(2, 3, [4, 3], { padding: "same", paddingMode: mode });
      const x = random("x", [2, 2, 5, 6]);
      scope(() => {
        const padded = F.pad(x, { pad: [1, 1, 1, 2], mode });
        expect(layer.forward(x).data()).toEqual(F.conv2d(padded, layer.weight, layer.bias).data());
        expect(layer.forward(x.select(0, 1)).shape).toEqual([3, 5, 6]);
      });
      layer.dispose();
      x.dispose();
    },
  );

  test.each([
    ["a group count that does not divide the inputs", [10, 12, 3], { groups: 4 }, ["inChannels", "10", "4"]],
    ["a group count that does not divide the outputs", [8, 10, 3], { groups: 4 }, ["outChannels", "10", "4"]],
    ["a negative stride", [3, 5, 3], { stride: -2 }, ["stride", "-2"]],
    ["a padding mode that does not exist", [3, 5, 3], { paddingMode: "mirror" }, ["paddingMode", "mirror"]],
    ["same padding with a stride", [3, 5, 3], { padding: "same", stride: 2 }, ["same", "stride"]],
    ["an empty kernel", [3, 5, 0], {}, ["kernelSize", "0"]],
    ["an option that does not exist", [3, 5, 3], { pad: 1 }, ["pad"]],
  ] as const)("refuses %s", (_, args, options, parts) => {
    const [inChannels, outChannels, kernel] = args;
    let message = "";
    try {
      new nn.Conv2d(inChannels, outChannels, kernel, options as nn.ConvModuleOptions);
    } catch (error) {
      message = (error as Error).message;
    }
    for (const part of ["Conv2d: ", ...parts]) expect(message).toContain(part);
  });

  test("names itself when the input is too small for a reflected padding", () => {
    const layer = new nn.Conv2d(1, 1, 5, { padding: 4, paddingMode: "reflect" });
    const x = random("x", [1, 1, 4, 9]);
    expect(() => scope(() => layer.forward(x))).toThrow(/^Conv2d: .*4.*reflect/);
    layer.dispose();
    x.dispose();
  });
});
