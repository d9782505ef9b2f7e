import * as F from "../functional/reduce.js";
import type { Tensor } from "../tensor.js";

type Dim = F.ReduceOptions["dim"];

export const reduceMethods = {
  sum(this: Tensor, dim?: Dim, options: { keepdim?: boolean } = {}): Tensor {
    return F.sum(this, { ...options, dim: dim ?? null });
  },
  mean(this: Tensor, dim?: Dim, options: { keepdim?: boolean } = {}): Tensor {
    return F.mean(this, { ...options, dim: dim ?? null });
  },
};
