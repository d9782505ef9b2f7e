import { kron } from "../functional/einsum.js";
import * as linalg from "../functional/linalg.js";
import type { Tensor } from "../tensor.js";

export const linalgMethods = {
  cholesky(this: Tensor): Tensor {
    return linalg.cholesky(this);
  },
  det(this: Tensor): Tensor {
    return linalg.det(this);
  },
  inverse(this: Tensor): Tensor {
    return linalg.inv(this);
  },
  kron(this: Tensor, other: Tensor): Tensor {
    return kron(this, other);
  },
  qr(this: Tensor): readonly [q: Tensor, r: Tensor] {
    return linalg.qr(this);
  },
};
