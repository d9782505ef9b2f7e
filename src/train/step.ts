import { ArgumentError } from "../errors.js";
import type { Module } from "../nn/module.js";
import type { Optimizer } from "../optim/optimizer.js";
import { formatShape } from "../shape.js";
import { Tensor } from "../tensor.js";
import { sizeOfBatch } from "./batches.js";
import type { Logs } from "./callback.js";
import type { Loss, TrainingStep } from "./trainer_options.js";

/** What a step may return instead of the loss alone. */
export interface StepOutcome {
  /** One number, which training makes small. */
  readonly loss: Tensor;
  /** What the metrics compare. */
  readonly outputs?: Tensor;
  readonly targets?: Tensor;
  /** Further numbers to log, as numbers or tensors with one element. */
  readonly [log: string]: Tensor | number | undefined;
}

/** A step's result, read and checked. */
export interface Evaluated {
  readonly loss: Tensor;
  readonly outputs: Tensor | null;
  readonly targets: Tensor | null;
  /** The loss and the further numbers. */
  readonly logs: Logs;
  /** Samples in the batch: the weight of its numbers in means. */
  readonly size: number;
}

/** The step that takes batches [x, y]: loss(model.forward(x), y). */
export function defaultStep<M extends Module, B>(loss: Loss): TrainingStep<M, B> {
  return (model, batch) => {
    const [x, targets] = pairOf(batch);
    const outputs = outputOf(model, x);
    const value = typeof loss === "function" ? loss(outputs, targets) : loss.forward(outputs, targets);
    return { loss: value, outputs, targets };
  };
}

/** The model's output for x. Errors: ArgumentError if it is no tensor. */
export function outputOf(model: Module, x: Tensor): Tensor {
  const outputs = model.forward(x);
  if (outputs instanceof Tensor) return outputs;
  const what = typeof outputs === "object" ? "no tensor" : String(outputs);
  throw new ArgumentError("Trainer", `the model's output is ${what}; expected a tensor, or a step of your own`);
}

function pairOf(batch: unknown): [Tensor, Tensor] {
  if (Array.isArray(batch) && batch.length === 2) {
    const [x, y]: unknown[] = batch;
    if (x instanceof Tensor && y instanceof Tensor) return [x, y];
  }
  const what = Array.isArray(batch) ? `a list of ${batch.length}` : `a ${typeof batch}`;
  throw new ArgumentError("Trainer", `the batch is ${what}; expected two tensors [x, y], or a step of your own`);
}

/** The input in a batch: the batch itself, or the first of a list. */
export function inputOf(batch: unknown): Tensor {
  const x: unknown = Array.isArray(batch) ? batch[0] : batch;
  if (x instanceof Tensor) return x;
  throw new ArgumentError(
    "predict",
    "the batch does not begin with a tensor; expected x or [x, …], or a step of your own",
  );
}

/** Runs a step on a batch. */
export function evaluate<M extends Module, B>(step: TrainingStep<M, B>, model: M, batch: B): Evaluated {
  const result = step(model, batch);
  const outcome: StepOutcome = result instanceof Tensor ? { loss: result } : result;
  if (typeof outcome !== "object" || outcome === null || !(outcome.loss instanceof Tensor)) {
    throw new ArgumentError("Trainer", "the step returned no loss; expected a tensor, or an object with a tensor loss");
  }
  const { loss, outputs = null, targets = null, ...others } = outcome;
  if (loss.numel !== 1) {
    throw new ArgumentError("Trainer", `the loss has shape ${formatShape(loss.shape)}; expected one number`);
  }
  const logs: Record<string, number> = { loss: loss.item() };
  for (const [name, value] of Object.entries(others)) {
    if (value === undefined) continue;
    if (name === "lr" || name === "gradNorm") {
      throw new ArgumentError(
        "Trainer",
        `the step logs "${name}", which the Trainer logs itself; expected another name`,
      );
    }
    const number: unknown = value instanceof Tensor && value.numel === 1 ? value.item() : value;
    if (typeof number !== "number") {
      throw new ArgumentError(
        "Trainer",
        `the step's "${name}" is no number; expected one, or a tensor with one element`,
      );
    }
    logs[name] = number;
  }
  return { loss, outputs, targets, logs, size: sizeOfBatch(batch) };
}

/** The learning rates in force: "lr", and "lr1" … for further groups. */
export function ratesOf(optimizer: Optimizer): Logs {
  return Object.fromEntries(optimizer.paramGroups.map((g, i) => [i === 0 ? "lr" : `lr${i}`, g.lr]));
}

/** Weighted means of numbers by name. */
export class Means {
  private sums: Record<string, [sum: number, weight: number]> = {};

  add(logs: Logs, weight: number): void {
    for (const [name, value] of Object.entries(logs)) {
      const [sum, total] = this.sums[name] ?? [0, 0];
      this.sums[name] = [sum + value * weight, total + weight];
    }
  }

  get logs(): Logs {
    return Object.fromEntries(Object.entries(this.sums).map(([name, [sum, weight]]) => [name, sum / weight]));
  }

  reset(): void {
    this.sums = {};
  }

  stateDict(): Readonly<Record<string, readonly number[]>> {
    return { ...this.sums };
  }

  /** Takes over sums; null if they are none, and then nothing has changed. */
  static from(state: unknown): Means | null {
    if (typeof state !== "object" || state === null) return null;
    const means = new Means();
    for (const [name, pair] of Object.entries(state) as [string, unknown][]) {
      if (!Array.isArray(pair) || pair.length !== 2) return null;
      const [sum, weight]: unknown[] = pair;
      if (typeof sum !== "number" || typeof weight !== "number") return null;
      means.sums[name] = [sum, weight];
    }
    return means;
  }
}
