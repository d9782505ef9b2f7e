import { checkInteger, checkNumber, checkOneOf } from "../../check.js";
import { ArgumentError } from "../../errors.js";
import type { Optimizer } from "../optimizer.js";
import { checkMomentum, type LastEpoch, LRScheduler, type Progress, perGroup, setMomentum } from "./scheduler.js";

export interface WarmRestartsOptions extends LastEpoch {
  /** Factor by which each period is longer than the one before. Default 1. */
  readonly TMult?: number;
  /** The lowest rate. Default 0. */
  readonly etaMin?: number;
}

/**
 * etaMin + (base − etaMin)·(1 + cos(π·TCur/TI))/2, where TCur counts steps since the last restart and TI is the length of the period: T0 at
 * first, TMult times as long after each restart. `step(epoch)` takes fractions, for steps within an epoch.
 * (Loshchilov and Hutter, SGDR: Stochastic Gradient Descent with Warm Restarts, 2017.)
 */
export class CosineAnnealingWarmRestarts extends LRScheduler {
  readonly T0: number;
  readonly TMult: number;
  readonly etaMin: number;
  private TCur: number;
  private TI: number;

  constructor(optimizer: Optimizer, T0: number, options: WarmRestartsOptions = {}) {
    const name = "CosineAnnealingWarmRestarts";
    super(name, optimizer, options, "TMult", "etaMin");
    this.T0 = checkInteger(name, "T0", T0, 1);
    this.TMult = checkInteger(name, "TMult", options.TMult ?? 1, 1);
    this.etaMin = checkNumber(name, "etaMin", options.etaMin ?? 0);
    [this.TCur, this.TI] = this.place(Math.max(this.lastEpoch, 0));
    this.begin();
  }

  override step(epoch?: number): void {
    if (epoch === undefined && this.lastEpoch >= 0) {
      this.TCur++;
      if (this.TCur >= this.TI) {
        this.TCur -= this.TI;
        this.TI *= this.TMult;
      }
    } else [this.TCur, this.TI] = this.place(epoch ?? 0);
    super.step(epoch);
    this.lastEpoch = Math.floor(this.lastEpoch);
  }

  /** TCur and TI of a step. */
  private place(epoch: number): [TCur: number, TI: number] {
    if (this.TMult === 1) return [epoch % this.T0, this.T0];
    let length = this.T0;
    let left = epoch;
    for (; left >= length; length *= this.TMult) left -= length;
    return [left, length];
  }

  protected rate(group: number): number {
    const share = (1 + Math.cos((Math.PI * this.TCur) / this.TI)) / 2;
    return this.etaMin + (this.baseLrs[group]! - this.etaMin) * share;
  }

  protected override get progress(): Progress {
    return { TCur: this.TCur, TI: this.TI };
  }

  protected override set progress({ TCur, TI }: Progress) {
    this.TCur = TCur!;
    this.TI = TI!;
  }
}

/** Momentum that goes against the rate. */
export interface MomentumCycle {
  /** Cycle the momentum, or the first of the betas, the other way round. Default true. */
  readonly cycleMomentum?: boolean;
  /** Lowest momentum, one for all groups or one for each. Default 0.8, for OneCycleLR 0.85. */
  readonly baseMomentum?: number | readonly number[];
  /** Highest momentum, one for all groups or one for each. Default 0.9, for OneCycleLR 0.95. */
  readonly maxMomentum?: number | readonly number[];
}

interface MomentumRange {
  readonly base: readonly number[];
  readonly max: readonly number[];
}

function momentumRange(
  name: string,
  optimizer: Optimizer,
  options: MomentumCycle,
  base: number,
  max: number,
): MomentumRange | null {
  if (options.cycleMomentum === false) return null;
  checkMomentum(name, optimizer);
  return {
    base: perGroup(name, "baseMomentum", options.baseMomentum ?? base, optimizer),
    max: perGroup(name, "maxMomentum", options.maxMomentum ?? max, optimizer),
  };
}

export interface CyclicLROptions extends LastEpoch, MomentumCycle {
  /** Steps up. Default 2000. */
  readonly stepSizeUp?: number;
  /** Steps down. Default: as many as up. */
  readonly stepSizeDown?: number | null;
  /** "triangular" (the default), "triangular2" (half the height after each cycle) or "exp_range" (height gamma^t). */
  readonly mode?: "triangular" | "triangular2" | "exp_range";
  /** Default 1. */
  readonly gamma?: number;
  /** The height by the number of the cycle, or of the step; `mode` has no effect then. */
  readonly scaleFn?: ((x: number) => number) | null;
  /** Whether scaleFn gets the number of the cycle, from 1, or of the step, from 0. Default "cycle". */
  readonly scaleMode?: "cycle" | "iterations";
}

/**
 * Lets the rate go up and down on a line between baseLr and maxLr, and the momentum against it. Steps are made after every batch (Smith,
 * Cyclical Learning Rates for Training Neural Networks, 2017). PyTorch: 1.13 cycles `momentum` only, no betas.
 */
export class CyclicLR extends LRScheduler {
  private readonly maxLrs: readonly number[];
  private readonly up: number;
  private readonly total: number;
  private readonly momentum: MomentumRange | null;
  private readonly scale: (cycle: number, t: number) => number;

  constructor(
    optimizer: Optimizer,
    baseLr: number | readonly number[],
    maxLr: number | readonly number[],
    options: CyclicLROptions = {},
  ) {
    const name = "CyclicLR";
    super(
      name,
      optimizer,
      options,
      "stepSizeUp",
      "stepSizeDown",
      "mode",
      "gamma",
      "scaleFn",
      "scaleMode",
      "cycleMomentum",
      "baseMomentum",
      "maxMomentum",
    );
    this.baseLrs = perGroup(name, "baseLr", baseLr, optimizer);
    this.maxLrs = perGroup(name, "maxLr", maxLr, optimizer);
    this.up = checkInteger(name, "stepSizeUp", options.stepSizeUp ?? 2000, 1);
    this.total = this.up + checkInteger(name, "stepSizeDown", options.stepSizeDown ?? this.up, 1);
    this.scale = scaleOf(options);
    this.momentum = momentumRange(name, optimizer, options, 0.8, 0.9);
    this.begin();
  }

  override step(epoch?: number): void {
    super.step(epoch);
    const height = this.height();
    for (const [i, group] of this.optimizer.paramGroups.entries()) {
      if (this.momentum === null) break;
      const { base, max } = this.momentum;
      setMomentum(group, max[i]! - (max[i]! - base[i]!) * height);
    }
  }

  protected rate(group: number): number {
    const base = this.baseLrs[group]!;
    return base + (this.maxLrs[group]! - base) * this.height();
  }

  /** How far up, from 0 to 1 before scaling. */
  private height(): number {
    const t = this.lastEpoch;
    const cycle = Math.floor(1 + t / this.total);
    const x = 1 + t / this.total - cycle;
    const ratio = this.up / this.total;
    return (x <= ratio ? x / ratio : (x - 1) / (ratio - 1)) * this.scale(cycle, t);
  }
}

function scaleOf(options: CyclicLROptions): (cycle: number, t: number) => number {
  const name = "CyclicLR";
  const { scaleFn, gamma = 1 } = options;
  const mode = checkOneOf(name, "mode", options.mode ?? "triangular", ["triangular", "triangular2", "exp_range"]);
  const by = checkOneOf(name, "scaleMode", options.scaleMode ?? "cycle", ["cycle", "iterations"]);
  checkNumber(name, "gamma", gamma);
  if (scaleFn) return (cycle, t) => scaleFn(by === "cycle" ? cycle : t);
  if (mode === "triangular2") return (cycle) => 2 ** (1 - cycle);
  return mode === "exp_range" ? (_, t) => gamma ** t : () => 1;
}

export interface OneCycleLROptions extends LastEpoch, MomentumCycle {
  /** Length of the cycle; or give epochs and stepsPerEpoch. */
  readonly totalSteps?: number | null;
  readonly epochs?: number | null;
  readonly stepsPerEpoch?: number | null;
  /** Share of the steps on the way up. Default 0.3. */
  readonly pctStart?: number;
  /** "cos" (the default) or "linear". */
  readonly annealStrategy?: "cos" | "linear";
  /** The first rate is maxLr/divFactor. Default 25. */
  readonly divFactor?: number;
  /** The last rate is the first one divided by this. Default 1e4. */
  readonly finalDivFactor?: number;
  /** Come down to the first rate as fast as it went up, then to the last one. Default false: straight to the last one. */
  readonly threePhase?: boolean;
}

interface Phase {
  /** The step in which it ends; it need not be whole. */
  readonly end: number;
  readonly from: readonly number[];
  readonly to: readonly number[];
  /** Momenta at its start and end. */
  readonly momenta: readonly [readonly number[], readonly number[]] | null;
}

/**
 * One cycle for a whole training, stepped after every batch: the rate goes from maxLr/divFactor up to maxLr and down to nearly 0, the
 * momentum against it. (Smith and Topin, Super-Convergence, 2019.) Errors: ArgumentError for a step beyond `totalSteps`.
 */
export class OneCycleLR extends LRScheduler {
  readonly totalSteps: number;
  private readonly phases: readonly Phase[];
  private readonly cosine: boolean;

  constructor(optimizer: Optimizer, maxLr: number | readonly number[], options: OneCycleLROptions = {}) {
    const name = "OneCycleLR";
    super(
      name,
      optimizer,
      options,
      "totalSteps",
      "epochs",
      "stepsPerEpoch",
      "pctStart",
      "annealStrategy",
      "cycleMomentum",
      "baseMomentum",
      "maxMomentum",
      "divFactor",
      "finalDivFactor",
      "threePhase",
    );
    this.totalSteps = totalStepsOf(name, options);
    this.cosine = checkOneOf(name, "annealStrategy", options.annealStrategy ?? "cos", ["cos", "linear"]) === "cos";
    const share = checkNumber(name, "pctStart", options.pctStart ?? 0.3, 0, 1);
    const divFactor = checkNumber(name, "divFactor", options.divFactor ?? 25, Number.MIN_VALUE);
    const finalDivFactor = checkNumber(name, "finalDivFactor", options.finalDivFactor ?? 1e4, Number.MIN_VALUE);
    const high = perGroup(name, "maxLr", maxLr, optimizer);
    const first = high.map((lr) => lr / divFactor);
    const last = first.map((lr) => lr / finalDivFactor);
    const range = momentumRange(name, optimizer, options, 0.85, 0.95);
    const fall = range && ([range.max, range.base] as const);
    const rise = range && ([range.base, range.max] as const);
    const stay = range && ([range.max, range.max] as const);
    const peak = share * this.totalSteps - 1;
    const end = this.totalSteps - 1;
    this.phases = options.threePhase
      ? [
          { end: peak, from: first, to: high, momenta: fall },
          { end: 2 * peak, from: high, to: first, momenta: rise },
          { end, from: first, to: last, momenta: stay },
        ]
      : [
          { end: peak, from: first, to: high, momenta: fall },
          { end, from: high, to: last, momenta: rise },
        ];
    this.baseLrs = first;
    for (const [i, group] of optimizer.paramGroups.entries()) if (this.lastEpoch === -1) group.initialLr = first[i]!;
    this.begin();
  }

  override step(epoch?: number): void {
    const next = epoch ?? this.lastEpoch + 1;
    if (next > this.totalSteps) {
      throw new ArgumentError(this.name, `step ${next} is beyond the cycle; expected at most ${this.totalSteps}`);
    }
    super.step(epoch);
    const { phase, done } = this.place();
    for (const [i, group] of this.optimizer.paramGroups.entries()) {
      if (phase.momenta === null) break;
      setMomentum(group, this.between(phase.momenta[0][i]!, phase.momenta[1][i]!, done));
    }
  }

  protected rate(group: number): number {
    const { phase, done } = this.place();
    return this.between(phase.from[group]!, phase.to[group]!, done);
  }

  /** The phase of the present step, and the share of it that is done. */
  private place(): { phase: Phase; done: number } {
    const t = this.lastEpoch;
    const found = this.phases.findIndex((phase) => t <= phase.end);
    const index = found < 0 ? this.phases.length - 1 : found;
    const start = index === 0 ? 0 : this.phases[index - 1]!.end;
    const phase = this.phases[index]!;
    return { phase, done: phase.end > start ? (t - start) / (phase.end - start) : 1 };
  }

  private between(from: number, to: number, done: number): number {
    return this.cosine ? to + ((from - to) / 2) * (1 + Math.cos(Math.PI * done)) : from + (to - from) * done;
  }
}

function totalStepsOf(name: string, { totalSteps, epochs, stepsPerEpoch }: OneCycleLROptions): number {
  if (typeof totalSteps === "number") return checkInteger(name, "totalSteps", totalSteps, 1);
  if (typeof epochs !== "number" || typeof stepsPerEpoch !== "number") {
    throw new ArgumentError(name, "the length is not given; expected totalSteps, or epochs and stepsPerEpoch");
  }
  return checkInteger(name, "epochs", epochs, 1) * checkInteger(name, "stepsPerEpoch", stepsPerEpoch, 1);
}
