import * as F from "../functional/index.js";
import { CTC, readOptions } from "../functional/loss_options.js";
import type { Reduction } from "../ops/loss.js";
import type { Tensor } from "../tensor.js";
import { Module } from "./module.js";

/**
 * Connectionist temporal classification: loss = −ln Σ p(path) over the paths that spell the target; see `functional.ctcLoss`.
 * PyTorch: the gradient by the log-probabilities is the true one.
 */
export class CTCLoss extends Module {
  readonly blank: number;
  readonly zeroInfinity: boolean;
  readonly reduction: Reduction;
  constructor(options: F.CTCOptions = {}) {
    super();
    const { blank, zeroInfinity, reduction } = readOptions("CTCLoss", options, CTC);
    this.blank = blank;
    this.zeroInfinity = zeroInfinity;
    this.reduction = reduction;
  }

  forward(logProbs: Tensor, targets: Tensor, inputLengths: F.Lengths, targetLengths: F.Lengths): Tensor {
    const { blank, zeroInfinity, reduction } = this;
    return F.ctcLoss(logProbs, targets, inputLengths, targetLengths, { blank, zeroInfinity, reduction });
  }
}
