import { describe, expect, test } from "vitest";
import { data, Generator, manualSeed, memory, scope, type Tensor, tensor } from "../src/node.js";
import { batchesOf, counting, expectNoLeaks, own } from "./support/loading.js";

const { DataLoader } = data;
expectNoLeaks();

describe("DataLoader", () => {
  test("cuts a data set into batches, the last one smaller", () => {
    const loader = new DataLoader(counting(5), { batchSize: 2 });
    expect(loader.length).toBe(3);
    expect(batchesOf(loader)).toEqual([[0, 1], [2, 3], [4]]);
    expect(batchesOf(loader)).toEqual([[0, 1], [2, 3], [4]]);
  });

  test("drops a last batch that is too small, if asked", () => {
    const loader = new DataLoader(counting(5), { batchSize: 2, dropLast: true });
    expect(loader.length).toBe(2);
    expect(batchesOf(loader)).toEqual([
      [0, 1],
      [2, 3],
    ]);
    expect(batchesOf(new DataLoader(counting(4), { batchSize: 2, dropLast: true })).length).toBe(2);
    expect(batchesOf(new DataLoader(counting(1), { batchSize: 2, dropLast: true }))).toEqual([]);
  });

  test("gives batches of one by default, and none of an empty data set", () => {
    expect(batchesOf(new DataLoader(counting(2)))).toEqual([[0], [1]]);
    expect(batchesOf(new DataLoader(counting(0), { batchSize: 3, shuffle: true }))).toEqual([]);
  });

  test("shuffles each epoch in another order, the same again for the same seed", () => {
    const dataset = counting(100);
    const epochs = (seed: number): number[][] => {
      const loader = new DataLoader(dataset, { batchSize: 7, shuffle: true, generator: new Generator(seed) });
      return [0, 1, 2].map(() => batchesOf(loader).flat());
    };
    const [a, b, c] = epochs(1);
    expect([...a!].sort((x, y) => x - y)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect(a).not.toEqual(b);
    expect(b).not.toEqual(c);
    expect(epochs(1)).toEqual([a, b, c]);
    expect(epochs(2)[0]).not.toEqual(a);
  });

  test("takes its seed from the default generator if it is given none", () => {
    const dataset = counting(50);
    const order = (): number[] => batchesOf(new DataLoader(dataset, { shuffle: true })).flat();
    manualSeed(3);
    const first = order();
    const second = order();
    manualSeed(3);
    expect(order()).toEqual(first);
    expect(second).not.toEqual(first);
  });

  test("goes on where its state was taken, in another loader too", () => {
    const dataset = counting(10);
    const make = (seed: number): data.DataLoader<[Tensor]> =>
      new DataLoader(dataset, { batchSize: 3, shuffle: true, generator: new Generator(seed) });
    const loader = make(1);
    batchesOf(loader);
    let state = "";
    const rest: number[][] = [];
    for (const [x] of loader) {
      if (state !== "") rest.push([...x.data()]);
      else state = JSON.stringify(loader.stateDict());
    }
    const next = batchesOf(loader);
    const other = make(2);
    other.loadStateDict(JSON.parse(state));
    expect(batchesOf(other)).toEqual(rest);
    expect(batchesOf(other)).toEqual(next);
  });

  test("begins a new epoch after a loop that was left early", () => {
    const loader = new DataLoader(counting(4), { batchSize: 2, shuffle: true, generator: new Generator(1) });
    for (const _ of loader) break;
    expect(loader.stateDict()).toMatchObject({ epoch: 0, position: 2 });
    expect(batchesOf(loader).flat().length).toBe(4);
    expect(loader.stateDict()).toMatchObject({ epoch: 2, position: 0 });
  });

  test("refuses a state that does not fit", () => {
    const loader = new DataLoader(counting(4), { shuffle: true });
    const good = loader.stateDict();
    for (const bad of [{ seed: null }, { seed: "x" }, { epoch: -1 }, { position: 5 }, { position: 0.5 }]) {
      expect(() => loader.loadStateDict({ ...good, ...bad }), JSON.stringify(bad)).toThrow();
    }
    expect(() => new DataLoader(counting(4)).loadStateDict(good)).toThrow("expected shuffle to be the same");
    expect(loader.stateDict()).toEqual(good);
  });

  test("refuses bad options", () => {
    expect(() => new DataLoader(counting(4), { batchSize: 0 })).toThrow("batchSize is 0");
    expect(() => new DataLoader(counting(4), { batch: 2 } as never)).toThrow('unknown option "batch"');
  });
});

describe("the scope of a DataLoader's batch", () => {
  const loop = (body: (x: Tensor, step: number) => void): void => {
    let step = 0;
    for (const [x] of new DataLoader(counting(6), { batchSize: 2 })) body(x, step++);
  };

  test("frees every temporary when the loop advances", () => {
    const live: number[] = [];
    let last: Tensor | null = null;
    loop((x) => {
      expect(last?.disposed ?? true).toBe(true);
      last = x.mul(2).add(1);
      live.push(memory().liveBlocks);
    });
    expect(new Set(live).size).toBe(1);
    expect(last!.disposed).toBe(true);
  });

  test("frees a whole graph that nobody differentiated", () => {
    const w = own(tensor([2, 3], { requiresGrad: true }));
    loop((x) => {
      x.mul(w).sum();
    });
  });

  test("closes when the loop breaks", () => {
    for (const [x] of new DataLoader(counting(6), { batchSize: 2 })) {
      x.mul(2);
      break;
    }
  });

  test("closes when the body throws", () => {
    expect(() =>
      loop((x, step) => {
        x.mul(2);
        if (step === 1) throw new Error("from the body");
      }),
    ).toThrow("from the body");
  });

  test("closes when a function returns from within the loop", () => {
    const first = (): number => {
      for (const [x] of new DataLoader(counting(6), { batchSize: 2 })) return x.mul(2).sum().item();
      return -1;
    };
    expect(first()).toBe(2);
  });

  test("closes when the data set or the collate function throws", () => {
    const dataset = {
      length: 3,
      get(index: number): Tensor {
        if (index === 1) throw new Error("from the data set");
        return tensor([index]);
      },
    };
    expect(() => [...new DataLoader(dataset, { batchSize: 2 })]).toThrow("from the data set");
    const failing = new DataLoader(counting(2), {
      collate: (samples) => {
        samples[0]![0].mul(2);
        throw new Error("from collate");
      },
    });
    expect(() => [...failing]).toThrow("from collate");
  });

  test("lets go of what keep() moves out", () => {
    const kept: Tensor[] = [];
    loop((x) => {
      kept.push(own(x.sum().keep()));
    });
    expect(kept.map((t) => t.item())).toEqual([1, 5, 9]);
  });

  test("is inside the scope that is open around the loop, and leaves that one open", () => {
    scope(() => {
      const outer = own(tensor([1])).mul(3);
      loop((x) => {
        x.mul(outer);
      });
      expect(outer.item()).toBe(3);
      expect(outer.mul(2).scope).toBe(outer.scope);
    });
  });

  test("nests with another loader's", () => {
    const seen: number[] = [];
    for (const [a] of new DataLoader(counting(2))) {
      for (const [b] of new DataLoader(counting(2))) seen.push(a.mul(10).add(b).item());
      expect(a.disposed).toBe(false);
    }
    expect(seen).toEqual([0, 1, 10, 11]);
  });

  test("owns tensors that a data set makes from data, unless it keeps them", () => {
    const cache = new Map<number, Tensor>();
    const dataset = {
      length: 4,
      get(index: number): [Tensor, Tensor] {
        const kept = cache.get(index) ?? own(tensor([index]).keep());
        cache.set(index, kept);
        return [tensor([index, index]), kept];
      },
    };
    const loader = new DataLoader(dataset, { batchSize: 2 });
    const live: number[] = [];
    for (let epoch = 0; epoch < 3; epoch++) {
      for (const [fresh, kept] of loader) {
        expect(fresh.shape).toEqual([2, 2]);
        expect(kept.shape).toEqual([2, 1]);
        live.push(memory().liveBlocks);
      }
    }
    expect(cache.size).toBe(4);
    expect(new Set(live.slice(2)).size).toBe(1);
  });

  test("owns what a collate function makes from data, but not what it found", () => {
    const found = own(tensor([7]));
    const loader = new DataLoader(counting(4), {
      batchSize: 2,
      collate: (samples) => ({ made: tensor(samples.map(([x]) => x.item())), found }),
    });
    let last: Tensor | null = null;
    for (const { made } of loader) last = made;
    expect(last!.disposed).toBe(true);
    expect(found.item()).toBe(7);
  });
});
