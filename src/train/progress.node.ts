import { Presets, SingleBar } from "cli-progress";
import { checkInteger, checkOptions } from "../check.js";
import type { Callback, Logs, TrainingState } from "./callback.js";
import { TrainerState } from "./trainer_state.js";

/** What is written to: `process.stdout` has all of it. */
export interface ProgressStream {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

export interface ProgressBarOptions {
  /** Where it is shown. Default `process.stdout`. */
  readonly stream?: ProgressStream;
  /** Names of the numbers to show. Default: all that are logged but "gradNorm". */
  readonly show?: readonly string[];
  /** Where there is no terminal: optimizer steps between two lines within an epoch; 0 for none. Default 0. */
  readonly lineEvery?: number;
}

/**
 * Shows how far training has come: a bar for each epoch on a terminal, otherwise a line at the end of each. What a terminal refuses is
 * left out; training goes on.
 */
export class ProgressBar implements Callback {
  private readonly stream: ProgressStream;
  private readonly show: readonly string[] | undefined;
  private readonly lineEvery: number;
  private bar: SingleBar | null = null;
  private firstStep = 0;

  constructor(options: ProgressBarOptions = {}) {
    checkOptions("ProgressBar", options, ["stream", "show", "lineEvery"]);
    this.stream = options.stream ?? process.stdout;
    this.show = options.show;
    this.lineEvery = checkInteger("ProgressBar", "lineEvery", options.lineEvery ?? 0, 0);
  }

  onEpochBegin(state: TrainingState): void {
    this.firstStep = state.step;
    if (this.stream.isTTY !== true) return;
    this.quietly(() => {
      this.bar = new SingleBar(
        {
          format: `${nameOf(state)} {bar} {count} {numbers}`,
          stream: this.stream as NodeJS.WritableStream,
          barsize: 24,
          hideCursor: false,
          clearOnComplete: false,
          // The library's own handlers would end the process at Ctrl-C before training can stop.
          gracefulExit: false,
        },
        Presets.shades_classic,
      );
      this.bar.start(Math.max(1, batchesOf(state)), 0, { count: "", numbers: "" });
    });
  }

  onStepEnd(state: TrainingState, logs: Logs): void {
    const made = this.madeBy(state);
    const batches = batchesOf(state);
    const count = batches === 0 ? `${made}` : `${made}/${batches}`;
    if (this.bar !== null) {
      this.quietly(() => this.bar?.update(Math.min(made, Math.max(1, batches)), { count, numbers: this.text(logs) }));
    } else if (this.lineEvery > 0 && state.step % this.lineEvery === 0) {
      this.line(`${nameOf(state)} batch ${count}: ${this.text(logs)}`);
    }
  }

  onEpochEnd(state: TrainingState, logs: Logs): void {
    if (this.bar === null) this.line(`${nameOf(state, -1)}: ${this.text(logs)}`);
    else {
      this.quietly(() => {
        const total = this.bar!.getTotal();
        this.bar!.update(total, { count: `${total}/${total}`, numbers: this.text(logs) });
      });
    }
    this.endBar();
  }

  onTrainEnd(state: TrainingState): void {
    this.endBar();
    if (state.history.stopReason !== null) this.line(`stopped: ${state.history.stopReason}`);
  }

  /** Batches of this epoch so far; other trainings than a Trainer's tell of steps only. */
  private madeBy(state: TrainingState): number {
    return state instanceof TrainerState ? state.batch : state.step - this.firstStep;
  }

  private endBar(): void {
    this.quietly(() => this.bar?.stop());
    this.bar = null;
  }

  private text(logs: Logs): string {
    const names = this.show ?? Object.keys(logs).filter((name) => name !== "gradNorm");
    return names.flatMap((name) => (logs[name] === undefined ? [] : [`${name} ${short(logs[name])}`])).join("  ");
  }

  private line(text: string): void {
    this.quietly(() => this.stream.write(`${text}\n`));
  }

  /** A closed pipe or a terminal of a strange size must not end a training. */
  private quietly(show: () => void): void {
    try {
      show();
    } catch {
      this.bar = null;
    }
  }
}

/** Batches in the epoch; 0 if unknown. */
function batchesOf({ batches = 0 }: TrainingState): number {
  return batches;
}

function nameOf({ epoch, maxEpochs }: TrainingState, offset = 0): string {
  const number = epoch + 1 + offset;
  return maxEpochs === undefined ? `epoch ${number}` : `epoch ${number}/${maxEpochs}`;
}

function short(value: number): string {
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4)));
}
