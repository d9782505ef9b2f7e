import { describe, expect, test } from "vitest";
import { functional as F, setBackend, type Tensor, tensor } from "../src/node.js";
import { sampleAnywhere } from "../src/onnx/grid_taps.js";
import { attentions } from "../src/onnx/ops/attention.js";
import { detection } from "../src/onnx/ops/detect.js";
import { grids } from "../src/onnx/ops/grid.js";
import { losses } from "../src/onnx/ops/loss.js";
import { resizing } from "../src/onnx/ops/resize.js";
import { expectClose } from "./support/compare.js";
import { Nd } from "./support/nd.js";
import { type AttributeValue, gradientError, ints, runArgs, runNode, sample, typed } from "./support/onnx.js";

const TOLERANCE = { rtol: 1e-4, atol: 1e-5 };

function check(got: Tensor, want: Tensor): void {
  expectClose("result", got, new Nd(want.shape, want.data()), TOLERANCE);
}

const floats = (...values: number[]): Tensor => tensor(Float32Array.from(values));

describe.each(["js", "wasm"] as const)("ONNX resizing on %s", (backend) => {
  type Attributes = Readonly<Record<string, AttributeValue>>;

  test.each([
    ["linear", { mode: "linear" }, { mode: "bilinear" }],
    [
      "linear, corners aligned",
      { mode: "linear", coordinate_transformation_mode: "align_corners" },
      { mode: "bilinear", alignCorners: true },
    ],
    ["cubic", { mode: "cubic" }, { mode: "bicubic" }],
    [
      "linear, as in PyTorch",
      { mode: "linear", coordinate_transformation_mode: "pytorch_half_pixel" },
      { mode: "bilinear" },
    ],
    ["nearest", { nearest_mode: "floor", coordinate_transformation_mode: "asymmetric" }, { mode: "nearest" }],
    ["linear, antialias", { mode: "linear", antialias: 1, exclude_outside: 1 }, { mode: "bilinear", antialias: true }],
    [
      "cubic, antialias",
      { mode: "cubic", antialias: 1, exclude_outside: 1, cubic_coeff_a: -0.5 },
      { mode: "bicubic", antialias: true },
    ],
  ] as const)("is what interpolate does: %s", (_, attributes, options) => {
    setBackend(backend);
    const x = sample("x", 2, 3, 8, 6);
    for (const size of [
      [11, 13],
      [5, 4],
      [16, 3],
    ]) {
      const [y] = runNode(resizing, "Resize", [x, null, null, ints([2, 3, ...size])], attributes);
      check(y!, F.interpolate(x, { size, ...options }));
      const axes = { ...attributes, axes: [3, 2] };
      check(runNode(resizing, "Resize", [x, null, null, ints([...size].reverse())], axes)[0]!, y!);
    }
  });

  test("has gradients", () => {
    setBackend(backend);
    const resize = (x: Tensor): Tensor =>
      runNode(resizing, "Resize", [x, null, floats(1, 2, 0.6)], { mode: "cubic", exclude_outside: 1 })[0]!;
    expect(gradientError(resize, [sample("x", 2, 3, 7)])).toBeLessThan(1e-3);
  });

  test.each([
    [7, "Upsample", { scales: [1, 1, 2, 1.5] }, []],
    [9, "Upsample", {}, [floats(1, 1, 2, 1.5)]],
    [10, "Resize", {}, [floats(1, 1, 2, 1.5)]],
  ] as const)("in version %i, %s, takes places from the corner", (opset, op, attributes, more) => {
    setBackend(backend);
    const x = sample("x", 1, 2, 3, 4);
    const now = { coordinate_transformation_mode: "asymmetric", nearest_mode: "floor" };
    for (const mode of ["nearest", "linear"]) {
      const [old] = runNode(resizing, op, [x, ...more], { ...attributes, mode }, { opset });
      check(old!, runNode(resizing, "Resize", [x, null, floats(1, 1, 2, 1.5)], { ...now, mode })[0]!);
      expect(old!.shape).toEqual([1, 2, 6, 6]);
    }
  });

  test.each([
    ["round_prefer_floor", (v: number) => Math.ceil(v - 0.5)],
    ["round_prefer_ceil", (v: number) => Math.floor(v + 0.5)],
    ["floor", Math.floor],
    ["ceil", Math.ceil],
  ] as const)("rounds by %s", (nearest_mode, round) => {
    setBackend(backend);
    const attributes = { nearest_mode, coordinate_transformation_mode: "asymmetric" };
    for (const factor of [1.5, 2]) {
      const [y] = runNode(resizing, "Resize", [floats(0, 1, 2, 3), null, floats(factor)], attributes);
      const places = Array.from({ length: 4 * factor }, (_, i) => Math.min(Math.max(0, round(i / factor)), 3));
      expect(y!.tolist()).toEqual(places);
    }
  });

  test("keeps integers, and crops with a constant outside", () => {
    setBackend(backend);
    const bytes = typed("uint8", [1, 2, 3], 3);
    expect(runArgs(resizing, "Resize", [bytes, null, floats(2)], {})[0]).toMatchObject({ elem: "uint8" });
    const crop: Attributes = {
      mode: "linear",
      coordinate_transformation_mode: "tf_crop_and_resize",
      extrapolation_value: 9,
    };
    const x = tensor([[0, 1, 2, 3, 4]]);
    const [y] = runNode(resizing, "Resize", [x, floats(0, 0.25, 1, 1.25), null, ints([1, 5])], crop);
    expect(y!.tolist()).toEqual([[1, 2, 3, 4, 9]]);
    const symmetric = { mode: "linear", coordinate_transformation_mode: "half_pixel_symmetric" };
    // Of 5 · 0.7 = 3.5 outputs three are left; the image's centre stays in the middle.
    const [middle] = runNode(resizing, "Resize", [x, null, floats(1, 0.7)], symmetric);
    expect(middle!.shape).toEqual([1, 3]);
    expect(middle!.select(1, 1).item()).toBeCloseTo(2, 5);
  });
});

describe.each(["js", "wasm"] as const)("ONNX sampling on %s", (backend) => {
  const x = sample("x", 2, 3, 5, 4);
  const grid = sample("grid", 2, 6, 7, 2).mul(1.6);

  test.each(["zeros", "border", "reflection"] as const)("at places is the same by parts, padded with %s", (padding) => {
    setBackend(backend);
    for (const alignCorners of [false, true]) {
      for (const mode of ["linear", "nearest"] as const) {
        const attributes = { mode, padding_mode: padding, align_corners: alignCorners ? 1 : 0 };
        const [fused] = runNode(grids, "GridSample", [x, grid], attributes);
        check(sampleAnywhere(x, grid, { mode, padding, alignCorners }), fused!);
      }
    }
  });

  test("at places in volumes keeps a volume that is sampled at its own places", () => {
    setBackend(backend);
    const volume = sample("v", 2, 2, 3, 4, 5);
    const theta = tensor([1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0], { shape: [1, 3, 4] }).expand(2, 3, 4);
    for (const align_corners of [0, 1]) {
      const [places] = runNode(grids, "AffineGrid", [theta, ints([2, 2, 3, 4, 5])], { align_corners });
      for (const mode of ["linear", "nearest", "cubic"]) {
        const attributes = { mode, align_corners, padding_mode: "border" };
        check(runNode(grids, "GridSample", [volume, places!], attributes)[0]!, volume);
      }
    }
  });

  test("at places has gradients", () => {
    setBackend(backend);
    const cubic = (...t: Tensor[]): Tensor =>
      runNode(grids, "GridSample", t, { mode: "cubic", padding_mode: "border" })[0]!;
    const small = sample("g", 1, 2, 3, 2).mul(0.6);
    expect(gradientError(cubic, [sample("i", 1, 2, 5, 4), small])).toBeLessThan(2e-2);
  });

  test("of regions gives a ramp's values at the middle of each bin", () => {
    setBackend(backend);
    const ramp = tensor(
      Float32Array.from({ length: 80 }, (_, i) => 10 * Math.floor(i / 10) + (i % 10)),
      { shape: [1, 1, 8, 10] },
    );
    const rois = tensor([
      [2, 1, 8, 5],
      [4, 2, 12, 10],
    ]);
    const size = { output_height: 2, output_width: 3, spatial_scale: 0.5 };
    const inputs = [ramp, rois, ints([0, 0])];
    const bins = (x1: number, y1: number, x2: number, y2: number): number[][] =>
      [0, 1].map((i) =>
        [0, 1, 2].map((j) => 10 * (y1 + ((i + 0.5) * (y2 - y1)) / 2) + x1 + ((j + 0.5) * (x2 - x1)) / 3),
      );
    const [old] = runNode(detection, "RoiAlign", inputs, size, { opset: 10 });
    check(old!.select(1, 0), tensor([bins(1, 0.5, 4, 2.5), bins(2, 1, 6, 5)]));
    const [now] = runNode(detection, "RoiAlign", inputs, { ...size, sampling_ratio: 3 }, { opset: 16 });
    check(now!.select(1, 0), tensor([bins(0.5, 0, 3.5, 2), bins(1.5, 0.5, 5.5, 4.5)]));
    const align = (t: Tensor): Tensor => runNode(detection, "RoiAlign", [t, rois, ints([0, 0])], size)[0]!;
    expect(gradientError(align, [ramp])).toBeLessThan(1e-3);
    const [most] = runNode(detection, "RoiAlign", [ramp, tensor([[0, 0, 8, 8]]), ints([0])], {
      mode: "max",
      sampling_ratio: 2,
    });
    // The largest of each sample's weighed neighbours: those at row and column 5.5, a quarter of each.
    expect(most!.item()).toBeCloseTo(0.25 * 66, 4);
    expect(
      runNode(detection, "RoiAlign", [ramp, tensor(new Float32Array(0), { shape: [0, 4] }), ints([], 0)])[0]!.shape,
    ).toEqual([0, 1, 1, 1]);
  });
});

test("ONNX's MaxRoiPool takes the largest of each bin", () => {
  const x = tensor(
    Float32Array.from({ length: 30 }, (_, i) => i),
    { shape: [1, 1, 5, 6] },
  );
  const regions = tensor([
    [0, 0, 0, 5, 4],
    [0, 2.4, 2, 7.6, 6],
    [0, 8, 8, 9, 9],
  ]);
  const pool = (t: Tensor): Tensor =>
    runNode(detection, "MaxRoiPool", [t, regions], { pooled_shape: [2, 2], spatial_scale: 0.5 })[0]!;
  expect(pool(x).select(1, 0).tolist()).toEqual([
    [
      [7, 9],
      [13, 15],
    ],
    [
      [14, 16],
      [20, 22],
    ],
    [
      [28, 29],
      [0, 0],
    ],
  ]);
  expect(gradientError(pool, [x])).toBeLessThan(1e-3);
});

describe.each(["js", "wasm"] as const)("ONNX attention on %s", (backend) => {
  const [q, k, v] = [sample("q", 2, 6, 4, 8), sample("k", 2, 2, 5, 8), sample("v", 2, 2, 5, 3)];

  test.each([0, 1])("is the same by parts, with is_causal %i and a past", (is_causal) => {
    setBackend(backend);
    const inputs = [q, k, v, null, sample("pk", 2, 2, 3, 8), sample("pv", 2, 2, 3, 3)];
    const [fused, keys] = runNode(attentions, "Attention", inputs, { is_causal }, { opset: 23, outputs: 3 });
    const parts = runNode(
      attentions,
      "Attention",
      inputs,
      { is_causal, qk_matmul_output_mode: 3 },
      { opset: 23, outputs: 4 },
    );
    check(parts[0]!, fused!);
    expect(keys!.shape).toEqual([2, 2, 8, 8]);
    check(F.sum(parts[3]!, { dim: -1 }), F.sum(F.softmax(sample("any", 2, 6, 4, 8), { dim: -1 }), { dim: -1 }));
  });

  test("has finite gradients where a query may attend to nothing", () => {
    setBackend(backend);
    const mask = tensor([true, false, true, false, true, ...new Array<boolean>(5).fill(false)], { shape: [2, 5] });
    const attend = (...t: Tensor[]): Tensor => runNode(attentions, "Attention", [...t, mask], {}, { opset: 23 })[0]!;
    const small = [sample("q", 1, 1, 2, 4), sample("k", 1, 1, 5, 4), sample("v", 1, 1, 5, 3)];
    expect(
      attend(...small)
        .select(2, 1)
        .tolist(),
    ).toEqual([[[0, 0, 0]]]);
    expect(gradientError(attend, small)).toBeLessThan(5e-3);
  });

  test.each(["linear", "circular"])("writes into a cache, %s", (mode) => {
    setBackend(backend);
    const [cache, update] = [sample("cache", 2, 3, 5, 4), sample("new", 2, 3, 2, 4)];
    const starts = mode === "linear" ? [3, 1] : [4, 2];
    const write = (...t: Tensor[]): Tensor =>
      runNode(attentions, "TensorScatter", [...t, ints(starts)], { mode }, { opset: 24 })[0]!;
    const want = new Nd(cache.shape, cache.data());
    for (const b of [0, 1]) {
      for (const h of [0, 1, 2]) {
        for (const k of [0, 1]) {
          const row = update.select(0, b).select(0, h).select(0, k).data();
          want.data.set(row, want.at(b, h, (starts[b]! + k) % 5, 0));
        }
      }
    }
    expectClose("cache", write(cache, update), want, { rtol: 0, atol: 0 });
    expect(gradientError(write, [cache, update])).toBeLessThan(1e-3);
  });

  test("turns by positions as the library does", () => {
    setBackend(backend);
    const heads = sample("x", 2, 3, 5, 8);
    const angles = [0, 1, 2, 3, 4].flatMap((p) => [0, 1, 2, 3].map((i) => p / 10000 ** (i / 4)));
    const [cos, sin] = [Math.cos, Math.sin].map((f) => tensor(angles.map(f), { shape: [5, 4] })) as [Tensor, Tensor];
    const positions = ints([0, 1, 2, 3, 4, 0, 1, 2, 3, 4], 2, 5);
    const run = (x: Tensor, attributes: Record<string, number>): Tensor =>
      runNode(attentions, "RotaryEmbedding", [x, cos, sin, positions], attributes, { opset: 23 })[0]!;
    for (const interleaved of [0, 1]) {
      check(run(heads, { interleaved }), F.rotaryEmbedding(heads, { interleaved: interleaved === 1 }));
    }
    const flat = heads.transpose(1, 2).reshape([2, 5, 24]);
    const same = run(flat, { num_heads: 3 });
    check(same, run(heads, {}).transpose(1, 2).reshape([2, 5, 24]));
  });
});

test("ONNX losses have gradients and ignore nothing by default", () => {
  const target = ints([0, 2, 1, 2, 0, 1], 3, 2);
  const x = sample("x", 3, 4, 2);
  const loss = (t: Tensor): Tensor => runNode(losses, "SoftmaxCrossEntropyLoss", [t, target], {})[0]!;
  check(loss(x), F.crossEntropy(x, target));
  expect(gradientError(loss, [x])).toBeLessThan(1e-3);
  const wrong = ints([0, -100, 1, 2, 0, 1], 3, 2);
  expect(() => runNode(losses, "NegativeLogLikelihoodLoss", [x, wrong])).toThrow("-100");
});
