import { checkInteger, checkNumber, checkOneOf, checkOptions } from "../check.js";
import { ArgumentError, RuntimeError } from "../errors.js";
import { Generator } from "../random.js";
import { importanceOf } from "./importance.js";
import { randomSearch, type SearchMethod, uniformsOf } from "./method.js";
import { costOf, type Pruner } from "./pruner.js";
import { checkSpace, type ParamsOf, type SearchSpace } from "./space.js";
import { headerLine, parseHeader, parseTrial, type StudyHeader, type StudyStorage, trialLine } from "./storage.js";
import { type Direction, PrunedError, Trial, type TrialRecord } from "./trial.js";

/** What is searched for: a value for some parameters. */
export type Objective<S extends SearchSpace> = (params: ParamsOf<S>, trial: Trial) => number | Promise<number>;

export interface SearchOptions<S extends SearchSpace> {
  readonly space: S;
  /** How parameters are chosen. Default `randomSearch()`. */
  readonly method?: SearchMethod;
  /** Trials of the whole study, those of a log included. Default: all of a grid, otherwise as many as the time allows. */
  readonly trials?: number;
  /** Seconds after which no trial begins any more; the running one is not stopped. Default: no limit. */
  readonly timeLimit?: number;
  /** From 0 to 2⁵³ − 1. Default: that of the log that is resumed, otherwise one from the platform. */
  readonly seed?: number;
  /** Default "minimize". */
  readonly direction?: Direction;
  readonly pruner?: Pruner;
  /** Keeps every finished trial. Default: none. */
  readonly log?: StudyStorage;
  /** Go on with a log that holds trials. Default false: such a log is refused. */
  readonly resume?: boolean;
  /** Called after each trial. */
  readonly onTrial?: (record: TrialRecord) => void;
}

export const SEARCH_OPTIONS = [
  ...["space", "method", "trials", "timeLimit", "seed", "direction", "pruner", "log", "resume", "onTrial"],
];

/** A finished search. */
export class StudyResult<S extends SearchSpace = SearchSpace> {
  constructor(
    readonly space: S,
    readonly direction: Direction,
    /** In the order they began. */
    readonly trials: readonly TrialRecord[],
    readonly seed: number,
  ) {}

  /** The complete trial with the best value, the first of equal ones; null if no trial is complete. */
  get best(): TrialRecord | null {
    let best: TrialRecord | null = null;
    for (const t of this.trials) {
      if (t.status !== "complete") continue;
      if (best === null || costOf(t.value!, this.direction) < costOf(best.value!, this.direction)) best = t;
    }
    return best;
  }

  /** Parameters of the best trial. Errors: RuntimeError if no trial is complete. */
  get bestParams(): ParamsOf<S> {
    return this.bestOrThrow().params as ParamsOf<S>;
  }

  /** Value of the best trial. Errors: RuntimeError if no trial is complete. */
  get bestValue(): number {
    return this.bestOrThrow().value!;
  }

  /** How much each parameter mattered; see `importanceOf`. */
  importance(): Record<string, number> | null {
    return importanceOf(this.space, this.trials);
  }

  private bestOrThrow(): TrialRecord {
    const { best } = this;
    if (best !== null) return best;
    const why = this.trials.at(-1)?.error ?? "they were pruned, or there are none";
    throw new RuntimeError("search", `none of ${this.trials.length} trials is complete; the last one: ${why}`);
  }
}

/**
 * Looks for the parameters with the best objective, one trial after the other.
 *
 *     const found = await tune.search(async ({ lr, width }, trial) => { … return valLoss; }, {
 *       space: { lr: tune.logUniform(1e-4, 1e-1), width: tune.integer(16, 256, { log: true }) },
 *       method: tune.bayesianSearch(), trials: 40, pruner: tune.medianPruner(), seed: 1,
 *     });
 *
 * What an objective throws, or a result that is no finite number, makes its trial a failed one and does not end the search; a PrunedError
 * makes it a pruned one. A trial's parameters depend on the seed, its number and the trials before it only, so that a search which is
 * interrupted and resumed tries what it would have tried.
 * Errors: ArgumentError for options out of range, a search without an end, a log that holds trials without `resume`, or that was written
 * with another space, method, direction or seed; FormatError for a log that is none.
 */
export async function search<const S extends SearchSpace>(
  objective: Objective<S>,
  options: SearchOptions<S>,
): Promise<StudyResult<S>> {
  const settings = checked(objective, options);
  const { space, method, direction, timeLimit, log, pruner, onTrial } = settings;
  const { header, trials } = opened(settings);
  const begun = performance.now();
  while (trials.length < settings.trials && performance.now() - begun < 1000 * timeLimit) {
    const number = trials.length;
    const random = uniformsOf(header.seed, number);
    const trialSeed = Math.floor(random() * 2 ** 32);
    const params = method.propose({ space, number, direction, finished: trials, random });
    const trial = new Trial(number, params, trialSeed, { pruner, direction, finished: trials });
    const record = await run(objective, trial);
    trials.push(record);
    log?.append(trialLine(record));
    onTrial?.(record);
  }
  return new StudyResult(space, direction, trials, header.seed);
}

type Settings<S extends SearchSpace> = Required<Omit<SearchOptions<S>, "seed" | "pruner" | "log" | "onTrial">> & {
  readonly seed: number | null;
  readonly pruner: Pruner | null;
  readonly log: StudyStorage | null;
  readonly onTrial: ((record: TrialRecord) => void) | null;
};

function checked<S extends SearchSpace>(objective: Objective<S>, options: SearchOptions<S>): Settings<S> {
  if (typeof objective !== "function") {
    throw new ArgumentError(
      "search",
      `objective is ${String(objective)}; expected a function of parameters and a trial`,
    );
  }
  checkOptions("search", options, SEARCH_OPTIONS);
  const { space, method = randomSearch(), seed = null, pruner = null, log = null, onTrial = null } = options;
  checkSpace("search", space);
  method.check(space);
  if (seed !== null) checkInteger("search", "seed", seed, 0, Number.MAX_SAFE_INTEGER);
  const direction = checkOneOf("search", "direction", options.direction ?? "minimize", ["minimize", "maximize"]);
  const size = method.size(space) ?? Infinity;
  const trials =
    options.trials === undefined ? size : Math.min(size, checkInteger("search", "trials", options.trials, 0));
  const timeLimit = checkNumber("search", "timeLimit", options.timeLimit ?? Infinity, 0);
  if (trials === Infinity && timeLimit === Infinity) {
    throw new ArgumentError("search", "the search has no end; expected trials or timeLimit");
  }
  if (log !== null && (typeof log.read !== "function" || typeof log.append !== "function")) {
    throw new ArgumentError("search", "log is no storage; expected one such as MemoryStorage, or a path in Node");
  }
  const resume = options.resume ?? false;
  return { space, method, seed, direction, trials, timeLimit, pruner, log, resume, onTrial };
}

/** The study's header and the trials of its log, which holds the header afterwards. */
function opened<S extends SearchSpace>(settings: Settings<S>): { header: StudyHeader; trials: TrialRecord[] } {
  const { space, method, direction, log, resume } = settings;
  const lines = log?.read() ?? [];
  if (lines.length > 1 && !resume) {
    throw new ArgumentError(
      "search",
      `the log holds ${lines.length - 1} trials; expected an empty one, or resume: true`,
    );
  }
  const old = lines.length === 0 ? null : parseHeader(lines[0]!);
  const seed = settings.seed ?? old?.seed ?? new Generator().words(1)[0]!;
  const { name, options } = method;
  const header: StudyHeader = { version: 1, space, method: { name, options }, direction, seed };
  if (old === null) log?.append(headerLine(header));
  else checkSame(old, header);
  return { header, trials: lines.slice(1).map((line, i) => parseTrial(line, i + 2, space)) };
}

function checkSame(old: StudyHeader, header: StudyHeader): void {
  for (const key of ["space", "method", "direction", "seed"] as const) {
    const [was, is] = [JSON.stringify(old[key]), JSON.stringify(header[key])];
    if (was !== is) throw new ArgumentError("search", `the log has ${key} ${was}; expected ${is}`);
  }
}

async function run<S extends SearchSpace>(objective: Objective<S>, trial: Trial): Promise<TrialRecord> {
  const { number, params } = trial;
  const begun = performance.now();
  const record = (outcome: Pick<TrialRecord, "status" | "value" | "error">): TrialRecord => {
    return { number, params, ...outcome, reports: trial.reports, seconds: (performance.now() - begun) / 1000 };
  };
  try {
    const value = await objective(params as ParamsOf<S>, trial);
    if (Number.isFinite(value)) return record({ status: "complete", value, error: null });
    const error = `the objective gave ${String(value)}; expected a finite number`;
    return record({ status: "failed", value: null, error });
  } catch (error) {
    if (isPruned(error)) {
      const last = trial.reports.at(-1)?.[1] ?? Number.NaN;
      return record({ status: "pruned", value: Number.isFinite(last) ? last : null, error: null });
    }
    return record({ status: "failed", value: null, error: error instanceof Error ? error.message : String(error) });
  }
}

/** Also if something between the objective and here wrapped it. */
function isPruned(error: unknown): boolean {
  let e = error;
  for (let depth = 0; e instanceof Error && depth < 10; depth++, e = e.cause) if (e instanceof PrunedError) return true;
  return false;
}
