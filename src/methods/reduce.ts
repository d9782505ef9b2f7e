import * as F from "../functional/reduce.js";
import type { Tensor } from "../tensor.js";

type Dim = F.ReduceOptions["dim"];

/** What follows the dimensions in the reductions' methods. */
interface Keep {
  readonly keepdim?: boolean;
}

export const reduceMethods = {
  sum(this: Tensor, dim?: Dim, options: Keep = {}): Tensor {
    return F.sum(this, { ...options, dim: dim ?? null });
  },
  mean(this: Tensor, dim?: Dim, options: Keep = {}): Tensor {
    return F.mean(this, { ...options, dim: dim ?? null });
  },
  prod(this: Tensor, dim?: number | null, options: Keep = {}): Tensor {
    return F.prod(this, { ...options, dim: dim ?? null });
  },
  cumsum(this: Tensor, dim: number): Tensor {
    return F.cumsum(this, { dim });
  },
  all(this: Tensor, dim?: Dim, options: Keep = {}): Tensor {
    return F.all(this, { ...options, dim: dim ?? null });
  },
  any(this: Tensor, dim?: Dim, options: Keep = {}): Tensor {
    return F.any(this, { ...options, dim: dim ?? null });
  },
};
