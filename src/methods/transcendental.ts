import type { Operand } from "../functional/operand.js";
import * as F from "../functional/transcendental.js";
import type { Tensor } from "../tensor.js";

export const transcendentalMethods = {
  exp(this: Tensor): Tensor {
    return F.exp(this);
  },
  expm1(this: Tensor): Tensor {
    return F.expm1(this);
  },
  log(this: Tensor): Tensor {
    return F.log(this);
  },
  log1p(this: Tensor): Tensor {
    return F.log1p(this);
  },
  sin(this: Tensor): Tensor {
    return F.sin(this);
  },
  cos(this: Tensor): Tensor {
    return F.cos(this);
  },
  tanh(this: Tensor): Tensor {
    return F.tanh(this);
  },
  sigmoid(this: Tensor): Tensor {
    return F.sigmoid(this);
  },
  erf(this: Tensor): Tensor {
    return F.erf(this);
  },
  pow(this: Tensor, exponent: Operand): Tensor {
    return F.pow(this, exponent);
  },
};
