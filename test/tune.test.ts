import { describe, expect, test } from "vitest";
import { ArgumentError, memory, RuntimeError, tune } from "../src/node.js";
import { expectNoLeaks } from "./support/loading.js";

const { MemoryStorage, PrunedError, search } = tune;
expectNoLeaks();

const space = {
  lr: tune.logUniform(1e-4, 1),
  width: tune.integer(1, 8),
  momentum: tune.uniform(-1, 1),
  optimizer: tune.choice(["sgd", "adam", null]),
};

/** Values of one dimension over many random trials. */
async function drawn<T extends tune.ParamValue>(
  dimension: tune.Dimension<T>,
  trials = 400,
): Promise<tune.ParamValue[]> {
  const found = await search(() => 0, { space: { x: dimension }, trials, seed: 5 });
  return found.trials.map((t) => t.params.x!);
}

describe("search spaces", () => {
  test("draw uniform numbers, uniform logarithms, whole numbers and choices", async () => {
    const u = (await drawn(tune.uniform(-2, 6))) as number[];
    expect(Math.min(...u)).toBeGreaterThanOrEqual(-2);
    expect(Math.max(...u)).toBeLessThanOrEqual(6);
    expect(u.reduce((a, b) => a + b) / 400).toBeCloseTo(2, 0);
    const logs = ((await drawn(tune.logUniform(1e-4, 1))) as number[]).map(Math.log10);
    expect(logs.filter((x) => x < -2).length).toBeGreaterThan(160);
    expect(logs.filter((x) => x >= -2).length).toBeGreaterThan(160);
    const counts = (values: readonly tune.ParamValue[], v: tune.ParamValue) => values.filter((w) => w === v).length;
    const whole = await drawn(tune.integer(-1, 2));
    for (const n of [-1, 0, 1, 2]) expect(counts(whole, n)).toBeGreaterThan(70);
    expect(new Set(whole).size).toBe(4);
    const powers = await drawn(tune.integer(1, 1000, { log: true }));
    expect(powers.filter((n) => (n as number) <= 30).length).toBeGreaterThan(160);
    const chosen = await drawn(tune.choice(["a", true, null, 3]));
    for (const v of ["a", true, null, 3]) expect(counts(chosen, v)).toBeGreaterThan(70);
  });

  test("are checked", () => {
    expect(() => tune.uniform(1, 1)).toThrow("uniform: low is 1 and high 1; expected low < high");
    expect(() => tune.uniform(0, Infinity)).toThrow(ArgumentError);
    expect(() => tune.logUniform(0, 1)).toThrow("logUniform: low is 0");
    expect(() => tune.integer(2, 1)).toThrow("integer: high is 1");
    expect(() => tune.integer(0, 9, { log: true })).toThrow("integer: low is 0");
    expect(() => tune.choice([])).toThrow("choice: values are");
    expect(() => tune.choice([1, 1])).toThrow("there twice");
    expect(() => tune.choice([Number.NaN])).toThrow("a value is NaN");
  });
});

describe("search", () => {
  test("gives the best trial, types of the parameters included", async () => {
    const found = await search(
      ({ lr, width, momentum, optimizer }) =>
        Math.abs(Math.log10(lr) + 2) + width + momentum + (optimizer === "sgd" ? 0 : 9),
      {
        space,
        trials: 60,
        seed: 1,
      },
    );
    expect(found.trials).toHaveLength(60);
    expect(found.bestValue).toBe(Math.min(...found.trials.map((t) => t.value!)));
    const { optimizer, width }: { optimizer: "sgd" | "adam" | null; width: number } = found.bestParams;
    expect([optimizer, found.best!.params.width]).toEqual(["sgd", width]);
    expect(found.trials.map((t) => t.number)).toEqual(Array.from({ length: 60 }, (_, i) => i));
  });

  test("maximizes, and keeps the first of equal trials", async () => {
    const found = await search(({ x }) => -((x - 2) ** 2), {
      space: { x: tune.integer(0, 4) },
      direction: "maximize",
      trials: 40,
      seed: 2,
    });
    expect(found.bestParams).toEqual({ x: 2 });
    expect(found.best!.number).toBe(found.trials.findIndex((t) => t.params.x === 2));
  });

  test("repeats itself with a seed, and each trial has numbers of its own", async () => {
    const run = async (seed: number) =>
      (await search(({ lr }) => lr, { space, trials: 5, seed })).trials.map((t) => t.params);
    expect(await run(3)).toEqual(await run(3));
    expect(await run(3)).not.toEqual(await run(4));
    const seeds: number[] = [];
    const again: number[] = [];
    for (const list of [seeds, again]) await search((_, trial) => list.push(trial.seed), { space, trials: 5, seed: 3 });
    expect(new Set(seeds).size).toBe(5);
    expect(again).toEqual(seeds);
  });

  test("goes on after trials that fail, and records why", async () => {
    const found = await search(
      async (_, trial) => {
        if (trial.number === 0) throw new Error("out of memory");
        if (trial.number === 1) return Number.NaN;
        return trial.number;
      },
      { space, trials: 4, seed: 1 },
    );
    expect(found.trials.map((t) => [t.status, t.value, t.error])).toEqual([
      ["failed", null, "out of memory"],
      ["failed", null, "the objective gave NaN; expected a finite number"],
      ["complete", 2, null],
      ["complete", 3, null],
    ]);
    expect(found.best!.number).toBe(2);
  });

  test("has no best trial if none is complete", async () => {
    const found = await search(() => Promise.reject(new Error("no luck")), { space, trials: 2 });
    expect(found.best).toBeNull();
    expect(() => found.bestParams).toThrow(RuntimeError);
    expect(() => found.bestValue).toThrow("none of 2 trials is complete; the last one: no luck");
  });

  test("begins no trial after the time limit", async () => {
    let calls = 0;
    const found = await search(() => ++calls, { space, timeLimit: 0, trials: 5 });
    expect([calls, found.trials.length]).toEqual([0, 0]);
    const slow = await search(() => new Promise<number>((done) => setTimeout(done, 30, 1)), { space, timeLimit: 0.02 });
    expect(slow.trials).toHaveLength(1);
  });

  test("refuses options that do not fit", async () => {
    const refused = (options: object) =>
      expect(Reflect.apply(search, undefined, [() => 0, options]) as Promise<unknown>).rejects;
    await refused({ space }).toThrow("the search has no end; expected trials or timeLimit");
    await refused({ space: {}, trials: 1 }).toThrow("space has no dimension");
    await refused({ space: { x: 3 }, trials: 1 }).toThrow('"x" is no dimension');
    await refused({ space, trials: -1 }).toThrow("trials is -1");
    await refused({ space, trials: 1, seed: 0.5 }).toThrow("seed is 0.5");
    await refused({ space, trials: 1, direction: "up" }).toThrow('direction is "up"');
    await refused({ space, trials: 1, budget: 1 }).toThrow('unknown option "budget"');
    await refused({ space, trials: 1, log: {} }).toThrow("log is no storage");
    await expect(Reflect.apply(search, undefined, [5, { space, trials: 1 }]) as Promise<unknown>).rejects.toThrow(
      ArgumentError,
    );
  });
});

describe("gridSearch", () => {
  test("tries all combinations, the last dimension fastest, and then ends", async () => {
    const method = tune.gridSearch({ points: 3 });
    const small = { a: tune.uniform(0, 1), b: tune.logUniform(1, 100), c: tune.choice(["x", "y"]) };
    const found = await search(({ a, b }) => a + b, { space: small, method });
    expect(found.trials.map((t) => Object.values(t.params))).toEqual(
      [0, 0.5, 1].flatMap((a) => [1, 10, 100].flatMap((b) => ["x", "y"].map((c) => [a, b, c]))),
    );
    expect(found.bestParams).toEqual({ a: 0, b: 1, c: "x" });
    expect((await search(() => 0, { space: small, method, trials: 4 })).trials).toHaveLength(4);
  });

  test("takes whole numbers once, and values that are given", async () => {
    const whole = { n: tune.integer(1, 3), m: tune.integer(1, 100, { log: true }), k: tune.uniform(0, 9) };
    const method = tune.gridSearch({ points: 3, values: { k: [7, 2] } });
    const { trials } = await search(() => 0, { space: whole, method });
    const of = (name: string) => [...new Set(trials.map((t) => t.params[name]))];
    expect([of("n"), of("m"), of("k")]).toEqual([
      [1, 2, 3],
      [1, 10, 100],
      [7, 2],
    ]);
    const bad = (values: Record<string, number[]>) =>
      search(() => 0, { space: whole, method: tune.gridSearch({ values }) });
    await expect(bad({ k: [10] })).rejects.toThrow('values of "k" hold 10');
    await expect(bad({ z: [1] })).rejects.toThrow('values has "z", which the space has not');
    expect(() => tune.gridSearch({ points: 1 })).toThrow("gridSearch: points is 1");
  });
});

describe("importanceOf", () => {
  test("tells the parameter that matters, and needs ten trials", async () => {
    const run = (trials: number) =>
      search(({ momentum, optimizer }) => (momentum - 0.2) ** 2 + (optimizer === "adam" ? 0.1 : 0), {
        space,
        trials,
        seed: 7,
      });
    const parts = (await run(200)).importance()!;
    expect(Object.values(parts).reduce((a, b) => a + b)).toBeCloseTo(1, 12);
    expect(parts.momentum).toBeGreaterThan(0.7);
    expect(parts.optimizer).toBeGreaterThan(0.01);
    expect(parts.lr! + parts.width!).toBeLessThan(0.1);
    expect((await run(9)).importance()).toBeNull();
    const flat = await search(() => 1, { space, trials: 20, seed: 1 });
    expect(flat.importance()).toEqual({ lr: 0, width: 0, momentum: 0, optimizer: 0 });
  });
});

describe("a log", () => {
  const objective: tune.Objective<typeof space> = ({ momentum }, trial) => {
    trial.report(1, trial.number === 1 ? Number.NaN : 0.5);
    if (trial.number === 2) throw new PrunedError();
    if (trial.number === 3) throw new Error("broken");
    return momentum;
  };
  const methods = {
    random: () => tune.randomSearch(),
    bayesian: () => tune.bayesianSearch({ startupTrials: 3, candidates: 20 }),
  };

  test.each(Object.keys(methods) as (keyof typeof methods)[])(
    "of a %s search is resumed as if nothing had happened",
    async (name) => {
      const method = methods[name]();
      const straight = await search(objective, { space, method, trials: 10, seed: 9 });
      const log = new MemoryStorage();
      await search(objective, { space, method, trials: 6, seed: 9, log });
      let calls = 0;
      const counted: typeof objective = (params, trial) => {
        calls++;
        return objective(params, trial);
      };
      const resumed = await search(counted, { space, method, trials: 10, log, resume: true });
      const plain = (r: typeof resumed) => r.trials.map(({ seconds: _, ...rest }) => rest);
      expect(plain(resumed)).toEqual(plain(straight));
      expect([calls, resumed.seed]).toEqual([4, 9]);
      expect(resumed.trials.map((t) => t.status).slice(0, 4)).toEqual(["complete", "complete", "pruned", "failed"]);
      expect(resumed.trials[1]!.reports).toEqual([[1, Number.NaN]]);
      expect(log.lines).toHaveLength(11);
    },
  );

  test("is refused without resume, or for another study", async () => {
    const log = new MemoryStorage();
    await search(objective, { space, trials: 2, seed: 9, log });
    const go = (options: Partial<tune.SearchOptions<typeof space>>) =>
      search(objective, { space, trials: 3, log, resume: true, ...options });
    await expect(go({ resume: false })).rejects.toThrow(
      "the log holds 2 trials; expected an empty one, or resume: true",
    );
    await expect(go({ seed: 8 })).rejects.toThrow("the log has seed 9; expected 8");
    await expect(go({ direction: "maximize" })).rejects.toThrow('the log has direction "minimize"');
    await expect(go({ method: tune.gridSearch() })).rejects.toThrow("the log has method");
    await expect(go({ space: { ...space, lr: tune.logUniform(1e-5, 1) } })).rejects.toThrow("the log has space");
    expect(log.lines).toHaveLength(3);
  });

  test("that does not follow the format is refused by line", async () => {
    const log = new MemoryStorage();
    await search(objective, { space, trials: 1, seed: 9, log });
    const [header, trial] = log.lines as [string, string];
    const go = (...lines: string[]) =>
      expect(search(objective, { space, trials: 3, log: new MemoryStorage(lines), resume: true })).rejects;
    await go("{}", trial).toThrow("line 1 of the log is no study of version 1");
    await go("[1]").toThrow("line 1 of the log is no JSON object");
    await go(header, trial, "{").toThrow("line 3 of the log is no JSON object");
    await go(header, trial, trial).toThrow("line 3 of the log is trial 0, expected 1");
    await go(header, trial.replace(/"momentum":[-\d.e]+/, '"momentum":7')).toThrow(
      "has momentum = 7, which is not in its space",
    );
    await go(header, trial.replace('"complete"', '"done"')).toThrow("has status done");
    await go(header, trial.replace(/"value":[-\d.e]+/, '"value":null')).toThrow("has value null");
    await go(header, trial.replace("[1,0.5]", "[1]")).toThrow("has a report that is none");
  });

  test("leaves nothing in the arena", async () => {
    const before = memory().liveBytes;
    await search(objective, { space, trials: 6, seed: 9, method: methods.bayesian() });
    expect(memory().liveBytes).toBe(before);
  });
});
