import { checkInteger, checkOptions } from "../../check.js";
import { ArgumentError, StateDictError } from "../../errors.js";
import { type LearningRate, Optimizer, type ParamGroup } from "../optimizer.js";

/** How far a schedule has come: numbers, and numbers per parameter group, by PyTorch's names in camel case. */
export interface SchedulerState {
  readonly [key: string]: number | readonly number[] | readonly SchedulerState[];
}

/** A schedule's own numbers, beside those that every schedule has. */
export type Progress = Readonly<Record<string, number>>;

/** Base class of everything that sets an optimizer's learning rates over time. */
export abstract class Scheduler {
  /** How many steps were made; 0 after construction. */
  lastEpoch = 0;
  protected lastLr: readonly number[];

  constructor(
    /** Class name; messages begin with it. */
    protected readonly name: string,
    readonly optimizer: Optimizer,
  ) {
    if (!(optimizer instanceof Optimizer)) {
      throw new ArgumentError(name, `got ${String(optimizer)} for the optimizer; expected an Optimizer`);
    }
    this.lastLr = ratesOf(optimizer);
  }

  /** The rates that the last step has set, one a group. */
  getLastLr(): number[] {
    return [...this.lastLr];
  }

  /** How far it has come. Options are not in it: they are the constructor's. The rates in force are in the optimizer's state. */
  stateDict(): SchedulerState {
    return { lastEpoch: this.lastEpoch, lastLr: [...this.lastLr], ...this.progress };
  }

  /** Goes on where a schedule of the same kind was. Errors: StateDictError, listing what does not fit; nothing has changed then. */
  loadStateDict(saved: SchedulerState): void {
    this.checkFits(saved);
    this.lastEpoch = saved.lastEpoch as number;
    this.lastLr = saved.lastLr as readonly number[];
    this.progress = saved as Progress;
  }

  protected get progress(): Progress {
    return {};
  }

  /** Takes over numbers; those of other names are not its own. */
  protected set progress(_: Progress) {}

  /** Throws unless a saved state has the entries of this one, each of the same kind. */
  checkFits(saved: SchedulerState): void {
    if (typeof saved !== "object" || saved === null) {
      throw new ArgumentError(this.name, `state is ${String(saved)}; expected what stateDict() gives`);
    }
    const own = this.stateDict();
    const missing = Object.keys(own).filter((key) => !(key in saved));
    const unexpected = Object.keys(saved).filter((key) => !(key in own));
    const mismatched = Object.keys(own).filter((key) => key in saved && kindOf(saved[key]) !== kindOf(own[key]));
    if (missing.length + unexpected.length + mismatched.length === 0) return;
    const problems = [
      ...missing.map((key) => `missing ${key}`),
      ...unexpected.map((key) => `unexpected ${key}`),
      ...mismatched.map((key) => `${key} is ${kindOf(saved[key])}, expected ${kindOf(own[key])}`),
    ];
    throw new StateDictError(this.name, `state does not fit: ${problems.join("; ")}`, {
      missing,
      unexpected,
      mismatched,
    });
  }
}

function kindOf(value: unknown): string {
  return Array.isArray(value) ? `a list of ${value.length}` : `a ${typeof value}`;
}

function ratesOf(optimizer: Optimizer): number[] {
  return optimizer.paramGroups.map((group) => group.lr);
}

export interface LastEpoch {
  /** Go on after this step of an optimizer whose groups have an `initialLr`. Default −1: begin. */
  readonly lastEpoch?: number;
}

/** Base class of the schedules that depend on the number of steps alone. A subclass's constructor ends in `begin()`. */
export abstract class LRScheduler extends Scheduler {
  /** The rates from which the schedule is computed: the first that a schedule has found in the groups. */
  baseLrs: readonly number[];

  constructor(name: string, optimizer: Optimizer, options: LastEpoch, ...others: readonly string[]) {
    super(name, optimizer);
    checkOptions(name, options, [...others, "lastEpoch"]);
    this.lastEpoch = checkInteger(name, "lastEpoch", options.lastEpoch ?? -1, -1);
    for (const [i, group] of optimizer.paramGroups.entries()) {
      if (this.lastEpoch === -1) group.initialLr ??= group.lr;
      else if (group.initialLr === undefined) {
        throw new ArgumentError(
          name,
          `lastEpoch is ${this.lastEpoch}, but group ${i} has no initialLr; expected the groups of a schedule`,
        );
      }
    }
    this.baseLrs = optimizer.paramGroups.map((group) => group.initialLr ?? group.lr);
  }

  /** Sets the rates of the next step. With `epoch`, a number from 0 on, those of that step, as if every step had been made. */
  step(epoch?: number): void {
    if (epoch !== undefined && !(epoch >= 0)) {
      throw new ArgumentError(this.name, `epoch is ${epoch}; expected a number from 0 on`);
    }
    this.lastEpoch = epoch ?? this.lastEpoch + 1;
    const jumped = epoch !== undefined;
    const rates = this.optimizer.paramGroups.map((group, i) => this.rate(i, group.lr, jumped));
    for (const [i, group] of this.optimizer.paramGroups.entries()) group.lr = rates[i]!;
    this.lastLr = rates;
  }

  /** Lets `SequentialLR` begin anew with the first of its schedules. */
  rewind(): void {
    this.lastEpoch = -1;
  }

  override stateDict(): SchedulerState {
    return { ...super.stateDict(), baseLrs: [...this.baseLrs] };
  }

  override loadStateDict(saved: SchedulerState): void {
    super.loadStateDict(saved);
    this.baseLrs = saved.baseLrs as readonly number[];
  }

  /** The step after `lastEpoch`, by which a constructor puts its first rates in force. */
  protected begin(): void {
    this.step();
  }

  /** Rate of a group at `lastEpoch`. `present` is the rate in force, that of the step before unless `jumped`. */
  protected abstract rate(group: number, present: number, jumped: boolean): number;
}

/**
 * A schedule that multiplies: rate = floor + (base − floor)·factor(t). A step multiplies the rate in force by factor(t)/factor(t − 1), so
 * that schedules can be chained and a rate set by hand stays in effect.
 */
export abstract class FactorLR extends LRScheduler {
  protected readonly floor: number = 0;

  protected abstract factor(t: number): number;

  protected rate(group: number, present: number, jumped: boolean): number {
    const t = this.lastEpoch;
    const { floor } = this;
    const range = this.baseLrs[group]! - floor;
    if (jumped) return floor + range * this.factor(t);
    const before = t === 0 ? 1 : this.factor(t - 1);
    const now = this.factor(t);
    if (before === now) return present;
    return before === 0 ? present + range * now : floor + (present - floor) * (now / before);
  }
}

/** A list of step numbers. */
export function checkMilestones(name: string, milestones: readonly number[]): readonly number[] {
  if (!Array.isArray(milestones)) {
    throw new ArgumentError(name, `milestones are ${String(milestones)}; expected a list of integers`);
  }
  return milestones.map((m, i) => checkInteger(name, `milestones[${i}]`, m, 0));
}

/** One number for all groups, or one for each. */
export function perGroup(
  name: string,
  what: string,
  value: number | readonly number[],
  optimizer: Optimizer,
): readonly number[] {
  const count = optimizer.paramGroups.length;
  const list = typeof value === "number" ? new Array<number>(count).fill(value) : value;
  if (!Array.isArray(list) || list.length !== count || list.some((v) => typeof v !== "number" || Number.isNaN(v))) {
    throw new ArgumentError(name, `${what} is ${String(value)}; expected a number, or ${count} of them`);
  }
  return list;
}

type MomentumGroup = ParamGroup<LearningRate & { momentum?: number; betas?: readonly [number, number] }>;

/** Throws unless the optimizer has a momentum that can be cycled. */
export function checkMomentum(name: string, optimizer: Optimizer): void {
  for (const group of optimizer.paramGroups as readonly MomentumGroup[]) {
    if (group.betas === undefined && group.momentum === undefined) {
      throw new ArgumentError(
        name,
        "the optimizer has neither momentum nor betas to cycle; expected cycleMomentum: false",
      );
    }
  }
}

/** Sets the momentum of a group, or the first of its betas. */
export function setMomentum(group: ParamGroup<LearningRate>, value: number): void {
  const cycled = group as MomentumGroup;
  if (cycled.betas === undefined) cycled.momentum = value;
  else cycled.betas = [value, cycled.betas[1]];
}
