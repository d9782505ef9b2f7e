import * as F from "../functional/arithmetic.js";
import type { Tensor } from "../tensor.js";

export const arithmeticMethods = {
  add(this: Tensor, other: F.Operand, options?: F.AlphaOptions): Tensor {
    return F.add(this, other, options);
  },
  sub(this: Tensor, other: F.Operand, options?: F.AlphaOptions): Tensor {
    return F.sub(this, other, options);
  },
  mul(this: Tensor, other: F.Operand): Tensor {
    return F.mul(this, other);
  },
  div(this: Tensor, other: F.Operand, options?: F.DivOptions): Tensor {
    return F.div(this, other, options);
  },
  minimum(this: Tensor, other: F.Operand): Tensor {
    return F.minimum(this, other);
  },
  maximum(this: Tensor, other: F.Operand): Tensor {
    return F.maximum(this, other);
  },
  neg(this: Tensor): Tensor {
    return F.neg(this);
  },
};
