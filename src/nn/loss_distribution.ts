import * as F from "../functional/index.js";
import { GAUSSIAN_KL, GAUSSIAN_NLL, KL_DIV, POISSON_NLL, readOptions } from "../functional/loss_options.js";
import type { Reduction } from "../ops/loss.js";
import type { Tensor } from "../tensor.js";
import { Module } from "./module.js";

/** loss = t·(ln t − x) for log-probabilities x; see `functional.klDiv`. */
export class KLDivLoss extends Module {
  readonly logTarget: boolean;
  readonly reduction: F.BatchReduction;
  constructor(options: F.KLDivOptions = {}) {
    super();
    const { logTarget, reduction } = readOptions("KLDivLoss", options, KL_DIV);
    this.logTarget = logTarget;
    this.reduction = reduction;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    const { logTarget, reduction } = this;
    return F.klDiv(input, target, { logTarget, reduction });
  }
}

/** loss = ½·(ln v + (x − t)²/v) for a variance v; see `functional.gaussianNllLoss`. */
export class GaussianNLLLoss extends Module {
  readonly full: boolean;
  readonly eps: number;
  readonly reduction: Reduction;
  constructor(options: F.GaussianNLLOptions = {}) {
    super();
    const { full, eps, reduction } = readOptions("GaussianNLLLoss", options, GAUSSIAN_NLL);
    this.full = full;
    this.eps = eps;
    this.reduction = reduction;
  }

  forward(input: Tensor, target: Tensor, variance: Tensor): Tensor {
    const { full, eps, reduction } = this;
    return F.gaussianNllLoss(input, target, variance, { full, eps, reduction });
  }
}

/** loss = e^x − t·x for the logarithm x of a rate; see `functional.poissonNllLoss`. */
export class PoissonNLLLoss extends Module {
  readonly logInput: boolean;
  readonly full: boolean;
  readonly eps: number;
  readonly reduction: Reduction;
  constructor(options: F.PoissonNLLOptions = {}) {
    super();
    const { logInput, full, eps, reduction } = readOptions("PoissonNLLLoss", options, POISSON_NLL);
    this.logInput = logInput;
    this.full = full;
    this.eps = eps;
    this.reduction = reduction;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    const { logInput, full, eps, reduction } = this;
    return F.poissonNllLoss(input, target, { logInput, full, eps, reduction });
  }
}

/** loss = ½·(mu² + e^logvar − 1 − logvar), a variational autoencoder's regulariser; see `functional.gaussianKLLoss`. */
export class GaussianKLLoss extends Module {
  readonly reduction: F.BatchReduction;
  constructor(options: F.BatchLossOptions = {}) {
    super();
    const { reduction } = readOptions("GaussianKLLoss", options, GAUSSIAN_KL);
    this.reduction = reduction;
  }

  forward(mu: Tensor, logvar: Tensor): Tensor {
    const { reduction } = this;
    return F.gaussianKLLoss(mu, logvar, { reduction });
  }
}
