import { K } from "../backend/index.js";
import { checkNumber } from "../check.js";
import { ArgumentError } from "../errors.js";
import type { Ptr } from "../types.js";
import { checkRates, type LearningRate, type OptimizerSpec, type Params } from "./optimizer.js";
import { type PointState, type PointUpdate, PointwiseOptimizer } from "./pointwise.js";

export interface ASGDOptions extends LearningRate {
  /** Step size at the start. Default 1e-2. */
  lr: number;
  /** λ, which shrinks p and the step size. Default 1e-4. */
  lambd: number;
  /** Power of the step size's decay. Default 0.75. */
  alpha: number;
  /** Averaging begins after this many steps. Default 1e6. */
  t0: number;
  /** Adds weightDecay·p to the gradient. Default 0. */
  weightDecay: number;
  /** Ascend instead. Default false. */
  maximize: boolean;
}

const ASGD_SPEC: OptimizerSpec<ASGDOptions> = {
  name: "ASGD",
  defaults: { lr: 1e-2, lambd: 1e-4, alpha: 0.75, t0: 1e6, weightDecay: 0, maximize: false },
  slots: ["ax"],
  numbers: ["eta", "mu"],
  check: (options) => {
    checkRates("ASGD", options);
    for (const key of ["lambd", "alpha", "t0"] as const) checkNumber("ASGD", key, options[key]);
  },
};

/** The numbers of ASGD's kernel. */
type ASGDScalars = [decay: number, sign: number, shrink: number, eta: number, mu: number];

/**
 * Averaged SGD: p = (1 − λ·η)·p − η·d with d = g + weightDecay·p; the state `ax` is p at first, and then the mean over the steps after
 * step t0 + 1. After step t, η = lr/(1 + λ·lr·t)^alpha. (Polyak and Juditsky, Acceleration of Stochastic Approximation by Averaging, 1992.)
 */
export class ASGD extends PointwiseOptimizer<ASGDOptions, ASGDScalars> {
  constructor(params: Params<ASGDOptions>, options: Partial<ASGDOptions> = {}) {
    super(ASGD_SPEC, params, options);
  }

  protected update(state: PointState, group: ASGDOptions): PointUpdate<ASGDScalars> {
    const { lr, lambd, alpha, t0, weightDecay, maximize } = group;
    const ax = state.tensor("ax");
    const eta = state.number("eta", lr);
    const mu = state.number("mu", 1);
    state.setNumber("eta", lr / (1 + lambd * lr * state.step) ** alpha);
    state.setNumber("mu", 1 / Math.max(1, state.step - t0));
    return { state: [ax], scalars: [weightDecay, maximize ? -1 : 1, lambd * eta, eta, mu] };
  }

  protected run(table: Ptr, rows: number, scalars: ASGDScalars, count: number): void {
    K.asgd_f32(table, rows, ...scalars, 0, count);
  }
}

export interface RpropOptions extends LearningRate {
  /** Size of the first step. Default 1e-2. */
  lr: number;
  /** Factors by which the size shrinks where the gradient changes its sign and grows where it keeps it. Default [0.5, 1.2]. */
  etas: readonly [number, number];
  /** Smallest and largest size. Default [1e-6, 50]. */
  stepSizes: readonly [number, number];
  /** Ascend instead. Default false. */
  maximize: boolean;
}

const RPROP: OptimizerSpec<RpropOptions> = {
  name: "Rprop",
  defaults: { lr: 1e-2, etas: [0.5, 1.2], stepSizes: [1e-6, 50], maximize: false },
  slots: ["prev", "step_size"],
  check: ({ lr, etas, stepSizes }) => {
    checkNumber("Rprop", "lr", lr, 0);
    if (!Array.isArray(etas) || !(0 < etas[0] && etas[0] < 1 && 1 < etas[1])) {
      throw new ArgumentError("Rprop", `etas are ${String(etas)}; expected one between 0 and 1, and one above 1`);
    }
    if (!Array.isArray(stepSizes) || !(0 <= stepSizes[0] && stepSizes[0] <= stepSizes[1])) {
      throw new ArgumentError("Rprop", `stepSizes are ${String(stepSizes)}; expected a smallest and a largest size`);
    }
  },
};

/** The numbers of Rprop's kernel. */
type RpropScalars = [sign: number, down: number, up: number, min: number, max: number];

/**
 * Resilient propagation, for gradients of the whole data set: each element has a step size of its own, which grows while its gradient keeps
 * the sign and shrinks where it changes; there the element stays. Only the sign of the gradient counts: p −= size·sgn(g).
 * (Riedmiller and Braun, A Direct Adaptive Method for Faster Backpropagation Learning, 1993.)
 */
export class Rprop extends PointwiseOptimizer<RpropOptions, RpropScalars> {
  constructor(params: Params<RpropOptions>, options: Partial<RpropOptions> = {}) {
    super(RPROP, params, options);
  }

  protected update(state: PointState, group: RpropOptions): PointUpdate<RpropScalars> {
    const { lr, etas, stepSizes, maximize } = group;
    const prev = state.tensor("prev");
    const size = state.tensor("step_size", lr);
    return { state: [prev, size], scalars: [maximize ? -1 : 1, ...etas, ...stepSizes] };
  }

  protected run(table: Ptr, rows: number, scalars: RpropScalars, count: number): void {
    K.rprop_f32(table, rows, ...scalars, 0, count);
  }
}
