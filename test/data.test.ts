import { describe, expect, test } from "vitest";
import { data, Generator, getBackend, ShapeError, scope, setBackend, tensor } from "../src/node.js";
import { batchesOf, counting, expectNoLeaks, own } from "./support/loading.js";

const { DataLoader, ImageDataset, Subset, TensorDataset, collate, randomSplit } = data;
expectNoLeaks();

describe("collate", () => {
  const inScope = <R>(fn: () => R): R => {
    const s = scope();
    try {
      return fn();
    } finally {
      s.close();
    }
  };

  test("stacks numbers, booleans, typed arrays, tensors and strings, in arrays and objects", () => {
    inScope(() => {
      const a = own(
        tensor([
          [1, 2],
          [3, 4],
        ]),
      );
      const b = own(
        tensor([
          [5, 6],
          [7, 8],
        ]),
      );
      const samples = [
        { x: a.t(), y: 1, flag: true, pair: [new Float32Array([1, 2]), new Int16Array([3])] as const, name: "first" },
        { x: b, y: 2.5, flag: false, pair: [new Float32Array([4, 5]), new Int16Array([-6])] as const, name: "second" },
      ];
      const batch = collate(samples);
      expect(batch.x.tolist()).toEqual([
        [
          [1, 3],
          [2, 4],
        ],
        [
          [5, 6],
          [7, 8],
        ],
      ]);
      expect(batch.y.tolist()).toEqual([1, 2.5]);
      expect([batch.y.dtype, batch.flag.dtype]).toEqual(["float32", "bool"]);
      expect(batch.flag.tolist()).toEqual([true, false]);
      expect(batch.pair[0].tolist()).toEqual([
        [1, 2],
        [4, 5],
      ]);
      expect(batch.pair[1].tolist()).toEqual([[3], [-6]]);
      expect([batch.pair[0].dtype, batch.pair[1].dtype]).toEqual(["float32", "int32"]);
      expect(batch.name).toEqual(["first", "second"]);
    });
  });

  test("refuses what does not stack, naming the place", () => {
    const long = own(tensor([1, 2]));
    const short = own(tensor([1]));
    const whole = own(tensor([1], { dtype: "int32" }));
    const bad: [readonly unknown[], string][] = [
      [[], "got no sample"],
      [[{ x: long }, { x: short }], "sample.x is float32 [1] in sample 1; expected float32 [2]"],
      [[[short], [whole]], "sample[0] is int32 [1] in sample 1"],
      [[1, "1"], "sample is a string in sample 1; expected a number"],
      [[[1], [1, 2]], "sample has 2 entries in sample 1; expected 1"],
      [[new Float32Array(2), new Float32Array(3)], "length 3 in sample 1"],
      [[new Uint32Array([2 ** 31])], "int32"],
      [[null], "null, which has no batch"],
      [[undefined], "undefined, which has no batch"],
      [[new Date(0)], "a Date, which has no batch"],
      [[new BigInt64Array(1)], "a BigInt64Array, which has no batch"],
    ];
    for (const [samples, message] of bad) expect(() => inScope(() => collate(samples)), message).toThrow(message);
  });
});

describe("TensorDataset", () => {
  test("hands out rows of every tensor, views and transposed tensors too", () => {
    const x = own(
      tensor([
        [1, 2, 3],
        [4, 5, 6],
      ]),
    );
    const y = own(tensor([7, 8, 9], { dtype: "int32" }));
    const mask = own(tensor([true, false, true]));
    const view = own(x.t());
    const dataset = new TensorDataset(view, y, mask);
    expect(dataset.length).toBe(3);
    for (const [a, b, c] of new DataLoader(new Subset(dataset, [2, 0]), { batchSize: 2 })) {
      expect(a.tolist()).toEqual([
        [3, 6],
        [1, 4],
      ]);
      expect(b.tolist()).toEqual([9, 7]);
      expect(c.tolist()).toEqual([true, true]);
    }
    scope(() => {
      expect(dataset.get(1).map((t) => t.tolist())).toEqual([[2, 5], 8, false]);
    });
  });

  test("refuses tensors of different lengths, scalars, and indices outside", () => {
    const x = own(tensor([1, 2, 3]));
    const y = own(tensor([1, 2]));
    const s = own(tensor(1));
    expect(() => new TensorDataset()).toThrow("got no tensor");
    expect(() => new TensorDataset(x, y)).toThrow(ShapeError);
    expect(() => new TensorDataset(s)).toThrow(ShapeError);
    expect(() => new TensorDataset(x).getBatch(Int32Array.of(3))).toThrow("index is 3");
    expect(() => new TensorDataset(x).get(-4)).toThrow();
    expect(() => new Subset(new TensorDataset(x), [3])).toThrow("index 0 is 3");
  });
});

describe("randomSplit", () => {
  const parts = (lengths: number[], seed = 1): number[][] =>
    randomSplit(counting(10), lengths, { generator: new Generator(seed) }).map((p) =>
      batchesOf(new DataLoader(p)).flat(),
    );

  test("splits into disjoint parts that cover everything, the same for the same seed", () => {
    const [a, b] = parts([7, 3]);
    expect([a!.length, b!.length]).toEqual([7, 3]);
    expect([...a!, ...b!].sort((x, y) => x - y)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(parts([7, 3])).toEqual([a, b]);
    expect(parts([7, 3], 2)).not.toEqual([a, b]);
  });

  test("takes fractions, and gives what rounding leaves to the first parts", () => {
    expect(parts([0.8, 0.1, 0.1]).map((p) => p.length)).toEqual([8, 1, 1]);
    expect(parts([0.25, 0.25, 0.5]).map((p) => p.length)).toEqual([3, 2, 5]);
  });

  test("refuses lengths that sum up to something else", () => {
    expect(() => parts([7, 4])).toThrow("sum up to 11; expected 10");
    expect(() => parts([0.5, 0.4])).toThrow("expected 10");
    expect(() => parts([-1, 2])).toThrow("lengths [-1, 2]");
  });
});

describe("ImageDataset", () => {
  const bytes = Uint8Array.from([0, 51, 102, 255, 10, 20, 30, 40]);

  test("gives pixels / 255 and classes as int32", () => {
    const dataset = new ImageDataset(bytes, [3, 9], { shape: [1, 2, 2] });
    for (const [x, y] of new DataLoader(dataset, { batchSize: 2 })) {
      expect(x.shape).toEqual([2, 1, 2, 2]);
      expect([...x.data()]).toEqual([...bytes].map((v) => Math.fround(v / 255)));
      expect(y.dtype).toBe("int32");
      expect(y.tolist()).toEqual([3, 9]);
    }
    scope(() => {
      const [x, y] = dataset.get(1);
      expect(x.shape).toEqual([1, 2, 2]);
      expect(y.item()).toBe(9);
    });
  });

  test.each(["wasm", "js"] as const)("reads every byte of every channel, whatever the size, on %s", (backend) => {
    const before = getBackend();
    setBackend(backend);
    for (const [c, h, w] of [
      [1, 1, 1],
      [3, 1, 3],
      [2, 1, 5],
      [1, 16, 32],
      [3, 17, 16],
    ] as const) {
      const size = c * h * w;
      const pixels = Uint8Array.from({ length: 3 * size }, (_, i) => (i * 77 + (i >> 8)) & 255);
      const mean = [0.1, 0.2, 0.3].slice(0, c);
      const std = [0.5, 2, 1].slice(0, c);
      const dataset = new ImageDataset(pixels, [0, 1, 2], { shape: [c, h, w], mean, std });
      for (const [x] of new DataLoader(new Subset(dataset, [2, 0]), { batchSize: 2 })) {
        const want = [2, 0].flatMap((index) =>
          Array.from({ length: size }, (_, i) => {
            const channel = Math.floor(i / (h * w));
            return Math.fround((pixels[index * size + i]! / 255 - mean[channel]!) / std[channel]!);
          }),
        );
        expect([...x.data()]).toEqual(want);
      }
    }
    setBackend(before);
  });

  test("normalises each channel by its own statistics", () => {
    const raw = new ImageDataset(bytes, [0, 1], { shape: [2, 1, 2] });
    const { mean, std } = raw.statistics();
    const first = [0, 51, 10, 20].map((v) => v / 255);
    const m = first.reduce((a, b) => a + b) / 4;
    const s = Math.sqrt(first.reduce((a, b) => a + (b - m) ** 2, 0) / 4);
    expect(mean[0]).toBeCloseTo(m, 12);
    expect(std[0]).toBeCloseTo(s, 12);
    for (const [x] of new DataLoader(raw.normalized({ mean, std }), { batchSize: 2 })) {
      const values = x.tolist() as number[][][][];
      expect(values[1]![0]![0]![1]).toBeCloseTo((20 / 255 - m) / s, 6);
      expect(values[0]![1]![0]![0]).toBeCloseTo((102 / 255 - mean[1]!) / std[1]!, 6);
    }
  });

  test("refuses bytes, shapes and statistics that do not fit", () => {
    const make = (options: object): unknown => new ImageDataset(bytes, [0, 1], options as never);
    expect(() => make({ shape: [1, 2, 3] })).toThrow("8 bytes; expected 12");
    expect(() => make({ shape: [2, 2] })).toThrow(ShapeError);
    expect(() => make({ shape: [1, 2, 2], std: 0 })).toThrow("std is 0");
    expect(() => make({ shape: [1, 2, 2], mean: [0, 0] })).toThrow("2 values; expected one or 1");
    expect(() => make({ shape: [1, 2, 2], scale: 1 })).toThrow('unknown option "scale"');
    expect(() => new ImageDataset([1] as never, [0], { shape: [1, 1, 1] })).toThrow("no bytes");
    const dataset = new ImageDataset(bytes, [0, 1], { shape: [1, 2, 2] });
    expect(() => dataset.getBatch(Int32Array.of(2))).toThrow("index is 2; expected 0 to 1");
  });
});
