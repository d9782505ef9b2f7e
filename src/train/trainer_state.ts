import { FormatError } from "../errors.js";
import type { Module } from "../nn/module.js";
import type { Optimizer } from "../optim/optimizer.js";
import { unscoped } from "../runtime/scope.js";
import { type Callback, isStateful, type Logs, type Stateful, type TrainingState } from "./callback.js";
import type { CheckpointContent } from "./checkpoint.js";
import { History } from "./history.js";
import { Means } from "./step.js";

/** What a run is given. */
export interface RunSetup {
  readonly model: Module;
  readonly optimizer: Optimizer;
  readonly batches: number | undefined;
  readonly maxEpochs: number | undefined;
  readonly maxSteps: number | undefined;
  readonly callbacks: readonly Callback[];
  /** What a checkpoint holds, taken now; the run's progress is among it. */
  readonly content: () => CheckpointContent;
}

type Event = Exclude<keyof Callback, "onTrainEnd">;

/** Where a run of `Trainer.fit` stands. */
export class TrainerState implements TrainingState {
  readonly model: Module;
  readonly optimizer: Optimizer;
  readonly batches: number | undefined;
  readonly maxEpochs: number | undefined;
  readonly maxSteps: number | undefined;
  step = 0;
  epoch = 0;
  history = new History();
  /** Batches of this epoch that were trained on. */
  batch = 0;
  /** The loader has no more batches in this epoch. */
  exhausted = false;
  /** The last step after which there was a validation. */
  validatedAt = -1;
  /** The metrics have seen outputs of training. */
  measured = false;
  /** Means over this epoch. */
  means = new Means();
  private began = performance.now();
  private deferred: (() => void)[] = [];

  constructor(private readonly setup: RunSetup) {
    this.model = setup.model;
    this.optimizer = setup.optimizer;
    this.batches = setup.batches;
    this.maxEpochs = setup.maxEpochs;
    this.maxSteps = setup.maxSteps;
  }

  /** Seconds of training so far. */
  get time(): number {
    return (performance.now() - this.began) / 1000;
  }

  get stopped(): boolean {
    return this.history.stopReason !== null;
  }

  /** True if no further step may be made. */
  get done(): boolean {
    const { step, epoch, maxSteps = Infinity, maxEpochs = Infinity } = this;
    return this.stopped || step >= maxSteps || epoch >= maxEpochs;
  }

  stop(reason: string): void {
    this.history.stopReason ??= reason;
  }

  /** Calls a method of all callbacks, outside of every scope. */
  emit(event: Event, logs: Logs = {}): void {
    unscoped(() => {
      for (const callback of this.setup.callbacks) callback[event]?.(this, logs);
    });
  }

  /** Runs what callbacks have deferred. */
  settle(): void {
    unscoped(() => {
      for (const task of this.deferred.splice(0)) task();
    });
  }

  /** Ends the run for all callbacks, also if one of them fails; returns the first failure. */
  end(failure: { readonly error: unknown } | null): { readonly error: unknown } | null {
    let first: { readonly error: unknown } | null = null;
    unscoped(() => {
      for (const callback of this.setup.callbacks) {
        try {
          callback.onTrainEnd?.(this, failure?.error);
        } catch (error) {
          first ??= { error };
        }
      }
    });
    return first;
  }

  /**
   * Runs a task at the end of the step, behind its validation, or of the epoch: a checkpoint must hold what these have made of all
   * callbacks.
   */
  defer(task: () => void): void {
    this.deferred.push(task);
  }

  /** What a checkpoint of this moment holds. It must be the end of a step or an epoch. */
  content(): CheckpointContent {
    return this.setup.content();
  }

  /** The run's own part of a checkpoint. */
  progress(): Readonly<Record<string, unknown>> {
    const { step, epoch, batch, exhausted, validatedAt, time, means, history } = this;
    // Text, because a long history would be a long tree.
    const text = JSON.stringify(history);
    return { step, epoch, batch, exhausted, validatedAt, time, means: means.stateDict(), history: text };
  }

  /** Checks a run's part of a checkpoint and returns what takes it over. Errors: FormatError if it is none. */
  resumed(progress: unknown): () => void {
    const fail = (): never => {
      throw new FormatError("fit", "the checkpoint's progress is not what a Trainer writes");
    };
    if (typeof progress !== "object" || progress === null) return fail();
    const saved = progress as Partial<Record<string, unknown>>;
    const { step, epoch, batch, validatedAt, time, exhausted } = saved;
    const means = Means.from(saved.means);
    if (!isCount(step) || !isCount(epoch) || !isCount(batch) || typeof validatedAt !== "number") return fail();
    if (typeof time !== "number" || typeof exhausted !== "boolean" || means === null) return fail();
    if (typeof saved.history !== "string") return fail();
    const history = historyOf(saved.history) ?? fail();
    return () => {
      Object.assign(this, { step, epoch, batch, exhausted, validatedAt, means, history });
      this.began = performance.now() - time * 1000;
    };
  }
}

function historyOf(text: string): History | null {
  try {
    return History.fromJSON(JSON.parse(text));
  } catch {
    return null;
  }
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/** Those of a list that have a state, by class name and number among those of the class. */
export function statefulByName(list: readonly object[]): Map<string, Stateful> {
  const counts = new Map<string, number>();
  const out = new Map<string, Stateful>();
  for (const item of list) {
    const name = item.constructor.name;
    const count = counts.get(name) ?? 0;
    counts.set(name, count + 1);
    if (isStateful(item)) out.set(`${name} ${count}`, item);
  }
  return out;
}
