import { describe, expect, test } from "vitest";
import { data, Generator, manualSeed, type Tensor } from "../src/node.js";
import { batchesOf, counting, expectNoLeaks } from "./support/loading.js";

const { DataLoader, RandomSampler, SequentialSampler, SubsetRandomSampler, WeightedRandomSampler, BucketBatchSampler } =
  data;
expectNoLeaks();

const generator = (seed = 1): Generator => new Generator(seed);
const sorted = (values: Iterable<number>): number[] => [...values].sort((a, b) => a - b);
const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

describe("samplers", () => {
  test("go through the data set in order", () => {
    const sampler = new SequentialSampler({ length: 3 });
    expect(sampler.length).toBe(3);
    expect([...sampler.order()]).toEqual([0, 1, 2]);
  });

  test("mix the data set, in another order each epoch, the same again for the same seed", () => {
    const sampler = new RandomSampler({ length: 20 }, { generator: generator() });
    const first = [...sampler.order(0)];
    expect(sorted(first)).toEqual(upTo(20));
    expect([...sampler.order(1)]).not.toEqual(first);
    expect([...sampler.order(0)]).toEqual(first);
    expect([...new RandomSampler({ length: 20 }, { generator: generator() }).order(0)]).toEqual(first);
    expect([...new RandomSampler({ length: 20 }, { generator: generator(2) }).order(0)]).not.toEqual(first);
  });

  test("mix it again and again if more samples are asked for than it has", () => {
    const sampler = new RandomSampler({ length: 4 }, { numSamples: 10, generator: generator() });
    expect(sampler.length).toBe(10);
    const order = [...sampler.order(3)];
    expect(order.length).toBe(10);
    expect(sorted(order.slice(0, 4))).toEqual([0, 1, 2, 3]);
    expect(sorted(order.slice(4, 8))).toEqual([0, 1, 2, 3]);
    const few = new RandomSampler({ length: 9 }, { numSamples: 3, generator: generator() });
    expect(new Set(few.order(0)).size).toBe(3);
  });

  test("draw samples again with replacement", () => {
    const sampler = new RandomSampler({ length: 10 }, { replacement: true, numSamples: 4000, generator: generator() });
    const counts = upTo(10).map((i) => sampler.order(0).filter((v) => v === i).length);
    // Ten standard deviations of a binomial are 190.
    for (const count of counts) expect(Math.abs(count - 400)).toBeLessThan(190);
    expect([...sampler.order(1)]).not.toEqual([...sampler.order(0)]);
  });

  test("mix some samples only", () => {
    const sampler = new SubsetRandomSampler([5, 7, 9, 11, 13, 15], { generator: generator() });
    expect(sampler.length).toBe(6);
    expect(sorted(sampler.order(0))).toEqual([5, 7, 9, 11, 13, 15]);
    expect([...sampler.order(1)]).not.toEqual([...sampler.order(0)]);
  });

  test("draw in proportion to weights", () => {
    const sampler = new WeightedRandomSampler([1, 0, 3, 0], 4000, { generator: generator() });
    const order = sampler.order(0);
    const counts = upTo(4).map((i) => order.filter((v) => v === i).length);
    expect([counts[1], counts[3]]).toEqual([0, 0]);
    // Ten standard deviations of a binomial are 274.
    expect(Math.abs(counts[0]! - 1000)).toBeLessThan(274);
    expect([...sampler.order(1)]).not.toEqual([...order]);
    const huge = new WeightedRandomSampler([1e308, 1e308, 0], 100, { generator: generator() }).order(0);
    expect(new Set(huge)).toEqual(new Set([0, 1]));
  });

  test("draw in proportion to weights without replacement", () => {
    const options = { replacement: false, generator: generator() };
    const sampler = new WeightedRandomSampler([1, 0, 9, 5], 3, options);
    expect(sorted(sampler.order(0))).toEqual([0, 2, 3]);
    const one = new WeightedRandomSampler([1, 0, 9], 1, options);
    const firsts = upTo(2000).map((epoch) => one.order(epoch)[0]!);
    // Ten standard deviations of a binomial are 134.
    expect(Math.abs(firsts.filter((i) => i === 0).length - 200)).toBeLessThan(134);
  });

  test("refuse bad arguments", () => {
    expect(() => new RandomSampler({ length: 3 }, { numSamples: 0 })).toThrow("numSamples is 0");
    expect(() => new RandomSampler({ length: 3 }, { size: 1 } as never)).toThrow('unknown option "size"');
    expect(() => new SubsetRandomSampler([-1])).toThrow("index 0 is -1");
    expect(() => new WeightedRandomSampler([1, -1], 1)).toThrow("weight 1 is -1");
    expect(() => new WeightedRandomSampler([0, 0], 1)).toThrow("0 weights are positive; expected at least 1");
    expect(() => new WeightedRandomSampler([1, 0, 1], 3, { replacement: false })).toThrow("2 weights are positive");
    expect(() => new WeightedRandomSampler([1, Infinity], 1)).toThrow("weight 1");
  });
});

describe("BucketBatchSampler", () => {
  const lengths = [9, 1, 5, 3, 8, 2, 7, 4, 6];

  test("puts samples of similar length together, in random batches", () => {
    const sampler = new BucketBatchSampler(lengths, 2, { bucketBatches: 2, generator: generator() });
    expect(sampler.length).toBe(5);
    const batches = sampler.batches(0).map((b) => [...b]);
    expect(sorted(batches.flat())).toEqual(upTo(9));
    // Buckets are the lengths 1 to 4, 5 to 8, and 9.
    for (const batch of batches) {
      expect(new Set(batch.map((i) => Math.floor((lengths[i]! - 1) / 4))).size).toBe(1);
    }
    expect(sampler.batches(0).map((b) => [...b])).toEqual(batches);
    expect(sampler.batches(1).map((b) => [...b])).not.toEqual(batches);
  });

  test("goes from short to long without a shuffle, and drops a last small batch if asked", () => {
    const sampler = new BucketBatchSampler(lengths, 2, { shuffle: false, dropLast: true });
    expect(sampler.length).toBe(4);
    expect(sampler.batches(0).map((b) => Array.from(b, (i) => lengths[i]))).toEqual([
      [1, 2],
      [3, 4],
      [5, 6],
      [7, 8],
    ]);
  });

  test("refuses bad arguments", () => {
    expect(() => new BucketBatchSampler([1, NaN], 2)).toThrow("length 1 is NaN");
    expect(() => new BucketBatchSampler([1], 0)).toThrow("batchSize is 0");
    expect(() => new BucketBatchSampler([1], 1, { buckets: 1 } as never)).toThrow('unknown option "buckets"');
    expect(new BucketBatchSampler([], 2).batches(0)).toEqual([]);
  });
});

describe("a DataLoader with a sampler", () => {
  test("takes the sampler's samples, in its order", () => {
    const sampler: data.Sampler = { length: 3, order: (epoch) => Int32Array.of(4, 1, epoch) };
    const loader = new DataLoader(counting(5), { batchSize: 2, sampler });
    expect(loader.length).toBe(2);
    expect(batchesOf(loader)).toEqual([[4, 1], [0]]);
    expect(batchesOf(loader)).toEqual([[4, 1], [1]]);
  });

  test("takes the batch sampler's batches", () => {
    const batchSampler: data.BatchSampler = {
      length: 2,
      batches: (epoch) => [Int32Array.of(4, epoch), Int32Array.of(2)],
    };
    const loader = new DataLoader(counting(5), { batchSampler });
    expect(loader.length).toBe(2);
    expect(batchesOf(loader)).toEqual([[4, 0], [2]]);
    expect(batchesOf(loader)).toEqual([[4, 1], [2]]);
  });

  type Make = (seed: number) => data.DataLoaderOptions<[Tensor], [Tensor]>;
  const random: [string, Make][] = [
    [
      "RandomSampler",
      (s) => ({ batchSize: 3, sampler: new RandomSampler({ length: 10 }, { generator: generator(s) }) }),
    ],
    [
      "SubsetRandomSampler",
      (s) => ({ batchSize: 3, sampler: new SubsetRandomSampler(upTo(8), { generator: generator(s) }) }),
    ],
    [
      "WeightedRandomSampler",
      (s) => ({ sampler: new WeightedRandomSampler(upTo(9), 30, { generator: generator(s) }) }),
    ],
    ["BucketBatchSampler", (s) => ({ batchSampler: new BucketBatchSampler(upTo(10), 3, { generator: generator(s) }) })],
  ];
  test.each(random)("goes on where its state was taken: %s", (_, make) => {
    const dataset = counting(10);
    const loader = new DataLoader(dataset, make(1));
    batchesOf(loader);
    let state = "";
    const rest: number[][] = [];
    for (const [x] of loader) {
      if (state !== "") rest.push([...x.data()]);
      else state = JSON.stringify(loader.stateDict());
    }
    const next = batchesOf(loader);
    manualSeed(9);
    const other = new DataLoader(dataset, make(2));
    other.loadStateDict(JSON.parse(state));
    expect(batchesOf(other)).toEqual(rest);
    expect(batchesOf(other)).toEqual(next);
  });

  test("refuses a state that does not fit, and keeps its own", () => {
    const make = random[3]![1];
    const loader = new DataLoader(counting(10), make(1));
    for (const _ of loader) break;
    const good = loader.stateDict();
    expect(good).toMatchObject({ seed: null, epoch: 0 });
    expect(() => loader.loadStateDict({ ...good, position: 2, sampler: "5" })).toThrow("position is 2");
    expect(() => loader.loadStateDict({ ...good, sampler: "x" })).toThrow();
    expect(() => new DataLoader(counting(10)).loadStateDict(good)).toThrow("expected the same kind of sampler");
    expect(loader.stateDict()).toEqual(good);
  });

  test("refuses options that exclude each other, and indices that the data set lacks", () => {
    const sampler = new SequentialSampler({ length: 3 });
    const batchSampler = new BucketBatchSampler([1, 2], 1);
    const refused: [object, string][] = [
      [{ sampler, shuffle: true }, "sampler excludes shuffle"],
      [{ batchSampler, batchSize: 2 }, "batchSampler excludes batchSize"],
      [{ batchSampler, shuffle: true }, "batchSampler excludes shuffle"],
      [{ batchSampler, dropLast: true }, "batchSampler excludes dropLast"],
      [{ batchSampler, sampler }, "batchSampler excludes sampler"],
      [{ sampler: batchSampler }, "sampler has no method order"],
      [{ batchSampler: sampler }, "batchSampler has no method batches"],
    ];
    for (const [options, message] of refused) expect(() => new DataLoader(counting(3), options)).toThrow(message);
    const beyond = { length: 1, order: () => Int32Array.of(3) };
    expect(() => batchesOf(new DataLoader(counting(3), { sampler: beyond }))).toThrow("the sampler gives index 3");
  });
});
