import * as F from "../functional/activation.js";
import type { Tensor } from "../tensor.js";

export const activationMethods = {
  prelu(this: Tensor, weight: Tensor): Tensor {
    return F.prelu(this, weight);
  },
  hardshrink(this: Tensor, lambd = 0.5): Tensor {
    return F.hardshrink(this, { lambd });
  },
};
