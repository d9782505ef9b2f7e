import * as F from "../functional/matmul.js";
import type { Tensor } from "../tensor.js";

export const matmulMethods = {
  matmul(this: Tensor, other: Tensor): Tensor {
    return F.matmul(this, other);
  },
  mm(this: Tensor, other: Tensor): Tensor {
    return F.mm(this, other);
  },
  bmm(this: Tensor, other: Tensor): Tensor {
    return F.bmm(this, other);
  },
  mv(this: Tensor, vector: Tensor): Tensor {
    return F.mv(this, vector);
  },
  dot(this: Tensor, other: Tensor): Tensor {
    return F.dot(this, other);
  },
  outer(this: Tensor, other: Tensor): Tensor {
    return F.outer(this, other);
  },
  /** beta · this + alpha · a · b. */
  addmm(this: Tensor, a: Tensor, b: Tensor, options: F.AddMatmulOptions = {}): Tensor {
    return F.addmm(this, a, b, options);
  },
  /** beta · this + alpha · a · b for batches of matrices. */
  baddbmm(this: Tensor, a: Tensor, b: Tensor, options: F.AddMatmulOptions = {}): Tensor {
    return F.baddbmm(this, a, b, options);
  },
};
