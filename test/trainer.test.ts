import { describe, expect, test } from "vitest";
import { data, functional as F, memory, nn, optim, type Tensor, tensor, train } from "../src/node.js";
import { descent, expectNoLeaks, line, linear, Mse, own, valuesOf } from "./support/trainer.js";

const { DataLoader } = data;
const { Trainer } = train;
expectNoLeaks();

describe("Trainer.fit", () => {
  test("learns a line", async () => {
    const model = linear();
    const trainer = new Trainer(model, { optimizer: descent(model), loss: F.mseLoss });
    const history = await trainer.fit(new DataLoader(line(32), { batchSize: 8, shuffle: true }), { epochs: 60 });
    const [w, b] = [...model.parameters()].map((p) => [...p.data()]);
    expect(w![0]).toBeCloseTo(3, 3);
    expect(w![1]).toBeCloseTo(-2, 3);
    expect(b![0]).toBeCloseTo(1, 3);
    expect(history.epochs).toHaveLength(60);
    expect(history.steps).toHaveLength(240);
    expect(history.stopReason).toBeNull();
    expect(history.column("loss").at(-1)).toBeLessThan(1e-6);
  });

  test("makes the steps that a loop by hand makes, bit for bit", async () => {
    const dataset = line(10);
    const [byHand, trained] = [linear(), linear()];
    const optimizer = descent(byHand);
    for (const [x, y] of new DataLoader(dataset, { batchSize: 4 })) {
      optimizer.zeroGrad();
      F.mseLoss(byHand.forward(x), y).backward();
      optimizer.step();
    }
    const trainer = new Trainer(trained, { optimizer: descent(trained), loss: new nn.MSELoss() });
    await trainer.fit(new DataLoader(dataset, { batchSize: 4 }), { epochs: 1 });
    expect(valuesOf(trained)).toEqual(valuesOf(byHand));
  });

  test("ends after maxSteps within an epoch, which then is none", async () => {
    const model = linear();
    const trainer = new Trainer(model, { optimizer: descent(model), loss: F.mseLoss });
    const loader = new DataLoader(line(10), { batchSize: 4 });
    const history = await trainer.fit(loader, { maxSteps: 5, validation: loader });
    expect(history.steps.map((e) => e.step)).toEqual([1, 2, 3, 4, 5]);
    expect(history.epochs).toMatchObject([{ step: 3, epoch: 1 }]);
    expect(history.steps.at(-1)!.logs.valLoss, "a last validation").toBeGreaterThan(0);
  });

  test("ends with an epoch if maxSteps falls on its last batch", async () => {
    const model = linear();
    const trainer = new Trainer(model, { optimizer: descent(model), loss: F.mseLoss });
    const loader = new DataLoader(line(10), { batchSize: 4 });
    const history = await trainer.fit(loader, { maxSteps: 6, epochs: 9 });
    expect(history.epochs).toMatchObject([
      { step: 3, epoch: 1 },
      { step: 6, epoch: 2 },
    ]);
    expect(loader.stateDict()).toMatchObject({ epoch: 2, position: 0 });
  });

  test("takes a DataLoader of a stream, which knows no length", async () => {
    const model = linear();
    const trainer = new Trainer(model, { optimizer: descent(model), loss: F.mseLoss });
    const stream = {
      *[Symbol.iterator](): Generator<[Float32Array, Float32Array]> {
        for (let i = 0; i < 10; i++) yield [Float32Array.of(i / 10, 1), Float32Array.of(i / 5)];
      },
    };
    const history = await trainer.fit(new DataLoader(stream, { batchSize: 4 }), { epochs: 2 });
    expect(history.epochs.map((e) => e.step)).toEqual([3, 6]);
  });

  test("takes arrays, generators and asynchronous loaders", async () => {
    const x = own(tensor([[1, 2]]));
    const y = own(tensor([[3]]));
    async function* later(): AsyncGenerator<[Tensor, Tensor]> {
      yield [x, y];
      await new Promise((resolve) => setTimeout(resolve, 1));
      yield [x, y];
    }
    const results: number[][] = [];
    const array: [Tensor, Tensor][] = [
      [x, y],
      [x, y],
    ];
    for (const loader of [array, later(), array.values()]) {
      const model = linear();
      const history = await new Trainer(model, { optimizer: descent(model, 0.01), loss: F.mseLoss }).fit(loader, {
        epochs: 1,
      });
      expect(history.epochs).toMatchObject([{ step: 2 }]);
      results.push(valuesOf(model));
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
  });

  test("takes batches of any kind with a step of one's own, and logs what it returns", async () => {
    const model = linear();
    const batches = [{ points: own(tensor([[1, 2]])), wanted: 3 }];
    const trainer = new Trainer(model, {
      optimizer: descent(model, 0.01),
      step: (net, { points, wanted }: { points: Tensor; wanted: number }) => {
        const off = net.forward(points).sub(wanted);
        return { loss: off.square().mean(), off: off.abs().mean(), count: 7 };
      },
    });
    const history = await trainer.fit(batches, { epochs: 2 });
    const [first, second] = history.epochs.map((e) => e.logs);
    expect(first!.count).toBe(7);
    expect(first!.off! ** 2).toBeCloseTo(first!.loss!, 5);
    expect(second!.loss).toBeLessThan(first!.loss!);
  });

  test("leaves no memory behind, and needs no more with each step", async () => {
    const model = linear();
    const live: number[] = [];
    const trainer = new Trainer(model, {
      optimizer: own(new optim.Adam(model.parameters())),
      loss: F.mseLoss,
      clipNorm: 0.5,
      metrics: { mse: new Mse() },
      callbacks: [{ onStepEnd: () => live.push(memory().liveBytes) }],
    });
    const loader = new DataLoader(line(64), { batchSize: 8, shuffle: true });
    await trainer.fit(loader, { epochs: 3, validation: loader });
    expect(new Set(live.slice(2)).size).toBe(1);
  });

  test("lets other work run while it trains, whose tensors it does not free", async () => {
    const model = linear();
    const kept: Tensor[] = [];
    const timer = setInterval(() => kept.push(own(own(tensor([1])).add(1))), 5);
    const until = performance.now() + 400;
    const trainer = new Trainer(model, {
      optimizer: descent(model),
      loss: F.mseLoss,
      callbacks: [{ onStepEnd: (state) => void (performance.now() > until && state.stop("time is up")) }],
    });
    const history = await trainer.fit(new DataLoader(line(64), { batchSize: 8 }), { epochs: 1e6 });
    clearInterval(timer);
    expect(history.stopReason).toBe("time is up");
    expect(kept.length).toBeGreaterThan(0);
    expect(kept.map((t) => t.item())).toEqual(kept.map(() => 2));
  });

  test("ends when stop is called from elsewhere", async () => {
    const model = linear();
    const trainer = new Trainer(model, { optimizer: descent(model), loss: F.mseLoss });
    setTimeout(() => trainer.stop("SIGINT"), 1);
    const history = await trainer.fit(new DataLoader(line(64), { batchSize: 8 }), { epochs: 1e6 });
    expect(history.stopReason).toBe("SIGINT");
    trainer.stop("when nothing runs it does nothing");
    expect((await trainer.fit(new DataLoader(line(8)), { epochs: 1 })).stopReason).toBeNull();
  });

  test("trains in training mode, validates in evaluation mode, and restores each module's", async () => {
    const [inner, drop] = [new nn.Linear(2, 1), new nn.Dropout({ p: 0.5 })];
    const model = own(new nn.Sequential(drop, inner));
    model.eval();
    inner.training = true;
    const seen: string[] = [];
    const trainer = new Trainer(model, {
      optimizer: descent(model),
      step: (net, [x, y]) => {
        seen.push(`${net.training} ${drop.training}`);
        return F.mseLoss(net.forward(x), y);
      },
    });
    const loader = new DataLoader(line(4), { batchSize: 4 });
    await trainer.fit(loader, { epochs: 2, validation: loader });
    expect(seen).toEqual(["true true", "false false", "true true", "false false"]);
    expect([model.training, drop.training, inner.training]).toEqual([false, false, true]);
  });

  test("calls the callbacks in order, outside of every scope", async () => {
    const model = linear();
    const seen: string[] = [];
    const note =
      (name: string) =>
      (state: train.TrainingState, logs?: unknown): void => {
        const keys = typeof logs === "object" && logs !== null ? Object.keys(logs).join("+") : "";
        seen.push(`${name} ${state.step} ${state.epoch} ${keys}`.trim());
        own(own(tensor([1])).add(1));
      };
    const names = [
      "onTrainBegin",
      "onEpochBegin",
      "onGradients",
      "onStepEnd",
      "onValidationEnd",
      "onEpochEnd",
      "onTrainEnd",
    ];
    const callback = new train.LambdaCallback(Object.fromEntries(names.map((name) => [name, note(name)])));
    const trainer = new Trainer(model, { optimizer: descent(model), loss: F.mseLoss, callbacks: [callback] });
    const loader = new DataLoader(line(4), { batchSize: 4 });
    await trainer.fit(loader, { epochs: 1, validation: loader });
    expect(seen).toEqual([
      "onTrainBegin 0 0",
      "onEpochBegin 0 0",
      "onGradients 0 0",
      "onStepEnd 1 0 loss+gradNorm+lr",
      "onValidationEnd 1 0 valLoss",
      "onEpochEnd 1 1 loss+lr+valLoss",
      "onTrainEnd 1 1",
    ]);
    expect(() => new train.LambdaCallback({ onBatchEnd: () => {} } as never)).toThrow('unknown option "onBatchEnd"');
  });

  test("ends every callback once when one of them fails, and passes the error on", async () => {
    const model = linear();
    const ends: unknown[] = [];
    const failing = new train.LambdaCallback({
      onStepEnd: () => {
        throw new Error("no");
      },
      onTrainEnd: () => {
        throw new Error("not this one");
      },
    });
    const noting = new train.LambdaCallback({ onTrainEnd: (_, error) => void ends.push(error) });
    const trainer = new Trainer(model, { optimizer: descent(model), loss: F.mseLoss, callbacks: [failing, noting] });
    await expect(trainer.fit(new DataLoader(line(4)), { epochs: 1 })).rejects.toThrow(/^no$/);
    expect(ends).toHaveLength(1);
    expect(ends[0]).toMatchObject({ message: "no" });
  });

  test("keeps every n-th step in the history", async () => {
    const model = linear();
    const run = async (logEvery: number): Promise<number[]> => {
      const trainer = new Trainer(model, { optimizer: descent(model), loss: F.mseLoss, logEvery });
      return (await trainer.fit(new DataLoader(line(6)), { epochs: 1 })).steps.map((e) => e.step);
    };
    expect(await run(4)).toEqual([4]);
    expect(await run(0)).toEqual([]);
  });
});

describe("gradient accumulation", () => {
  const weights = async (batchSize: number, accumulate: number, n = 12): Promise<number[]> => {
    const model = linear();
    const trainer = new Trainer(model, { optimizer: descent(model), loss: F.mseLoss, accumulate, clipNorm: 1.5 });
    const history = await trainer.fit(new DataLoader(line(n), { batchSize }), { epochs: 2 });
    expect(history.steps).toHaveLength(2 * Math.ceil(n / batchSize / accumulate));
    return valuesOf(model);
  };

  test.each([
    ["batches of one size", 3, 2, 12],
    ["a smaller last batch", 3, 2, 11],
    ["fewer batches in the last step", 2, 3, 8],
  ])("equals the big batch, with %s", async (_, batchSize, accumulate, n) => {
    const [small, big] = [await weights(batchSize, accumulate, n), await weights(batchSize * accumulate, 1, n)];
    small.forEach((w, i) => {
      expect(Math.abs(w - big[i]!)).toBeLessThan(1e-6);
    });
  });

  test("logs the mean loss of the step", async () => {
    const model = linear();
    const big = new Trainer(model, { optimizer: descent(model, 0), loss: F.mseLoss });
    const small = new Trainer(model, { optimizer: descent(model, 0), loss: F.mseLoss, accumulate: 4 });
    const a = await big.fit(new DataLoader(line(8), { batchSize: 8 }), { epochs: 1 });
    const b = await small.fit(new DataLoader(line(8), { batchSize: 2 }), { epochs: 1 });
    expect(b.column("loss", "steps")[0]).toBeCloseTo(a.column("loss", "steps")[0]!, 5);
    expect(b.column("gradNorm", "steps")[0]).toBeCloseTo(a.column("gradNorm", "steps")[0]!, 5);
  });
});

describe("clipping", () => {
  test("limits the norm and the values of the gradients that callbacks see", async () => {
    const norms: number[] = [];
    const model = linear();
    const onGradients = (): void => {
      norms.push(Math.hypot(...[...model.parameters()].flatMap((p) => [...p.grad!.data()])));
    };
    const run = (clip: object): Promise<train.History> =>
      new Trainer(model, { optimizer: descent(model, 0), loss: F.mseLoss, callbacks: [{ onGradients }], ...clip }).fit(
        new DataLoader(line(8), { batchSize: 8 }),
        { epochs: 1 },
      );
    const free = await run({});
    await run({ clipNorm: 0.5 });
    await run({ clipValue: 0.01 });
    expect(free.column("gradNorm", "steps")[0]).toBeCloseTo(norms[0]!, 5);
    expect(norms[0]).toBeGreaterThan(0.5);
    expect(norms[1]).toBeCloseTo(0.5, 4);
    expect(norms[2]).toBeLessThan(0.018);
  });
});

describe("schedules", () => {
  const rates = async (options: object, make: (o: optim.SGD) => unknown): Promise<number[]> => {
    const model = linear();
    const optimizer = descent(model, 0.1);
    const scheduler = make(optimizer) as optim.lrScheduler.LRScheduler;
    const trainer = new Trainer(model, { optimizer, loss: F.mseLoss, scheduler, ...options });
    const loader = new DataLoader(line(4), { batchSize: 2 });
    return (await trainer.fit(loader, { epochs: 3, validation: loader })).column("lr", "steps");
  };
  const halving = (o: optim.SGD): unknown => new optim.lrScheduler.StepLR(o, 1, { gamma: 0.5 });

  test("step once an epoch by default, or once a step", async () => {
    expect(await rates({}, halving)).toEqual([0.1, 0.1, 0.05, 0.05, 0.025, 0.025]);
    expect(await rates({ schedulerInterval: "step" }, halving)).toEqual([0.1, 0.05, 0.025, 0.0125, 0.00625, 0.003125]);
  });

  test("are given the number to watch, if they watch one", async () => {
    const plateau = (o: optim.SGD): unknown =>
      new optim.lrScheduler.ReduceLROnPlateau(o, { mode: "max", factor: 0.5, patience: 0 });
    // The loss falls, so that it never is larger than before.
    expect(await rates({}, plateau)).toEqual([0.1, 0.1, 0.1, 0.1, 0.05, 0.05]);
    await expect(rates({ monitor: "accuracy" }, plateau)).rejects.toThrow(
      'nothing is logged as "accuracy", which it monitors; expected one of loss, lr, valLoss',
    );
  });
});

describe("optimizers that evaluate the loss themselves", () => {
  test("get a closure on the batch", async () => {
    const model = linear();
    const optimizer = own(new optim.LBFGS(model.parameters(), { lineSearchFn: "strong_wolfe" }));
    const trainer = new Trainer(model, { optimizer, loss: F.mseLoss });
    const history = await trainer.fit(new DataLoader(line(16), { batchSize: 16 }), { epochs: 3 });
    expect(history.column("loss").at(-1)).toBeLessThan(1e-8);
    expect(() => new Trainer(model, { optimizer, loss: F.mseLoss, accumulate: 2 })).toThrow("accumulate is 2");
  });
});

describe("validation and metrics", () => {
  test("are over all samples, whatever the batches", async () => {
    const model = linear();
    const trainer = new Trainer(model, { optimizer: descent(model), loss: F.mseLoss, metrics: { mse: new Mse() } });
    const whole = await trainer.validate(new DataLoader(line(10), { batchSize: 10 }));
    const parts = await trainer.validate(new DataLoader(line(10), { batchSize: 4 }));
    expect(Object.keys(whole)).toEqual(["valLoss", "valMse"]);
    expect(parts.valLoss).toBeCloseTo(whole.valLoss!, 5);
    expect(parts.valMse).toBeCloseTo(whole.valLoss!, 5);
  });

  test("metrics of an epoch are those of training", async () => {
    const model = linear();
    const trainer = new Trainer(model, { optimizer: descent(model, 0), loss: F.mseLoss, metrics: { mse: new Mse() } });
    const loader = new DataLoader(line(10), { batchSize: 4 });
    const half = new DataLoader(new data.Subset(line(10), [0, 1]), { batchSize: 4 });
    const { epochs } = await trainer.fit(loader, { epochs: 2, validation: half });
    for (const { logs } of epochs) {
      expect(logs.mse).toBeCloseTo(logs.loss!, 5);
      expect(logs.valMse).toBeCloseTo(logs.valLoss!, 5);
      expect(logs.valLoss).not.toBeCloseTo(logs.loss!, 3);
    }
  });

  test("can be every few steps", async () => {
    const model = linear();
    const trainer = new Trainer(model, { optimizer: descent(model), loss: F.mseLoss, validateEvery: 2 });
    const loader = new DataLoader(line(10), { batchSize: 2 });
    const { steps, epochs } = await trainer.fit(loader, { epochs: 1, validation: loader });
    expect(steps.filter((e) => "valLoss" in e.logs).map((e) => e.step)).toEqual([2, 4]);
    expect(epochs[0]!.logs.valLoss).toBeUndefined();
  });

  test("predict joins the outputs", async () => {
    const model = linear();
    model.train();
    const trainer = new Trainer(model, { optimizer: descent(model), loss: F.mseLoss });
    const dataset = line(5);
    const outputs = own(await trainer.predict(new DataLoader(dataset, { batchSize: 2 })));
    const wanted = own(model.forward(dataset.tensors[0]));
    expect(outputs.tolist()).toEqual(wanted.tolist());
    expect(outputs.requiresGrad).toBe(false);
    expect(model.training).toBe(true);
    await expect(trainer.predict([])).rejects.toThrow("gave no batch");
  });
});
