import { checkInteger, checkNumber, checkOptions } from "../check.js";
import { ones, zeros } from "../creation.js";
import { ShapeError } from "../errors.js";
import * as F from "../functional/norm.js";
import { checkNormalizedShape, groupNorm, layerNorm } from "../ops/norm_group.js";
import { formatShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import type { Shape } from "../types.js";
import { Module } from "./module.js";
import { Parameter } from "./parameter.js";

export interface LayerNormModuleOptions {
  /** Added to the variance. Default 1e-5. */
  readonly eps?: number;
  /** Learn a weight and a bias per element. Default true. */
  readonly elementwiseAffine?: boolean;
  /** Learn a bias beside the weight. Default true. */
  readonly bias?: boolean;
}

/**
 * Normalises each sample over its trailing dimensions; see `functional.layerNorm`.
 * Shape: […, normalizedShape]. State: weight, bias of shape normalizedShape (ones, zeros).
 * PyTorch: 1.13 has no option bias.
 */
export class LayerNorm extends Module {
  readonly normalizedShape: Shape;
  readonly eps: number;
  weight: Parameter | null = null;
  bias: Parameter | null = null;

  constructor(normalizedShape: number | Shape, options: LayerNormModuleOptions = {}) {
    super();
    const name = new.target.name;
    checkOptions(name, options, ["eps", "elementwiseAffine", "bias"]);
    this.normalizedShape = checkNormalizedShape(name, normalizedShape);
    this.eps = checkNumber(name, "eps", options.eps ?? 1e-5, 0);
    if (options.elementwiseAffine ?? true) {
      this.weight = new Parameter(ones(this.normalizedShape));
      if (options.bias ?? true) this.bias = new Parameter(zeros(this.normalizedShape));
    }
  }

  forward(x: Tensor): Tensor {
    const { normalizedShape, eps } = this;
    return layerNorm(x, this.weight, this.bias, { op: this.constructor.name, normalizedShape, eps });
  }
}

export interface RmsNormModuleOptions {
  /** Keeps the root from 0. Default null: 2⁻²³. */
  readonly eps?: number | null;
  /** Learn a weight per element. Default true. */
  readonly elementwiseAffine?: boolean;
  /** Divide by √mean(x²) + eps instead of √(mean(x²) + eps). Default false. */
  readonly epsOutside?: boolean;
}

/**
 * Divides each sample by its root mean square over the trailing dimensions; see `functional.rmsNorm`.
 * Shape: […, normalizedShape]. State: weight of shape normalizedShape (ones).
 * PyTorch: from 2.4 on, without epsOutside.
 */
export class RMSNorm extends Module {
  readonly normalizedShape: Shape;
  readonly eps: number | null;
  readonly epsOutside: boolean;
  weight: Parameter | null = null;

  constructor(normalizedShape: number | Shape, options: RmsNormModuleOptions = {}) {
    super();
    const name = new.target.name;
    checkOptions(name, options, ["eps", "elementwiseAffine", "epsOutside"]);
    this.normalizedShape = checkNormalizedShape(name, normalizedShape);
    this.eps = options.eps === undefined || options.eps === null ? null : checkNumber(name, "eps", options.eps, 0);
    this.epsOutside = options.epsOutside ?? false;
    if (options.elementwiseAffine ?? true) this.weight = new Parameter(ones(this.normalizedShape));
  }

  forward(x: Tensor): Tensor {
    const { normalizedShape, eps, epsOutside } = this;
    return F.rmsNorm(x, this.weight, { normalizedShape, eps, epsOutside });
  }
}

export interface GroupNormModuleOptions {
  /** Added to the variance. Default 1e-5. */
  readonly eps?: number;
  /** Learn a weight and a bias per channel. Default true. */
  readonly affine?: boolean;
}

/**
 * Normalises groups of neighbouring channels of each sample; see `functional.groupNorm`.
 * Shape: [N, C, …]. State: weight, bias [C] (ones, zeros).
 * Errors: ShapeError if numGroups does not divide numChannels.
 */
export class GroupNorm extends Module {
  readonly numGroups: number;
  readonly numChannels: number;
  readonly eps: number;
  weight: Parameter | null = null;
  bias: Parameter | null = null;

  constructor(numGroups: number, numChannels: number, options: GroupNormModuleOptions = {}) {
    super();
    const name = new.target.name;
    checkOptions(name, options, ["eps", "affine"]);
    this.numGroups = checkInteger(name, "numGroups", numGroups, 1);
    this.numChannels = checkInteger(name, "numChannels", numChannels, 1);
    if (numChannels % numGroups !== 0) {
      throw new ShapeError(name, `${numChannels} channels do not split into ${numGroups} groups; expected a multiple`);
    }
    this.eps = checkNumber(name, "eps", options.eps ?? 1e-5, 0);
    if (options.affine ?? true) {
      this.weight = new Parameter(ones([numChannels]));
      this.bias = new Parameter(zeros([numChannels]));
    }
  }

  forward(x: Tensor): Tensor {
    const { numGroups: groups, numChannels, eps } = this;
    const name = this.constructor.name;
    if (x.ndim >= 2 && x.shape[1] !== numChannels) {
      throw new ShapeError(
        name,
        `input has ${x.shape[1]} channels; expected ${numChannels} (input ${formatShape(x.shape)})`,
      );
    }
    return groupNorm(x, this.weight, this.bias, { op: name, groups, eps });
  }
}

/** Divides by a power of the activity of neighbouring channels; see `functional.localResponseNorm`. Shape: [N, C, …] of rank ≥ 3. */
export class LocalResponseNorm extends Module {
  private readonly options: F.LocalResponseNormOptions;

  constructor(size: number, options: Omit<F.LocalResponseNormOptions, "size"> = {}) {
    super();
    checkOptions(new.target.name, options, ["alpha", "beta", "k"]);
    this.options = { ...options, size: checkInteger(new.target.name, "size", size, 1) };
  }

  forward(x: Tensor): Tensor {
    return F.localResponseNorm(x, this.options);
  }
}
