import { afterEach, beforeEach, expect } from "vitest";
import {
  data,
  functional as F,
  Generator,
  manualSeed,
  memory,
  nn,
  optim,
  randn,
  type Tensor,
  tensor,
  train,
} from "../../src/node.js";

type Pair = [Tensor, Tensor];

const owned: { dispose(): void }[] = [];
let blocks = 0;

/** After each test of the file, as many blocks must be live as before it, once what `own` was given is gone. */
export function expectNoLeaks(): void {
  beforeEach(() => {
    blocks = memory().liveBlocks;
  });
  afterEach(() => {
    for (const t of owned.splice(0)) t.dispose();
    expect(memory().liveBlocks, "live blocks after the test").toBe(blocks);
  });
}

/** Something that is disposed of when the test ends. */
export function own<T extends { dispose(): void }>(t: T): T {
  owned.push(t);
  return t;
}

/** Mean squared error as a metric of its own. */
export class Mse {
  private sum = 0;
  private count = 0;
  update(outputs: Tensor, targets: Tensor): void {
    this.sum += outputs.sub(targets).square().sum().item();
    this.count += outputs.numel;
  }
  compute(): number {
    return this.sum / this.count;
  }
  reset(): void {
    this.sum = 0;
    this.count = 0;
  }
}

/** n points x [n, 2] with y [n, 1] = 3·x₀ − 2·x₁ + 1. */
export function line(n: number): data.TensorDataset<Pair> {
  const xs = Array.from({ length: n }, (_, i) => [Math.sin(i * 1.7), Math.cos(i * 2.3)]);
  const ys = xs.map(([a, b]) => [3 * a! - 2 * b! + 1]);
  return new data.TensorDataset(own(tensor(xs)), own(tensor(ys)));
}

/** A linear layer with weights that are always the same. */
export function linear(inputs = 2, outputs = 1): nn.Linear {
  manualSeed(1);
  return own(new nn.Linear(inputs, outputs));
}

/** Plain descent for a model. */
export function descent(model: nn.Module, lr = 0.1): optim.SGD {
  return own(new optim.SGD(model.parameters(), { lr }));
}

/** All values of a module's parameters and buffers. */
export function valuesOf(model: nn.Module): number[] {
  return [...model.stateDict().values()].flatMap((t) => [...t.data()]);
}

/** A training with everything that must go on after a resume: shuffle, dropout, batch norm, Adam, a schedule, early stopping. */
export function everything(seed: number, callbacks: readonly train.Callback[] = [], accumulate = 1) {
  manualSeed(seed);
  const model = own(
    new nn.Sequential(
      new nn.Linear(4, 8),
      new nn.BatchNorm1d(8),
      new nn.ReLU(),
      new nn.Dropout({ p: 0.3 }),
      new nn.Linear(8, 3),
    ),
  );
  const x = own(randn([70, 4], { generator: new Generator(5) }));
  const y = own(tensor(Int32Array.from({ length: 70 }, (_, i) => (i * 7) % 3)));
  const loader = new data.DataLoader(new data.TensorDataset(x, y), { batchSize: 8, shuffle: true });
  const validation = new data.DataLoader(new data.TensorDataset(x, y), { batchSize: 35 });
  const optimizer = own(new optim.Adam(model.parameters(), { lr: 0.01 }));
  const scheduler = new optim.lrScheduler.OneCycleLR(optimizer, 0.02, { totalSteps: 200 });
  const early = new train.EarlyStopping({ patience: 1000, restoreBest: true });
  const trainer = new train.Trainer(model, {
    optimizer,
    loss: F.crossEntropy,
    scheduler,
    schedulerInterval: "step",
    clipNorm: 1,
    accumulate,
    callbacks: [...callbacks, early],
  });
  return { model, x, loader, validation, optimizer, scheduler, early, trainer };
}
