import type { Logs } from "./callback.js";

/** What was logged at one moment of a training. */
export interface HistoryEntry {
  /** Optimizer steps taken. */
  readonly step: number;
  /** Epochs finished. */
  readonly epoch: number;
  /** Seconds since the training began. */
  readonly time: number;
  readonly logs: Logs;
}

/** What a training logged, step by step and epoch by epoch. */
export class History {
  readonly steps: HistoryEntry[] = [];
  readonly epochs: HistoryEntry[] = [];

  /** The values of one name in order: those of the epochs if epochs logged it, otherwise those of the steps. */
  column(name: string): number[] {
    const of = (entries: readonly HistoryEntry[]): number[] =>
      entries.flatMap(({ logs }) => (logs[name] === undefined ? [] : [logs[name]]));
    const epochs = of(this.epochs);
    return epochs.length > 0 ? epochs : of(this.steps);
  }

  toJSON(): { steps: readonly HistoryEntry[]; epochs: readonly HistoryEntry[] } {
    return { steps: this.steps, epochs: this.epochs };
  }
}
