import { describe, expect, test } from "vitest";
import { ArgumentError, nn, tensor, tune } from "../src/node.js";
import { expectedImprovement, GaussianProcess, matern52 } from "../src/tune/gaussian.js";
import { runSteps } from "./support/callbacks.js";
import { expectNoLeaks, own } from "./support/loading.js";

const { bayesianSearch, medianPruner, PrunedError, randomSearch, search, successiveHalving } = tune;
expectNoLeaks();

describe("a Gaussian process", () => {
  test("has Matérn's kernel, worked out by hand", () => {
    expect(matern52([0.3, 1], [0.3, 1], [1, 1])).toBe(1);
    // r = 1: (1 + √5 + 5/3) e^(−√5).
    expect(matern52([0, 0], [0.6, 1.6], [1, 2])).toBeCloseTo((1 + Math.sqrt(5) + 5 / 3) * Math.exp(-Math.sqrt(5)), 12);
  });

  test("passes through its points without noise, and is unsure far from them", () => {
    const points = [[0], [0.5], [1]];
    const values = [1, -2, 3];
    const model = new GaussianProcess(points, values, { lengths: [0.3], noise: 0 });
    for (const [i, p] of points.entries()) {
      expect(model.predict(p).mean).toBeCloseTo(values[i]!, 5);
      expect(model.predict(p).deviation).toBeLessThan(1e-3);
    }
    expect(model.predict([0.25]).deviation).toBeGreaterThan(0.1);
    expect(model.predict([50]).mean).toBeCloseTo(2 / 3, 6);
  });

  test("agrees with the formula for two points", () => {
    // K = [[1+s, k], [k, 1+s]]; the weights of centred values ±1 are ±1/(1 + s − k).
    const k = matern52([0], [1], [1]);
    const s = 0.1 + 1e-8;
    const model = new GaussianProcess([[0], [1]], [3, 5], { lengths: [1], noise: 0.1 });
    const [a, b] = [matern52([0], [0.3], [1]), matern52([1], [0.3], [1])];
    const { mean, deviation } = model.predict([0.3]);
    expect(mean).toBeCloseTo(4 + (b - a) / (1 + s - k), 10);
    const inverse = ((1 + s) * (a * a + b * b) - 2 * k * a * b) / ((1 + s) ** 2 - k * k);
    // The likeliest variance: yᵀ K⁻¹ y / 2.
    expect(deviation).toBeCloseTo(Math.sqrt((1 - inverse) / (1 + s - k)), 10);
  });

  test("expects improvements of the textbook's size", () => {
    expect(expectedImprovement(0, 0, 1)).toBeCloseTo(1 / Math.sqrt(2 * Math.PI), 7);
    // φ(1) + Φ(1) and φ(1) − (1 − Φ(1)).
    expect(expectedImprovement(1, 0, 1)).toBeCloseTo(1.0833155, 6);
    expect(expectedImprovement(-1, 0, 1)).toBeCloseTo(0.0833155, 6);
    expect([expectedImprovement(2, 1.5, 0), expectedImprovement(1, 1.5, 0)]).toEqual([0.5, 0]);
  });

  test("refuses points that are not finite", () => {
    const make = () => new GaussianProcess([[Number.NaN], [1]], [1, 2], { lengths: [1], noise: 0 });
    expect(make).toThrow(ArgumentError);
  });
});

describe("bayesianSearch", () => {
  /** Branin's function; its least value is 0.397887, at three places. */
  const branin = ({ x, y }: { x: number; y: number }): number =>
    (y - (5.1 / (4 * Math.PI ** 2)) * x * x + (5 / Math.PI) * x - 6) ** 2 +
    10 * (1 - 1 / (8 * Math.PI)) * Math.cos(x) +
    10;
  const space = { x: tune.uniform(-5, 10), y: tune.uniform(0, 15) };
  const seeds = [1, 2, 3, 4, 5, 6];
  const regret = async (method: tune.SearchMethod, seed: number) =>
    (await search(branin, { space, method, trials: 30, seed })).bestValue - 0.39788735;

  test("is better than random search on Branin's function with the same thirty trials", async () => {
    const bayes: number[] = [];
    const random: number[] = [];
    for (const seed of seeds) {
      bayes.push(await regret(bayesianSearch(), seed));
      random.push(await regret(randomSearch(), seed));
    }
    expect(seeds.filter((_, i) => bayes[i]! < random[i]!).length).toBeGreaterThanOrEqual(5);
    expect(Math.max(...bayes)).toBeLessThan(0.1);
    const mean = (values: readonly number[]) => values.reduce((a, b) => a + b) / values.length;
    expect(mean(bayes)).toBeLessThan(mean(random) / 10);
  });

  test("handles logarithms, whole numbers, choices, failures and pruned trials, maximizing", async () => {
    const mixed = {
      lr: tune.logUniform(1e-5, 1),
      depth: tune.integer(1, 9),
      act: tune.choice(["relu", "tanh", "gelu"]),
      flag: tune.choice([true, false]),
    };
    const objective: tune.Objective<typeof mixed> = ({ lr, depth, act, flag }, trial) => {
      if (lr > 0.3) throw new Error("diverged");
      const value = -((Math.log10(lr) + 3) ** 2) - 0.2 * (depth - 6) ** 2 + (act === "gelu" ? 1 : 0) + (flag ? 0.5 : 0);
      trial.report(1, value);
      if (value < -8) throw new PrunedError();
      return value;
    };
    const options = { space: mixed, trials: 50, direction: "maximize" } as const;
    for (const seed of [1, 2]) {
      const found = await search(objective, { ...options, method: bayesianSearch(), seed });
      expect(found.bestParams).toMatchObject({ depth: 6, act: "gelu", flag: true });
      expect(found.bestValue).toBeGreaterThan(1.45);
    }
  });

  test("works while all values are alike or all trials failed", async () => {
    const method = bayesianSearch({ startupTrials: 2, candidates: 20 });
    expect((await search(() => 1, { space, method, trials: 8, seed: 1 })).bestValue).toBe(1);
    const failed = await search(() => Promise.reject(new Error("no")), { space, method, trials: 8, seed: 1 });
    expect(failed.trials.every((t) => t.status === "failed")).toBe(true);
    expect(() => bayesianSearch({ candidates: 1 })).toThrow("bayesianSearch: candidates is 1");
    expect(() => Reflect.apply(bayesianSearch, undefined, [{ kernel: "rbf" }])).toThrow('unknown option "kernel"');
  });
});

describe("pruners", () => {
  /** A finished trial with these reports at steps 1, 2, … */
  const trial = (values: readonly number[], status: tune.TrialStatus = "complete"): tune.TrialRecord => ({
    number: 0,
    params: {},
    status,
    value: status === "complete" ? values.at(-1)! : null,
    reports: values.map((v, i) => [i + 1, v] as const),
    error: null,
    seconds: 0,
  });
  const reports = (...values: number[]) => trial(values).reports;

  test("medianPruner compares the best value so far with the median at that step", () => {
    const finished = [trial([5, 3]), trial([4, 2]), trial([6, 4]), trial([0, 0], "pruned")];
    const pruner = medianPruner({ startupTrials: 3 });
    expect(pruner.shouldPrune(reports(9, 3), finished, "minimize")).toBe(false);
    expect(pruner.shouldPrune(reports(9, 3.1), finished, "minimize")).toBe(true);
    expect(pruner.shouldPrune(reports(2.9, 7), finished, "minimize")).toBe(false);
    expect(pruner.shouldPrune(reports(2.9, 2), finished, "maximize")).toBe(true);
    // Nobody has reported a third step; too few trials; still warming up.
    expect(pruner.shouldPrune(reports(9, 9, 9), finished, "minimize")).toBe(false);
    expect(medianPruner().shouldPrune(reports(9, 9), finished, "minimize")).toBe(false);
    expect(medianPruner({ startupTrials: 3, warmupSteps: 3 }).shouldPrune(reports(9, 9), finished, "minimize")).toBe(
      false,
    );
    expect(() => medianPruner({ startupTrials: 0 })).toThrow("medianPruner: startupTrials is 0");
  });

  test("successiveHalving lets the best part of each rung go on", () => {
    const pruner = successiveHalving({ minResource: 1, reductionFactor: 2 });
    const finished = [trial([1, 1]), trial([2], "pruned"), trial([3], "pruned")];
    // Rung 1 has 1, 2, 3 and the new value: two of four go on.
    expect(pruner.shouldPrune(reports(1.5), finished, "minimize")).toBe(false);
    expect(pruner.shouldPrune(reports(2.5), finished, "minimize")).toBe(true);
    // Only one has reached rung 2: the better of two goes on.
    expect(pruner.shouldPrune(reports(1, 0.9), finished, "minimize")).toBe(false);
    expect(pruner.shouldPrune(reports(1, 1.1), finished, "minimize")).toBe(true);
    // Step 3 is no rung.
    expect(pruner.shouldPrune(reports(1, 0.9, 50), finished, "minimize")).toBe(false);
    expect(pruner.shouldPrune(reports(9), [], "minimize")).toBe(false);
    expect(() => successiveHalving({ reductionFactor: 1 })).toThrow("successiveHalving: reductionFactor is 1");
  });

  test("end trials of a search, which spends fewer steps for the same best trial", async () => {
    const space = { x: tune.uniform(0, 1) };
    const run = async (pruner?: tune.Pruner) => {
      let steps = 0;
      const objective: tune.Objective<typeof space> = ({ x }, trial) => {
        for (let step = 1; step <= 16; step++) {
          steps++;
          trial.report(step, x + 1 / step);
          if (trial.shouldPrune()) throw new PrunedError();
        }
        return x + 1 / 16;
      };
      const found = await search(objective, { space, trials: 30, seed: 4, ...(pruner && { pruner }) });
      return { steps, found };
    };
    const all = await run();
    expect(all.steps).toBe(30 * 16);
    for (const pruner of [medianPruner(), successiveHalving()]) {
      const { steps, found } = await run(pruner);
      expect(steps).toBeLessThan(0.75 * all.steps);
      expect(found.bestParams).toEqual(all.found.bestParams);
      const pruned = found.trials.filter((t) => t.status === "pruned");
      expect(pruned.length).toBeGreaterThan(5);
      expect(pruned.every((t) => t.value === t.reports.at(-1)![1])).toBe(true);
    }
  });

  test("prune a trial whose value is NaN, and none without a pruner or report", async () => {
    const asked: boolean[] = [];
    const objective: tune.Objective<{ x: tune.Dimension<number> }> = (_, trial) => {
      asked.push(trial.shouldPrune());
      trial.report(1, Number.NaN);
      asked.push(trial.shouldPrune());
      expect(() => trial.report(-1, 0)).toThrow("report: step is -1");
      return 1;
    };
    const space = { x: tune.uniform(0, 1) };
    await search(objective, { space, trials: 1, seed: 1 });
    await search(objective, { space, trials: 1, seed: 1, pruner: medianPruner() });
    expect(asked).toEqual([false, false, false, true]);
  });
});

describe("PruningCallback", () => {
  test("reports epochs and ends the training, also if the error is wrapped on its way", async () => {
    const model = new nn.Linear(1, 1);
    for (const p of model.parameters()) own(p);
    const x = own(tensor([[1]]));
    const never: tune.Pruner = { shouldPrune: (reports) => reports.length === 2 };
    const objective = (_: unknown, trial: tune.Trial): number => {
      try {
        runSteps(model, [new tune.PruningCallback(trial, "valLoss")], 6, () => model.forward(x).sum(), {
          epochLength: 2,
        });
      } catch (error) {
        throw new Error("training failed", { cause: error });
      }
      return 0;
    };
    const found = await search(objective, { space: { x: tune.uniform(0, 1) }, trials: 1, pruner: never });
    expect(found.trials[0]).toMatchObject({ status: "pruned", error: null });
    // Two epochs counted from the end of each.
    expect(found.trials[0]!.reports.map(([step]) => step)).toEqual([1, 2]);
    const missing = (_: unknown, trial: tune.Trial): number => {
      runSteps(model, [new tune.PruningCallback(trial, "acc")], 1, () => model.forward(x).sum());
      return 0;
    };
    const bad = await search(missing, { space: { x: tune.uniform(0, 1) }, trials: 1 });
    expect(bad.trials[0]!.error).toBe('PruningCallback: epoch 1 logged no "acc"; expected one of loss, lr, valLoss');
    model.zeroGrad();
  });
});
