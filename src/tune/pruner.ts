import { checkInteger, checkOptions } from "../check.js";
import type { Direction, TrialRecord } from "./trial.js";

type Reports = TrialRecord["reports"];

/** Decides which trials are not worth going on with. */
export interface Pruner {
  /** `reports` are those of the running trial, with at least one; `finished` are the trials before it. */
  shouldPrune(reports: Reports, finished: readonly TrialRecord[], direction: Direction): boolean;
}

export interface MedianPrunerOptions {
  /** Trials that must be complete before any is pruned. Default 5. */
  readonly startupTrials?: number;
  /** Steps below this one prune nothing. Default 0. */
  readonly warmupSteps?: number;
}

/**
 * Prunes a trial whose best value so far is worse than the median of what the complete trials reported at the same step.
 * Source: Golovin et al., Google Vizier, 2017.
 */
export function medianPruner(options: MedianPrunerOptions = {}): Pruner {
  checkOptions("medianPruner", options, ["startupTrials", "warmupSteps"]);
  const startupTrials = checkInteger("medianPruner", "startupTrials", options.startupTrials ?? 5, 1);
  const warmupSteps = checkInteger("medianPruner", "warmupSteps", options.warmupSteps ?? 0, 0);
  return {
    shouldPrune(reports, finished, direction) {
      const [step] = reports.at(-1)!;
      const complete = finished.filter((t) => t.status === "complete");
      if (step < warmupSteps || complete.length < startupTrials) return false;
      const costs = complete.flatMap((t) => valueAtStep(t.reports, step)).map((v) => costOf(v, direction));
      if (costs.length === 0) return false;
      const best = Math.min(...reports.map(([, v]) => costOf(v, direction)));
      return best > median(costs);
    },
  };
}

export interface SuccessiveHalvingOptions {
  /** Step of the first rung. Default 1. */
  readonly minResource?: number;
  /** Rungs are at minResource · factorⁱ; of the trials that reach one, the best 1/factor go on. Default 4. */
  readonly reductionFactor?: number;
}

/**
 * Prunes a trial that, on a rung, is not among the best 1/reductionFactor of all trials that reached it, which need not wait for each other.
 * Source: Li et al., A System for Massively Parallel Hyperparameter Tuning (ASHA), 2020.
 */
export function successiveHalving(options: SuccessiveHalvingOptions = {}): Pruner {
  checkOptions("successiveHalving", options, ["minResource", "reductionFactor"]);
  const minResource = checkInteger("successiveHalving", "minResource", options.minResource ?? 1, 1);
  const factor = checkInteger("successiveHalving", "reductionFactor", options.reductionFactor ?? 4, 2);
  return {
    shouldPrune(reports, finished, direction) {
      const [step, value] = reports.at(-1)!;
      const before = reports.at(-2)?.[0] ?? -1;
      let rung = minResource;
      while (rung * factor <= step) rung *= factor;
      // Only the first report on a rung or beyond it is compared.
      if (step < rung || before >= rung) return false;
      const others = finished.flatMap((t) => firstFrom(t.reports, rung)).map((v) => costOf(v, direction));
      const mine = costOf(value, direction);
      const better = others.filter((cost) => cost < mine).length;
      return better >= Math.max(1, Math.floor((others.length + 1) / factor));
    },
  };
}

/** Small is good; NaN is worst. */
export function costOf(value: number, direction: Direction): number {
  if (Number.isNaN(value)) return Infinity;
  return direction === "minimize" ? value : -value;
}

function valueAtStep(reports: Reports, step: number): number[] {
  return reports.flatMap(([s, v]) => (s === step ? [v] : []));
}

function firstFrom(reports: Reports, step: number): number[] {
  const found = reports.find(([s]) => s >= step);
  return found === undefined ? [] : [found[1]];
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
