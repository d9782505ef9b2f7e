import { K } from "../backend/index.js";
import { checkNumber } from "../check.js";
import { ArgumentError } from "../errors.js";
import { NULL } from "../runtime/arena.js";
import type { Ptr } from "../types.js";
import { checkRates, type LearningRate, type OptimizerSpec, type Params } from "./optimizer.js";
import { type PointState, type PointUpdate, PointwiseOptimizer } from "./pointwise.js";

/** What Adam and its relatives have in common. */
export interface MomentOptions extends LearningRate {
  /** Step size. Default 1e-3, for NAdam and Adamax 2e-3. */
  lr: number;
  /** Decay of the first and second moment, each from 0 to below 1. Default [0.9, 0.999]. */
  betas: readonly [number, number];
  /** Added to the denominator. Default 1e-8. */
  eps: number;
  /** Adds weightDecay·p to the gradient. Default 0; for AdamW, which shrinks p by lr·weightDecay instead, 0.01. */
  weightDecay: number;
  /** Ascend instead. Default false. */
  maximize: boolean;
}

export interface AdamOptions extends MomentOptions {
  /** Divide by the largest second moment so far (Reddi et al., 2018). Default false. */
  amsgrad: boolean;
}

export const MOMENT_DEFAULTS: MomentOptions = {
  lr: 1e-3,
  betas: [0.9, 0.999],
  eps: 1e-8,
  weightDecay: 0,
  maximize: false,
};

/** Throws unless the options that the relatives of Adam share are in range. */
export function checkMoments(name: string, options: MomentOptions): void {
  checkRates(name, options);
  const { betas, eps } = options;
  if (!Array.isArray(betas) || betas.length !== 2) {
    throw new ArgumentError(name, `betas are ${String(betas)}; expected two numbers`);
  }
  betas.forEach((beta, i) => {
    if (!(beta >= 0 && beta < 1)) {
      throw new ArgumentError(name, `betas[${i}] is ${beta}; expected a number from 0 to below 1`);
    }
  });
  checkNumber(name, "eps", eps, 0);
}

/** The numbers of Adam's kernel. */
export type AdamScalars = [
  shrink: number,
  decay: number,
  sign: number,
  beta1: number,
  beta2: number,
  eps: number,
  step: number,
  ahead: number,
  root: number,
];

/** Base of the optimizers that share Adam's kernel. */
export abstract class AdamKernel<O extends MomentOptions> extends PointwiseOptimizer<O, AdamScalars> {
  protected run(table: Ptr, rows: number, scalars: AdamScalars, count: number): void {
    K.adam_f32(table, rows, ...scalars, 0, count);
  }
}

/** The options that every use of Adam's kernel passes on alike. */
export function adamStep(
  state: PointState,
  options: MomentOptions,
  how: { decoupled: boolean; amsgrad: boolean; eps: number; size: number; ahead: number; root: number },
): PointUpdate<AdamScalars> {
  const { lr, betas, weightDecay, maximize } = options;
  const m = state.tensor("exp_avg");
  const v = state.tensor("exp_avg_sq");
  const vmax = how.amsgrad ? state.tensor("max_exp_avg_sq") : NULL;
  const shrink = how.decoupled ? lr * weightDecay : 0;
  const decay = how.decoupled ? 0 : weightDecay;
  const sign = maximize ? -1 : 1;
  const scalars: AdamScalars = [shrink, decay, sign, ...betas, how.eps, how.size, how.ahead, how.root];
  return { state: [m, v, vmax], scalars };
}

function specOf(name: string, weightDecay: number): OptimizerSpec<AdamOptions> {
  return {
    name,
    defaults: { ...MOMENT_DEFAULTS, weightDecay, amsgrad: false },
    slots: ["exp_avg", "exp_avg_sq", "max_exp_avg_sq"],
    check: (options) => checkMoments(name, options),
  };
}

const ADAM = specOf("Adam", 0);
const ADAM_W = specOf("AdamW", 0.01);

abstract class AdamBase extends AdamKernel<AdamOptions> {
  /** Whether weight decay goes past the gradient. */
  protected abstract readonly decoupled: boolean;

  protected update(state: PointState, group: AdamOptions): PointUpdate<AdamScalars> {
    const [beta1, beta2] = group.betas;
    const size = group.lr / (1 - beta1 ** state.step);
    const root = 1 / Math.sqrt(1 - beta2 ** state.step);
    const { decoupled } = this;
    return adamStep(state, group, { decoupled, amsgrad: group.amsgrad, eps: group.eps, size, ahead: 0, root });
  }
}

/**
 * Adam: m = β₁·m + (1 − β₁)·d, v = β₂·v + (1 − β₂)·d² with d = g + weightDecay·p; p −= lr·m̂ / (√v̂ + eps), where m̂ = m/(1 − β₁ᵗ) and
 * v̂ = v/(1 − β₂ᵗ). (Kingma and Ba, 2015.)
 */
export class Adam extends AdamBase {
  protected readonly decoupled = false;
  constructor(params: Params<AdamOptions>, options: Partial<AdamOptions> = {}) {
    super(ADAM, params, options);
  }
}

/** Adam with decoupled weight decay: p −= lr·weightDecay·p first, and d = g. (Loshchilov and Hutter, 2019.) */
export class AdamW extends AdamBase {
  protected readonly decoupled = true;
  constructor(params: Params<AdamOptions>, options: Partial<AdamOptions> = {}) {
    super(ADAM_W, params, options);
  }
}
