import { checkInteger } from "../check.js";
import { makeTensor } from "../creation.js";
import { cast } from "../ops/copy.js";
import * as ops from "../ops/ctc.js";
import { reduced } from "../ops/loss.js";
import { adopt, Tensor } from "../tensor.js";
import { div } from "./arithmetic.js";
import type { LossOptions } from "./loss.js";
import { CTC, readOptions } from "./loss_options.js";
import { clamp } from "./unary.js";

export interface CTCOptions extends LossOptions {
  /** The class that stands for no label. Default 0. */
  readonly blank?: number;
  /** An infinite loss, of a target too long for its input, becomes 0, and its gradient too. Default false. */
  readonly zeroInfinity?: boolean;
}

/** One length for each sequence: int32 [N] (or [] for a single one), or plain integers. */
export type Lengths = Tensor | readonly number[];

function lengthsOf(name: string, lengths: Lengths): Tensor {
  if (lengths instanceof Tensor) return lengths;
  return adopt(makeTensor(Int32Array.from(lengths, (n) => checkInteger("CTCLoss", name, n, 0))));
}

/**
 * Connectionist temporal classification: loss = −ln Σ p(path) over the paths through logProbs that spell the target once repeated classes
 * are merged and blanks dropped. Shape: logProbs [T, N, C] (log-probabilities, of `logSoftmax`) or [T, C]; targets int32 [N, S], or one
 * after the other [Σ targetLengths]; both lengths [N]. The mean is over loss / target length (no less than 1). A target without a path
 * has the loss ∞. Errors: ShapeError; ArgumentError for a length or label out of range, or a label that is the blank.
 * PyTorch: its gradient is meant to pass through `logSoftmax`; here it is the true one, which gives the same there.
 */
export function ctcLoss(
  logProbs: Tensor,
  targets: Tensor,
  inputLengths: Lengths,
  targetLengths: Lengths,
  options: CTCOptions = {},
): Tensor {
  const { blank, zeroInfinity, reduction } = readOptions("CTCLoss", options, CTC);
  const sizes = lengthsOf("targetLengths", targetLengths);
  const loss = ops.ctc(logProbs, targets, lengthsOf("inputLengths", inputLengths), sizes, { blank, zeroInfinity });
  if (reduction !== "mean") return reduced(loss, reduction);
  return reduced(div(loss, clamp(cast(sizes, "float32"), { min: 1 })), reduction);
}
