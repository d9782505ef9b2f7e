import { checkInteger, checkNumber, checkOneOf, checkOptions } from "../check.js";
import { ArgumentError, FormatError } from "../errors.js";
import { cloneStateDict, type StateDict } from "../nn/module.js";
import { Tensor } from "../tensor.js";
import type { Callback, Logs, Stateful, TrainingState } from "./callback.js";

/** Whether a logged number should become small or large. */
export type Mode = "min" | "max";

export interface EarlyStoppingOptions {
  /** Name of the number to watch. Default "valLoss". */
  readonly monitor?: string;
  /** How many times in a row the number may fail to improve. Default 3. */
  readonly patience?: number;
  /** What the number must improve by. Default 0. */
  readonly minDelta?: number;
  /** Whether it should become small or large. Default "min". */
  readonly mode?: Mode;
  /** Give the model the weights and buffers of the best moment when training ends. Default false. */
  readonly restoreBest?: boolean;
}

/** True if a number is better than another by more than `minDelta`; NaN never is. */
export function improves(value: number, best: number | null, mode: Mode, minDelta = 0): boolean {
  if (Number.isNaN(value)) return false;
  if (best === null) return true;
  return mode === "min" ? value < best - minDelta : value > best + minDelta;
}

/** The number of a name. Errors: ArgumentError, naming what there is. */
export function monitored(op: string, monitor: string, logs: Logs): number {
  const value = logs[monitor];
  if (value !== undefined) return value;
  const names = Object.keys(logs).join(", ");
  throw new ArgumentError(op, `nothing is logged as "${monitor}", which it monitors; expected one of ${names}`);
}

/** Stops training when a logged number has not improved `patience` times in a row, at the ends of epochs or at each validation. */
export class EarlyStopping implements Callback, Stateful {
  readonly monitor: string;
  readonly patience: number;
  readonly minDelta: number;
  readonly mode: Mode;
  readonly restoreBest: boolean;
  /** The best value so far; null before the first. */
  best: number | null = null;
  /** The optimizer step of the best value. */
  bestStep = 0;
  /** How many times in a row it has not improved. */
  waited = 0;
  private seenAt = -1;
  private weights: StateDict | null = null;

  constructor(options: EarlyStoppingOptions = {}) {
    const op = "EarlyStopping";
    checkOptions(op, options, ["monitor", "patience", "minDelta", "mode", "restoreBest"]);
    this.monitor = options.monitor ?? "valLoss";
    this.patience = checkInteger(op, "patience", options.patience ?? 3, 0);
    this.minDelta = checkNumber(op, "minDelta", options.minDelta ?? 0, 0);
    this.mode = checkOneOf(op, "mode", options.mode ?? "min", ["min", "max"]);
    this.restoreBest = options.restoreBest ?? false;
  }

  onTrainBegin(state: TrainingState): void {
    if (state.step === 0) this.reset();
    else this.decide(state);
  }

  onValidationEnd(state: TrainingState, logs: Logs): void {
    if (this.monitor in logs) this.see(state, logs);
  }

  onEpochEnd(state: TrainingState, logs: Logs): void {
    // Numbers of the validation have been seen when it ended.
    if (this.seenAt !== state.step) this.see(state, logs);
  }

  onTrainEnd(state: TrainingState): void {
    if (this.weights !== null) state.model.loadStateDict(this.weights);
    this.forget();
  }

  stateDict(): unknown {
    const { best, bestStep, waited, seenAt, weights } = this;
    return { best, bestStep, waited, seenAt, weights: weights === null ? null : Object.fromEntries(weights) };
  }

  loadStateDict(state: unknown): void {
    const { best, bestStep, waited, seenAt, weights } = checkState(state);
    this.reset();
    Object.assign(this, { best, bestStep, waited, seenAt });
    if (weights !== null && this.restoreBest) this.weights = cloneStateDict(weights);
  }

  private see(state: TrainingState, logs: Logs): void {
    const value = monitored("EarlyStopping", this.monitor, logs);
    this.seenAt = state.step;
    if (improves(value, this.best, this.mode, this.minDelta)) {
      this.best = value;
      this.bestStep = state.step;
      this.waited = 0;
      if (!this.restoreBest) return;
      this.forget();
      this.weights = cloneStateDict(state.model.stateDict());
    } else {
      this.waited++;
      this.decide(state);
    }
  }

  private decide(state: TrainingState): void {
    if (this.waited === 0 || this.waited < this.patience) return;
    const best = this.best === null ? "it never was a number" : `best ${this.best} at step ${this.bestStep}`;
    state.stop(`${this.monitor} has not improved ${this.waited} times in a row; ${best}`);
  }

  private reset(): void {
    this.forget();
    Object.assign(this, { best: null, bestStep: 0, waited: 0, seenAt: -1 });
  }

  private forget(): void {
    for (const t of this.weights?.values() ?? []) t.dispose();
    this.weights = null;
  }
}

interface SavedState {
  readonly best: number | null;
  readonly bestStep: number;
  readonly waited: number;
  readonly seenAt: number;
  readonly weights: StateDict | null;
}

function checkState(state: unknown): SavedState {
  const fail = (): never => {
    throw new FormatError("EarlyStopping", "state does not fit; expected what stateDict() gives");
  };
  if (typeof state !== "object" || state === null) return fail();
  const { best, bestStep, waited, seenAt, weights } = state as Record<keyof SavedState, unknown>;
  if (best !== null && typeof best !== "number") return fail();
  if (typeof bestStep !== "number" || typeof waited !== "number" || typeof seenAt !== "number") return fail();
  if (weights === null) return { best, bestStep, waited, seenAt, weights };
  if (typeof weights !== "object") return fail();
  const map: StateDict = new Map();
  for (const [key, t] of Object.entries(weights as object)) {
    if (!(t instanceof Tensor)) return fail();
    map.set(key, t);
  }
  return { best, bestStep, waited, seenAt, weights: map };
}
