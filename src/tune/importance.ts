import { positionOf, type SearchSpace } from "./space.js";
import type { TrialRecord } from "./trial.js";

/** Fewer trials say nothing about a dimension. */
const LEAST_TRIALS = 10;
const MOST_BINS = 6;

/**
 * How much of the objective's variation each parameter explains by itself, as parts of 1: values are ranked, sorted by the parameter into groups
 * (of a choice, one for each value), and the variance between groups counts, less what chance would give (Kelley's ε²). Null with
 * fewer than ten complete trials; all 0 if no parameter explains anything. What only a combination of parameters does is not seen.
 */
export function importanceOf(space: SearchSpace, trials: readonly TrialRecord[]): Record<string, number> | null {
  const complete = trials.filter((t) => t.status === "complete");
  if (complete.length < LEAST_TRIALS) return null;
  const ranks = ranksOf(complete.map((t) => t.value!));
  const parts = Object.entries(space).map(([name, dimension]): [string, number] => {
    const places = complete.map((t) => positionOf(dimension, t.params[name]!));
    const groups = dimension.kind === "choice" ? places : quantiles(places);
    return [name, explained(ranks, groups)];
  });
  const total = parts.reduce((sum, [, part]) => sum + part, 0);
  return Object.fromEntries(parts.map(([name, part]) => [name, total === 0 ? 0 : part / total]));
}

/** Place of each value among all, equal values sharing the mean of theirs. */
function ranksOf(values: readonly number[]): number[] {
  return values.map((v) => {
    const below = values.filter((w) => w < v).length;
    const equal = values.filter((w) => w === v).length;
    return below + (equal - 1) / 2;
  });
}

/** Groups of about the same size; equal places are in one group. */
function quantiles(places: readonly number[]): number[] {
  const bins = Math.min(MOST_BINS, Math.floor(Math.sqrt(places.length)));
  return ranksOf(places).map((rank) => Math.floor((rank / places.length) * bins));
}

function explained(values: readonly number[], groups: readonly number[]): number {
  const n = values.length;
  const mean = values.reduce((sum, v) => sum + v, 0) / n;
  const total = values.reduce((sum, v) => sum + (v - mean) ** 2, 0);
  const distinct = [...new Set(groups)];
  if (total === 0 || distinct.length < 2 || distinct.length >= n) return 0;
  let within = 0;
  for (const group of distinct) {
    const own = values.filter((_, i) => groups[i] === group);
    const centre = own.reduce((sum, v) => sum + v, 0) / own.length;
    within += own.reduce((sum, v) => sum + (v - centre) ** 2, 0);
  }
  return Math.max(0, 1 - within / (n - distinct.length) / (total / (n - 1)));
}
