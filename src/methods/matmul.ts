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
};
