import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { checkInteger, checkOneOf, checkOptions } from "../check.js";
import { ArgumentError, FormatError } from "../errors.js";
import type { Callback, Logs, Stateful, TrainingState } from "./callback.js";
import { checkpointName, numberedCheckpoints, saveCheckpoint } from "./checkpoint.node.js";
import { improves, type Mode, monitored } from "./early_stopping.js";
import { checkpointError } from "./file_errors.node.js";
import { TrainerState } from "./trainer_state.js";

export interface ModelCheckpointOptions {
  /** Where checkpoints are written; it is made if it does not exist. */
  readonly folder: string;
  /** Write one every so many optimizer steps. */
  readonly everySteps?: number;
  /** Write one every so many epochs. Default 1, or never if everySteps is given. */
  readonly everyEpochs?: number;
  /** Also keep the checkpoint with the best value of this logged number, in best.safetensors. Default: no. */
  readonly monitor?: string;
  /** Whether that number should become small or large. Default "min". */
  readonly mode?: Mode;
  /** How many numbered checkpoints stay; older ones are removed, as is what an earlier run has left there. Default 1. */
  readonly keep?: number;
}

/**
 * Writes checkpoints of a Trainer to a folder, as checkpoint-00000040.safetensors with the number of optimizer steps, and from which
 * `fit(…, { resume: folder })` goes on bit for bit. Files appear whole or not at all.
 * Errors: CheckpointError, naming the path, for a full disk, a folder that cannot be made and the like; they end the training.
 */
export class ModelCheckpoint implements Callback, Stateful {
  readonly folder: string;
  readonly everySteps: number | undefined;
  readonly everyEpochs: number | undefined;
  readonly monitor: string | undefined;
  readonly mode: Mode;
  readonly keep: number;
  /** The best value so far; null before the first. */
  best: number | null = null;

  constructor(options: ModelCheckpointOptions) {
    const op = "ModelCheckpoint";
    checkOptions(op, options, ["folder", "everySteps", "everyEpochs", "monitor", "mode", "keep"]);
    const { folder, everySteps, everyEpochs, monitor, mode } = options;
    if (typeof folder !== "string" || folder === "") {
      throw new ArgumentError(op, `folder is ${JSON.stringify(folder)}; expected a path`);
    }
    this.folder = folder;
    if (everySteps !== undefined) this.everySteps = checkInteger(op, "everySteps", everySteps, 1);
    if (everyEpochs !== undefined) this.everyEpochs = checkInteger(op, "everyEpochs", everyEpochs, 1);
    else if (everySteps === undefined) this.everyEpochs = 1;
    if (mode !== undefined && monitor === undefined) {
      throw new ArgumentError(op, `mode is "${mode}" without a monitor; expected both or neither`);
    }
    this.monitor = monitor;
    this.mode = checkOneOf(op, "mode", mode ?? "min", ["min", "max"]);
    this.keep = checkInteger(op, "keep", options.keep ?? 1, 1);
  }

  onTrainBegin(state: TrainingState): void {
    if (!(state instanceof TrainerState)) {
      throw new ArgumentError("ModelCheckpoint", "the training is not that of a Trainer; expected one");
    }
    if (state.step === 0) this.best = null;
    try {
      mkdirSync(this.folder, { recursive: true });
    } catch (cause) {
      throw checkpointError("ModelCheckpoint", "make the folder", this.folder, cause);
    }
  }

  onStepEnd(state: TrainerState): void {
    if (this.everySteps !== undefined && state.step % this.everySteps === 0) this.save(state);
  }

  onValidationEnd(state: TrainerState, logs: Logs): void {
    if (this.monitor !== undefined && this.monitor in logs) this.see(state, logs);
  }

  onEpochEnd(state: TrainerState, logs: Logs): void {
    if (this.monitor !== undefined && state.validatedAt !== state.step) this.see(state, logs);
    else if (this.monitor !== undefined && !(this.monitor in logs)) monitored("ModelCheckpoint", this.monitor, logs);
    if (this.everyEpochs !== undefined && state.epoch % this.everyEpochs === 0) this.save(state);
  }

  stateDict(): unknown {
    return { best: this.best };
  }

  loadStateDict(state: unknown): void {
    const best: unknown = typeof state === "object" && state !== null ? Reflect.get(state, "best") : undefined;
    if (best !== null && typeof best !== "number") {
      throw new FormatError("ModelCheckpoint", "state does not fit; expected what stateDict() gives");
    }
    this.best = best;
  }

  private see(state: TrainerState, logs: Logs): void {
    const value = monitored("ModelCheckpoint", this.monitor!, logs);
    if (!improves(value, this.best, this.mode)) return;
    this.best = value;
    state.defer(() => saveCheckpoint(join(this.folder, "best.safetensors"), state.content()));
  }

  private save(state: TrainerState): void {
    state.defer(() => {
      saveCheckpoint(join(this.folder, checkpointName(state.step)), state.content());
      for (const path of numberedCheckpoints(this.folder).slice(0, -this.keep)) rmSync(path, { force: true });
    });
  }
}
