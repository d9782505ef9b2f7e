// What a pool counts.
import { createHistogram, type RecordableHistogram } from "node:perf_hooks";
import type { ServeErrorCode } from "./errors.js";

/** Of all values so far; 0 if there are none. */
export interface Distribution {
  readonly count: number;
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly max: number;
}

export interface PoolMetrics {
  /** Requests that came in, those that were refused included. */
  readonly requests: number;
  readonly completed: number;
  /** Requests that got no result, by the code of their error. */
  readonly errors: Readonly<Partial<Record<ServeErrorCode, number>>>;
  /** Requests that their callers have given up. */
  readonly abandoned: number;
  /** Requests that ran once more, alone, because their batch failed or their worker died. */
  readonly retried: number;
  /** Workers that died or were ended over a run that took too long. */
  readonly deaths: number;
  /** Requests that wait, and those that are with a worker. */
  readonly queued: number;
  readonly running: number;
  /** From the call of `run` to its result. */
  readonly latencyMs: Distribution;
  /** With a worker, the way there and back included. */
  readonly runMs: Distribution;
  /** Rows of requests in a batch. */
  readonly batchRows: Distribution;
}

/** Histograms of Node count integers. */
const MICROSECONDS = 1000;

export class Tally {
  requests = 0;
  completed = 0;
  abandoned = 0;
  retried = 0;
  deaths = 0;
  private readonly errors: Partial<Record<ServeErrorCode, number>> = {};
  private readonly latency = createHistogram();
  private readonly run = createHistogram();
  private readonly rows = createHistogram();

  failed(code: ServeErrorCode): void {
    this.errors[code] = (this.errors[code] ?? 0) + 1;
  }

  finished(ms: number): void {
    this.completed++;
    record(this.latency, ms * MICROSECONDS);
  }

  ran(rows: number, ms: number): void {
    record(this.rows, rows);
    record(this.run, ms * MICROSECONDS);
  }

  report(queued: number, running: number): PoolMetrics {
    const { requests, completed, abandoned, retried, deaths } = this;
    return {
      requests,
      completed,
      errors: { ...this.errors },
      abandoned,
      retried,
      deaths,
      queued,
      running,
      latencyMs: distribution(this.latency, MICROSECONDS),
      runMs: distribution(this.run, MICROSECONDS),
      batchRows: distribution(this.rows, 1),
    };
  }
}

function record(histogram: RecordableHistogram, value: number): void {
  histogram.record(Math.max(1, Math.round(value)));
}

function distribution(histogram: RecordableHistogram, unit: number): Distribution {
  const { count } = histogram;
  if (count === 0) return { count, mean: 0, p50: 0, p90: 0, p99: 0, max: 0 };
  const at = (percent: number): number => histogram.percentile(percent) / unit;
  return { count, mean: histogram.mean / unit, p50: at(50), p90: at(90), p99: at(99), max: histogram.max / unit };
}

/** The metrics in the text format that Prometheus reads. */
export function prometheusText(metrics: PoolMetrics, workers: number): string {
  const lines: string[] = [];
  const add = (
    name: string,
    type: string,
    help: string,
    samples: readonly (readonly [labels: string, value: number])[],
  ): void => {
    lines.push(`# HELP quadlane_${name} ${help}`, `# TYPE quadlane_${name} ${type}`);
    for (const [labels, value] of samples) lines.push(`quadlane_${name}${labels} ${value}`);
  };
  const summary = (name: string, help: string, { count, mean, p50, p90, p99 }: Distribution, unit: number): void => {
    const quantiles = { "0.5": p50, "0.9": p90, "0.99": p99 };
    add(name, "summary", help, [
      ...Object.entries(quantiles).map(([q, value]) => [`{quantile="${q}"}`, value / unit] as const),
      ["_sum", (mean * count) / unit],
      ["_count", count],
    ]);
  };
  add("requests_total", "counter", "Requests that came in.", [["", metrics.requests]]);
  add("completed_total", "counter", "Requests that got a result.", [["", metrics.completed]]);
  add(
    "errors_total",
    "counter",
    "Requests that got none.",
    Object.entries(metrics.errors).map(([code, count]) => [`{code="${code}"}`, count] as const),
  );
  add("abandoned_total", "counter", "Requests that their callers have given up.", [["", metrics.abandoned]]);
  add("retried_total", "counter", "Requests that ran once more.", [["", metrics.retried]]);
  add("worker_deaths_total", "counter", "Workers that died or were ended.", [["", metrics.deaths]]);
  add("queued", "gauge", "Requests that wait.", [["", metrics.queued]]);
  add("running", "gauge", "Requests that are with a worker.", [["", metrics.running]]);
  add("workers", "gauge", "Workers that are ready.", [["", workers]]);
  summary("latency_seconds", "From a request to its result.", metrics.latencyMs, 1000);
  summary("run_seconds", "Of a batch, with its worker.", metrics.runMs, 1000);
  summary("batch_rows", "Rows in a batch.", metrics.batchRows, 1);
  return `${lines.join("\n")}\n`;
}
