import * as ops from "../ops/unary.js";
import type { Tensor } from "../tensor.js";

/** y = max(x, 0); the gradient at 0 is 0, NaN stays NaN. */
export function relu(x: Tensor): Tensor {
  return ops.relu(x);
}
