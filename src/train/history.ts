import { FormatError } from "../errors.js";
import type { Logs } from "./callback.js";

/** What was logged at one moment. */
export interface HistoryEntry {
  /** Optimizer steps taken until then. */
  readonly step: number;
  /** Epochs finished until then. */
  readonly epoch: number;
  /** Seconds since training began; those before a resume count, what lies between does not. */
  readonly time: number;
  readonly logs: Logs;
}

/** A history as JSON has it. Numbers that JSON does not know are strings: "NaN", "Infinity", "-Infinity". */
export interface HistoryData {
  readonly steps: readonly unknown[];
  readonly epochs: readonly unknown[];
}

/** Everything that a training has logged. */
export class History {
  /** One entry for each step that was to be kept; validation within an epoch is in the entry of its step. */
  readonly steps: HistoryEntry[] = [];
  /** One entry for each epoch that was finished. */
  readonly epochs: HistoryEntry[] = [];
  /** What `stop` was called with; null if training ended by itself. */
  stopReason: string | null = null;

  /** Ready for JSON: NaN and the infinities are strings. */
  toJSON(): HistoryData {
    const plain = (entry: HistoryEntry): object => ({
      ...entry,
      logs: Object.fromEntries(Object.entries(entry.logs).map(([k, v]) => [k, Number.isFinite(v) ? v : String(v)])),
    });
    return { steps: this.steps.map(plain), epochs: this.epochs.map(plain) };
  }

  /** The history that `toJSON` has told. Errors: FormatError for anything else. */
  static fromJSON(data: unknown): History {
    const history = new History();
    if (!isRecord(data) || !Array.isArray(data.steps) || !Array.isArray(data.epochs)) {
      throw new FormatError("History", "data have no steps and epochs; expected what toJSON() gives");
    }
    history.steps.push(...data.steps.map(entryOf));
    history.epochs.push(...data.epochs.map(entryOf));
    return history;
  }

  /**
   * All values of one name, NaN where an entry has none: those of the epochs, or of the steps if no epoch has the name; or those of the
   * level asked for.
   */
  column(name: string, level?: "steps" | "epochs"): number[] {
    const from = level ?? (this.epochs.some((e) => name in e.logs) ? "epochs" : "steps");
    return this[from].map((entry) => entry.logs[name] ?? Number.NaN);
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function entryOf(value: unknown, i: number): HistoryEntry {
  const fail = (what: string): never => {
    throw new FormatError("History", `entry ${i} ${what}`);
  };
  if (!isRecord(value) || !isRecord(value.logs)) return fail("is no object with logs");
  const [step, epoch, time] = [value.step, value.epoch, value.time];
  if (typeof step !== "number" || typeof epoch !== "number" || typeof time !== "number") {
    return fail("has no numbers step, epoch and time");
  }
  const logs = Object.entries(value.logs).map(([name, v]): [string, number] => {
    if (typeof v === "number") return [name, v];
    return v === "NaN" || v === "Infinity" || v === "-Infinity" ? [name, Number(v)] : fail(`has no number ${name}`);
  });
  return { step, epoch, time, logs: Object.fromEntries(logs) };
}
