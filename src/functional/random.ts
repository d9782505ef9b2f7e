import { checkOptions } from "../check.js";
import * as ops from "../ops/random.js";
import { defaultGenerator, type Generator } from "../random.js";
import type { Tensor } from "../tensor.js";

export interface DropoutOptions {
  /** Probability to drop an element. Default 0.5. */
  readonly p?: number;
  /** False: the input is returned as it is. Default true. */
  readonly training?: boolean;
  /** Where the mask comes from. Default: `defaultGenerator`. */
  readonly generator?: Generator;
}

/** y = x ⊙ m / (1 − p) with m[i] = 0 with probability p, else 1; the gradient draws the same mask again. p = 1 gives zeros. */
export function dropout(x: Tensor, options: DropoutOptions = {}): Tensor {
  checkOptions("Dropout", options, ["p", "training", "generator"]);
  const p = ops.checkProbability("Dropout", options.p ?? 0.5);
  if (p === 0 || options.training === false) return x;
  return ops.dropout(x, p, options.generator ?? defaultGenerator);
}
