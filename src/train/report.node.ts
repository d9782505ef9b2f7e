import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { checkInteger, checkOptions } from "../check.js";
import { ArgumentError, RuntimeError } from "../errors.js";
import { writeAtomically } from "../io/atomic.node.js";
import type { Callback, TrainingState } from "./callback.js";
import type { GradientMonitor, GradientRecord } from "./gradient_monitor.js";
import type { History } from "./history.js";
import { gradientCharts, historyCharts } from "./report_charts.js";
import { type ChartLibrary, type ConfusionTable, checkConfusion, reportPage } from "./report_page.js";
import type { Summary } from "./summary.js";

export type { ConfusionTable } from "./report_page.js";

/** What a report shows besides the history. */
export interface ReportOptions {
  /** Default "Training". */
  readonly title?: string;
  readonly summary?: Summary | string;
  readonly confusion?: ConfusionTable;
  /** Plain text below the title. */
  readonly notes?: string;
  /** Hyper-parameters by name. */
  readonly parameters?: Readonly<Record<string, unknown>>;
  /** Norms and activations by layer, and warnings. */
  readonly gradients?: GradientMonitor | readonly GradientRecord[];
}

export interface ReportInput extends ReportOptions {
  readonly history: Pick<History, "steps" | "epochs">;
}

const KEYS = ["title", "summary", "confusion", "notes", "parameters", "gradients"];

/**
 * Writes one HTML file that shows how a training went: charts of losses, metrics, learning rate and gradient norms (these on a logarithmic
 * axis), results and hyper-parameters in tables, a confusion matrix, the model's summary. The file holds everything it needs and loads
 * nothing; it follows the reader's light or dark colours and can be printed. It appears whole or not at all.
 * Needs the package uplot. Errors: RuntimeError if uplot is not installed; ArgumentError for a confusion matrix that does not fit its labels;
 * those of the file system.
 */
export function writeReport(path: string, input: ReportInput): void {
  checkOptions("writeReport", input, [...KEYS, "history"]);
  write(path, input, null);
}

function write(path: string, input: ReportInput, error: string | null): void {
  const { history, title = "Training", summary, confusion, notes, parameters = {}, gradients = [] } = input;
  if (typeof history !== "object" || !Array.isArray(history?.steps) || !Array.isArray(history.epochs)) {
    throw new ArgumentError("writeReport", "history has no steps and epochs; expected a History");
  }
  if (confusion !== undefined) checkConfusion(confusion);
  const records = "records" in gradients ? gradients.records : gradients;
  const page = reportPage(
    {
      title: String(title),
      notes: notes ?? null,
      error,
      parameters,
      history,
      charts: [...historyCharts(history), ...gradientCharts(records)],
      warnings: firstWarnings(records),
      confusion: confusion ?? null,
      summary: summary === undefined ? null : String(summary),
    },
    loadLibrary(),
  );
  writeAtomically(path, new TextEncoder().encode(page));
}

/** Each kind of warning once for each layer, with the step that it first came at. */
function firstWarnings(records: readonly GradientRecord[]): (GradientRecord["warnings"][number] & { step: number })[] {
  const found = new Map<string, GradientRecord["warnings"][number] & { step: number }>();
  for (const { step, warnings } of records) {
    for (const w of warnings) {
      const key = `${w.kind} ${w.layer}`;
      if (!found.has(key)) found.set(key, { ...w, step });
    }
  }
  return [...found.values()];
}

let library: ChartLibrary | null = null;

function loadLibrary(): ChartLibrary {
  if (library !== null) return library;
  let scriptFile: string;
  try {
    scriptFile = createRequire(import.meta.url).resolve("uplot/dist/uPlot.iife.min.js");
  } catch {
    throw new RuntimeError("writeReport", "the package uplot is not installed; run npm install uplot");
  }
  const folder = dirname(scriptFile);
  const license = join(folder, "..", "LICENSE");
  library = {
    script: readFileSync(scriptFile, "utf8"),
    style: readFileSync(join(folder, "uPlot.min.css"), "utf8"),
    license: existsSync(license) ? readFileSync(license, "utf8").trim() : "uPlot, MIT License",
  };
  return library;
}

export interface HtmlReportOptions extends Omit<ReportOptions, "confusion"> {
  /** A matrix, or a function that is asked for it whenever the report is written; null leaves it out. */
  readonly confusion?: ConfusionTable | (() => ConfusionTable | null);
  /** Write after every n-th epoch, and at the end. Default 1. */
  readonly every?: number;
}

/**
 * Keeps a report of the training that it watches in one HTML file; see `writeReport`. The last one is written when training ends, also by an
 * error, which the page then tells.
 */
export class HtmlReport implements Callback {
  private readonly every: number;

  constructor(
    readonly path: string,
    private readonly options: HtmlReportOptions = {},
  ) {
    checkOptions("HtmlReport", options, [...KEYS, "every"]);
    this.every = checkInteger("HtmlReport", "every", options.every ?? 1, 1);
  }

  onEpochEnd({ epoch, history }: TrainingState): void {
    if (epoch % this.every === 0) this.write(history, null);
  }

  onTrainEnd({ history }: TrainingState, error?: unknown): void {
    this.write(history, error === undefined ? null : error instanceof Error ? error.message : String(error));
  }

  private write(history: History, error: string | null): void {
    const { confusion, every: _, ...rest } = this.options;
    const table = typeof confusion === "function" ? confusion() : (confusion ?? null);
    write(this.path, { ...rest, history, ...(table === null ? {} : { confusion: table }) }, error);
  }
}
