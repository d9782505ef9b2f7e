import { checkOptions } from "../check.js";
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
    this.dim = options.dim ?? 1;
    this.eps = options.eps ?? 1e-8;
  }

  forward(x1: Tensor, x2: Tensor): Tensor {
    return F.cosineSimilarity(x1, x2, { dim: this.dim, eps: this.eps });
  }
}
