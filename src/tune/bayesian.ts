import { checkInteger, checkOptions } from "../check.js";
import { expectedImprovement, GaussianProcess, type Point } from "./gaussian.js";
import { type Proposal, randomParams, type SearchMethod } from "./method.js";
import { costOf } from "./pruner.js";
import { type ParamValue, positionOf, type SearchSpace, valueAt } from "./space.js";

export interface BayesianSearchOptions {
  /** Trials that are drawn at random before the model is asked. Default: two for each dimension, at least 5. */
  readonly startupTrials?: number;
  /** Points at which the expected improvement is computed for each trial. Default 1000. */
  readonly candidates?: number;
}

/** Newer trials of a long study say enough; the work grows with the third power. */
const MOST_TRIALS = 300;
/** Settings of the kernel that are tried for each trial. */
const FITS = 40;

/**
 * Bayesian optimisation: a Gaussian process with Matérn's kernel (ν = 5/2) is fitted to the trials so far, and the next one is where it
 * expects the largest improvement. Real numbers and integers lie on [0, 1], by their logarithm where the dimension has one; a choice is one coordinate
 * for each of its values. Lengths and noise of the kernel are those of the highest likelihood among random ones. A pruned trial counts with
 * its last value, a failed one as the worst. Sources: Jones, Schonlau and Welch, 1998; Snoek, Larochelle and Adams, 2012.
 */
export function bayesianSearch(options: BayesianSearchOptions = {}): SearchMethod {
  checkOptions("bayesianSearch", options, ["startupTrials", "candidates"]);
  const { startupTrials = null } = options;
  if (startupTrials !== null) checkInteger("bayesianSearch", "startupTrials", startupTrials, 2);
  const candidates = checkInteger("bayesianSearch", "candidates", options.candidates ?? 1000, 10, 1e6);
  return {
    name: "bayesian",
    options: { startupTrials, candidates },
    check: () => undefined,
    size: () => null,
    propose(proposal) {
      const { space, random } = proposal;
      const known = observations(proposal);
      const startup = startupTrials ?? Math.max(5, 2 * Object.keys(space).length);
      if (known.length < startup) return randomParams(space, random);
      return new Acquisition(space, known, random).best(candidates);
    },
  };
}

interface Observation {
  readonly params: Readonly<Record<string, ParamValue>>;
  readonly cost: number;
}

function observations({ finished, direction }: Proposal): Observation[] {
  const costs = finished.map((t) => (t.value === null ? Infinity : costOf(t.value, direction)));
  const finite = costs.filter(Number.isFinite);
  if (finite.length === 0) return [];
  const worst = Math.max(...finite);
  const all = finished.map((t, i) => ({ params: t.params, cost: Number.isFinite(costs[i]) ? costs[i]! : worst }));
  return all.slice(-MOST_TRIALS);
}

/** The model of one trial, and the search for its most promising point. */
class Acquisition {
  private readonly model: GaussianProcess;
  private readonly lowest: number;

  constructor(
    private readonly space: SearchSpace,
    private readonly known: readonly Observation[],
    private readonly random: () => number,
  ) {
    const points = known.map((o) => encode(space, o.params));
    const costs = squashed(known.map((o) => o.cost));
    this.lowest = Math.min(...costs);
    this.model = fitted(points, costs, random);
  }

  best(candidates: number): Record<string, ParamValue> {
    const { space, random } = this;
    let best = randomParams(space, random);
    let gain = this.gainOf(best);
    const consider = (params: Record<string, ParamValue>): void => {
      const found = this.gainOf(params);
      if (found <= gain) return;
      best = params;
      gain = found;
    };
    // Half of the points anywhere; then around the best trials, and closer and closer to the best point.
    for (let i = 1; i < candidates / 2; i++) consider(randomParams(space, random));
    const leaders = [...this.known].sort((a, b) => a.cost - b.cost).slice(0, 5);
    const rest = Math.ceil(candidates / 2);
    for (let i = 0; i < rest; i++) {
      const near = i < rest / 3 ? leaders[i % leaders.length]!.params : best;
      consider(this.neighbour(near, 0.2 * 0.01 ** (i / rest)));
    }
    return best;
  }

  private gainOf(params: Readonly<Record<string, ParamValue>>): number {
    const { mean, deviation } = this.model.predict(encode(this.space, params));
    return expectedImprovement(this.lowest, mean, deviation);
  }

  /** Moves every coordinate by about `step`; a choice sometimes becomes another. */
  private neighbour(params: Readonly<Record<string, ParamValue>>, step: number): Record<string, ParamValue> {
    const { random } = this;
    const moved = Object.entries(this.space).map(([name, d]): [string, ParamValue] => {
      const value = params[name]!;
      if (d.kind === "choice") return [name, random() < step ? valueAt(d, random()) : value];
      // The sum of three uniform numbers is normal enough.
      const shift = 2 * (random() + random() + random() - 1.5) * step;
      const u = Math.abs(positionOf(d, value) + shift);
      return [name, valueAt(d, Math.min(1, u > 1 ? 2 - u : u))];
    });
    return Object.fromEntries(moved);
  }
}

function encode(space: SearchSpace, params: Readonly<Record<string, ParamValue>>): Point {
  return Object.entries(space).flatMap(([name, d]) => {
    const position = positionOf(d, params[name]!);
    return d.kind === "choice" ? d.values.map((_, i) => (i === position ? Math.SQRT1_2 : 0)) : [position];
  });
}

/** Costs with unit scale; what is far above the median is drawn in, since a few diverged trials would hide all other differences. */
function squashed(costs: readonly number[]): number[] {
  const sorted = [...costs].sort((a, b) => a - b);
  const median = sorted[sorted.length >> 1]!;
  const scale = median - sorted[0]! || sorted.at(-1)! - sorted[0]! || 1;
  return costs.map((c) => {
    const z = (c - median) / scale;
    return z > 1 ? 1 + Math.log(z) : z;
  });
}

/** The model of the highest likelihood among random settings. */
function fitted(points: readonly Point[], costs: readonly number[], random: () => number): GaussianProcess {
  const dims = points[0]!.length;
  const logBetween = (low: number, high: number): number => low * (high / low) ** random();
  let lengths = new Array<number>(dims).fill(0.5);
  let noise = 1e-4;
  let best = new GaussianProcess(points, costs, { lengths, noise });
  for (let i = 0; i < FITS; i++) {
    // The first half anywhere, the second around what is best.
    const wide = i < FITS / 2;
    const nextLengths = lengths.map((l) => (wide ? logBetween(0.05, 5) : Math.min(10, l * logBetween(0.6, 1.7))));
    const nextNoise = wide ? logBetween(1e-6, 0.1) : Math.min(1, noise * logBetween(0.2, 5));
    const next = new GaussianProcess(points, costs, { lengths: nextLengths, noise: nextNoise });
    if (next.logLikelihood <= best.logLikelihood) continue;
    best = next;
    lengths = nextLengths;
    noise = nextNoise;
  }
  return best;
}
