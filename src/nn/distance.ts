import { checkInteger, checkNumber, checkOptions } from "../check.js";
import * as F from "../functional/distance.js";
import type { Tensor } from "../tensor.js";
import { Module } from "./module.js";

/** x1·x2 / max(‖x1‖ ‖x2‖, eps) along `dim` (default 1); see `functional.cosineSimilarity`. */
export class CosineSimilarity extends Module {
  readonly dim: number;
  readonly eps: number;

  constructor(options: F.CosineSimilarityOptions = {}) {
    super();
    checkOptions("CosineSimilarity", options, ["dim", "eps"]);
    this.dim = checkInteger("CosineSimilarity", "dim", options.dim ?? 1, -(2 ** 31));
    this.eps = checkNumber("CosineSimilarity", "eps", options.eps ?? 1e-8, 0);
  }

  forward(x1: Tensor, x2: Tensor): Tensor {
    return F.cosineSimilarity(x1, x2, { dim: this.dim, eps: this.eps });
  }
}

/** ‖x1 − x2 + eps‖_p over the last dimension; see `functional.pairwiseDistance`. */
export class PairwiseDistance extends Module {
  readonly p: number;
  readonly eps: number;
  readonly keepdim: boolean;

  constructor(options: F.PairwiseDistanceOptions = {}) {
    super();
    checkOptions("PairwiseDistance", options, ["p", "eps", "keepdim"]);
    this.p = checkNumber("PairwiseDistance", "p", options.p ?? 2);
    this.eps = checkNumber("PairwiseDistance", "eps", options.eps ?? 1e-6);
    this.keepdim = options.keepdim ?? false;
  }

  forward(x1: Tensor, x2: Tensor): Tensor {
    return F.pairwiseDistance(x1, x2, { p: this.p, eps: this.eps, keepdim: this.keepdim });
  }
}
