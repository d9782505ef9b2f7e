import * as F from "../functional/index.js";
import {
  COSINE_EMBEDDING,
  HINGE_EMBEDDING,
  MARGIN_RANKING,
  readOptions,
  TRIPLET_MARGIN,
  TRIPLET_MARGIN_WITH_DISTANCE,
} from "../functional/loss_options.js";
import type { Reduction } from "../ops/loss.js";
import type { Tensor } from "../tensor.js";
import { Module } from "./module.js";

/** loss = x where the target is 1, max(0, margin − x) where it is −1; see `functional.hingeEmbeddingLoss`. */
export class HingeEmbeddingLoss extends Module {
  readonly margin: number;
  readonly reduction: Reduction;
  constructor(options: F.MarginOptions = {}) {
    super();
    const { margin, reduction } = readOptions("HingeEmbeddingLoss", options, HINGE_EMBEDDING);
    this.margin = margin;
    this.reduction = reduction;
  }

  forward(input: Tensor, target: Tensor): Tensor {
    const { margin, reduction } = this;
    return F.hingeEmbeddingLoss(input, target, { margin, reduction });
  }
}

/** loss = 1 − cos(x1, x2) where the target is 1, max(0, cos(x1, x2) − margin) where it is −1; see `functional.cosineEmbeddingLoss`. */
export class CosineEmbeddingLoss extends Module {
  readonly margin: number;
  readonly reduction: Reduction;
  constructor(options: F.MarginOptions = {}) {
    super();
    const { margin, reduction } = readOptions("CosineEmbeddingLoss", options, COSINE_EMBEDDING);
    this.margin = margin;
    this.reduction = reduction;
  }

  forward(x1: Tensor, x2: Tensor, target: Tensor): Tensor {
    const { margin, reduction } = this;
    return F.cosineEmbeddingLoss(x1, x2, target, { margin, reduction });
  }
}

/** loss = max(0, margin − t·(x1 − x2)); see `functional.marginRankingLoss`. */
export class MarginRankingLoss extends Module {
  readonly margin: number;
  readonly reduction: Reduction;
  constructor(options: F.MarginOptions = {}) {
    super();
    const { margin, reduction } = readOptions("MarginRankingLoss", options, MARGIN_RANKING);
    this.margin = margin;
    this.reduction = reduction;
  }

  forward(x1: Tensor, x2: Tensor, target: Tensor): Tensor {
    const { margin, reduction } = this;
    return F.marginRankingLoss(x1, x2, target, { margin, reduction });
  }
}

/** loss = max(0, margin + d(anchor, positive) − d(anchor, negative)); see `functional.tripletMarginLoss`. */
export class TripletMarginLoss extends Module {
  readonly margin: number;
  readonly p: number;
  readonly eps: number;
  readonly swap: boolean;
  readonly reduction: Reduction;
  constructor(options: F.TripletMarginOptions = {}) {
    super();
    const { margin, p, eps, swap, reduction } = readOptions("TripletMarginLoss", options, TRIPLET_MARGIN);
    this.margin = margin;
    this.p = p;
    this.eps = eps;
    this.swap = swap;
    this.reduction = reduction;
  }

  forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    const { margin, p, eps, swap, reduction } = this;
    return F.tripletMarginLoss(anchor, positive, negative, { margin, p, eps, swap, reduction });
  }
}

/** `TripletMarginLoss` with any distance; see `functional.tripletMarginWithDistanceLoss`. */
export class TripletMarginWithDistanceLoss extends Module {
  readonly distanceFunction: F.Distance;
  readonly margin: number;
  readonly swap: boolean;
  readonly reduction: Reduction;
  constructor(options: F.TripletMarginWithDistanceOptions = {}) {
    super();
    const { distanceFunction, margin, swap, reduction } = readOptions(
      "TripletMarginWithDistanceLoss",
      options,
      TRIPLET_MARGIN_WITH_DISTANCE,
    );
    this.distanceFunction = distanceFunction;
    this.margin = margin;
    this.swap = swap;
    this.reduction = reduction;
  }

  forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    const { distanceFunction, margin, swap, reduction } = this;
    return F.tripletMarginWithDistanceLoss(anchor, positive, negative, { distanceFunction, margin, swap, reduction });
  }
}
