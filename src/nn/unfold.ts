import { checkOptions, checkTuple } from "../check.js";
import * as F from "../functional/unfold.js";
import { type UnfoldOptions, unfoldAttrs } from "../ops/unfold.js";
import type { Tensor } from "../tensor.js";
import type { Sizes } from "../types.js";
import { Module } from "./module.js";

export type UnfoldModuleOptions = Omit<UnfoldOptions, "kernelSize">;

const OPTIONS = ["dilation", "padding", "stride"];

/** Windows of an image as columns, [N, C, H, W] → [N, C·kH·kW, L]; see `functional.unfold`. */
export class Unfold extends Module {
  private readonly options: UnfoldOptions;

  constructor(kernelSize: Sizes, options: UnfoldModuleOptions = {}) {
    super();
    checkOptions("Unfold", options, OPTIONS);
    this.options = { ...options, kernelSize };
    unfoldAttrs("Unfold", this.options);
  }

  forward(x: Tensor): Tensor {
    return F.unfold(x, this.options);
  }
}

/** Windows added up to an image of `outputSize`, [N, C·kH·kW, L] → [N, C, H, W]; see `functional.fold`. */
export class Fold extends Module {
  private readonly options: F.FoldOptions;

  constructor(outputSize: Sizes, kernelSize: Sizes, options: UnfoldModuleOptions = {}) {
    super();
    checkOptions("Fold", options, OPTIONS);
    this.options = { ...options, outputSize, kernelSize };
    unfoldAttrs("Fold", this.options);
    checkTuple("Fold", "outputSize", outputSize, 2, 1);
  }

  forward(x: Tensor): Tensor {
    return F.fold(x, this.options);
  }
}
