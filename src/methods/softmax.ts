import * as F from "../functional/softmax.js";
import type { Tensor } from "../tensor.js";

export const softmaxMethods = {
  softmax(this: Tensor, dim: number): Tensor {
    return F.softmax(this, { dim });
  },
  logSoftmax(this: Tensor, dim: number): Tensor {
    return F.logSoftmax(this, { dim });
  },
};
