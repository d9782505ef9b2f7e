import * as F from "../functional/index.js";
import { MULTI_MARGIN, MULTILABEL_SOFT_MARGIN, REDUCTION, readOptions } from "../functional/loss_options.js";
import type { Reduction } from "../ops/loss.js";
import type { Tensor } from "../tensor.js";
import { weightBuffer } from "./loss.js";
import { Module } from "./module.js";
import type { Buffer } from "./parameter.js";

/** loss = Σ_{j ≠ t} w_t·max(0, margin − x_t + x_j)^p / C; see `functional.multiMarginLoss`. */
export class MultiMarginLoss extends Module {
  readonly p: number;
  readonly margin: number;
  readonly weight: Buffer | null;
  readonly reduction: Reduction;
  constructor(options: F.MultiMarginOptions = {}) {
    super();
    const { p, margin, weight, reduction } = readOptions("MultiMarginLoss", options, MULTI_MARGIN);
    this.p = p;
    this.margin = margin;
    this.weight = weightBuffer(weight);
    this.reduction = reduction;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    const { p, margin, weight, reduction } = this;
    return F.multiMarginLoss(input, target, { p, margin, weight, reduction });
  }
}

/** loss = Σ_j Σ_i max(0, 1 − x_j + x_i) / C over labels j and other classes i; see `functional.multilabelMarginLoss`. */
export class MultiLabelMarginLoss extends Module {
  readonly reduction: Reduction;
  constructor(options: F.LossOptions = {}) {
    super();
    const { reduction } = readOptions("MultiLabelMarginLoss", options, REDUCTION);
    this.reduction = reduction;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    const { reduction } = this;
    return F.multilabelMarginLoss(input, target, { reduction });
  }
}

/** Binary cross-entropy of scores, averaged over the classes; see `functional.multilabelSoftMarginLoss`. */
export class MultiLabelSoftMarginLoss extends Module {
  readonly weight: Buffer | null;
  readonly reduction: Reduction;
  constructor(options: F.MultilabelSoftMarginOptions = {}) {
    super();
    const { weight, reduction } = readOptions("MultiLabelSoftMarginLoss", options, MULTILABEL_SOFT_MARGIN);
    this.weight = weightBuffer(weight);
    this.reduction = reduction;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    const { weight, reduction } = this;
    return F.multilabelSoftMarginLoss(input, target, { weight, reduction });
  }
}

/** loss = ln(1 + e^{−t·x}) for targets 1 and −1; see `functional.softMarginLoss`. */
export class SoftMarginLoss extends Module {
  readonly reduction: Reduction;
  constructor(options: F.LossOptions = {}) {
    super();
    const { reduction } = readOptions("SoftMarginLoss", options, REDUCTION);
    this.reduction = reduction;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    const { reduction } = this;
    return F.softMarginLoss(input, target, { reduction });
  }
}
