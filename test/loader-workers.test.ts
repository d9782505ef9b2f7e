import { describe, expect, test } from "vitest";
import { type Crew, setStartCrew } from "../src/data/workers.js";
import { startNodeCrew } from "../src/data/workers.node.js";
import { data, Generator, memory, RuntimeError, setBackend, type Tensor } from "../src/node.js";
import { counting, expectNoLeaks } from "./support/loading.js";

const { DataLoader, Subset, WorkerDataset } = data;
expectNoLeaks();

type Sample = [Tensor, Tensor, { name: string; even: boolean }];
const file = (name: string): URL => new URL(`./support/datasets/${name}.js`, import.meta.url);
const numbers = (options: object = {}): Promise<data.WorkerDataset<Sample>> =>
  WorkerDataset.load<Sample>(file("numbers"), options);

/** Everything that some passes hand out. */
function passes(loader: data.DataLoader<Sample>, count = 1): unknown[] {
  const out: unknown[] = [];
  for (let pass = 0; pass < count; pass++) {
    for (const [x, y, { name, even }] of loader) {
      out.push([x.tolist(), x.dtype, y.tolist(), y.dtype, name, even.tolist(), even.dtype]);
    }
  }
  return out;
}

describe("a DataLoader with workers", () => {
  test("hands out the same batches in the same order for 0, 1 and 2 workers", async () => {
    const dataset = await numbers({ length: 11 });
    const run = (workers: number, prefetch?: number): unknown[] =>
      passes(
        new DataLoader(dataset, {
          batchSize: 3,
          shuffle: true,
          generator: new Generator(1),
          workers,
          ...(prefetch === undefined ? {} : { prefetch }),
        }),
        2,
      );
    const expected = run(0);
    expect(expected.length).toBe(8);
    expect(run(1)).toEqual(expected);
    expect(run(2)).toEqual(expected);
    expect(run(2, 7)).toEqual(expected);
  });

  test("draws the same random numbers for a sample, wherever it is made", async () => {
    const dataset = await numbers({ length: 6, noise: true });
    const run = (workers: number, seed: number): unknown[] =>
      passes(new DataLoader(dataset, { batchSize: 2, generator: new Generator(seed), workers }), 2);
    const expected = run(0, 1);
    expect(run(2, 1)).toEqual(expected);
    expect(run(2, 2)).not.toEqual(expected);
    expect(expected.slice(3)).not.toEqual(expected.slice(0, 3));
  });

  test("goes on where its state was taken, with another number of workers", async () => {
    const dataset = await numbers({ length: 7, noise: true });
    const make = (workers: number, seed: number): data.DataLoader<Sample> =>
      new DataLoader(dataset, { batchSize: 2, shuffle: true, generator: new Generator(seed), workers });
    const loader = make(2, 1);
    const [, ...rest] = passes(make(0, 1));
    for (const _ of loader) break;
    const other = make(1, 2);
    other.loadStateDict(JSON.parse(JSON.stringify(loader.stateDict())));
    expect(passes(other)).toEqual(rest);
  });

  test("takes a subset of such a data set, and one of that", async () => {
    const part = new Subset(new Subset(await numbers(), [7, 5, 3, 1]), [3, 0]);
    expect(passes(new DataLoader(part, { batchSize: 2, workers: 1 }))).toEqual(
      passes(new DataLoader(part, { batchSize: 2 })),
    );
  });

  test.each(["wasm", "js"] as const)("lets getBatch run in the workers, on %s", async (backend) => {
    const dataset = await WorkerDataset.load<[Tensor, Tensor]>(file("pixels"), { count: 5 });
    setBackend(backend);
    try {
      const run = (workers: number): unknown[] =>
        Array.from(new DataLoader(dataset, { batchSize: 2, workers }), ([x, y]) => [
          x.shape,
          [...x.data()],
          y.tolist(),
        ]);
      expect(run(1)).toEqual(run(0));
    } finally {
      setBackend("wasm");
    }
  });

  test("collates by a function of its own in the main thread", async () => {
    const dataset = await numbers({ length: 4 });
    const names: string[][] = [];
    const collate = (samples: Sample[]): string[] => samples.map(([x, , { name }]) => `${name}: ${x.tolist()}`);
    for (const batch of new DataLoader(dataset, { batchSize: 2, workers: 2, collate })) names.push(batch);
    expect(names).toEqual([
      ["n0: 0,0.5", "n1: 1,1.5"],
      ["n2: 2,2.5", "n3: 3,3.5"],
    ]);
  });

  test("frees every batch when the loop advances, breaks or throws", async () => {
    const dataset = await numbers({ length: 8 });
    const loader = new DataLoader(dataset, { batchSize: 2, workers: 2 });
    const live: number[] = [];
    for (const [x] of loader) {
      x.mul(2);
      live.push(memory().liveBytes);
      if (live.length === 3) break;
    }
    expect(new Set(live).size).toBe(1);
    expect(() => {
      for (const _ of loader) throw new Error("from the body");
    }).toThrow("from the body");
    expect(passes(loader).length).toBe(4);
  });

  test("keeps its workers from one pass to the next if asked, until it is disposed", async () => {
    const started: Crew[] = [];
    const stopped: Crew[] = [];
    setStartCrew((start) => {
      const crew = startNodeCrew(start);
      started.push(crew);
      return {
        post: (worker, job) => crew.post(worker, job),
        take: (worker, id) => crew.take(worker, id),
        stale: () => crew.stale(),
        stop: () => {
          stopped.push(crew);
          crew.stop();
        },
      };
    });
    try {
      const dataset = await numbers({ length: 7 });
      const loader = new DataLoader(dataset, { batchSize: 2, workers: 1, persistentWorkers: true });
      const expected = passes(new DataLoader(dataset, { batchSize: 2 }));
      for (const _ of loader) break;
      expect(passes(loader)).toEqual(expected);
      expect([started.length, stopped.length]).toEqual([1, 0]);
      for (const _ of loader) {
        expect(passes(loader)).toEqual(expected);
        expect([started.length, stopped.length]).toEqual([2, 1]);
        break;
      }
      setBackend("js");
      expect(passes(loader)).toEqual(expected);
      expect([started.length, stopped.length]).toEqual([3, 2]);
      loader.dispose();
      expect(stopped.length).toBe(3);
    } finally {
      setBackend("wasm");
      setStartCrew(startNodeCrew);
    }
  });

  test("starts others in place of kept workers that died", async () => {
    const dataset = await numbers({ length: 4, exit: 2 });
    const loader = new DataLoader(dataset, { workers: 1, prefetch: 1, persistentWorkers: true });
    for (let pass = 0; pass < 2; pass++) {
      const seen: unknown[] = [];
      const run = (): void => {
        for (const [, y] of loader) seen.push(y.tolist());
      };
      expect(run).toThrow("has ended before its batch was made");
      expect(seen).toEqual([[0], [1]]);
    }
  });

  test("tells what a sample failed with, and which it was", async () => {
    const loader = new DataLoader(await numbers({ fail: 5 }), { batchSize: 2, workers: 2 });
    const seen: unknown[] = [];
    const run = (): void => {
      for (const [, y] of loader) seen.push(y.tolist());
    };
    expect(run).toThrow(RuntimeError);
    expect(run).toThrow("DataLoader: worker 0 failed at sample 5: no such number");
    expect(seen.slice(0, 2)).toEqual([
      [0, 1],
      [2, 3],
    ]);
  });

  test("tells if a worker cannot pass a sample on", async () => {
    const collate = (samples: unknown[]): unknown[] => samples;
    const loader = new DataLoader(await numbers({ odd: "map" }), { workers: 1, collate });
    expect(() => [...loader]).toThrow("batch[0] is a Map, which does not pass between threads");
  });

  test("is an error, not an endless wait, if a worker dies or stalls", async () => {
    const exits = new DataLoader(await numbers({ exit: 1 }), { workers: 2 });
    expect(() => passes(exits)).toThrow("worker 1 has ended before its batch was made");
    const stalls = new DataLoader(await numbers({ stall: 0 }), { workers: 1, timeout: 1500 });
    expect(() => passes(stalls)).toThrow("worker 0 has not made its batch within 1500 ms");
  });

  test("refuses data sets that workers cannot make, and streams", async () => {
    expect(() => new DataLoader(counting(4), { workers: 1 })).toThrow(
      "dataset is a TensorDataset; expected a WorkerDataset or a Subset of one",
    );
    const stream = { *[Symbol.iterator]() {} };
    expect(() => new DataLoader(stream, { workers: 1 })).toThrow("a stream excludes workers");
    expect(() => new DataLoader(counting(4), { workers: -1 })).toThrow("workers is -1");
    for (const option of [{ prefetch: 3 }, { timeout: 10 }, { persistentWorkers: true }]) {
      expect(() => new DataLoader(counting(4), option)).toThrow(
        `a loader without workers excludes ${Object.keys(option)[0]}`,
      );
    }
    expect(() => new DataLoader(counting(4), { prefetch: 0 })).toThrow("prefetch is 0");
    expect(() => new DataLoader(counting(4), { timeout: 0 })).toThrow("timeout is 0");
  });

  test("is refused where there are no worker threads", async () => {
    const dataset = await numbers();
    setStartCrew(null);
    try {
      expect(() => new DataLoader(dataset, { workers: 1 })).toThrow(RuntimeError);
      expect(() => new DataLoader(dataset, { workers: 1 })).toThrow("which this platform lacks");
    } finally {
      setStartCrew(startNodeCrew);
    }
  });
});

describe("WorkerDataset", () => {
  test("is the data set itself without workers", async () => {
    const dataset = await numbers({ length: 3 });
    expect(dataset.length).toBe(3);
    expect(passes(new DataLoader(dataset, { batchSize: 2 }))[1]).toEqual([
      [[2, 2.5]],
      "float32",
      [2],
      "int32",
      ["n2"],
      [true],
      "bool",
    ]);
  });

  test("refuses modules that make no data set", async () => {
    await expect(WorkerDataset.load(file("empty"))).rejects.toThrow("has no function as its default export");
    await expect(WorkerDataset.load(file("broken"))).rejects.toThrow("the folder is not there");
    await expect(WorkerDataset.load(3 as never)).rejects.toThrow("url is a number");
    const nothing = new URL("data:text/javascript,export default () => ({ length: 3 })");
    await expect(WorkerDataset.load(nothing)).rejects.toThrow("made no data set");
  });
});
