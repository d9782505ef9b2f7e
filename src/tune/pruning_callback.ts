import { ArgumentError } from "../errors.js";
import type { Callback, Logs, TrainingState } from "../train/callback.js";
import { PrunedError, type Trial } from "./trial.js";

/**
 * Reports a number of every epoch, such as "valLoss", to a trial, and ends a training that is not worth going on with by a PrunedError.
 * Errors: ArgumentError if an epoch logs no such number.
 */
export class PruningCallback implements Callback {
  constructor(
    private readonly trial: Trial,
    private readonly monitor: string,
  ) {}

  onEpochEnd({ epoch }: TrainingState, logs: Logs): void {
    const value = logs[this.monitor];
    if (value === undefined) {
      const names = Object.keys(logs).join(", ");
      throw new ArgumentError(
        "PruningCallback",
        `epoch ${epoch} logged no "${this.monitor}"; expected one of ${names}`,
      );
    }
    this.trial.report(epoch, value);
    if (this.trial.shouldPrune()) throw new PrunedError(`pruned after epoch ${epoch}: ${this.monitor} is ${value}`);
  }
}
