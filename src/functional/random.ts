import { checkDType, checkOptions, checkRank } from "../check.js";
import { ones } from "../creation.js";
import { mul } from "../ops/arithmetic.js";
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

/** Drops whole channels of [N, C, L], or of [C, L] without a batch; otherwise as `dropout`. */
export function dropout1d(x: Tensor, options: DropoutOptions = {}): Tensor {
  return channelDropout("Dropout1d", x, 1, options);
}

/** Drops whole channels of [N, C, H, W], or of [C, H, W] without a batch; otherwise as `dropout`. */
export function dropout2d(x: Tensor, options: DropoutOptions = {}): Tensor {
  return channelDropout("Dropout2d", x, 2, options);
}

/** Drops whole channels of [N, C, D, H, W], or of [C, D, H, W] without a batch; otherwise as `dropout`. */
export function dropout3d(x: Tensor, options: DropoutOptions = {}): Tensor {
  return channelDropout("Dropout3d", x, 3, options);
}

function channelDropout(op: string, x: Tensor, spatial: number, options: DropoutOptions): Tensor {
  checkOptions(op, options, ["p", "training", "generator"]);
  const p = ops.checkProbability(op, options.p ?? 0.5);
  checkRank(op, "input", x.shape, spatial + 1, spatial + 2);
  checkDType(op, "input", x, "float32");
  if (p === 0 || options.training === false) return x;
  const channels = x.shape.map((n, i) => (i < x.ndim - spatial ? n : 1));
  return mul(x, ops.dropout(ones(channels), p, options.generator ?? defaultGenerator));
}
