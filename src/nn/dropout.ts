import { checkOneOf, checkOptions } from "../check.js";
import * as F from "../functional/random.js";
import { checkProbability } from "../ops/random.js";
import type { Generator } from "../random.js";
import type { Tensor } from "../tensor.js";
import { Module } from "./module.js";

export interface DropoutModuleOptions {
  /** Probability to drop an element. Default 0.5. */
  readonly p?: number;
  /** Where the masks come from. Default: `defaultGenerator`. */
  readonly generator?: Generator;
}

abstract class DropoutBase extends Module {
  readonly p: number;
  protected readonly generator: Generator | undefined;

  constructor(options: DropoutModuleOptions = {}) {
    super();
    const name = new.target.name;
    checkOptions(name, options, ["p", "generator"]);
    this.p = checkProbability(name, options.p ?? 0.5);
    this.generator = options.generator;
  }

  /** What the functional is called with. */
  protected get call(): F.DropoutOptions {
    const { p, training, generator } = this;
    return generator === undefined ? { p, training } : { p, training, generator };
  }
}

/** Zeroes elements with probability p while training and scales the others by 1/(1 − p); see `functional.dropout`. Any shape. */
export class Dropout extends DropoutBase {
  forward(x: Tensor): Tensor {
    return F.dropout(x, this.call);
  }
}

/** Zeroes whole channels of [N, C, L] or [C, L]; see `functional.dropout1d`. */
export class Dropout1d extends DropoutBase {
  forward(x: Tensor): Tensor {
    return F.dropout1d(x, this.call);
  }
}

/** Zeroes whole channels of [N, C, H, W] or [C, H, W]; see `functional.dropout2d`. */
export class Dropout2d extends DropoutBase {
  forward(x: Tensor): Tensor {
    return F.dropout2d(x, this.call);
  }
}

/** Zeroes whole channels of [N, C, D, H, W] or [C, D, H, W]; see `functional.dropout3d`. */
export class Dropout3d extends DropoutBase {
  forward(x: Tensor): Tensor {
    return F.dropout3d(x, this.call);
  }
}

/** Keeps mean and variance of SELU's outputs while dropping; see `functional.alphaDropout`. Any shape. */
export class AlphaDropout extends DropoutBase {
  forward(x: Tensor): Tensor {
    return F.alphaDropout(x, this.call);
  }
}

/** Drops whole samples of [N, …] with probability p, each on its own or all at once; see `functional.stochasticDepth`. */
export class StochasticDepth extends Module {
  readonly options: F.StochasticDepthOptions;

  constructor(p: number, mode: "row" | "batch" = "row", options: { generator?: Generator } = {}) {
    super();
    checkOptions("StochasticDepth", options, ["generator"]);
    checkProbability("StochasticDepth", p);
    checkOneOf("StochasticDepth", "mode", mode, ["row", "batch"]);
    this.options = { ...options, p, mode };
  }

  forward(x: Tensor): Tensor {
    return F.stochasticDepth(x, { ...this.options, training: this.training });
  }
}
