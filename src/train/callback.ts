import { checkOptions } from "../check.js";
import type { Module } from "../nn/module.js";
import type { Optimizer } from "../optim/optimizer.js";
import type { History } from "./history.js";

/** Numbers that a step or an epoch produced, by name: "loss", "valLoss", "accuracy", "valAccuracy", "lr" … */
export type Logs = Readonly<Record<string, number>>;

/** What a callback sees of the training. */
export interface TrainingState {
  readonly model: Module;
  readonly optimizer: Optimizer;
  /** Optimizer steps taken so far, over all epochs. */
  readonly step: number;
  /** Epochs finished so far. */
  readonly epoch: number;
  /** Batches in an epoch; undefined if the loader does not know. */
  readonly batches: number | undefined;
  readonly maxEpochs: number | undefined;
  readonly maxSteps: number | undefined;
  /** Everything logged so far. */
  readonly history: History;
  /** Ends the training after this step. */
  stop(reason: string): void;
}

/** All methods are optional; they run in the order of the list. They are called outside of any scope but may compute (open a scope). */
export interface Callback {
  onTrainBegin?(state: TrainingState): void;
  onEpochBegin?(state: TrainingState): void;
  /** After the gradients are there and clipped, before the optimizer's step. */
  onGradients?(state: TrainingState): void;
  /** After each optimizer step. */
  onStepEnd?(state: TrainingState, logs: Logs): void;
  onValidationEnd?(state: TrainingState, logs: Logs): void;
  onEpochEnd?(state: TrainingState, logs: Logs): void;
  /** Always called once, also when training failed (`error`). */
  onTrainEnd?(state: TrainingState, error?: unknown): void;
}

/**
 * Something whose state belongs in a checkpoint: loaders have it, and callbacks and metrics may. The state is made of numbers, strings,
 * booleans, null and tensors, in arrays and plain objects. `loadStateDict` copies what it takes, and throws before it changes anything.
 */
export interface Stateful<S = unknown> {
  stateDict(): S;
  loadStateDict(state: S): void;
}

/** True for what has both methods. */
export function isStateful(value: unknown): value is Stateful {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof Reflect.get(value, "stateDict") === "function" &&
    typeof Reflect.get(value, "loadStateDict") === "function"
  );
}

const HOOKS = [
  "onTrainBegin",
  "onEpochBegin",
  "onGradients",
  "onStepEnd",
  "onValidationEnd",
  "onEpochEnd",
  "onTrainEnd",
] as const;

/** A callback made of functions: `new LambdaCallback({ onEpochEnd: (state, logs) => console.log(state.epoch, logs) })`. */
export class LambdaCallback implements Callback {
  declare onTrainBegin?: NonNullable<Callback["onTrainBegin"]>;
  declare onEpochBegin?: NonNullable<Callback["onEpochBegin"]>;
  declare onGradients?: NonNullable<Callback["onGradients"]>;
  declare onStepEnd?: NonNullable<Callback["onStepEnd"]>;
  declare onValidationEnd?: NonNullable<Callback["onValidationEnd"]>;
  declare onEpochEnd?: NonNullable<Callback["onEpochEnd"]>;
  declare onTrainEnd?: NonNullable<Callback["onTrainEnd"]>;

  /** Errors: ArgumentError for a name that no callback has. */
  constructor(functions: Callback) {
    checkOptions("LambdaCallback", functions, HOOKS);
    Object.assign(this, functions);
  }
}
