import * as F from "../functional/unary.js";
import type { Tensor } from "../tensor.js";

export const unaryMethods = {
  relu(this: Tensor): Tensor {
    return F.relu(this);
  },
};
