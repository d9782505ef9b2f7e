import { describe, expect, test } from "vitest";
import { functional as F, setBackend, type Tensor } from "../src/node.js";
import { convolutions } from "../src/onnx/ops/conv.js";
import { pooling } from "../src/onnx/ops/pool.js";
import { expectClose } from "./support/compare.js";
import { forIndex, Nd } from "./support/nd.js";
import { gradientError, ints, runArgs, runNode, sample, typed } from "./support/onnx.js";

const TOLERANCE = { rtol: 1e-5, atol: 1e-6 };

interface Windows {
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  readonly dilation: readonly number[];
  /** ONNX's order: in front, then behind. */
  readonly pads: readonly number[];
  readonly ceil: boolean;
}

/** Calls `visit` for each window of x [N, C, …] with the values in the image, their places in the plane, and how many are in image or padding. */
function poolNd(
  x: Nd,
  { kernel, stride, dilation, pads, ceil }: Windows,
  reduce: (values: number[], places: number[], withPadding: number, plane: number) => number,
): Nd {
  const rank = kernel.length;
  const sizes = x.shape.slice(2);
  const counts = kernel.map((k, d) => {
    const room = (sizes[d]! + pads[d]! + pads[rank + d]! - dilation[d]! * (k - 1) - 1) / stride[d]!;
    const count = (ceil ? Math.ceil(room) : Math.floor(room)) + 1;
    return ceil && (count - 1) * stride[d]! >= sizes[d]! + pads[d]! ? count - 1 : count;
  });
  const y = new Nd([x.shape[0]!, x.shape[1]!, ...counts]);
  const planeSize = sizes.reduce((a, b) => a * b, 1);
  forIndex(y.shape, ([n, c, ...o], flat) => {
    const plane = n! * x.shape[1]! + c!;
    const values: number[] = [];
    const places: number[] = [];
    let withPadding = 0;
    forIndex(kernel, (k) => {
      const at = k.map((i, d) => o[d]! * stride[d]! - pads[d]! + i * dilation[d]!);
      if (at.every((p, d) => p >= -pads[d]! && p < sizes[d]! + pads[rank + d]!)) withPadding++;
      if (!at.every((p, d) => p >= 0 && p < sizes[d]!)) return;
      const place = at.reduce((sum, p, d) => sum * sizes[d]! + p, 0);
      places.push(place);
      values.push(x.data[plane * planeSize + place]!);
    });
    y.data[flat] = reduce(values, places, withPadding, plane * planeSize);
  });
  return y;
}

const plain = (rank: number): Pick<Windows, "stride" | "dilation" | "ceil"> => ({
  stride: new Array<number>(rank).fill(1),
  dilation: new Array<number>(rank).fill(1),
  ceil: false,
});

const POOLS: readonly (readonly [name: string, shape: readonly number[], windows: Windows])[] = [
  ["one dimension", [2, 3, 9], { ...plain(1), kernel: [3], stride: [2], pads: [1, 1] }],
  ["uneven padding", [2, 2, 7, 6], { ...plain(2), kernel: [3, 2], stride: [2, 1], pads: [0, 1, 2, 0] }],
  ["rounding up", [1, 2, 7, 8], { ...plain(2), kernel: [3, 3], stride: [2, 2], pads: [1, 0, 0, 1], ceil: true }],
  ["rounding up evenly", [1, 2, 7, 8], { ...plain(2), kernel: [2, 3], stride: [2, 3], pads: [1, 1, 1, 1], ceil: true }],
  ["dilation", [1, 2, 9, 8], { ...plain(2), kernel: [2, 3], dilation: [3, 2], pads: [0, 1, 1, 0] }],
  ["much padding", [1, 1, 5, 5], { ...plain(2), kernel: [3, 3], pads: [2, 2, 2, 2] }],
  [
    "three dimensions",
    [1, 2, 5, 6, 4],
    { ...plain(3), kernel: [2, 3, 2], stride: [2, 1, 2], pads: [1, 0, 0, 0, 1, 1] },
  ],
];

function attributesOf({ kernel, stride, dilation, pads, ceil }: Windows) {
  return { kernel_shape: kernel, strides: stride, dilations: dilation, pads, ceil_mode: ceil ? 1 : 0 };
}

const ndOf = (t: Tensor): Nd => new Nd(t.shape, t.data());

describe.each(["js", "wasm"] as const)("ONNX pooling on %s", (backend) => {
  test.each(POOLS)("averages with %s", (name, shape, windows) => {
    setBackend(backend);
    const x = sample(name, ...shape);
    for (const count of [0, 1]) {
      const attributes = { ...attributesOf(windows), count_include_pad: count };
      const want = poolNd(ndOf(x), windows, (v, _, all) => v.reduce((a, b) => a + b, 0) / (count ? all : v.length));
      expectClose(name, runNode(pooling, "AveragePool", [x], attributes)[0]!, want, TOLERANCE);
      expect(gradientError((t) => runNode(pooling, "AveragePool", [t], attributes)[0]!, [x])).toBeLessThan(1e-3);
    }
  });

  test.each(POOLS)("finds maxima and their places with %s", (name, shape, windows) => {
    setBackend(backend);
    const x = sample(name, ...shape);
    const sizes = shape.slice(2);
    for (const order of [0, 1]) {
      const attributes = { ...attributesOf(windows), storage_order: order };
      const [y, places] = runArgs(pooling, "MaxPool", [x], attributes, { outputs: 2 });
      expectClose(
        name,
        y!.tensor,
        poolNd(ndOf(x), windows, (v) => Math.max(...v)),
        TOLERANCE,
      );
      const want = poolNd(ndOf(x), windows, (v, at, _, start) => {
        const place = at[v.indexOf(Math.max(...v))]!;
        if (order === 0) return start + place;
        const index = sizes.map((n, d) => Math.floor(place / sizes.slice(d + 1).reduce((a, b) => a * b, 1)) % n);
        return start + index.reduceRight((sum, i, d) => sum * sizes[d]! + i, 0);
      });
      expectClose(name, places!.tensor, want, { rtol: 0, atol: 0 });
      expect(places!.elem).toBe("int64");
    }
  });

  test.each(POOLS)("takes p-norms with %s", (name, shape, windows) => {
    setBackend(backend);
    const x = sample(name, ...shape);
    for (const p of [1, 2, 3]) {
      const want = poolNd(ndOf(x), windows, (v) => v.reduce((sum, e) => sum + Math.abs(e) ** p, 0) ** (1 / p));
      const [y] = runNode(pooling, "LpPool", [x], { ...attributesOf(windows), p });
      expectClose(name, y!, want, TOLERANCE);
    }
  });

  test("keeps the type of bytes", () => {
    setBackend(backend);
    const x = typed("int8", [-3, -100, -7, -5], 1, 1, 4);
    const [y] = runArgs(pooling, "MaxPool", [x], { kernel_shape: [2], pads: [1, 0] });
    expect(y).toMatchObject({ elem: "int8" });
    expect(y!.tensor.tolist()).toEqual([[[-3, -3, -7, -5]]]);
  });

  test("puts maxima back, with zeros behind for a larger output", () => {
    setBackend(backend);
    const x = sample("unpool", 2, 2, 4, 6);
    const attributes = { kernel_shape: [2, 2], strides: [2, 2] };
    const [y, places] = runNode(pooling, "MaxPool", [x], attributes, { outputs: 2 });
    const [back] = runNode(pooling, "MaxUnpool", [y!, places!], attributes);
    expect(back!.shape).toEqual(x.shape);
    expect(F.maxPool2d(F.add(back!, 2), { kernelSize: 2 }).data()).toEqual(
      F.maximum(F.add(y!, 2), F.mul(y!, 0).add(2)).data(),
    );
    const [larger] = runNode(pooling, "MaxUnpool", [y!, places!, ints([2, 2, 5, 7])], attributes);
    expect(larger!.slice(2, { end: 4 }).slice(3, { end: 6 }).data()).toEqual(back!.data());
    expect(larger!.sum().item()).toBeCloseTo(back!.sum().item(), 4);
  });

  test("reduces whole planes", () => {
    setBackend(backend);
    const x = sample("global", 2, 3, 4, 5);
    const rows = [
      ["GlobalAveragePool", F.mean(x, { dim: [2, 3], keepdim: true })],
      ["GlobalMaxPool", F.amax(x, { dim: [2, 3], keepdim: true })],
      ["GlobalLpPool", F.norm(x, { dim: [2, 3], keepdim: true })],
    ] as const;
    for (const [op, want] of rows) expectClose(op, runNode(pooling, op, [x])[0]!, ndOf(want), TOLERANCE);
  });
});

describe.each(["js", "wasm"] as const)("ONNX convolutions on %s", (backend) => {
  test.each([
    ["SAME_UPPER", [7], [3], [2], [1], [1, 1]],
    ["SAME_UPPER", [6, 8], [3, 4], [2, 3], [1, 1], [0, 1, 1, 1]],
    ["SAME_LOWER", [6, 8], [3, 4], [2, 3], [1, 1], [1, 1, 0, 1]],
    ["SAME_LOWER", [6, 5, 4], [2, 2, 3], [1, 1, 1], [2, 1, 1], [1, 1, 1, 1, 0, 1]],
    ["VALID", [6, 8], [3, 4], [2, 3], [1, 1], [0, 0, 0, 0]],
  ])("pads %s over %j", (auto_pad, sizes, kernel, strides, dilations, pads) => {
    setBackend(backend);
    const x = sample("x", 2, 4, ...sizes);
    const w = sample("w", 6, 2, ...kernel);
    const b = sample("b", 6);
    const shared = { strides, dilations, group: 2 };
    const [got] = runNode(convolutions, "Conv", [x, w, b], { ...shared, auto_pad });
    const [want] = runNode(convolutions, "Conv", [x, w, b], { ...shared, pads });
    expectClose(auto_pad, got!, ndOf(want!), TOLERANCE);
    const rank = sizes.length;
    const around = sizes.flatMap((_, d) => [pads[rank - 1 - d]!, pads[2 * rank - 1 - d]!]);
    const own = [F.conv1d, F.conv2d, F.conv3d][rank - 1]!;
    const bare = own(F.pad(x, { pad: around }), w, b, { stride: strides, dilation: dilations, groups: 2 });
    expectClose(auto_pad, got!, ndOf(bare), TOLERANCE);
  });

  test("have gradients", () => {
    setBackend(backend);
    const inputs = [sample("x", 1, 4, 5, 6), sample("w", 4, 2, 3, 2), sample("b", 4)];
    const attributes = { group: 2, pads: [0, 1, 2, 0], strides: [2, 1] };
    const conv = (...t: Tensor[]): Tensor => runNode(convolutions, "Conv", t, attributes)[0]!;
    const transposed = (...t: Tensor[]): Tensor => runNode(convolutions, "ConvTranspose", t, attributes)[0]!;
    expect(gradientError(conv, inputs)).toBeLessThan(1e-3);
    expect(gradientError(transposed, inputs)).toBeLessThan(1e-3);
  });

  test.each([
    ["plain", { strides: [2, 3], pads: [1, 0, 2, 1] }, [1, 0], [7, 15]],
    ["output padding", { strides: [2, 3], pads: [1, 0, 2, 1], output_padding: [1, 2] }, [1, 0], [8, 17]],
    ["an output shape", { strides: [2, 3], output_shape: [8, 14] }, [1, 1], [8, 14]],
    [
      "an output shape, odd behind",
      { strides: [2, 3], output_shape: [9, 13], auto_pad: "SAME_UPPER" },
      [0, 1],
      [9, 13],
    ],
    ["a larger output shape", { strides: [2, 3], output_shape: [11, 16] }, [0, 0], [11, 16]],
    ["SAME_UPPER", { strides: [2, 3], auto_pad: "SAME_UPPER" }, [1, 0], [8, 15]],
    ["SAME_LOWER", { strides: [2, 3], auto_pad: "SAME_LOWER", dilations: [2, 1] }, [3, 1], [8, 15]],
  ] as const)("spread with %s", (name, attributes, before, size) => {
    setBackend(backend);
    const x = sample(name, 1, 2, 4, 5);
    const w = sample("w", 2, 3, 4, 4);
    const b = sample("b", 3);
    const dilation = "dilations" in attributes ? attributes.dilations : [1, 1];
    const want = new Nd([1, 3, ...size]);
    forIndex(want.shape, ([, o], flat) => {
      want.data[flat] = b.data()[o!]!;
    });
    forIndex([2, 3, 4, 5, 4, 4], ([c, o, i, j, k, l]) => {
      const row = i! * 2 - before[0] + k! * dilation[0];
      const column = j! * 3 - before[1] + l! * dilation[1];
      if (row < 0 || row >= size[0] || column < 0 || column >= size[1]) return;
      want.data[want.at(0, o!, row, column)]! += ndOf(x).get(0, c!, i!, j!) * ndOf(w).get(c!, o!, k!, l!);
    });
    expectClose(name, runNode(convolutions, "ConvTranspose", [x, w, b], attributes)[0]!, want, TOLERANCE);
  });

  test("add columns up as fold does", () => {
    setBackend(backend);
    const x = sample("columns", 2, 3 * 6, 12);
    const attributes = { strides: [2, 1], dilations: [1, 2], pads: [1, 1, 1, 1] };
    const [y] = runNode(convolutions, "Col2Im", [x, ints([5, 6]), ints([2, 3])], attributes);
    const want = F.fold(x, {
      outputSize: [5, 6],
      kernelSize: [2, 3],
      stride: [2, 1],
      dilation: [1, 2],
      padding: [1, 1],
    });
    expectClose("Col2Im", y!, ndOf(want), TOLERANCE);
  });

  test("refuse what does not fit", () => {
    const x = sample("x", 1, 2, 5);
    const w = sample("w", 1, 2, 3);
    const conv = (attributes: Record<string, string | number[]>) => () =>
      runNode(convolutions, "Conv", [x, w], attributes);
    expect(conv({ pads: [1] })).toThrow("pads is [1]; expected 2 integers");
    expect(conv({ auto_pad: "SAME" })).toThrow('auto_pad is "SAME"; expected one of NOTSET');
    expect(conv({ strides: [0] })).toThrow("strides is [0]");
    expect(() => runNode(convolutions, "Conv", [x])).toThrow("input 1 is missing");
    expect(() => runNode(pooling, "MaxPool", [x], { kernel_shape: [6] })).toThrow("too small");
  });
});
