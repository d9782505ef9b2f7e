import { checkNumber, checkOneOf, checkOptions } from "../check.js";
import { ArgumentError } from "../errors.js";
import * as ops from "../ops/pad.js";
import type { Tensor } from "../tensor.js";

export type { PadMode } from "../ops/pad.js";

export interface PadOptions {
  /** Elements before and behind each padded dimension, the last dimension first: [left, right, top, bottom, …]. Negative ones cut off. */
  readonly pad: readonly number[];
  /** What stands there. Default "constant". */
  readonly mode?: ops.PadMode;
  /** The constant. Default 0. */
  readonly value?: number;
}

/**
 * Pads the last dimensions: with a constant, with the elements mirrored at the edge ("reflect"), with the edge ("replicate") or with
 * the elements of the other end ("circular").
 * Shape: [..., N_k] → [..., before_k + N_k + after_k]. A constant goes with any dtype, the other modes with float32 and int32.
 * Errors: ShapeError if too much is cut off, or if reflect needs more than N − 1 or circular more than N elements on a side.
 */
export function pad(x: Tensor, options: PadOptions): Tensor {
  checkOptions("pad", options, ["pad", "mode", "value"]);
  const mode = checkOneOf("pad", "mode", options.mode ?? "constant", ops.PAD_MODES);
  const value = checkNumber("pad", "value", options.value ?? 0);
  if (mode !== "constant" && options.value !== undefined) {
    throw new ArgumentError("pad", `value is ${value} with mode "${mode}"; expected it only with "constant"`);
  }
  return ops.pad(x, ops.resolvePads("pad", x.shape, options.pad), mode, value);
}
