import { checkInteger, checkNumber, checkOneOf, checkOptions } from "../../check.js";
import { ArgumentError } from "../../errors.js";
import { Tensor } from "../../tensor.js";
import type { Optimizer } from "../optimizer.js";
import { type Progress, perGroup, Scheduler } from "./scheduler.js";

export interface PlateauOptions {
  /** Whether the metric should become small ("min", the default) or large ("max"). */
  readonly mode?: "min" | "max";
  /** What the rate is multiplied by, below 1. Default 0.1. */
  readonly factor?: number;
  /** Steps without improvement that are allowed. Default 10. */
  readonly patience?: number;
  /** What counts as an improvement. Default 1e-4. */
  readonly threshold?: number;
  /** Whether the threshold is a share of the best metric ("rel", the default) or a difference ("abs"). */
  readonly thresholdMode?: "rel" | "abs";
  /** Steps after a reduction that are not counted. Default 0. */
  readonly cooldown?: number;
  /** The lowest rate, one for all groups or one for each. Default 0. */
  readonly minLr?: number | readonly number[];
  /** Reductions by no more than this are left out. Default 1e-8. */
  readonly eps?: number;
}

/** Reduces the rates when a metric, given to `step`, has stopped improving. A NaN is no improvement. */
export class ReduceLROnPlateau extends Scheduler {
  private readonly factor: number;
  private readonly patience: number;
  private readonly threshold: number;
  private readonly cooldown: number;
  private readonly minLrs: readonly number[];
  private readonly eps: number;
  private readonly sign: number;
  private readonly relative: boolean;
  private best: number;
  private numBadEpochs = 0;
  private cooldownCounter = 0;

  constructor(optimizer: Optimizer, options: PlateauOptions = {}) {
    const name = "ReduceLROnPlateau";
    super(name, optimizer);
    checkOptions(name, options, [
      "mode",
      "factor",
      "patience",
      "threshold",
      "thresholdMode",
      "cooldown",
      "minLr",
      "eps",
    ]);
    this.sign = checkOneOf(name, "mode", options.mode ?? "min", ["min", "max"]) === "min" ? 1 : -1;
    this.relative = checkOneOf(name, "thresholdMode", options.thresholdMode ?? "rel", ["rel", "abs"]) === "rel";
    this.factor = checkNumber(name, "factor", options.factor ?? 0.1, 0);
    if (this.factor >= 1) throw new ArgumentError(name, `factor is ${this.factor}; expected a number below 1`);
    this.patience = checkInteger(name, "patience", options.patience ?? 10, 0);
    this.threshold = checkNumber(name, "threshold", options.threshold ?? 1e-4);
    this.cooldown = checkInteger(name, "cooldown", options.cooldown ?? 0, 0);
    this.minLrs = perGroup(name, "minLr", options.minLr ?? 0, optimizer);
    this.eps = checkNumber(name, "eps", options.eps ?? 1e-8, 0);
    // Not infinite, so that the state survives JSON.
    this.best = this.sign * Number.MAX_VALUE;
  }

  /** Takes the metric of an epoch: a number, or a tensor with one element. */
  step(metric: number | Tensor): void {
    const current = metric instanceof Tensor ? metric.item() : metric;
    if (typeof current !== "number") {
      throw new ArgumentError(
        this.name,
        `metric is ${String(metric)}; expected a number, or a tensor with one element`,
      );
    }
    this.lastEpoch++;
    if (this.improves(current)) {
      this.best = current;
      this.numBadEpochs = 0;
    } else this.numBadEpochs++;
    if (this.cooldownCounter > 0) {
      this.cooldownCounter--;
      this.numBadEpochs = 0;
    }
    if (this.numBadEpochs > this.patience) {
      this.reduce();
      this.cooldownCounter = this.cooldown;
      this.numBadEpochs = 0;
    }
    this.lastLr = this.optimizer.paramGroups.map((group) => group.lr);
  }

  private improves(current: number): boolean {
    const { best, sign, threshold } = this;
    const bound = this.relative ? best * (1 - sign * threshold) : best - sign * threshold;
    return sign > 0 ? current < bound : current > bound;
  }

  private reduce(): void {
    for (const [i, group] of this.optimizer.paramGroups.entries()) {
      const reduced = Math.max(group.lr * this.factor, this.minLrs[i]!);
      if (group.lr - reduced > this.eps) group.lr = reduced;
    }
  }

  protected override get progress(): Progress {
    const { best, numBadEpochs, cooldownCounter } = this;
    return { best, numBadEpochs, cooldownCounter };
  }

  protected override set progress({ best, numBadEpochs, cooldownCounter }: Progress) {
    this.best = best!;
    this.numBadEpochs = numBadEpochs!;
    this.cooldownCounter = cooldownCounter!;
  }
}
