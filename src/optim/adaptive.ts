import { K } from "../backend/index.js";
import { checkNumber } from "../check.js";
import { NULL } from "../runtime/arena.js";
import type { Ptr } from "../types.js";
import { checkRates, type LearningRate, type OptimizerSpec, type Params } from "./optimizer.js";
import { type PointState, type PointUpdate, PointwiseOptimizer } from "./pointwise.js";

/** What the optimizers have in common that divide by the size of past gradients. */
interface AdaptiveOptions extends LearningRate {
  /** Adds weightDecay·p to the gradient. Default 0. */
  weightDecay: number;
  /** Ascend instead. Default false. */
  maximize: boolean;
}

export interface RMSpropOptions extends AdaptiveOptions {
  /** Step size. Default 1e-2. */
  lr: number;
  /** Decay α of the averages, from 0 to 1. Default 0.99. */
  alpha: number;
  /** Added to the denominator. Default 1e-8. */
  eps: number;
  /** Share μ of the last step that is kept. Default 0. */
  momentum: number;
  /** Divide by the standard deviation of the gradients instead of their root mean square. Default false. */
  centered: boolean;
}

const RMSPROP: OptimizerSpec<RMSpropOptions> = {
  name: "RMSprop",
  defaults: { lr: 1e-2, alpha: 0.99, eps: 1e-8, weightDecay: 0, momentum: 0, centered: false, maximize: false },
  slots: ["square_avg", "momentum_buffer", "grad_avg"],
  check: (options) => {
    checkRates("RMSprop", options);
    checkNumber("RMSprop", "alpha", options.alpha, 0, 1);
    checkNumber("RMSprop", "eps", options.eps, 0);
    checkNumber("RMSprop", "momentum", options.momentum, 0);
  },
};

/** The numbers of RMSprop's kernel. */
type RMSpropScalars = [decay: number, sign: number, alpha: number, eps: number, lr: number, momentum: number];

/**
 * RMSprop: v = α·v + (1 − α)·d² with d = g + weightDecay·p; p −= lr·d / (√v + eps). Centered: √(v − a²) with a = α·a + (1 − α)·d,
 * a variance below 0 counting as 0. With momentum: buf = μ·buf + d / (√v + eps); p −= lr·buf. (Hinton, lecture 6e, 2012; Graves, 2013.)
 * PyTorch: a variance that rounding takes below 0 gives NaN.
 */
export class RMSprop extends PointwiseOptimizer<RMSpropOptions, RMSpropScalars> {
  constructor(params: Params<RMSpropOptions>, options: Partial<RMSpropOptions> = {}) {
    super(RMSPROP, params, options);
  }

  protected update(state: PointState, group: RMSpropOptions): PointUpdate<RMSpropScalars> {
    const { lr, alpha, eps, weightDecay, momentum, centered, maximize } = group;
    const v = state.tensor("square_avg");
    const buf = momentum > 0 ? state.tensor("momentum_buffer") : NULL;
    const mean = centered ? state.tensor("grad_avg") : NULL;
    return { state: [v, mean, buf], scalars: [weightDecay, maximize ? -1 : 1, alpha, eps, lr, momentum] };
  }

  protected run(table: Ptr, rows: number, scalars: RMSpropScalars, count: number): void {
    K.rmsprop_f32(table, rows, ...scalars, 0, count);
  }
}

export interface AdagradOptions extends AdaptiveOptions {
  /** Step size. Default 1e-2. */
  lr: number;
  /** Divides lr by 1 + (t − 1)·lrDecay in step t. Default 0. */
  lrDecay: number;
  /** What the sum of squares begins with. Default 0. */
  initialAccumulatorValue: number;
  /** Added to the denominator. Default 1e-10. */
  eps: number;
}

const ADAGRAD: OptimizerSpec<AdagradOptions> = {
  name: "Adagrad",
  defaults: { lr: 1e-2, lrDecay: 0, weightDecay: 0, initialAccumulatorValue: 0, eps: 1e-10, maximize: false },
  slots: ["sum"],
  check: (options) => {
    checkRates("Adagrad", options);
    checkNumber("Adagrad", "lrDecay", options.lrDecay, 0);
    checkNumber("Adagrad", "initialAccumulatorValue", options.initialAccumulatorValue, 0);
    checkNumber("Adagrad", "eps", options.eps, 0);
  },
};

/** The numbers of Adagrad's kernel. */
type AdagradScalars = [decay: number, sign: number, eps: number, lr: number];

/**
 * Adagrad: s += d² with d = g + weightDecay·p; p −= lr/(1 + (t − 1)·lrDecay)·d / (√s + eps).
 * (Duchi, Hazan and Singer, Adaptive Subgradient Methods, 2011.)
 */
export class Adagrad extends PointwiseOptimizer<AdagradOptions, AdagradScalars> {
  constructor(params: Params<AdagradOptions>, options: Partial<AdagradOptions> = {}) {
    super(ADAGRAD, params, options);
  }

  protected update(state: PointState, group: AdagradOptions): PointUpdate<AdagradScalars> {
    const { lr, lrDecay, weightDecay, initialAccumulatorValue, eps, maximize } = group;
    const sum = state.tensor("sum", initialAccumulatorValue);
    const size = lr / (1 + (state.step - 1) * lrDecay);
    return { state: [sum], scalars: [weightDecay, maximize ? -1 : 1, eps, size] };
  }

  protected run(table: Ptr, rows: number, scalars: AdagradScalars, count: number): void {
    K.adagrad_f32(table, rows, ...scalars, 0, count);
  }
}

export interface AdadeltaOptions extends AdaptiveOptions {
  /** Factor of the step. Default 1. */
  lr: number;
  /** Decay ρ of the averages, from 0 to 1. Default 0.9. */
  rho: number;
  /** Added under both roots. Default 1e-6. */
  eps: number;
}

const ADADELTA: OptimizerSpec<AdadeltaOptions> = {
  name: "Adadelta",
  defaults: { lr: 1, rho: 0.9, eps: 1e-6, weightDecay: 0, maximize: false },
  slots: ["square_avg", "acc_delta"],
  check: (options) => {
    checkRates("Adadelta", options);
    checkNumber("Adadelta", "rho", options.rho, 0, 1);
    checkNumber("Adadelta", "eps", options.eps, 0);
  },
};

/** The numbers of Adadelta's kernel. */
type AdadeltaScalars = [decay: number, sign: number, rho: number, eps: number, lr: number];

/**
 * Adadelta: v = ρ·v + (1 − ρ)·d² with d = g + weightDecay·p; δ = d·√(u + eps)/√(v + eps); u = ρ·u + (1 − ρ)·δ²; p −= lr·δ.
 * (Zeiler, ADADELTA: An Adaptive Learning Rate Method, 2012.)
 */
export class Adadelta extends PointwiseOptimizer<AdadeltaOptions, AdadeltaScalars> {
  constructor(params: Params<AdadeltaOptions>, options: Partial<AdadeltaOptions> = {}) {
    super(ADADELTA, params, options);
  }

  protected update(state: PointState, group: AdadeltaOptions): PointUpdate<AdadeltaScalars> {
    const { lr, rho, eps, weightDecay, maximize } = group;
    const v = state.tensor("square_avg");
    const acc = state.tensor("acc_delta");
    return { state: [v, acc], scalars: [weightDecay, maximize ? -1 : 1, rho, eps, lr] };
  }

  protected run(table: Ptr, rows: number, scalars: AdadeltaScalars, count: number): void {
    K.adadelta_f32(table, rows, ...scalars, 0, count);
  }
}
