import { checkOptions } from "../check.js";
import * as F from "../functional/index.js";
import { materialize } from "../layout.js";
import { checkReduction, type Reduction } from "../ops/loss.js";
import type { Tensor } from "../tensor.js";
import { Module } from "./module.js";
import { Buffer } from "./parameter.js";

/** Losses without other options. */
abstract class PlainLoss extends Module {
  readonly reduction: Reduction;
  constructor(options: F.LossOptions = {}) {
    super();
    checkOptions(new.target.name, options, ["reduction"]);
    this.reduction = checkReduction(new.target.name, options.reduction ?? "mean");
  }
}

/** loss = (x − t)²; see `functional.mseLoss`. */
export class MSELoss extends PlainLoss {
  forward(input: Tensor, target: Tensor): Tensor {
    return F.mseLoss(input, target, { reduction: this.reduction });
  }
}

/** loss = |x − t|; see `functional.l1Loss`. */
export class L1Loss extends PlainLoss {
  forward(input: Tensor, target: Tensor): Tensor {
    return F.l1Loss(input, target, { reduction: this.reduction });
  }
}

/** A copy of weights as part of the module's state. */
export function weightBuffer(weight: Tensor | null | undefined): Buffer | null {
  return weight ? new Buffer(materialize(weight)) : null;
}

/** loss = −w_t·x_t for log-probabilities x; see `functional.nllLoss`. */
export class NLLLoss extends Module {
  readonly weight: Buffer | null;
  readonly ignoreIndex: number;
  readonly reduction: Reduction;
  constructor(options: F.NLLLossOptions = {}) {
    super();
    checkOptions("NLLLoss", options, ["weight", "ignoreIndex", "reduction"]);
    this.reduction = checkReduction("NLLLoss", options.reduction ?? "mean");
    this.ignoreIndex = options.ignoreIndex ?? -100;
    this.weight = weightBuffer(options.weight);
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
    checkOptions("CrossEntropyLoss", options, ["weight", "ignoreIndex", "reduction", "labelSmoothing"]);
    this.reduction = checkReduction("CrossEntropyLoss", options.reduction ?? "mean");
    this.ignoreIndex = options.ignoreIndex ?? -100;
    this.labelSmoothing = options.labelSmoothing ?? 0;
    this.weight = weightBuffer(options.weight);
  }

  forward(input: Tensor, target: Tensor): Tensor {
    const { weight, ignoreIndex, reduction, labelSmoothing } = this;
    return F.crossEntropy(input, target, { weight, ignoreIndex, reduction, labelSmoothing });
  }
}
