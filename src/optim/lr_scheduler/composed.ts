import { checkInteger, checkNoOptions, checkNumber, checkOptions, type NoOptions } from "../../check.js";
import { ArgumentError } from "../../errors.js";
import type { Optimizer } from "../optimizer.js";
import { ConstantLR, LinearLR } from "./factors.js";
import { checkMilestones, type LastEpoch, LRScheduler, Scheduler, type SchedulerState } from "./scheduler.js";

/** Throws unless these are schedules of the optimizer. */
function checkParts(name: string, schedulers: readonly LRScheduler[], optimizer: Optimizer | undefined): void {
  if (!Array.isArray(schedulers) || schedulers.length === 0) {
    throw new ArgumentError(name, `schedulers are ${String(schedulers)}; expected a list of at least one`);
  }
  for (const [i, scheduler] of schedulers.entries()) {
    if (!(scheduler instanceof LRScheduler)) {
      throw new ArgumentError(name, `schedulers[${i}] is ${String(scheduler)}; expected a schedule without a metric`);
    }
    if (scheduler.optimizer !== optimizer) {
      throw new ArgumentError(name, `schedulers[${i}] belongs to another optimizer; expected one optimizer for all`);
    }
  }
}

/** The state of a schedule made of others. */
function withParts(own: SchedulerState, parts: readonly LRScheduler[]): SchedulerState {
  return { ...own, schedulers: parts.map((part) => part.stateDict()) };
}

function partsOf(saved: SchedulerState): readonly SchedulerState[] {
  return saved.schedulers as readonly SchedulerState[];
}

/** One schedule after the other: from the step milestones[i] on, schedulers[i + 1], which begins with its own step 0 there. */
export class SequentialLR extends LRScheduler {
  private readonly schedulers: readonly LRScheduler[];
  private readonly milestones: readonly number[];

  constructor(
    optimizer: Optimizer,
    schedulers: readonly LRScheduler[],
    milestones: readonly number[],
    options: LastEpoch = {},
  ) {
    const name = "SequentialLR";
    super(name, optimizer, options);
    checkParts(name, schedulers, optimizer);
    this.milestones = checkMilestones(name, milestones);
    if (schedulers.length !== milestones.length + 1) {
      throw new ArgumentError(
        name,
        `got ${schedulers.length} schedulers and ${milestones.length} milestones; expected one milestone less`,
      );
    }
    this.schedulers = [...schedulers];
    this.lastEpoch++;
    for (const group of optimizer.paramGroups) group.lr = group.initialLr ?? group.lr;
    for (const scheduler of schedulers) scheduler.rewind();
    this.schedulers[0]!.step();
    this.lastLr = this.schedulers[0]!.getLastLr();
  }

  override step(epoch?: number): void {
    const next = epoch ?? this.lastEpoch + 1;
    const index = this.milestones.filter((m) => m <= next).length;
    const start = index === 0 ? 0 : this.milestones[index - 1]!;
    const scheduler = this.schedulers[index]!;
    if (epoch !== undefined || next === start) scheduler.step(next - start);
    else scheduler.step();
    this.lastEpoch = next;
    this.lastLr = scheduler.getLastLr();
  }

  override rewind(): void {
    super.rewind();
    for (const scheduler of this.schedulers) scheduler.rewind();
  }

  protected rate(_: number, present: number): number {
    return present;
  }

  override stateDict(): SchedulerState {
    return withParts(super.stateDict(), this.schedulers);
  }

  override loadStateDict(saved: SchedulerState): void {
    super.loadStateDict(saved);
    for (const [i, part] of this.schedulers.entries()) part.loadStateDict(partsOf(saved)[i]!);
  }

  override checkFits(saved: SchedulerState): void {
    super.checkFits(saved);
    for (const [i, part] of this.schedulers.entries()) part.checkFits(partsOf(saved)[i]!);
  }
}

/** Several schedules at once: each changes, in order, what the one before has set. */
export class ChainedScheduler extends Scheduler {
  private readonly schedulers: readonly LRScheduler[];

  constructor(schedulers: readonly LRScheduler[], ...none: NoOptions) {
    checkNoOptions("ChainedScheduler", none);
    checkParts("ChainedScheduler", schedulers, schedulers?.[0]?.optimizer);
    super("ChainedScheduler", schedulers[0]!.optimizer);
    this.schedulers = [...schedulers];
  }

  step(): void {
    for (const scheduler of this.schedulers) scheduler.step();
    this.lastEpoch++;
    this.lastLr = this.optimizer.paramGroups.map((group) => group.lr);
  }

  override stateDict(): SchedulerState {
    return withParts(super.stateDict(), this.schedulers);
  }

  override loadStateDict(saved: SchedulerState): void {
    super.loadStateDict(saved);
    for (const [i, part] of this.schedulers.entries()) part.loadStateDict(partsOf(saved)[i]!);
  }

  override checkFits(saved: SchedulerState): void {
    super.checkFits(saved);
    for (const [i, part] of this.schedulers.entries()) part.checkFits(partsOf(saved)[i]!);
  }
}

export interface WarmUpOptions {
  /** Factor of the first rate, from 0 to 1. Default 0.1. */
  readonly startFactor?: number;
  /** The schedule from then on. Default: the rate stays. */
  readonly after?: LRScheduler;
}

/** `LinearLR` from startFactor to 1 in `totalIters` steps, then another schedule from its beginning. */
export class WarmUpLR extends SequentialLR {
  constructor(optimizer: Optimizer, totalIters: number, options: WarmUpOptions = {}) {
    checkOptions("WarmUpLR", options, ["startFactor", "after"]);
    checkInteger("WarmUpLR", "totalIters", totalIters, 1);
    const startFactor = checkNumber("WarmUpLR", "startFactor", options.startFactor ?? 0.1, 0, 1);
    const after = options.after ?? new ConstantLR(optimizer, { factor: 1 });
    super(optimizer, [new LinearLR(optimizer, { startFactor, totalIters }), after], [totalIters]);
  }
}
