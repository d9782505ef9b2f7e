import { checkOptions } from "../check.js";
import * as ops from "../ops/cumulative.js";
import type { Tensor } from "../tensor.js";

/** y[i] = x[0] · … · x[i] along `dim`; zeros in x do no harm to the gradient. */
export function cumprod(x: Tensor, options: { dim: number }): Tensor {
  checkOptions("cumprod", options, ["dim"]);
  return ops.cumprod(x, options.dim);
}
