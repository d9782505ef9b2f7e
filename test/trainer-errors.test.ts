import { describe, expect, test } from "vitest";
import { data, functional as F, manualSeed, type nn, optim, type Tensor, train } from "../src/node.js";
import { descent, expectNoLeaks, line, linear, Mse, valuesOf } from "./support/trainer.js";

const { DataLoader } = data;
const { Trainer } = train;
expectNoLeaks();

describe("History", () => {
  test("gives columns and survives JSON, NaN too", () => {
    const history = new train.History();
    history.steps.push({ step: 1, epoch: 0, time: 0.5, logs: { loss: Number.NaN, lr: 0.1 } });
    history.steps.push({ step: 2, epoch: 0, time: 1, logs: { loss: Number.POSITIVE_INFINITY } });
    history.epochs.push({ step: 2, epoch: 1, time: 1, logs: { loss: 3 } });
    const copy = train.History.fromJSON(JSON.parse(JSON.stringify(history)));
    expect(copy).toEqual(history);
    expect(copy.column("loss")).toEqual([3]);
    expect(copy.column("loss", "steps")).toEqual([Number.NaN, Number.POSITIVE_INFINITY]);
    expect(copy.column("lr")).toEqual([0.1, Number.NaN]);
    for (const bad of [
      null,
      {},
      { steps: [1], epochs: [] },
      { steps: [{ step: 1, epoch: 0, time: 0, logs: { a: "x" } }], epochs: [] },
    ]) {
      expect(() => train.History.fromJSON(bad)).toThrow("History");
    }
  });
});

describe("what does not fit", () => {
  test("is refused when the Trainer is made", () => {
    const model = linear();
    const optimizer = descent(model);
    const loss = F.mseLoss;
    const other = new optim.lrScheduler.StepLR(descent(model), 1);
    const bad: [object, string][] = [
      [{ optimizer }, "neither loss nor step"],
      [{ optimizer, loss, step: loss }, "both loss and step"],
      [{ optimizer, loss: 3 }, "loss is 3"],
      [{ loss }, "expected an Optimizer"],
      [{ optimizer, loss, epochs: 3 }, 'unknown option "epochs"'],
      [{ optimizer, loss, accumulate: 0 }, "accumulate is 0"],
      [{ optimizer, loss, clipNorm: -1 }, "clipNorm is -1"],
      [{ optimizer, loss, schedulerInterval: "step" }, "without a scheduler"],
      [{ optimizer, loss, scheduler: {} }, "expected one of optim.lrScheduler"],
      [{ optimizer, loss, scheduler: other }, "another optimizer"],
      [{ optimizer, loss, monitor: "loss" }, "ReduceLROnPlateau only"],
      [{ optimizer, loss, metrics: { lr: new Mse() } }, "a metric is called lr"],
      [{ optimizer, loss, metrics: { a: {} } }, 'metric "a" has no update'],
      [{ optimizer, loss, callbacks: [null] }, "expected a list of callbacks"],
      [{ optimizer, loss, generators: { a: 1 } }, "generators.a"],
    ];
    for (const [options, message] of bad) expect(() => new Trainer(model, options as never)).toThrow(message);
    expect(() => new Trainer({} as never, { optimizer, loss })).toThrow("model is no Module");
  });

  test("is refused when training begins", async () => {
    const model = linear();
    const trainer = new Trainer(model, { optimizer: descent(model), loss: F.mseLoss });
    const loader = new DataLoader(line(4));
    await expect(trainer.fit(loader)).rejects.toThrow("neither epochs nor maxSteps");
    await expect(trainer.fit(loader, { epochs: 0.5 })).rejects.toThrow("epochs is 0.5");
    await expect(trainer.fit(loader, { steps: 1 } as never)).rejects.toThrow('unknown option "steps"');
    await expect(trainer.fit(3 as never, { epochs: 1 })).rejects.toThrow("loader is 3");
    await expect(trainer.fit([], { epochs: 1 })).rejects.toThrow("the loader gave no batch");
    await expect(trainer.fit([3] as never, { epochs: 1 })).rejects.toThrow("the batch is a number");
    const validating = new Trainer(model, { optimizer: descent(model), loss: F.mseLoss, validateEvery: 2 });
    await expect(validating.fit(loader, { epochs: 1 })).rejects.toThrow("expected a validation loader");
    const first = trainer.fit(loader, { epochs: 1 });
    await expect(trainer.fit(loader, { epochs: 1 })).rejects.toThrow("is training already");
    await first;
  });

  test("is refused when the step's result is read", async () => {
    const model = linear();
    const run = (step: unknown, options: object = {}): Promise<unknown> =>
      new Trainer(model, { optimizer: descent(model), step: step as never, ...options }).fit(new DataLoader(line(4)), {
        epochs: 1,
      });
    const loss = (): Tensor => [...model.parameters()][0]!.sum();
    await expect(run(() => 3)).rejects.toThrow("the step returned no loss");
    await expect(run(() => [...model.parameters()][0]!.mul(1))).rejects.toThrow("the loss has shape [1, 2]");
    await expect(run(() => ({ loss: loss(), lr: 3 }))).rejects.toThrow('logs "lr"');
    await expect(run(() => ({ loss: loss(), a: "x" }))).rejects.toThrow('"a" is no number');
    await expect(run(loss, { metrics: { mse: new Mse() } })).rejects.toThrow("which the metrics need");
  });

  test("two trainings at once do not disturb each other", async () => {
    manualSeed(1);
    const [a, b, alone] = [linear(), linear(), linear()];
    const training = (model: nn.Linear): Promise<train.History> =>
      new Trainer(model, { optimizer: descent(model), loss: F.mseLoss, validateEvery: 3 }).fit(
        new DataLoader(line(64), { batchSize: 4 }),
        { epochs: 20, validation: new DataLoader(line(8), { batchSize: 4 }) },
      );
    await Promise.all([training(a), training(b)]);
    await training(alone);
    expect(valuesOf(a)).toEqual(valuesOf(alone));
    expect(valuesOf(b)).toEqual(valuesOf(alone));
  });
});
