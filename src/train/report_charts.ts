import type { GradientRecord } from "./gradient_monitor.js";
import type { History, HistoryEntry } from "./history.js";

/** One line of a chart: values over steps; null where a value was not finite. */
export interface ReportSeries {
  readonly label: string;
  readonly x: readonly number[];
  readonly y: readonly (number | null)[];
}

export interface ReportChart {
  readonly title: string;
  /** Whether the axis of values is logarithmic; it shows positive values only. */
  readonly log: boolean;
  readonly series: readonly ReportSeries[];
}

type Point = readonly [step: number, value: number];

/** Beyond this number of points a series is thinned out: a page of 700 pixels shows no more. */
const MAX_POINTS = 2000;

/** One chart for each quantity: a name, the same with "val", "train" or "test" before it, by step and by epoch. */
export function historyCharts(history: Pick<History, "steps" | "epochs">): ReportChart[] {
  const steps = seriesOf(history.steps);
  const epochs = seriesOf(history.epochs);
  const byStem = new Map<string, [label: string, points: Point[]][]>();
  const include = (name: string, label: string, points: Point[]): void => {
    const stem = stemOf(name);
    byStem.set(stem, [...(byStem.get(stem) ?? []), [label, points]]);
  };
  for (const [name, points] of steps) include(name, epochs.has(name) ? `${name}, each step` : name, points);
  for (const [name, points] of epochs) include(name, steps.has(name) ? `${name}, by epoch` : name, points);
  const rank = (stem: string): number => (stem === "loss" ? 0 : isNorm(stem) ? 3 : stem === "lr" ? 2 : 1);
  return [...byStem]
    .sort(([a], [b]) => rank(a) - rank(b))
    .flatMap(([stem, lines]) => chart(stem === "lr" ? "learning rate" : stem, isNorm(stem), lines));
}

/** Norms, updates and activations by layer. */
export function gradientCharts(records: readonly GradientRecord[]): ReportChart[] {
  const collect = (
    values: (r: GradientRecord) => readonly (readonly [string, number | null])[],
  ): [string, Point[]][] => {
    const lines = new Map<string, Point[]>();
    for (const record of records) {
      for (const [label, value] of values(record)) {
        if (value === null) continue;
        const points = lines.get(label);
        if (points === undefined) lines.set(label, [[record.step, value]]);
        else points.push([record.step, value]);
      }
    }
    return [...lines];
  };
  const name = (l: { layer: string; type: string }): string => (l.layer === "" ? l.type : l.layer);
  const activations = (kind: string) =>
    collect((r) => r.activations.filter((a) => a.kind === kind).map((a) => [name(a), a.fraction]));
  return [
    ...chart(
      "gradient norms by layer",
      true,
      collect((r) => [["all", r.totalNorm], ...r.layers.map((l) => [name(l), l.gradNorm] as const)]),
    ),
    ...chart(
      "update to weights by layer",
      true,
      collect((r) => r.layers.map((l) => [name(l), l.updateRatio])),
    ),
    ...chart("dead units, part of all", false, activations("dead")),
    ...chart("saturated outputs, part of all", false, activations("saturated")),
  ];
}

/** What a name measures, whatever data it was measured on: "valLoss" and "val_loss" are losses. */
function stemOf(name: string): string {
  const stem = name.replace(/^(?:val|train|test)(?:[_/](?=.)|(?=[A-Z]))/, "");
  return stem === name ? name : stem.charAt(0).toLowerCase() + stem.slice(1);
}

function isNorm(stem: string): boolean {
  return /norm/i.test(stem);
}

function seriesOf(entries: readonly HistoryEntry[]): Map<string, Point[]> {
  const found = new Map<string, Point[]>();
  for (const { step, logs } of entries) {
    for (const [name, value] of Object.entries(logs)) {
      const points = found.get(name);
      if (points === undefined) found.set(name, [[step, value]]);
      else points.push([step, value]);
    }
  }
  return found;
}

/** None if no value can be shown. */
function chart(title: string, log: boolean, lines: readonly (readonly [string, readonly Point[]])[]): ReportChart[] {
  const series = lines.flatMap(([label, points]): ReportSeries[] => {
    const shown = thinned(points).map(([x, v]) => [x, Number.isFinite(v) && (!log || v > 0) ? v : null] as const);
    if (shown.every(([, v]) => v === null)) return [];
    return [{ label, x: shown.map(([x]) => x), y: shown.map(([, v]) => v) }];
  });
  return series.length === 0 ? [] : [{ title, log, series }];
}

/** Points in the order of steps, one a step (the last), and of too many the extremes of each stretch. */
function thinned(points: readonly Point[]): Point[] {
  const sorted = [...new Map([...points].sort(([a], [b]) => a - b))];
  const stretch = Math.ceil((2 * sorted.length) / MAX_POINTS);
  if (sorted.length <= MAX_POINTS) return sorted;
  const kept: Point[] = [];
  for (let at = 0; at < sorted.length; at += stretch) {
    const part = sorted.slice(at, at + stretch);
    let low = part[0]!;
    let high = low;
    for (const p of part) {
      if (p[1] < low[1]) low = p;
      if (p[1] > high[1]) high = p;
    }
    const bad = part.filter(([, v]) => !Number.isFinite(v)).slice(0, 1);
    kept.push(...[...new Map([low, high, ...bad])].sort(([x], [y]) => x - y));
  }
  return kept;
}
