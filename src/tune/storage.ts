import { FormatError } from "../errors.js";
import { isIn, type SearchSpace } from "./space.js";
import type { Direction, TrialRecord, TrialStatus } from "./trial.js";

/** Where a study keeps its log, line by line. */
export interface StudyStorage {
  /** All whole lines, without their ends. What a crash left of a last line is dropped, so that `append` begins a new one. */
  read(): readonly string[];
  /** Adds a line, which is kept when this returns. */
  append(line: string): void;
}

/** A log in memory. */
export class MemoryStorage implements StudyStorage {
  readonly lines: string[];

  constructor(lines: Iterable<string> = []) {
    this.lines = [...lines];
  }

  read(): readonly string[] {
    return [...this.lines];
  }

  append(line: string): void {
    this.lines.push(line);
  }
}

/** What must be alike for a study to go on with a log: its first line. */
export interface StudyHeader {
  readonly version: 1;
  readonly space: SearchSpace;
  readonly method: { readonly name: string; readonly options: Readonly<Record<string, unknown>> };
  readonly direction: Direction;
  readonly seed: number;
}

export function headerLine(header: StudyHeader): string {
  return JSON.stringify({ study: header });
}

export function trialLine(record: TrialRecord): string {
  const reports = record.reports.map(([step, value]) => [step, Number.isFinite(value) ? value : String(value)]);
  return JSON.stringify({ trial: { ...record, reports } });
}

/** The first line of a log. Errors: FormatError for anything else. */
export function parseHeader(line: string): StudyHeader {
  const { study } = parseLine(line, 1);
  if (!isRecord(study) || study.version !== 1) {
    throw new FormatError("search", "line 1 of the log is no study of version 1; expected a log that search wrote");
  }
  const { space, method, direction, seed } = study;
  const known = isRecord(space) && isRecord(method) && typeof seed === "number";
  if (!known || (direction !== "minimize" && direction !== "maximize")) {
    throw new FormatError("search", "line 1 of the log lacks space, method, direction or seed");
  }
  const named = { name: String(method.name), options: isRecord(method.options) ? method.options : {} };
  return { version: 1, space: space as SearchSpace, method: named, direction, seed };
}

/** The trial in a line of a log, checked against the space. Errors: FormatError naming the line. */
export function parseTrial(line: string, lineNumber: number, space: SearchSpace): TrialRecord {
  const fail = (what: string): never => {
    throw new FormatError("search", `line ${lineNumber} of the log ${what}`);
  };
  const { trial } = parseLine(line, lineNumber);
  if (!isRecord(trial)) return fail("is no trial");
  const { number, params, status, value, reports, error, seconds } = trial;
  if (number !== lineNumber - 2) return fail(`is trial ${String(number)}, expected ${lineNumber - 2}`);
  if (!isRecord(params)) return fail("has no params");
  for (const [name, dimension] of Object.entries(space)) {
    if (!isIn(dimension, params[name]))
      return fail(`has ${name} = ${JSON.stringify(params[name])}, which is not in its space`);
  }
  if (!isStatus(status)) return fail(`has status ${String(status)}`);
  if (!(value === null ? status !== "complete" : Number.isFinite(value))) return fail(`has value ${String(value)}`);
  if (!Array.isArray(reports)) return fail("has no reports");
  const chosen = Object.fromEntries(
    Object.keys(space).map((name) => [name, params[name] as TrialRecord["params"][string]]),
  );
  return {
    number,
    params: chosen,
    status,
    value: value as number | null,
    reports: reports.map((r) => parseReport(r) ?? fail("has a report that is none")),
    error: typeof error === "string" ? error : null,
    seconds: typeof seconds === "number" ? seconds : 0,
  };
}

function parseLine(line: string, lineNumber: number): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(line);
    if (isRecord(value)) return value;
  } catch {
    // Told below, as for other values than objects.
  }
  throw new FormatError("search", `line ${lineNumber} of the log is no JSON object`);
}

function parseReport(report: unknown): [number, number] | null {
  if (!Array.isArray(report)) return null;
  const [step, value] = report as unknown[];
  if (typeof step !== "number" || !Number.isSafeInteger(step)) return null;
  if (typeof value === "number") return [step, value];
  return value === "NaN" || value === "Infinity" || value === "-Infinity" ? [step, Number(value)] : null;
}

function isStatus(status: unknown): status is TrialStatus {
  return status === "complete" || status === "pruned" || status === "failed";
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
