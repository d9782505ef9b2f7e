import { K } from "../backend/index.js";
import { checkNumber } from "../check.js";
import { ArgumentError } from "../errors.js";
import { NULL } from "../runtime/arena.js";
import type { Ptr } from "../types.js";
import { checkRates, type LearningRate, type OptimizerSpec, type Params } from "./optimizer.js";
import { type PointState, type PointUpdate, PointwiseOptimizer } from "./pointwise.js";

export interface SGDOptions extends LearningRate {
  /** Step size. Default 1e-3. */
  lr: number;
  /** Share μ of the last direction that is kept. Default 0. */
  momentum: number;
  /** Share of the new direction that is left out of the momentum, but for the first step. Default 0. */
  dampening: number;
  /** Adds weightDecay·p to the gradient. Default 0. */
  weightDecay: number;
  /** Look ahead: step by d + μ·buf. Needs momentum and no dampening. Default false. */
  nesterov: boolean;
  /** Ascend instead. Default false. */
  maximize: boolean;
}

const SPEC: OptimizerSpec<SGDOptions> = {
  name: "SGD",
  defaults: { lr: 1e-3, momentum: 0, dampening: 0, weightDecay: 0, nesterov: false, maximize: false },
  slots: ["momentum_buffer"],
  check: (options) => {
    checkRates("SGD", options);
    checkNumber("SGD", "momentum", options.momentum, 0);
    checkNumber("SGD", "dampening", options.dampening);
    if (options.nesterov && (options.momentum <= 0 || options.dampening !== 0)) {
      throw new ArgumentError(
        "SGD",
        `nesterov with momentum ${options.momentum} and dampening ${options.dampening}; expected momentum above 0 and dampening 0`,
      );
    }
  },
};

/** The numbers of SGD's kernel. */
type Scalars = [lr: number, decay: number, momentum: number, fresh: number, nesterov: number, sign: number];

/**
 * Stochastic gradient descent: d = g + weightDecay·p; buf = μ·buf + (1 − dampening)·d, at first buf = d; p −= lr·buf, or with Nesterov
 * p −= lr·(d + μ·buf); without momentum p −= lr·d. (Sutskever et al., On the importance of initialization and momentum, 2013.)
 * PyTorch: 1.13 has no default lr.
 */
export class SGD extends PointwiseOptimizer<SGDOptions, Scalars> {
  constructor(params: Params<SGDOptions>, options: Partial<SGDOptions> = {}) {
    super(SPEC, params, options);
  }

  protected update(state: PointState, group: SGDOptions): PointUpdate<Scalars> {
    const { lr, momentum, dampening, weightDecay, nesterov, maximize } = group;
    const buf = momentum === 0 ? NULL : state.tensor("momentum_buffer");
    const fresh = state.step === 1 ? 1 : 1 - dampening;
    const scalars: Scalars = [lr, weightDecay, momentum, fresh, nesterov ? 1 : 0, maximize ? -1 : 1];
    return { state: [buf], scalars };
  }

  protected run(table: Ptr, rows: number, scalars: Scalars, count: number): void {
    K.sgd_f32(table, rows, ...scalars, 0, count);
  }
}

export interface GDOptions extends LearningRate {
  /** Step size. Default 1e-3. */
  lr: number;
  /** Adds weightDecay·p to the gradient. Default 0. */
  weightDecay: number;
  /** Ascend instead. Default false. */
  maximize: boolean;
}

const GD_SPEC: OptimizerSpec<GDOptions> = {
  name: "GD",
  defaults: { lr: 1e-3, weightDecay: 0, maximize: false },
  check: (options) => checkRates("GD", options),
};

/**
 * Gradient descent: p −= lr·(g + weightDecay·p). The same step as `SGD` without momentum; the name says that the gradient is taken over
 * the whole data set, not over a batch. It has no state but the count of steps.
 */
export class GD extends PointwiseOptimizer<GDOptions, Scalars> {
  constructor(params: Params<GDOptions>, options: Partial<GDOptions> = {}) {
    super(GD_SPEC, params, options);
  }

  protected update(_: PointState, group: GDOptions): PointUpdate<Scalars> {
    return { state: [NULL], scalars: [group.lr, group.weightDecay, 0, 1, 0, group.maximize ? -1 : 1] };
  }

  protected run(table: Ptr, rows: number, scalars: Scalars, count: number): void {
    K.sgd_f32(table, rows, ...scalars, 0, count);
  }
}
