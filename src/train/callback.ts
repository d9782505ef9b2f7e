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
