import { checkOptions } from "../check.js";
import { ArgumentError } from "../errors.js";
import * as ops from "../ops/mask.js";
import { unbind } from "../ops/view.js";
import type { Tensor } from "../tensor.js";

/** x with `value` where the bool mask is true; both broadcast. */
export function maskedFill(x: Tensor, mask: Tensor, options: { value: number }): Tensor {
  checkOptions("maskedFill", options, ["value"]);
  if (typeof options.value !== "number") {
    throw new ArgumentError("maskedFill", `value is ${String(options.value)}; expected a number`);
  }
  return ops.maskedFill(x, mask, options.value);
}

/** The indices of the elements that are not 0, row-major: int32 [count, rank]; with `asTuple` one vector a dimension. */
export function nonzero(x: Tensor): Tensor;
export function nonzero(x: Tensor, options: { asTuple?: false }): Tensor;
export function nonzero(x: Tensor, options: { asTuple: true }): readonly Tensor[];
export function nonzero(x: Tensor, options: { asTuple?: boolean } = {}): Tensor | readonly Tensor[] {
  checkOptions("nonzero", options, ["asTuple"]);
  const found = ops.nonzero(x);
  return options.asTuple ? unbind("nonzero", found, 1) : found;
}
