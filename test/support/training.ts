import { expect } from "vitest";
import {
  type Backend,
  getBackend,
  manualSeed,
  memory,
  nn,
  optim,
  scope,
  setBackend,
  type Tensor,
} from "../../src/node.js";

/** A model, what it learns from, and its loss. */
export interface Task<M extends nn.Module, B> {
  /** Makes the model; the random stream begins anew before. */
  build(): M;
  /** One batch a step, at least as many as there are steps, all of the same sizes. */
  batches(): Iterable<B>;
  loss(model: M, batch: B): Tensor;
  /** Rate of Adam. */
  readonly lr: number;
  /** Gradients longer than this, taken as one vector, are made that long. Default: none. */
  readonly maxNorm?: number;
}

/** After these steps the optimizer has its state, and memory stays flat. */
const SETTLED = 3;

/** Steps whose losses are compared between the back ends. */
const COMPARED = 20;

/** Trains a new model with Adam and returns the loss of each step. The same task gives the same course every time. */
export function train<M extends nn.Module, B>(task: Task<M, B>, steps: number, backend: Backend = "wasm"): number[] {
  const before = getBackend();
  setBackend(backend);
  try {
    manualSeed(1);
    const model = task.build();
    const optimizer = new optim.Adam(model.parameters(), { lr: task.lr });
    const losses: number[] = [];
    const live: number[] = [];
    for (const batch of task.batches()) {
      scope(() => {
        const loss = task.loss(model, batch);
        optimizer.zeroGrad();
        loss.backward();
        if (task.maxNorm !== undefined) nn.utils.clipGradNorm_(model.parameters(), task.maxNorm);
        optimizer.step();
        losses.push(loss.item());
      });
      live.push(memory().liveBytes);
      if (losses.length === steps) break;
    }
    expect(losses.length, "batches").toBe(steps);
    expect(new Set(live.slice(SETTLED)).size, "amounts of memory in use, after the first steps").toBe(1);
    optimizer.dispose();
    model.dispose();
    return losses;
  } finally {
    setBackend(before);
  }
}

/** One pass over a loader after the other, as many as it takes. */
export function* endless<B>(loader: Iterable<B>): IterableIterator<B> {
  for (;;) yield* loader;
}

/** Mean of the last losses: one batch says little. */
export function finalLoss(losses: readonly number[], count = 10): number {
  const last = losses.slice(-count);
  return last.reduce((sum, loss) => sum + loss, 0) / last.length;
}

/** Both back ends must take the same course: each of the first losses agrees to 1e-3. */
export function expectSameCourse<M extends nn.Module, B>(task: Task<M, B>): void {
  const [js, wasm] = (["js", "wasm"] as const).map((backend) => train(task, COMPARED, backend));
  js!.forEach((want, i) => {
    const got = wasm![i]!;
    expect(Math.abs(got - want) / Math.abs(want), `step ${i}: ${got}, ${want} in JavaScript`).toBeLessThan(1e-3);
  });
}
