import { checkOptions, checkRank } from "../check.js";
import { adaptiveAvgPool1d, adaptiveAvgPool2d, adaptiveAvgPool3d } from "../functional/avgpool.js";
import { adaptiveMaxPool1d, adaptiveMaxPool2d, adaptiveMaxPool3d } from "../functional/maxpool.js";
import { reshape } from "../ops/copy.js";
import type { Tensor } from "../tensor.js";
import { Module } from "./module.js";

export interface GlobalPoolOptions {
  /** Leave the pooled dimensions as size 1. Default true; false gives [N, C] or [C], ready for a Linear. */
  readonly keepdim?: boolean;
}

/** Adaptive pooling to one element. */
abstract class GlobalPool extends Module {
  readonly keepdim: boolean;

  constructor(
    private readonly op: string,
    private readonly rank: number,
    private readonly pool: (x: Tensor, options: { outputSize: number }) => Tensor,
    options: GlobalPoolOptions,
  ) {
    super();
    checkOptions(op, options, ["keepdim"]);
    this.keepdim = options.keepdim ?? true;
  }

  forward(x: Tensor): Tensor {
    const { op, rank, pool, keepdim } = this;
    checkRank(op, "input", x.shape, rank + 1, rank + 2);
    const y = pool(x, { outputSize: 1 });
    return keepdim ? y : reshape(y, y.shape.slice(0, -rank));
  }
}

/** Mean of each channel: [N, C, L] → [N, C, 1], or without N. The same as `AdaptiveAvgPool1d` of size 1. Errors: a plane without elements. */
export class GlobalAvgPool1d extends GlobalPool {
  constructor(options: GlobalPoolOptions = {}) {
    super("GlobalAvgPool1d", 1, adaptiveAvgPool1d, options);
  }
}

/** Mean of each channel: [N, C, H, W] → [N, C, 1, 1], or without N. The same as `AdaptiveAvgPool2d` of size 1. Errors: a plane without elements. */
export class GlobalAvgPool2d extends GlobalPool {
  constructor(options: GlobalPoolOptions = {}) {
    super("GlobalAvgPool2d", 2, adaptiveAvgPool2d, options);
  }
}

/** Mean of each channel: [N, C, D, H, W] → [N, C, 1, 1, 1], or without N. The same as `AdaptiveAvgPool3d` of size 1. Errors: a plane without elements. */
export class GlobalAvgPool3d extends GlobalPool {
  constructor(options: GlobalPoolOptions = {}) {
    super("GlobalAvgPool3d", 3, adaptiveAvgPool3d, options);
  }
}

/** Maximum of each channel: [N, C, L] → [N, C, 1], or without N. The same as `AdaptiveMaxPool1d` of size 1. Errors: a plane without elements. */
export class GlobalMaxPool1d extends GlobalPool {
  constructor(options: GlobalPoolOptions = {}) {
    super("GlobalMaxPool1d", 1, adaptiveMaxPool1d, options);
  }
}

/** Maximum of each channel: [N, C, H, W] → [N, C, 1, 1], or without N. The same as `AdaptiveMaxPool2d` of size 1. Errors: a plane without elements. */
export class GlobalMaxPool2d extends GlobalPool {
  constructor(options: GlobalPoolOptions = {}) {
    super("GlobalMaxPool2d", 2, adaptiveMaxPool2d, options);
  }
}

/** Maximum of each channel: [N, C, D, H, W] → [N, C, 1, 1, 1], or without N. The same as `AdaptiveMaxPool3d` of size 1. Errors: a plane without elements. */
export class GlobalMaxPool3d extends GlobalPool {
  constructor(options: GlobalPoolOptions = {}) {
    super("GlobalMaxPool3d", 3, adaptiveMaxPool3d, options);
  }
}
