import { checkInteger, checkNumber } from "../../check.js";
import { ArgumentError } from "../../errors.js";
import type { Optimizer } from "../optimizer.js";
import { checkMilestones, FactorLR, type LastEpoch, LRScheduler } from "./scheduler.js";

export interface GammaOptions extends LastEpoch {
  /** Factor of each decay. Default 0.1. */
  readonly gamma?: number;
}

/** Multiplies the rate by gamma every `stepSize` steps: base·gamma^⌊t/stepSize⌋. */
export class StepLR extends FactorLR {
  readonly stepSize: number;
  readonly gamma: number;

  constructor(optimizer: Optimizer, stepSize: number, options: GammaOptions = {}) {
    super("StepLR", optimizer, options, "gamma");
    this.stepSize = checkInteger("StepLR", "stepSize", stepSize, 1);
    this.gamma = checkNumber("StepLR", "gamma", options.gamma ?? 0.1);
    this.begin();
  }

  protected factor(t: number): number {
    return this.gamma ** Math.floor(t / this.stepSize);
  }
}

/** Multiplies the rate by gamma at each milestone: base·gamma^(milestones ≤ t). One that is given twice counts twice. */
export class MultiStepLR extends FactorLR {
  readonly milestones: readonly number[];
  readonly gamma: number;

  constructor(optimizer: Optimizer, milestones: readonly number[], options: GammaOptions = {}) {
    super("MultiStepLR", optimizer, options, "gamma");
    this.milestones = checkMilestones("MultiStepLR", milestones);
    this.gamma = checkNumber("MultiStepLR", "gamma", options.gamma ?? 0.1);
    this.begin();
  }

  protected factor(t: number): number {
    return this.gamma ** this.milestones.filter((m) => m <= t).length;
  }
}

/** Multiplies the rate by gamma in every step: base·gamma^t. */
export class ExponentialLR extends FactorLR {
  readonly gamma: number;

  constructor(optimizer: Optimizer, gamma: number, options: LastEpoch = {}) {
    super("ExponentialLR", optimizer, options);
    this.gamma = checkNumber("ExponentialLR", "gamma", gamma);
    this.begin();
  }

  protected factor(t: number): number {
    return this.gamma ** t;
  }
}

export interface ConstantLROptions extends LastEpoch {
  /** From 0 to 1. Default 1/3. */
  readonly factor?: number;
  /** Default 5. */
  readonly totalIters?: number;
}

/** Multiplies the rate by a factor for the first `totalIters` steps. */
export class ConstantLR extends FactorLR {
  readonly initialFactor: number;
  readonly totalIters: number;

  constructor(optimizer: Optimizer, options: ConstantLROptions = {}) {
    super("ConstantLR", optimizer, options, "factor", "totalIters");
    this.initialFactor = checkNumber("ConstantLR", "factor", options.factor ?? 1 / 3, 0, 1);
    this.totalIters = checkInteger("ConstantLR", "totalIters", options.totalIters ?? 5, 0);
    this.begin();
  }

  protected factor(t: number): number {
    return t < this.totalIters ? this.initialFactor : 1;
  }
}

export interface LinearLROptions extends LastEpoch {
  /** From 0 to 1. Default 1/3. */
  readonly startFactor?: number;
  /** From 0 to 1. Default 1. */
  readonly endFactor?: number;
  /** Default 5. */
  readonly totalIters?: number;
}

/**
 * Multiplies the rate by a factor that goes from `startFactor` to `endFactor` in `totalIters` steps, and stays there. PyTorch: a startFactor
 * of 0 divides by zero.
 */
export class LinearLR extends FactorLR {
  readonly startFactor: number;
  readonly endFactor: number;
  readonly totalIters: number;

  constructor(optimizer: Optimizer, options: LinearLROptions = {}) {
    super("LinearLR", optimizer, options, "startFactor", "endFactor", "totalIters");
    this.startFactor = checkNumber("LinearLR", "startFactor", options.startFactor ?? 1 / 3, 0, 1);
    this.endFactor = checkNumber("LinearLR", "endFactor", options.endFactor ?? 1, 0, 1);
    this.totalIters = checkInteger("LinearLR", "totalIters", options.totalIters ?? 5, 0);
    this.begin();
  }

  protected factor(t: number): number {
    if (t >= this.totalIters) return this.endFactor;
    return this.startFactor + ((this.endFactor - this.startFactor) * t) / this.totalIters;
  }
}

export interface PolynomialLROptions extends LastEpoch {
  /** Steps until the rate is 0. Default 5. */
  readonly totalIters?: number;
  /** Default 1. */
  readonly power?: number;
}

/** Lets the rate fall to 0 in `totalIters` steps: base·(1 − t/totalIters)^power. */
export class PolynomialLR extends FactorLR {
  readonly totalIters: number;
  readonly power: number;

  constructor(optimizer: Optimizer, options: PolynomialLROptions = {}) {
    super("PolynomialLR", optimizer, options, "totalIters", "power");
    this.totalIters = checkInteger("PolynomialLR", "totalIters", options.totalIters ?? 5, 1);
    this.power = checkNumber("PolynomialLR", "power", options.power ?? 1, 0);
    this.begin();
  }

  protected factor(t: number): number {
    return (1 - Math.min(t, this.totalIters) / this.totalIters) ** this.power;
  }
}

export interface CosineAnnealingLROptions extends LastEpoch {
  /** The lowest rate. Default 0. */
  readonly etaMin?: number;
}

/** etaMin + (base − etaMin)·(1 + cos(π·t/TMax))/2: down in TMax steps, and up again after. (Loshchilov and Hutter, SGDR, 2017.) */
export class CosineAnnealingLR extends FactorLR {
  readonly TMax: number;
  readonly etaMin: number;
  protected override readonly floor: number;

  constructor(optimizer: Optimizer, TMax: number, options: CosineAnnealingLROptions = {}) {
    super("CosineAnnealingLR", optimizer, options, "etaMin");
    this.TMax = checkInteger("CosineAnnealingLR", "TMax", TMax, 1);
    this.etaMin = checkNumber("CosineAnnealingLR", "etaMin", options.etaMin ?? 0);
    this.floor = this.etaMin;
    this.begin();
  }

  protected factor(t: number): number {
    return (1 + Math.cos((Math.PI * t) / this.TMax)) / 2;
  }
}

/** A factor for a step number. */
export type LrLambda = (t: number) => number;

function checkLambdas(
  name: string,
  lambdas: LrLambda | readonly LrLambda[],
  optimizer: Optimizer,
): readonly LrLambda[] {
  const count = optimizer.paramGroups.length;
  const list = typeof lambdas === "function" ? new Array<LrLambda>(count).fill(lambdas) : lambdas;
  if (!Array.isArray(list) || list.length !== count || list.some((f) => typeof f !== "function")) {
    throw new ArgumentError(name, `lrLambda is ${String(lambdas)}; expected a function, or ${count} of them`);
  }
  return list;
}

/** base·lrLambda(t), with one function for all groups or one for each. */
export class LambdaLR extends LRScheduler {
  private readonly lambdas: readonly LrLambda[];

  constructor(optimizer: Optimizer, lrLambda: LrLambda | readonly LrLambda[], options: LastEpoch = {}) {
    super("LambdaLR", optimizer, options);
    this.lambdas = checkLambdas("LambdaLR", lrLambda, optimizer);
    this.begin();
  }

  protected rate(group: number): number {
    return this.baseLrs[group]! * this.lambdas[group]!(this.lastEpoch);
  }
}

/** Multiplies the rate in force by lrLambda(t) in every step t from 1 on. */
export class MultiplicativeLR extends LRScheduler {
  private readonly lambdas: readonly LrLambda[];

  constructor(optimizer: Optimizer, lrLambda: LrLambda | readonly LrLambda[], options: LastEpoch = {}) {
    super("MultiplicativeLR", optimizer, options);
    this.lambdas = checkLambdas("MultiplicativeLR", lrLambda, optimizer);
    this.begin();
  }

  protected rate(group: number, present: number): number {
    return this.lastEpoch > 0 ? present * this.lambdas[group]!(this.lastEpoch) : present;
  }
}
