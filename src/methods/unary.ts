import * as F from "../functional/unary.js";
import type { Tensor } from "../tensor.js";

export const unaryMethods = {
  relu(this: Tensor): Tensor {
    return F.relu(this);
  },
  abs(this: Tensor): Tensor {
    return F.abs(this);
  },
  sign(this: Tensor): Tensor {
    return F.sign(this);
  },
  sqrt(this: Tensor): Tensor {
    return F.sqrt(this);
  },
  rsqrt(this: Tensor): Tensor {
    return F.rsqrt(this);
  },
  reciprocal(this: Tensor): Tensor {
    return F.reciprocal(this);
  },
  square(this: Tensor): Tensor {
    return F.square(this);
  },
  floor(this: Tensor): Tensor {
    return F.floor(this);
  },
  ceil(this: Tensor): Tensor {
    return F.ceil(this);
  },
  round(this: Tensor): Tensor {
    return F.round(this);
  },
  clamp(this: Tensor, min?: number | null, max?: number | null): Tensor {
    return F.clamp(this, { ...(min != null && { min }), ...(max != null && { max }) });
  },
};
