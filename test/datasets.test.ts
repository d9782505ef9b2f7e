import { describe, expect, test } from "vitest";
import { data, Generator, manualSeed, memory, rand, scope, type Tensor, tensor } from "../src/node.js";
import { batchesOf, counting, expectNoLeaks, own } from "./support/loading.js";

const { ConcatDataset, DataLoader, Subset, splitInOrder, withTransform } = data;
expectNoLeaks();

describe("ConcatDataset", () => {
  test("puts one data set behind the other, empty ones too", () => {
    const all = new ConcatDataset([counting(2), counting(0), new Subset(counting(9), [7, 8])]);
    expect(all.length).toBe(4);
    expect(batchesOf(new DataLoader(all, { batchSize: 4 }))).toEqual([[0, 1, 7, 8]]);
  });

  test("refuses an index outside, and no data set at all", () => {
    expect(() => new ConcatDataset([counting(2)]).get(2)).toThrow("index is 2");
    expect(() => new ConcatDataset([])).toThrow("got no data set");
  });
});

describe("splitInOrder", () => {
  test("keeps the order, the first part first", () => {
    const parts = splitInOrder(counting(10), [0.8, 0.1, 0.1]);
    expect(parts.map((p) => batchesOf(new DataLoader(p, { batchSize: 10 })).flat())).toEqual([
      [0, 1, 2, 3, 4, 5, 6, 7],
      [8],
      [9],
    ]);
    expect(splitInOrder(counting(3), [1, 2]).map((p) => p.length)).toEqual([1, 2]);
  });

  test("refuses lengths that sum up to something else", () => {
    expect(() => splitInOrder(counting(3), [1, 1])).toThrow("splitInOrder: lengths [1, 1] sum up to 2; expected 3");
  });
});

/** Adds noise that is drawn for each sample. */
const noisy = ([x]: readonly [Tensor], generator: Generator): [Tensor] => [x.add(rand([], { generator }))];

describe("withTransform", () => {
  const run = (dataset: data.Dataset<[Tensor]>, batchSize: number, passes = 1): number[] => {
    const loader = new DataLoader(dataset, { batchSize, generator: new Generator(1) });
    return Array.from({ length: passes }, () => batchesOf(loader).flat()).flat();
  };

  test("maps samples when they are asked for", () => {
    const asked: number[] = [];
    const dataset = withTransform(counting(4), ([x]) => {
      asked.push(x.item());
      return [x.mul(10)] as [Tensor];
    });
    expect(dataset.length).toBe(4);
    expect(asked).toEqual([]);
    scope(() => expect(dataset.get(2)[0].item()).toBe(20));
    expect(asked).toEqual([2]);
    expect(batchesOf(new DataLoader(dataset, { batchSize: 2 }))).toEqual([
      [0, 10],
      [20, 30],
    ]);
  });

  test("draws other random numbers for each sample and epoch, whatever the batches are", () => {
    const dataset = withTransform(counting(6), noisy);
    const twice = run(dataset, 2, 2);
    const noise = twice.map((v, i) => v - (i % 6));
    expect(new Set(noise).size).toBe(12);
    expect(noise.every((v) => v >= 0 && v < 1.0001)).toBe(true);
    expect(run(dataset, 4, 2)).toEqual(twice);
    expect(run(new Subset(dataset, [0, 1, 2, 3, 4, 5]), 3, 2)).toEqual(twice);
    expect(run(new ConcatDataset([new Subset(dataset, [0, 1]), new Subset(dataset, [2, 3, 4, 5])]), 3, 2)).toEqual(
      twice,
    );
  });

  test("lets each transform of a chain draw on where the one before it ended", () => {
    const drawn: number[][] = [];
    const note = (x: readonly [Tensor], generator: Generator): [Tensor] => {
      drawn.push([...generator.words(4)]);
      return [x[0]];
    };
    run(withTransform(withTransform(counting(1), note), note), 1);
    expect(drawn[0]).not.toEqual(drawn[1]);
  });

  test("repeats a pass that is resumed", () => {
    const make = (seed: number): data.DataLoader<[Tensor]> =>
      new DataLoader(withTransform(counting(7), noisy), {
        batchSize: 2,
        shuffle: true,
        generator: new Generator(seed),
      });
    const [, ...rest] = batchesOf(make(1));
    const loader = make(1);
    for (const _ of loader) break;
    const other = make(2);
    other.loadStateDict(JSON.parse(JSON.stringify(loader.stateDict())));
    expect(batchesOf(other)).toEqual(rest);
  });

  test("draws from the default generator without a loader", () => {
    const dataset = withTransform(counting(1), noisy);
    const one = (): number => scope(() => dataset.get(0)[0].item());
    manualSeed(4);
    const first = one();
    expect(one()).not.toBe(first);
    manualSeed(4);
    expect(one()).toBe(first);
  });

  test("keeps nothing of what samples are made from", () => {
    const made = { length: 4, get: (index: number): Tensor => tensor([index]) };
    const dataset = withTransform(
      withTransform(made, (x) => x.mul(2)),
      (x) => tensor([...x.data(), 1]),
    );
    const live: number[] = [];
    for (const x of new DataLoader(dataset)) {
      expect(x.shape).toEqual([1, 2]);
      live.push(memory().liveBlocks);
    }
    expect(new Set(live).size).toBe(1);
  });

  test("refuses what is no function", () => {
    expect(() => withTransform(counting(1), 3 as never)).toThrow("transform is a number");
  });
});

/** A stream of 0 … n − 1 that tells when it is closed. */
function streaming(n: number, log: string[] = []): data.IterableDataset<number> {
  return {
    *[Symbol.iterator]() {
      log.push("open");
      try {
        for (let i = 0; i < n; i++) yield i;
      } finally {
        log.push("closed");
      }
    },
  };
}

const read = (loader: data.DataLoader<number>): number[][] => Array.from(loader, (x) => [...x.data()]);

describe("a DataLoader on a stream", () => {
  test("cuts it into batches, in every pass anew", () => {
    const loader = new DataLoader(streaming(5), { batchSize: 2 });
    expect(read(loader)).toEqual([[0, 1], [2, 3], [4]]);
    expect(read(loader)).toEqual([[0, 1], [2, 3], [4]]);
    expect(read(new DataLoader(streaming(5), { batchSize: 2, dropLast: true }))).toEqual([
      [0, 1],
      [2, 3],
    ]);
    expect(read(new DataLoader(streaming(0)))).toEqual([]);
  });

  test("goes on where its state was taken", () => {
    const loader = new DataLoader(streaming(5), { batchSize: 2 });
    for (const _ of loader) break;
    const state = loader.stateDict();
    expect(state).toEqual({ seed: null, epoch: 0, position: 2 });
    const other = new DataLoader(streaming(5), { batchSize: 2 });
    other.loadStateDict(state);
    expect(read(other)).toEqual([[2, 3], [4]]);
    expect(read(other)).toEqual([[0, 1], [2, 3], [4]]);
  });

  test("closes it when the loop breaks, and once only at its end", () => {
    const log: string[] = [];
    const loader = new DataLoader(streaming(5, log), { batchSize: 2 });
    for (const _ of loader) break;
    expect(log).toEqual(["open", "closed"]);
    read(loader);
    expect(log).toEqual(["open", "closed", "open", "closed"]);
  });

  test("gives each sample of a transformed stream random numbers of its own", () => {
    const add = (x: number, generator: Generator): number => x + generator.words(1)[0]! / 2 ** 32;
    const make = (batchSize: number): data.DataLoader<number> =>
      new DataLoader(withTransform(withTransform(streaming(5), add), add), { batchSize, generator: new Generator(1) });
    const loader = make(2);
    const first = read(loader).flat();
    expect(new Set(first.map((v, i) => v - i)).size).toBe(5);
    expect(read(loader).flat()).not.toEqual(first);
    expect(read(make(3)).flat()).toEqual(first);
    const begun = make(2);
    for (const _ of begun) break;
    const other = make(2);
    other.loadStateDict(begun.stateDict());
    expect(read(other).flat()).toEqual(first.slice(2));
  });

  test("draws from the default generator without a loader", () => {
    const stream = withTransform(streaming(2), (x, generator) => x + generator.words(1)[0]!);
    manualSeed(4);
    const first = [...{ [Symbol.iterator]: () => stream[Symbol.iterator]() }];
    manualSeed(4);
    expect([...{ [Symbol.iterator]: () => stream[Symbol.iterator]() }]).toEqual(first);
  });

  test("frees what it makes, skipped samples too", () => {
    const stream = {
      *[Symbol.iterator]() {
        for (let i = 0; i < 6; i++) yield tensor([i]);
      },
    };
    const loader = new DataLoader(stream, { batchSize: 2 });
    loader.loadStateDict({ seed: null, epoch: 0, position: 4 });
    expect(Array.from(loader, (x) => x.tolist())).toEqual([[[4], [5]]]);
    const found = own(tensor([3]));
    expect(Array.from(new DataLoader([found]), (x) => x.tolist())).toEqual([[[3]]]);
    expect(found.item()).toBe(3);
  });

  test("does not know its length, and takes no order", () => {
    expect(() => new DataLoader(streaming(3)).length).toThrow("does not know how many samples");
    expect(() => new DataLoader(streaming(3), { shuffle: true })).toThrow("a stream excludes shuffle");
    const sampler = new data.SequentialSampler({ length: 3 });
    expect(() => new DataLoader(streaming(3), { sampler })).toThrow("a stream excludes sampler");
  });
});
