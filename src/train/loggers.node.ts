import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { checkOneOf, checkOptions } from "../check.js";
import { ArgumentError } from "../errors.js";
import { writeAtomically } from "../io/atomic.node.js";
import { onFile } from "../io/file_errors.node.js";
import type { Callback, Logs, TrainingState } from "./callback.js";

/** Which moments a logger writes down. */
export type LogLevel = "steps" | "epochs";

/** Lines that wait are written at the end of an epoch, of a validation and of the training, or when there are so many. */
const MOST_WAITING = 500;

/** What both loggers have in common: lines that wait to be written. */
abstract class FileLogger implements Callback {
  protected readonly waiting: string[] = [];
  private began = 0;

  constructor(
    protected readonly name: string,
    readonly path: string,
  ) {
    if (typeof path !== "string" || path === "") {
      throw new ArgumentError(name, `path is ${JSON.stringify(path)}; expected that of a file`);
    }
  }

  onTrainBegin(state: TrainingState): void {
    this.began =
      performance.now() - 1000 * (state.history.epochs.at(-1)?.time ?? state.history.steps.at(-1)?.time ?? 0);
    this.waiting.length = 0;
    // What a run has logged behind the checkpoint that is resumed will be logged again.
    onFile(this.name, "begin", this.path, () => {
      const goesOn = state.step > 0 && existsSync(this.path);
      this.write(goesOn ? this.upTo(state.step, readFileSync(this.path, "utf8")) : "");
    });
  }

  onStepEnd(state: TrainingState, logs: Logs): void {
    this.add("step", state, logs);
  }

  onValidationEnd(): void {
    this.flush();
  }

  onEpochEnd(state: TrainingState, logs: Logs): void {
    this.add("epoch", state, logs);
    this.flush();
  }

  onTrainEnd(): void {
    this.flush();
  }

  /** The part of a file's text that tells of steps up to this one, and begins what is appended. */
  protected abstract upTo(step: number, text: string): string;

  protected abstract add(type: "step" | "epoch" | "validation", state: TrainingState, logs: Logs): void;

  protected seconds(): number {
    return Math.round(performance.now() - this.began) / 1000;
  }

  protected push(line: string): void {
    this.waiting.push(line);
    if (this.waiting.length >= MOST_WAITING) this.flush();
  }

  protected write(text: string): void {
    writeAtomically(this.path, new TextEncoder().encode(text));
  }

  private flush(): void {
    const lines = this.waiting.splice(0);
    if (lines.length === 0) return;
    onFile(this.name, "append to", this.path, () => appendFileSync(this.path, `${lines.join("\n")}\n`));
  }
}

/**
 * Writes one JSON object a line to a file: `{"type":"step","step":1,"epoch":0,"time":0.1,"loss":2.3,"lr":0.1}`, and likewise with the types
 * "validation" and "epoch". NaN and the infinities are null. A resumed training goes on with the file, another begins it anew.
 */
export class JsonlLogger extends FileLogger {
  constructor(path: string) {
    super("JsonlLogger", path);
  }

  override onValidationEnd(state?: TrainingState, logs: Logs = {}): void {
    if (state !== undefined) this.add("validation", state, logs);
    super.onValidationEnd();
  }

  protected add(type: "step" | "epoch" | "validation", { step, epoch }: TrainingState, logs: Logs): void {
    this.push(JSON.stringify({ type, step, epoch, time: this.seconds(), ...logs }));
  }

  protected upTo(step: number, text: string): string {
    const kept = text.split("\n").filter((line) => {
      try {
        const row: unknown = JSON.parse(line);
        return typeof row === "object" && row !== null && Number(Reflect.get(row, "step")) <= step;
      } catch {
        // The last line of a process that was killed.
        return false;
      }
    });
    return kept.map((line) => `${line}\n`).join("");
  }
}

export interface CsvLoggerOptions {
  /** Write a row for each epoch or for each optimizer step. Default "epochs". */
  readonly level?: LogLevel;
}

/**
 * Writes a table to a CSV file: step, epoch, time in seconds, and a column for each number that is logged; empty where a row has none. A
 * resumed training goes on with the file, another begins it anew.
 */
export class CsvLogger extends FileLogger {
  readonly level: LogLevel;
  private columns: readonly string[] = [];

  constructor(path: string, options: CsvLoggerOptions = {}) {
    super("CsvLogger", path);
    checkOptions("CsvLogger", options, ["level"]);
    this.level = checkOneOf("CsvLogger", "level", options.level ?? "epochs", ["steps", "epochs"]);
  }

  protected add(type: "step" | "epoch" | "validation", { step, epoch }: TrainingState, logs: Logs): void {
    if (`${type}s` !== this.level) return;
    const row: Logs = { step, epoch, time: this.seconds(), ...logs };
    const more = Object.keys(row).filter((name) => !this.columns.includes(name));
    if (more.length > 0) this.widen(more);
    this.push(this.columns.map((name) => String(row[name] ?? "")).join(","));
  }

  protected upTo(step: number, text: string): string {
    const [header = "", ...rows] = text.split("\n");
    this.columns = header === "" ? [] : parseRow(header);
    const at = this.columns.indexOf("step");
    const kept = rows.filter((row) => {
      const cells = parseRow(row);
      return cells.length === this.columns.length && Number(cells[at]) <= step;
    });
    return header === "" ? "" : [header, ...kept].map((row) => `${row}\n`).join("");
  }

  override onTrainBegin(state: TrainingState): void {
    this.columns = [];
    super.onTrainBegin(state);
  }

  /** Adds columns: the rows that are there already get empty cells. */
  private widen(more: readonly string[]): void {
    this.columns = [...this.columns, ...more];
    const padding = ",".repeat(more.length);
    onFile(this.name, "rewrite", this.path, () => {
      const rows = [...readFileSync(this.path, "utf8").split("\n").slice(1), ...this.waiting.splice(0)];
      const padded = rows.filter((row) => row !== "").map((row) => row + padding);
      this.write([this.columns.map(cell).join(","), ...padded].map((line) => `${line}\n`).join(""));
    });
  }
}

function cell(name: string): string {
  return /[",\r\n]/.test(name) ? `"${name.replaceAll('"', '""')}"` : name;
}

/** The cells of a line, in which only quotes within quotes are doubled. */
function parseRow(line: string): string[] {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain!,
  );
}
