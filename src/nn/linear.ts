import { checkInteger, checkOptions } from "../check.js";
import { flatten } from "../functional/copy.js";
import * as F from "../functional/matmul.js";
import { unflatten } from "../functional/view.js";
import { Tensor } from "../tensor.js";
import type { Shape } from "../types.js";
import { kaimingUniform_, uniform_ } from "./init.js";
import { Module } from "./module.js";
import { Parameter } from "./parameter.js";

export interface LinearModuleOptions {
  /** Learn an additive bias. Default true. */
  readonly bias?: boolean;
}

/** A parameter of a shape, its values still to be drawn. */
function uninitialised(shape: Shape, origin: string): Parameter {
  return new Parameter(Tensor.allocate(shape, "float32", origin));
}

/**
 * y = x Wᵀ + b; see `functional.linear`. x [..., inFeatures], y [..., outFeatures], weight [outFeatures, inFeatures], bias
 * [outFeatures]; both begin uniform in ±1/√inFeatures.
 */
export class Linear extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | null;

  constructor(
    readonly inFeatures: number,
    readonly outFeatures: number,
    options: LinearModuleOptions = {},
  ) {
    super();
    checkOptions("Linear", options, ["bias"]);
    checkInteger("Linear", "inFeatures", inFeatures, 0);
    checkInteger("Linear", "outFeatures", outFeatures, 0);
    this.weight = uninitialised([outFeatures, inFeatures], "Linear");
    this.bias = (options.bias ?? true) ? uninitialised([outFeatures], "Linear") : null;
    this.resetParameters();
  }

  /** Draws weight and bias anew. */
  resetParameters(): void {
    kaimingUniform_(this.weight, { a: Math.sqrt(5) });
    if (this.bias !== null) drawUniform(this.bias, this.inFeatures);
  }

  forward(x: Tensor): Tensor {
    return F.linear(x, this.weight, this.bias);
  }
}

/** Uniform in ±1/√fan. */
function drawUniform(t: Tensor, fan: number): void {
  const bound = fan > 0 ? 1 / Math.sqrt(fan) : 0;
  uniform_(t, -bound, bound);
}

/**
 * y = x1ᵀ W x2 + b; see `functional.bilinear`. x1 [..., in1Features], x2 [..., in2Features], y [..., outFeatures], weight
 * [outFeatures, in1Features, in2Features], bias [outFeatures]; both begin uniform in ±1/√in1Features.
 */
export class Bilinear extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | null;

  constructor(
    readonly in1Features: number,
    readonly in2Features: number,
    readonly outFeatures: number,
    options: LinearModuleOptions = {},
  ) {
    super();
    checkOptions("Bilinear", options, ["bias"]);
    checkInteger("Bilinear", "in1Features", in1Features, 1);
    checkInteger("Bilinear", "in2Features", in2Features, 0);
    checkInteger("Bilinear", "outFeatures", outFeatures, 0);
    this.weight = uninitialised([outFeatures, in1Features, in2Features], "Bilinear");
    this.bias = (options.bias ?? true) ? uninitialised([outFeatures], "Bilinear") : null;
    this.resetParameters();
  }

  /** Draws weight and bias anew. */
  resetParameters(): void {
    drawUniform(this.weight, this.in1Features);
    if (this.bias !== null) drawUniform(this.bias, this.in1Features);
  }

  forward(x1: Tensor, x2: Tensor): Tensor {
    return F.bilinear(x1, x2, this.weight, this.bias);
  }
}

/** y = x. Takes and ignores any arguments, so that it can stand for any module. */
export class Identity extends Module {
  constructor(..._ignored: readonly unknown[]) {
    super();
  }

  forward(x: Tensor): Tensor {
    return x;
  }
}

export interface FlattenModuleOptions {
  /** First dimension to merge. Default 1: the batch stays. */
  readonly startDim?: number;
  /** Last dimension to merge. Default -1. */
  readonly endDim?: number;
}

/** Merges the dimensions from startDim to endDim into one; see `functional.flatten`. */
export class Flatten extends Module {
  readonly startDim: number;
  readonly endDim: number;

  constructor(options: FlattenModuleOptions = {}) {
    super();
    checkOptions("Flatten", options, ["startDim", "endDim"]);
    this.startDim = options.startDim ?? 1;
    this.endDim = options.endDim ?? -1;
  }

  forward(x: Tensor): Tensor {
    return flatten(x, { startDim: this.startDim, endDim: this.endDim });
  }
}

/** Splits dimension `dim` into `sizes`, one of which may be -1; see `functional.unflatten`. */
export class Unflatten extends Module {
  constructor(
    readonly dim: number,
    readonly sizes: Shape,
  ) {
    super();
  }

  forward(x: Tensor): Tensor {
    return unflatten(x, { dim: this.dim, sizes: this.sizes });
  }
}
