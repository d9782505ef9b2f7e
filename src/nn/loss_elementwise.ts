import * as F from "../functional/index.js";
import { BCE, BCE_WITH_LOGITS, HUBER, readOptions, SMOOTH_L1 } from "../functional/loss_options.js";
import type { Reduction } from "../ops/loss.js";
import type { Tensor } from "../tensor.js";
import { weightBuffer } from "./loss.js";
import { Module } from "./module.js";
import type { Buffer } from "./parameter.js";

/**
 * loss = −w·(t·ln x + (1 − t)·ln(1 − x)) for probabilities x; see `functional.binaryCrossEntropy`.
 * PyTorch: the target's range is checked too.
 */
export class BCELoss extends Module {
  readonly weight: Buffer | null;
  readonly reduction: Reduction;
  constructor(options: F.BCEOptions = {}) {
    super();
    const { weight, reduction } = readOptions("BCELoss", options, BCE);
    this.weight = weightBuffer(weight);
    this.reduction = reduction;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    const { weight, reduction } = this;
    return F.binaryCrossEntropy(input, target, { weight, reduction });
  }
}

/** loss = −w·(p·t·ln σ(x) + (1 − t)·ln(1 − σ(x))) for scores x; see `functional.binaryCrossEntropyWithLogits`. */
export class BCEWithLogitsLoss extends Module {
  readonly weight: Buffer | null;
  readonly posWeight: Buffer | null;
  readonly reduction: Reduction;
  constructor(options: F.BCEWithLogitsOptions = {}) {
    super();
    const { weight, posWeight, reduction } = readOptions("BCEWithLogitsLoss", options, BCE_WITH_LOGITS);
    this.weight = weightBuffer(weight);
    this.posWeight = weightBuffer(posWeight);
    this.reduction = reduction;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    const { weight, posWeight, reduction } = this;
    return F.binaryCrossEntropyWithLogits(input, target, { weight, posWeight, reduction });
  }
}

/** loss = d²/(2·beta) where d = |x − t| < beta, else d − beta/2; see `functional.smoothL1Loss`. */
export class SmoothL1Loss extends Module {
  readonly beta: number;
  readonly reduction: Reduction;
  constructor(options: F.SmoothL1Options = {}) {
    super();
    const { beta, reduction } = readOptions("SmoothL1Loss", options, SMOOTH_L1);
    this.beta = beta;
    this.reduction = reduction;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    const { beta, reduction } = this;
    return F.smoothL1Loss(input, target, { beta, reduction });
  }
}

/** loss = d²/2 where d = |x − t| ≤ delta, else delta·(d − delta/2); see `functional.huberLoss`. */
export class HuberLoss extends Module {
  readonly delta: number;
  readonly reduction: Reduction;
  constructor(options: F.HuberOptions = {}) {
    super();
    const { delta, reduction } = readOptions("HuberLoss", options, HUBER);
    this.delta = delta;
    this.reduction = reduction;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    const { delta, reduction } = this;
    return F.huberLoss(input, target, { delta, reduction });
  }
}
