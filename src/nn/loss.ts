import * as F from "../functional/index.js";
import { CROSS_ENTROPY, NLL, REDUCTION, readOptions } from "../functional/loss_options.js";
import { materialize } from "../layout.js";
import type { Reduction } from "../ops/loss.js";
import type { Tensor } from "../tensor.js";
import { Module } from "./module.js";
import { Buffer } from "./parameter.js";

/** loss = (x − t)²; see `functional.mseLoss`. */
export class MSELoss extends Module {
  readonly reduction: Reduction;
  constructor(options: F.LossOptions = {}) {
    super();
    const { reduction } = readOptions("MSELoss", options, REDUCTION);
    this.reduction = reduction;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return F.mseLoss(input, target, { reduction: this.reduction });
  }
}

/** loss = |x − t|; see `functional.l1Loss`. */
export class L1Loss extends Module {
  readonly reduction: Reduction;
  constructor(options: F.LossOptions = {}) {
    super();
    const { reduction } = readOptions("L1Loss", options, REDUCTION);
    this.reduction = reduction;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    return F.l1Loss(input, target, { reduction: this.reduction });
  }
}

/** A copy of weights as part of the module's state. */
export function weightBuffer(weight: Tensor | null): Buffer | null {
  return weight ? new Buffer(materialize(weight)) : null;
}

/** loss = −w_t·x_t for log-probabilities x; see `functional.nllLoss`. */
export class NLLLoss extends Module {
  readonly weight: Buffer | null;
  readonly ignoreIndex: number;
  readonly reduction: Reduction;
  constructor(options: F.NLLLossOptions = {}) {
    super();
    const { weight, ignoreIndex, reduction } = readOptions("NLLLoss", options, NLL);
    this.weight = weightBuffer(weight);
    this.ignoreIndex = ignoreIndex;
    this.reduction = reduction;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    const { weight, ignoreIndex, reduction } = this;
    return F.nllLoss(input, target, { weight, ignoreIndex, reduction });
  }
}

/** Cross-entropy between scores and class indices or probabilities; see `functional.crossEntropy`. */
export class CrossEntropyLoss extends Module {
  readonly weight: Buffer | null;
  readonly ignoreIndex: number;
  readonly reduction: Reduction;
  readonly labelSmoothing: number;
  constructor(options: F.CrossEntropyOptions = {}) {
    super();
    const all = readOptions("CrossEntropyLoss", options, CROSS_ENTROPY);
    this.weight = weightBuffer(all.weight);
    this.ignoreIndex = all.ignoreIndex;
    this.labelSmoothing = all.labelSmoothing;
    this.reduction = all.reduction;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    const { weight, ignoreIndex, reduction, labelSmoothing } = this;
    return F.crossEntropy(input, target, { weight, ignoreIndex, reduction, labelSmoothing });
  }
}
