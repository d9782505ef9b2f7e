import { K } from "../backend/index.js";
import { checkNumber } from "../check.js";
import { ArgumentError } from "../errors.js";
import { NULL } from "../runtime/arena.js";
import type { Ptr } from "../types.js";
import { checkRates, type LearningRate, Optimizer, type OptimizerSpec, type Params } from "./optimizer.js";

export interface AdamOptions extends LearningRate {
  /** Step size. Default 1e-3. */
  lr: number;
  /** Decay of the first and second moment, each from 0 to below 1. Default [0.9, 0.999]. */
  betas: readonly [number, number];
  /** Added to the denominator. Default 1e-8. */
  eps: number;
  /** Default 0 for Adam, which adds weightDecay·p to the gradient, and 0.01 for AdamW, which shrinks p by lr·weightDecay. */
  weightDecay: number;
  /** Divide by the largest second moment so far (Reddi et al., 2018). Default false. */
  amsgrad: boolean;
  /** Ascend instead. Default false. */
  maximize: boolean;
}

/** Throws unless both decay rates of moments are from 0 to below 1. */
export function checkBetas(name: string, betas: readonly number[]): void {
  if (!Array.isArray(betas) || betas.length !== 2) {
    throw new ArgumentError(name, `betas are ${String(betas)}; expected two numbers`);
  }
  betas.forEach((beta, i) => {
    if (!(beta >= 0 && beta < 1)) {
      throw new ArgumentError(name, `betas[${i}] is ${beta}; expected a number from 0 to below 1`);
    }
  });
}

function specOf(name: string, weightDecay: number): OptimizerSpec<AdamOptions> {
  return {
    name,
    defaults: { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay, amsgrad: false, maximize: false },
    slots: ["exp_avg", "exp_avg_sq", "max_exp_avg_sq"],
    check: (options) => {
      checkRates(name, options);
      checkBetas(name, options.betas);
      checkNumber(name, "eps", options.eps, 0);
    },
  };
}

const ADAM = specOf("Adam", 0);
const ADAM_W = specOf("AdamW", 0.01);

abstract class AdamBase extends Optimizer<AdamOptions> {
  /** Whether weight decay goes past the gradient. */
  protected abstract readonly decoupled: boolean;

  protected update(p: Ptr, g: Ptr, n: number, slot: (name: string) => Ptr, step: number, group: AdamOptions): void {
    const { lr, betas, eps, weightDecay, amsgrad, maximize } = group;
    const [beta1, beta2] = betas;
    const shrink = this.decoupled ? lr * weightDecay : 0;
    const decay = this.decoupled ? 0 : weightDecay;
    const size = lr / (1 - beta1 ** step);
    const root = 1 / Math.sqrt(1 - beta2 ** step);
    const m = slot("exp_avg");
    const v = slot("exp_avg_sq");
    const vmax = amsgrad ? slot("max_exp_avg_sq") : NULL;
    K.adam_f32(p, m, v, vmax, g, n, shrink, decay, maximize ? -1 : 1, beta1, beta2, eps, size, root);
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
