import { checkInteger, checkNumber } from "../check.js";
import type { Pruner } from "./pruner.js";
import type { ParamValue } from "./space.js";

/** Whether the objective is to be small or large. */
export type Direction = "minimize" | "maximize";

/** How a trial ended. */
export type TrialStatus = "complete" | "pruned" | "failed";

/** A finished trial. */
export interface TrialRecord {
  /** From 0 on, in the order of the start. */
  readonly number: number;
  readonly params: Readonly<Record<string, ParamValue>>;
  readonly status: TrialStatus;
  /** What the objective returned; the last reported value of a pruned trial; null if there is none. */
  readonly value: number | null;
  /** What was reported meanwhile, ascending by step. */
  readonly reports: readonly (readonly [step: number, value: number])[];
  /** Message of the error that a failed trial ended with. */
  readonly error: string | null;
  readonly seconds: number;
}

/** An objective throws it to end a trial that is not worth going on with. */
export class PrunedError extends Error {
  constructor(message = "the trial was pruned") {
    super(message);
    this.name = "PrunedError";
  }
}

/** The trial that is running: what the objective reports to. */
export class Trial {
  private readonly values = new Map<number, number>();

  constructor(
    readonly number: number,
    readonly params: Readonly<Record<string, ParamValue>>,
    /** For the objective's own generators: another for each trial, and the same whenever the trial is repeated. */
    readonly seed: number,
    private readonly context: {
      readonly pruner: Pruner | null;
      readonly direction: Direction;
      readonly finished: readonly TrialRecord[];
    },
  ) {}

  /** Tells an intermediate value, such as the validation loss after an epoch. Reporting a step again replaces its value. */
  report(step: number, value: number): void {
    checkInteger("report", "step", step, 0, Number.MAX_SAFE_INTEGER);
    // NaN is allowed: a trial that diverges is the first to be pruned.
    if (typeof value !== "number") checkNumber("report", "value", value);
    this.values.set(step, value);
  }

  /** Whether the pruner thinks that the trial is not worth going on with: then `throw new PrunedError()`. Without a pruner: false. */
  shouldPrune(): boolean {
    const { pruner, direction, finished } = this.context;
    if (pruner === null || this.values.size === 0) return false;
    if (Number.isNaN(this.reports.at(-1)![1])) return true;
    return pruner.shouldPrune(this.reports, finished, direction);
  }

  /** What was reported, ascending by step. */
  get reports(): readonly (readonly [step: number, value: number])[] {
    return [...this.values].sort(([a], [b]) => a - b);
  }
}
