import {
  checkDType,
  checkInteger,
  checkNumber,
  checkOptions,
  checkRank,
  checkTuple,
  type NoOptions,
} from "../check.js";
import { zeros } from "../creation.js";
import { ShapeError } from "../errors.js";
import { ge } from "../functional/compare.js";
import { flatten } from "../functional/copy.js";
import { max } from "../functional/extrema.js";
import * as F from "../functional/matmul.js";
import { unflatten } from "../functional/view.js";
import { linear } from "../ops/matmul.js";
import { noGrad, scope } from "../scoping.js";
import { formatShape, sameShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import type { Shape } from "../types.js";
import { declareFusing, type Epilogue, finish, NO_EPILOGUE } from "./epilogue.js";
import { kaimingUniform_, uniform_ } from "./init.js";
import { Module } from "./module.js";
import { Parameter, uninitialised } from "./parameter.js";

export interface LinearModuleOptions {
  /** Learn an additive bias. Default true. */
  readonly bias?: boolean;
}

/**
 * y = x Wᵀ + b; see `functional.linear`. Shapes: x [..., inFeatures], y [..., outFeatures]. State: weight [outFeatures, inFeatures],
 * bias [outFeatures]; both begin uniform in ±1/√inFeatures.
 */
export class Linear extends Module {
  weight: Parameter;
  bias: Parameter | null;

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

  /** An epilogue of a relu alone is applied in the same pass. */
  forward(x: Tensor, epilogue: Epilogue = NO_EPILOGUE): Tensor {
    if (epilogue.activation === "relu" && !epilogue.residual) {
      return linear(x, this.weight, this.bias, { activation: "relu" });
    }
    return finish(linear(x, this.weight, this.bias), epilogue);
  }
}
declareFusing(Linear);

/** Uniform in ±1/√fan. */
function drawUniform(t: Tensor, fan: number): void {
  const bound = fan > 0 ? 1 / Math.sqrt(fan) : 0;
  uniform_(t, -bound, bound);
}

/**
 * y = x1ᵀ W x2 + b; see `functional.bilinear`. Shapes: x1 [..., in1Features], x2 [..., in2Features], y [..., outFeatures]. State: weight
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

/**
 * y = max_j (x W_jᵀ + b_j): the largest of `pieces` affine maps, for each output (Goodfellow et al., Maxout Networks, 2013).
 * Shapes: x [..., inFeatures], y [..., outFeatures], weight [pieces·outFeatures, inFeatures] and bias [pieces·outFeatures], piece by piece; both
 * begin uniform in ±1/√inFeatures. The gradient goes to the largest piece, to the first of equals.
 */
export class Maxout extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | null;

  constructor(
    readonly inFeatures: number,
    readonly outFeatures: number,
    readonly pieces: number,
    options: LinearModuleOptions = {},
  ) {
    super();
    checkOptions("Maxout", options, ["bias"]);
    checkInteger("Maxout", "inFeatures", inFeatures, 0);
    checkInteger("Maxout", "outFeatures", outFeatures, 0);
    checkInteger("Maxout", "pieces", pieces, 1);
    const rows = pieces * outFeatures;
    this.weight = uninitialised([rows, inFeatures], "Maxout");
    this.bias = (options.bias ?? true) ? uninitialised([rows], "Maxout") : null;
    this.resetParameters();
  }

  /** Draws weight and bias anew. */
  resetParameters(): void {
    drawUniform(this.weight, this.inFeatures);
    if (this.bias !== null) drawUniform(this.bias, this.inFeatures);
  }

  forward(x: Tensor): Tensor {
    checkFeatures("Maxout", x, this.inFeatures);
    const all = F.linear(x, this.weight, this.bias);
    const pieces = unflatten(all, { dim: -1, sizes: [this.pieces, this.outFeatures] });
    return max(pieces, { dim: -2 })[0];
  }
}

function checkFeatures(op: string, x: Tensor, features: number): void {
  checkDType(op, "input", x, "float32");
  const got = x.shape.at(-1);
  if (got !== features) {
    throw new ShapeError(op, `input has ${got ?? "no"} features; expected ${features} (input ${formatShape(x.shape)})`);
  }
}

/**
 * y = step(x Wᵀ + b) with step(z) = 1 for z ≥ 0, else 0 (Rosenblatt, The Perceptron, 1958). Shapes: x [..., inFeatures], y [..., outFeatures],
 * weight [outFeatures, inFeatures], bias [outFeatures]; both begin at 0. The step has no gradient, so the output does not depend on
 * anything for autograd and optimizers leave the parameters alone: `learn` trains them.
 */
export class Perceptron extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | null;

  constructor(
    readonly inFeatures: number,
    readonly outFeatures: number,
    options: LinearModuleOptions = {},
  ) {
    super();
    checkOptions("Perceptron", options, ["bias"]);
    checkInteger("Perceptron", "inFeatures", inFeatures, 1);
    checkInteger("Perceptron", "outFeatures", outFeatures, 1);
    const untrained = { requiresGrad: false };
    this.weight = new Parameter(zeros([outFeatures, inFeatures]), untrained);
    this.bias = (options.bias ?? true) ? new Parameter(zeros([outFeatures]), untrained) : null;
  }

  forward(x: Tensor): Tensor {
    checkFeatures("Perceptron", x, this.inFeatures);
    return noGrad(() => ge(F.linear(x, this.weight, this.bias), 0).to("float32"));
  }

  /**
   * Goes once through the examples, one after the other, by Rosenblatt's rule: W ← W + lr·(target − y) xᵀ, b ← b + lr·(target − y).
   * x [inFeatures] or [N, inFeatures], target [outFeatures] or [N, outFeatures] of 0 and 1. Returns how many outputs were wrong when
   * their example came; repeated on examples that a hyperplane separates, it reaches 0. Errors: ShapeError for other shapes.
   */
  learn(x: Tensor, target: Tensor, lr = 1): number {
    checkFeatures("Perceptron", x, this.inFeatures);
    checkRank("Perceptron", "input", x.shape, 1, 2);
    checkNumber("Perceptron", "lr", lr, 0);
    const expected = [...x.shape.slice(0, -1), this.outFeatures];
    if (!sameShape(target.shape, expected)) {
      const [got, wanted] = [formatShape(target.shape), formatShape(expected)];
      throw new ShapeError("Perceptron", `target has shape ${got}; expected ${wanted} (input ${formatShape(x.shape)})`);
    }
    return noGrad(() => {
      const examples = x.reshape(-1, 1, this.inFeatures).unbind();
      const answers = target.to("float32").reshape(-1, this.outFeatures, 1).unbind();
      let wrong = 0;
      for (const [i, example] of examples.entries()) wrong += scope(() => this.learnOne(example, answers[i]!, lr));
      return wrong;
    });
  }

  /** One step; example [1, inFeatures], answer [outFeatures, 1]. */
  private learnOne(example: Tensor, answer: Tensor, lr: number): number {
    const error = answer.sub(this.forward(example).t());
    const wrong = error.ne(0).sum().item();
    if (wrong > 0) {
      const step = error.mul(lr);
      this.weight.copy_(this.weight.add(step.mul(example)));
      this.bias?.copy_(this.bias.add(step.flatten()));
    }
    return wrong;
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
    this.startDim = checkInteger("Flatten", "startDim", options.startDim ?? 1, -(2 ** 31));
    this.endDim = checkInteger("Flatten", "endDim", options.endDim ?? -1, -(2 ** 31));
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
    ...none: NoOptions
  ) {
    super(...none);
    checkInteger("Unflatten", "dim", dim, -(2 ** 31));
    checkTuple("Unflatten", "sizes", sizes, sizes.length, -1);
  }

  forward(x: Tensor): Tensor {
    return unflatten(x, { dim: this.dim, sizes: this.sizes });
  }
}
