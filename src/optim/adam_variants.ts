import { K } from "../backend/index.js";
import { checkNumber } from "../check.js";
import type { Ptr } from "../types.js";
import { AdamKernel, type AdamScalars, adamStep, checkMoments, MOMENT_DEFAULTS, type MomentOptions } from "./adam.js";
import type { OptimizerSpec, Params } from "./optimizer.js";
import { type PointState, type PointUpdate, PointwiseOptimizer } from "./pointwise.js";

export interface NAdamOptions extends MomentOptions {
  /** ψ, how fast the momentum grows to β₁. Default 4e-3. */
  momentumDecay: number;
  /** Shrink p by lr·weightDecay instead of adding to the gradient, as AdamW. Default false. */
  decoupledWeightDecay: boolean;
}

const NADAM: OptimizerSpec<NAdamOptions> = {
  name: "NAdam",
  defaults: { ...MOMENT_DEFAULTS, lr: 2e-3, momentumDecay: 4e-3, decoupledWeightDecay: false },
  slots: ["exp_avg", "exp_avg_sq"],
  numbers: ["mu_product"],
  check: (options) => {
    checkMoments("NAdam", options);
    checkNumber("NAdam", "momentumDecay", options.momentumDecay, 0);
  },
};

/**
 * Adam with Nesterov momentum: p −= lr·(μₜ₊₁·m/(1 − μₜ·μₜ₊₁·Π) + (1 − μₜ)·d/(1 − Π)) / (√v̂ + eps), with m, v̂ and d as in `Adam`,
 * μₜ = β₁·(1 − ½·0.96^(ψ·t)) and Π = μ₁·…·μₜ. The extra μₜ is PyTorch 1.13's; in the paper (Dozat, Incorporating Nesterov Momentum into
 * Adam, 2016) and in later versions the first denominator is 1 − μₜ₊₁·Π. PyTorch: 1.13 has neither maximize nor decoupledWeightDecay.
 */
export class NAdam extends AdamKernel<NAdamOptions> {
  constructor(params: Params<NAdamOptions>, options: Partial<NAdamOptions> = {}) {
    super(NADAM, params, options);
  }

  protected update(state: PointState, group: NAdamOptions): PointUpdate<AdamScalars> {
    const { lr, betas, eps, momentumDecay, decoupledWeightDecay: decoupled } = group;
    const [beta1, beta2] = betas;
    const muAt = (t: number): number => beta1 * (1 - 0.5 * 0.96 ** (t * momentumDecay));
    const mu = muAt(state.step);
    const next = muAt(state.step + 1);
    const product = state.number("mu_product", 1) * mu;
    state.setNumber("mu_product", product);
    const size = (lr * next) / (1 - product * mu * next);
    const ahead = (lr * (1 - mu)) / (1 - product);
    const root = 1 / Math.sqrt(1 - beta2 ** state.step);
    return adamStep(state, group, { decoupled, amsgrad: false, eps, size, ahead, root });
  }
}

export interface RAdamOptions extends MomentOptions {
  /** Shrink p by lr·weightDecay instead of adding to the gradient, as AdamW. Default false. */
  decoupledWeightDecay: boolean;
}

const RADAM: OptimizerSpec<RAdamOptions> = {
  name: "RAdam",
  defaults: { ...MOMENT_DEFAULTS, decoupledWeightDecay: false },
  slots: ["exp_avg", "exp_avg_sq"],
  check: (options) => checkMoments("RAdam", options),
};

/**
 * Rectified Adam: with ρ∞ = 2/(1 − β₂) − 1 and ρₜ = ρ∞ − 2t·β₂ᵗ/(1 − β₂ᵗ), p −= lr·m̂·r·√(1 − β₂ᵗ)/(√v + eps) where ρₜ > 5, with
 * r² = (ρₜ − 4)(ρₜ − 2)ρ∞ / ((ρ∞ − 4)(ρ∞ − 2)ρₜ); before that, while v says little yet, p −= lr·m̂. m and v as in `Adam`.
 * (Liu et al., On the Variance of the Adaptive Learning Rate and Beyond, 2020). PyTorch: 1.13 has neither maximize nor
 * decoupledWeightDecay.
 */
export class RAdam extends AdamKernel<RAdamOptions> {
  constructor(params: Params<RAdamOptions>, options: Partial<RAdamOptions> = {}) {
    super(RADAM, params, options);
  }

  protected update(state: PointState, group: RAdamOptions): PointUpdate<AdamScalars> {
    const { lr, betas, eps, decoupledWeightDecay: decoupled } = group;
    const t = state.step;
    const decayed = betas[1] ** t;
    const most = 2 / (1 - betas[1]) - 1;
    const length = most - (2 * t * decayed) / (1 - decayed);
    const size = lr / (1 - betas[0] ** t);
    const plain = { decoupled, amsgrad: false, ahead: 0 };
    if (length > 5) {
      const ratio = ((length - 4) * (length - 2) * most) / ((most - 4) * (most - 2) * length);
      const rectified = size * Math.sqrt(ratio * (1 - decayed));
      return adamStep(state, group, { ...plain, eps, size: rectified, root: 1 });
    }
    // √v·0 + 1: the denominator is switched off.
    return adamStep(state, group, { ...plain, eps: 1, size, root: 0 });
  }
}

/** The numbers of Adamax's kernel. */
type AdamaxScalars = [decay: number, sign: number, beta1: number, beta2: number, eps: number, step: number];

const ADAMAX: OptimizerSpec<MomentOptions> = {
  name: "Adamax",
  defaults: { ...MOMENT_DEFAULTS, lr: 2e-3 },
  slots: ["exp_avg", "exp_inf"],
  check: (options) => checkMoments("Adamax", options),
};

/**
 * Adam with the largest gradient in place of the second moment: u = max(β₂·u, |d| + eps); p −= lr/(1 − β₁ᵗ)·m/u, with m and d as in `Adam`.
 * (Kingma and Ba, 2015, section 7.)
 */
export class Adamax extends PointwiseOptimizer<MomentOptions, AdamaxScalars> {
  constructor(params: Params<MomentOptions>, options: Partial<MomentOptions> = {}) {
    super(ADAMAX, params, options);
  }

  protected update(state: PointState, group: MomentOptions): PointUpdate<AdamaxScalars> {
    const { lr, betas, eps, weightDecay, maximize } = group;
    const m = state.tensor("exp_avg");
    const u = state.tensor("exp_inf");
    const size = lr / (1 - betas[0] ** state.step);
    return { state: [m, u], scalars: [weightDecay, maximize ? -1 : 1, ...betas, eps, size] };
  }

  protected run(table: Ptr, rows: number, scalars: AdamaxScalars, count: number): void {
    K.adamax_f32(table, rows, ...scalars, 0, count);
  }
}
