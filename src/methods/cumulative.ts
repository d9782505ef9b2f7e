import * as F from "../functional/cumulative.js";
import type { Tensor } from "../tensor.js";

export const cumulativeMethods = {
  cumprod(this: Tensor, dim: number): Tensor {
    return F.cumprod(this, { dim });
  },
};
