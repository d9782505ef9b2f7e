import { checkInteger, checkOptions } from "../check.js";
import { ArgumentError } from "../errors.js";
import { Generator } from "../random.js";
import { type Dimension, isIn, type ParamValue, type SearchSpace, valueAt } from "./space.js";
import type { Direction, TrialRecord } from "./trial.js";

/** What a method knows when it chooses a trial's parameters. */
export interface Proposal {
  readonly space: SearchSpace;
  /** Number of the trial. */
  readonly number: number;
  readonly direction: Direction;
  readonly finished: readonly TrialRecord[];
  /** Uniform numbers in [0, 1), those of this trial alone. */
  readonly random: () => number;
}

/** How parameters are chosen. The choice may depend on nothing but the proposal, so that a study can be resumed. */
export interface SearchMethod {
  readonly name: string;
  /** Options, as plain data: a resumed study must have the same. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Throws if the method cannot search such a space. */
  check(space: SearchSpace): void;
  /** Trials after which there is nothing more to try; null if there always is. */
  size(space: SearchSpace): number | null;
  propose(proposal: Proposal): Record<string, ParamValue>;
}

/** Blocks of the stream that a trial has for itself. */
const BLOCKS_PER_TRIAL = 2 ** 24;

/** Uniform numbers in [0, 1) that depend on the seed, the trial and the place only. */
export function uniformsOf(seed: number, trial: number): () => number {
  const generator = new Generator(seed);
  const { seed: key } = generator.getState();
  generator.setState({ seed: key, offset: trial * BLOCKS_PER_TRIAL });
  let words: Uint32Array = new Uint32Array();
  let at = 0;
  return () => {
    if (at === words.length) {
      words = generator.words(256);
      at = 0;
    }
    return words[at++]! / 2 ** 32;
  };
}

/** Draws every parameter independently. */
export function randomSearch(): SearchMethod {
  return {
    name: "random",
    options: {},
    check: () => undefined,
    size: () => null,
    propose: ({ space, random }) => randomParams(space, random),
  };
}

export function randomParams(space: SearchSpace, random: () => number): Record<string, ParamValue> {
  return Object.fromEntries(Object.entries(space).map(([name, d]) => [name, valueAt(d, random())]));
}

export interface GridSearchOptions {
  /** Values of a dimension of real numbers, evenly spread with both ends; for integers, at most as many. Default 5. */
  readonly points?: number;
  /** The values of some dimensions by name, instead. */
  readonly values?: Readonly<Record<string, readonly ParamValue[]>>;
}

/**
 * Tries all combinations, the last dimension fastest. Choices are tried all, integers all if there are at most `points`.
 * Errors: ArgumentError for values outside of their dimension, or of a dimension that the space has not.
 */
export function gridSearch(options: GridSearchOptions = {}): SearchMethod {
  checkOptions("gridSearch", options, ["points", "values"]);
  const points = checkInteger("gridSearch", "points", options.points ?? 5, 2);
  const { values = {} } = options;
  const axes = (space: SearchSpace): [string, readonly ParamValue[]][] =>
    Object.entries(space).map(([name, d]) => [name, values[name] ?? gridOf(d, points)]);
  return {
    name: "grid",
    options: { points, values },
    check(space) {
      for (const [name, list] of Object.entries(values)) {
        const dimension = space[name];
        if (dimension === undefined)
          throw new ArgumentError("gridSearch", `values has "${name}", which the space has not`);
        const outside = list.find((v) => !isIn(dimension, v));
        if (list.length === 0 || outside !== undefined) {
          const what = list.length === 0 ? "no value" : `${String(outside)}`;
          throw new ArgumentError("gridSearch", `values of "${name}" hold ${what}; expected values of its dimension`);
        }
      }
    },
    size: (space) => axes(space).reduce((product, [, list]) => product * list.length, 1),
    propose({ space, number }) {
      let rest = number;
      const chosen = axes(space)
        .reverse()
        .map(([name, list]): [string, ParamValue] => {
          const value = list[rest % list.length]!;
          rest = Math.floor(rest / list.length);
          return [name, value];
        });
      return Object.fromEntries(chosen.reverse());
    },
  };
}

function gridOf(dimension: Dimension, points: number): readonly ParamValue[] {
  if (dimension.kind === "choice") return dimension.values;
  const { low, high } = dimension;
  const log = dimension.kind === "logUniform" || (dimension.kind === "integer" && dimension.log);
  const n = dimension.kind === "integer" ? Math.min(points, high - low + 1) : points;
  const list = Array.from({ length: n }, (_, i) => {
    const u = n === 1 ? 0 : i / (n - 1);
    if (u === 1) return high;
    return log ? low * (high / low) ** u : low + u * (high - low);
  });
  return dimension.kind === "integer" ? [...new Set(list.map(Math.round))] : list;
}
