import { describe, expect, test } from "vitest";
import { data, functional as F, manualSeed, nn, noGrad, optim, type Tensor, tensor, train } from "../src/node.js";
import { descent, expectNoLeaks, line, linear, own, valuesOf } from "./support/trainer.js";

const { DataLoader } = data;
const { NonFiniteError, Trainer } = train;
expectNoLeaks();

/** y = log(relu(x)): −∞ where x is not positive. */
class LogOf extends nn.Module {
  forward(x: Tensor): Tensor {
    return x.relu().log();
  }
}

/** Multiplies by a weight whose square root it takes. */
class RootWeight extends nn.Module {
  readonly weight = new nn.Parameter(tensor([0]));
  forward(x: Tensor): Tensor {
    return x.mul(this.weight.sqrt());
  }
}

interface Fits {
  fit(loader: train.Loader<readonly [Tensor, Tensor]>, options: { epochs: number }): Promise<unknown>;
}

async function failure(trainer: Fits, loader: train.Loader<readonly [Tensor, Tensor]>) {
  const error: unknown = await trainer.fit(loader, { epochs: 3 }).then(
    () => null,
    (e: unknown) => e,
  );
  if (!(error instanceof NonFiniteError)) throw error;
  return error;
}

describe("a loss that is not finite", () => {
  test("names the first layer whose output is not, and leaves the weights", async () => {
    manualSeed(1);
    const model = own(
      new nn.Sequential(new nn.Linear(2, 4), new nn.Dropout({ p: 0.5 }), new LogOf(), new nn.Linear(4, 1)),
    );
    const before = valuesOf(model);
    const ends: unknown[] = [];
    const trainer = new Trainer(model, {
      optimizer: descent(model, 0.25),
      loss: F.mseLoss,
      callbacks: [{ onTrainEnd: (_, error) => void ends.push(error) }],
    });
    const error = await failure(trainer, new DataLoader(line(4), { batchSize: 4 }));
    expect(error).toMatchObject({ step: 1, layer: "2", parameter: null, inputsFinite: true, weightsFinite: true });
    expect(Number.isFinite(error.loss)).toBe(false);
    expect(error.message).toContain(
      'step 1: the first output that is not finite is that of "2" (LogOf); inputs are finite',
    );
    expect(error.hint).toContain("lower the learning rate (it is 0.25) or clip the gradients");
    expect(ends).toEqual([error]);
    expect(valuesOf(model)).toEqual(before);
    const clone = own(model.clone());
    expect(valuesOf(clone), "no hook is left").toEqual(before);
  });

  test("tells when the loss function made it", async () => {
    const model = linear();
    const loss = (y: Tensor): Tensor => y.mul(0).log().mean();
    const error = await failure(
      new Trainer(model, { optimizer: descent(model), loss }),
      new DataLoader(line(4), { batchSize: 4 }),
    );
    expect(error).toMatchObject({
      loss: Number.NEGATIVE_INFINITY,
      layer: "loss",
      inputsFinite: true,
      weightsFinite: true,
    });
    expect(error.message).toContain("every layer's output is finite, the loss function's is not");
    expect(error.hint).toContain("logarithm of 0");
  });

  test("tells when the batch is to blame", async () => {
    const model = own(new nn.Sequential(linear()));
    const x = own(tensor([[1, Number.NaN]]));
    const y = own(tensor([[1]]));
    const error = await failure(new Trainer(model, { optimizer: descent(model), loss: F.mseLoss }), [[x, y]]);
    expect(error).toMatchObject({ layer: "0", inputsFinite: false, weightsFinite: true });
    expect(error.message).toContain("whose input already was not");
    expect(error.hint).toContain("look at the data");
  });

  test("tells when the weights are to blame", async () => {
    const model = linear();
    const trainer = new Trainer(model, { optimizer: descent(model, 1e38), loss: F.mseLoss });
    const error = await failure(trainer, new DataLoader(line(4), { batchSize: 4 }));
    expect(error.step).toBe(2);
    expect(error).toMatchObject({ layer: "Linear", inputsFinite: true });
    const infinite = linear();
    noGrad(() => void infinite.weight.fill_(Number.POSITIVE_INFINITY));
    const second = await failure(
      new Trainer(infinite, { optimizer: descent(infinite), loss: F.mseLoss }),
      new DataLoader(line(4), { batchSize: 4 }),
    );
    expect(second).toMatchObject({ weightsFinite: false });
    expect(second.hint).toContain('"weight" is not finite since an earlier step');
  });

  test("does not end a validation", async () => {
    const model = linear();
    const trainer = new Trainer(model, { optimizer: descent(model), loss: (y: Tensor) => y.mul(0).log().mean() });
    expect((await trainer.validate(new DataLoader(line(4)))).valLoss).toBe(Number.NEGATIVE_INFINITY);
  });
});

describe("a gradient that is not finite, of a finite loss", () => {
  test("names the parameter, and leaves the weights", async () => {
    const model = own(new nn.Sequential(linear(2, 1), new RootWeight()));
    const before = valuesOf(model);
    const optimizer = own(new optim.Adam(model.parameters()));
    for (const clip of [{}, { clipNorm: 1 }, { accumulate: 2 }]) {
      const trainer = new Trainer(model, { optimizer, loss: F.mseLoss, ...clip });
      const error = await failure(trainer, new DataLoader(line(8), { batchSize: 4 }));
      expect(error).toMatchObject({ step: 1, layer: null, parameter: "1.weight", weightsFinite: true });
      expect(Number.isFinite(error.loss)).toBe(true);
      expect(error.message).toContain('the gradient of "1.weight" is not finite in step 1');
      expect(error.hint).toContain("a root");
      expect(valuesOf(model)).toEqual(before);
    }
  });
});
