import { checkOneOf, checkOptions } from "../check.js";
import { type InterpolateOptions, interpolate } from "../functional/upsample.js";
import { INTERPOLATE_OPTIONS, INTERPOLATION_MODES } from "../ops/upsample.js";
import type { Tensor } from "../tensor.js";
import { Module } from "./module.js";

/** Resamples an image to another size; formulas, shapes and options in `functional.interpolate`. */
export class Upsample extends Module {
  readonly options: InterpolateOptions;

  constructor(options: InterpolateOptions = {}) {
    super();
    checkOptions("Upsample", options, INTERPOLATE_OPTIONS);
    checkOneOf("Upsample", "mode", options.mode ?? "nearest", INTERPOLATION_MODES);
    this.options = options;
  }

  forward(x: Tensor): Tensor {
    return interpolate(x, this.options);
  }
}

export type UpsamplingOptions = Pick<InterpolateOptions, "size" | "scaleFactor">;

/** Enlarges [N, C, H, W] by repeating elements: `Upsample` with mode "nearest". */
export class UpsamplingNearest2d extends Upsample {
  constructor(options: UpsamplingOptions) {
    checkOptions("UpsamplingNearest2d", options, ["size", "scaleFactor"]);
    super({ ...options, mode: "nearest" });
  }
}

/** Enlarges [N, C, H, W] with the centres of the outer elements kept: `Upsample` with mode "bilinear" and alignCorners. */
export class UpsamplingBilinear2d extends Upsample {
  constructor(options: UpsamplingOptions) {
    checkOptions("UpsamplingBilinear2d", options, ["size", "scaleFactor"]);
    super({ ...options, mode: "bilinear", alignCorners: true });
  }
}
