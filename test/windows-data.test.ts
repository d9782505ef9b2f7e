import { describe, expect, test } from "vitest";
import {
  ArgumentError,
  DTypeError,
  data,
  Generator,
  memory,
  RuntimeError,
  ShapeError,
  scope,
  tensor,
} from "../src/node.js";
import { expectNoLeaks, own } from "./support/loading.js";

const { DataLoader, ImageDataset, randomBatches, sequentialBatches, SlidingWindows, Standardizer, TokenDataset } = data;
expectNoLeaks();

const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const series = (n: number): ReturnType<typeof own> => own(tensor(Float32Array.from(upTo(n))));

describe("SlidingWindows", () => {
  test("pairs each window with what follows it", () => {
    const dataset = new SlidingWindows(series(6), { window: 3, horizon: 2 });
    expect(dataset.length).toBe(2);
    const batches = Array.from(new DataLoader(dataset, { batchSize: 2 }), ([x, y]) => [x.tolist(), y.tolist()]);
    expect(batches).toEqual([
      [
        [
          [0, 1, 2],
          [1, 2, 3],
        ],
        [
          [3, 4],
          [4, 5],
        ],
      ],
    ]);
    const [x, y] = dataset.get(1).map(own);
    expect([x!.tolist(), y!.tolist()]).toEqual([
      [1, 2, 3],
      [4, 5],
    ]);
  });

  test("steps by its stride, and leaves out what is no whole window", () => {
    const dataset = new SlidingWindows(series(10), { window: 4, stride: 3 });
    expect(dataset.length).toBe(2);
    scope(() => expect(dataset.get(1)[0].tolist()).toEqual([3, 4, 5, 6]));
    const [x, y] = dataset.getBatch(Int32Array.of(0, 1)).map(own);
    expect(x!.shape).toEqual([2, 4]);
    expect(y!.tolist()).toEqual([[4], [7]]);
    expect(new SlidingWindows(series(3), { window: 3 }).length).toBe(0);
    expect(new SlidingWindows(series(4), { window: 3 }).length).toBe(1);
  });

  test("reads all columns and predicts those asked for", () => {
    const table = own(tensor(Float32Array.from(upTo(12)), { shape: [4, 3] }));
    const dataset = new SlidingWindows(table, { window: 2, horizon: 2, targetColumns: [2, 0] });
    const [x, y] = dataset.get(0).map(own);
    expect(x!.tolist()).toEqual([
      [0, 1, 2],
      [3, 4, 5],
    ]);
    expect(y!.tolist()).toEqual([
      [8, 6],
      [11, 9],
    ]);
    const all = new SlidingWindows(table, { window: 3 });
    scope(() => expect(all.getBatch(Int32Array.of(0))[1].tolist()).toEqual([[[9, 10, 11]]]));
  });

  test("refuses other series, bad options and indices outside", () => {
    expect(() => new SlidingWindows(own(tensor(1)), { window: 1 })).toThrow(ShapeError);
    expect(() => new SlidingWindows(own(tensor(Int32Array.of(1))), { window: 1 })).toThrow(DTypeError);
    expect(() => new SlidingWindows(series(3), { window: 0 })).toThrow("window is 0");
    expect(() => new SlidingWindows(series(3), { window: 1, targetColumns: [1] })).toThrow("target column 0 is 1");
    expect(() => new SlidingWindows(series(3), { window: 1, step: 1 } as never)).toThrow('unknown option "step"');
    expect(() => new SlidingWindows(series(3), { window: 1 }).get(2)).toThrow("index is 2");
  });
});

describe("TokenDataset", () => {
  test("pairs each stretch with the same one token later", () => {
    const dataset = new TokenDataset([5, 6, 7, 8], 2);
    expect(dataset.length).toBe(2);
    const [x, y] = dataset.get(1).map(own);
    expect([x!.tolist(), y!.tolist(), x!.dtype]).toEqual([[6, 7], [7, 8], "int32"]);
    expect(new TokenDataset(own(tensor(Int32Array.of(1, 2))), 5).length).toBe(0);
  });

  test("refuses what are no tokens", () => {
    expect(() => new TokenDataset([1.5], 1)).toThrow("token 0 is 1.5");
    expect(() => new TokenDataset(own(tensor([[1]])), 1)).toThrow("expected [T]");
    expect(() => new TokenDataset([1, 2], 0)).toThrow("numSteps is 0");
  });
});

/** Inputs and targets of one pass. */
const passOf = (loader: ReturnType<typeof sequentialBatches>): [number[][], number[][]][] =>
  Array.from(loader, ([x, y]) => [x.tolist() as number[][], y.tolist() as number[][]]);

describe("sequentialBatches", () => {
  test("lets each row go on where it ended in the batch before", () => {
    const loader = sequentialBatches(upTo(14), 2, 3, { randomOffset: false });
    expect(loader.length).toBe(2);
    expect(passOf(loader)).toEqual([
      [
        [
          [0, 1, 2],
          [6, 7, 8],
        ],
        [
          [1, 2, 3],
          [7, 8, 9],
        ],
      ],
      [
        [
          [3, 4, 5],
          [9, 10, 11],
        ],
        [
          [4, 5, 6],
          [10, 11, 12],
        ],
      ],
    ]);
  });

  test("begins each epoch at another token, and has as many batches in each", () => {
    const loader = sequentialBatches(upTo(100), 3, 4, { generator: new Generator(1) });
    const epochs = upTo(12).map(() => passOf(loader));
    expect(epochs.every((e) => e.length === loader.length)).toBe(true);
    const begins = epochs.map((e) => e[0]![0][0]![0]!);
    expect(new Set(begins)).toEqual(new Set([0, 1, 2, 3]));
    for (const epoch of epochs) {
      for (let b = 1; b < epoch.length; b++) {
        expect(epoch[b]![0].map((row) => row[0])).toEqual(epoch[b - 1]![1].map((row) => row.at(-1)));
      }
    }
  });

  test("goes on where its state was taken", () => {
    const make = (seed: number): ReturnType<typeof sequentialBatches> =>
      sequentialBatches(upTo(60), 2, 4, { generator: new Generator(seed) });
    const [, ...rest] = passOf(make(1));
    const loader = make(1);
    for (const _ of loader) break;
    const other = make(2);
    other.loadStateDict(JSON.parse(JSON.stringify(loader.stateDict())));
    expect(passOf(other)).toEqual(rest);
  });

  test("frees each batch", () => {
    const live: number[] = [];
    for (const [x] of sequentialBatches(upTo(40), 2, 3)) {
      x.add(1);
      live.push(memory().liveBytes);
    }
    expect(new Set(live).size).toBe(1);
  });

  test("refuses fewer tokens than one batch, and unknown options", () => {
    expect(() => sequentialBatches(upTo(6), 2, 3, { randomOffset: false })).toThrow(ArgumentError);
    expect(() => sequentialBatches(upTo(6), 2, 3, { randomOffset: false })).toThrow("6 tokens make no batch of 2");
    expect(sequentialBatches(upTo(7), 2, 3, { randomOffset: false }).length).toBe(1);
    expect(() => sequentialBatches(upTo(7), 2, 3)).toThrow("make no batch");
    expect(() => sequentialBatches(upTo(2), 1, 30)).toThrow("2 tokens make no batch");
    expect(() => sequentialBatches(upTo(9), 1, 1, { offset: 1 } as never)).toThrow('unknown option "offset"');
  });
});

describe("randomBatches", () => {
  test("takes every stretch once, in another order each epoch", () => {
    const loader = randomBatches(upTo(26), 2, 4, { randomOffset: false, generator: new Generator(1) });
    expect(loader.length).toBe(3);
    const first = passOf(loader);
    const begins = first.flatMap(([x]) => x.map((row) => row[0]!));
    expect([...begins].sort((a, b) => a - b)).toEqual([0, 4, 8, 12, 16, 20]);
    for (const [x, y] of first) expect(y).toEqual(x.map((row) => row.map((v) => v + 1)));
    expect(passOf(loader)).not.toEqual(first);
  });

  test("begins each epoch at another token, without overlap", () => {
    const loader = randomBatches(upTo(30), 2, 4, { generator: new Generator(1) });
    const offsets = upTo(12).map(() => {
      const seen = passOf(loader).flatMap(([x]) => x.flat());
      expect(new Set(seen).size).toBe(24);
      return seen[0]! % 4;
    });
    expect(new Set(offsets)).toEqual(new Set([0, 1, 2, 3]));
  });

  test("goes on where its state was taken", () => {
    const make = (seed: number): ReturnType<typeof randomBatches> =>
      randomBatches(upTo(60), 2, 4, { generator: new Generator(seed) });
    const [, ...rest] = passOf(make(1));
    const loader = make(1);
    for (const _ of loader) break;
    const other = make(2);
    other.loadStateDict(loader.stateDict());
    expect(passOf(other)).toEqual(rest);
  });

  test("refuses fewer tokens than one batch", () => {
    expect(() => randomBatches(upTo(8), 2, 4, { randomOffset: false })).toThrow(
      "randomBatches: 8 tokens make no batch",
    );
    expect(randomBatches(upTo(9), 2, 4, { randomOffset: false }).length).toBe(1);
  });
});

describe("Standardizer", () => {
  const rows = (): ReturnType<typeof own> =>
    own(
      tensor([
        [1, 10, 7],
        [3, 30, 7],
      ]),
    );

  test("gives the training rows mean 0 and deviation 1, and others what those say", () => {
    const standardizer = new Standardizer().fit(rows());
    expect(standardizer.mean).toEqual([2, 20, 7]);
    expect(standardizer.std).toEqual([1, 10, 1]);
    scope(() => {
      expect(standardizer.transform(rows()).tolist()).toEqual([
        [-1, -1, 0],
        [1, 1, 0],
      ]);
      const test = own(tensor([[[4, 0, 8]]]));
      expect(standardizer.transform(test).tolist()).toEqual([[[2, -2, 1]]]);
      expect(standardizer.inverse(standardizer.transform(test)).tolist()).toEqual([[[4, 0, 8]]]);
    });
  });

  test("goes back for some columns only", () => {
    const standardizer = new Standardizer().fit(rows());
    scope(() => {
      expect(standardizer.inverse(own(tensor([[1], [-2]])), { columns: [1] }).tolist()).toEqual([[30], [0]]);
      expect(standardizer.inverse(own(tensor([[1, 1]])), { columns: [2, 0] }).tolist()).toEqual([[8, 3]]);
    });
    expect(() => standardizer.inverse(rows(), { columns: [3] })).toThrow("column 0 is 3");
    expect(() => standardizer.inverse(rows(), { column: 1 } as never)).toThrow('unknown option "column"');
  });

  test("takes a series of one column, in any shape", () => {
    const standardizer = new Standardizer().fit(own(tensor([0, 4])));
    scope(() => {
      expect(standardizer.transform(own(tensor([[2, 6, 0]]))).tolist()).toEqual([[0, 2, -1]]);
    });
  });

  test("does not scale a column of one value, whatever its mean rounds to", () => {
    const standardizer = new Standardizer().fit(own(tensor(new Float32Array(7).fill(0.1))));
    expect(standardizer.std).toEqual([1]);
  });

  test("passes on what it has found", () => {
    const state = JSON.parse(JSON.stringify(new Standardizer().fit(rows()).stateDict()));
    const other = new Standardizer().loadStateDict(state);
    expect(other.mean).toEqual([2, 20, 7]);
    expect(() => other.loadStateDict({ mean: [1], std: [0] })).toThrow("deviation 0 is 0");
    expect(() => other.loadStateDict({ mean: [1], std: [] })).toThrow(ArgumentError);
    expect(other.mean).toEqual([2, 20, 7]);
  });

  test("refuses other tensors, and work before it has statistics", () => {
    const fresh = new Standardizer();
    expect(() => fresh.transform(rows())).toThrow(RuntimeError);
    expect(() => fresh.transform(rows())).toThrow("call fit() first");
    expect(() => fresh.fit(own(tensor([1, NaN])))).toThrow("row 1, column 0 is NaN");
    expect(() => fresh.fit(own(tensor(1)))).toThrow(ShapeError);
    expect(() => fresh.fit(own(tensor(Int32Array.of(1))))).toThrow(DTypeError);
    expect(() => fresh.fit(rows()).transform(own(tensor([[1, 2]])))).toThrow("expected a last dimension of 3");
  });
});

describe("the pixel statistics of a split", () => {
  test("come from its training part, and serve its test part", () => {
    const images = new ImageDataset(Uint8Array.of(0, 100, 255, 250), [0, 1, 0, 1], { shape: [1, 1, 1] });
    const [train] = data.splitInOrder(images, [2, 2]);
    const statistics = images.statistics(train!.indices);
    expect(statistics.mean[0]).toBeCloseTo(50 / 255, 12);
    expect(statistics.std[0]).toBeCloseTo(50 / 255, 12);
    const [, test] = data.splitInOrder(images.normalized(statistics), [2, 2]);
    for (const [x] of new DataLoader(test!, { batchSize: 2 })) {
      expect([...x.data()].map((v) => Math.round(v * 1e5) / 1e5)).toEqual([4.1, 4]);
    }
    expect(() => images.statistics([4])).toThrow("index is 4");
  });
});
