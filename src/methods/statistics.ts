import * as F from "../functional/statistics.js";
import type { Tensor } from "../tensor.js";

type Dim = F.VarOptions["dim"];

export const statisticsMethods = {
  var(this: Tensor, dim?: Dim, options: Omit<F.VarOptions, "dim"> = {}): Tensor {
    return F.var(this, { ...options, dim: dim ?? null });
  },
  std(this: Tensor, dim?: Dim, options: Omit<F.VarOptions, "dim"> = {}): Tensor {
    return F.std(this, { ...options, dim: dim ?? null });
  },
  logsumexp(this: Tensor, dim?: Dim, options: { keepdim?: boolean } = {}): Tensor {
    return F.logsumexp(this, { ...options, dim: dim ?? null });
  },
  norm(this: Tensor, p: number | "fro" = 2, dim?: Dim, options: { keepdim?: boolean } = {}): Tensor {
    return F.norm(this, { ...options, p, dim: dim ?? null });
  },
};
