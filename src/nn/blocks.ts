// What convolutional architectures are wired from; blocks_residual.ts, blocks_dense.ts, blocks_inception.ts and blocks_mobile.ts
// hold the blocks of single papers. Their state-dict keys are torchvision's. N batch, C channels, H height, W width.
import { checkInteger, checkOptions } from "../check.js";
import { ShapeError } from "../errors.js";
import { add, mul } from "../functional/arithmetic.js";
import { adaptiveAvgPool2d } from "../functional/avgpool.js";
import { cat } from "../functional/copy.js";
import { formatShape, normalizeDim, sameShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { ReLU, Sigmoid } from "./activation.js";
import { Sequential } from "./container.js";
import { Conv2d } from "./conv.js";
import { checkModule, Module } from "./module.js";
import { BatchNorm2d } from "./norm_batch.js";

/** A module from one tensor to one. */
export interface Layer extends Module {
  forward(x: Tensor): Tensor;
}

export interface ResidualOptions {
  /** Stands for x where the body changes the shape, e.g. a 1×1 convolution. Default: x itself. */
  readonly shortcut?: Layer;
}

/**
 * y = body(x) + x, or body(x) + shortcut(x) (He et al., Deep Residual Learning for Image Recognition, 2015, Figure 2). Keys: `body.…`,
 * `shortcut.…`. Errors: ShapeError if the two differ in shape.
 */
export class Residual extends Module {
  readonly shortcut: Layer | null;

  constructor(
    readonly body: Layer,
    options: ResidualOptions = {},
  ) {
    super();
    checkOptions("Residual", options, ["shortcut"]);
    checkModule("Residual", "body", body);
    if (options.shortcut !== undefined) checkModule("Residual", "shortcut", options.shortcut);
    this.shortcut = options.shortcut ?? null;
  }

  forward(x: Tensor): Tensor {
    const y = this.body.forward(x);
    const past = this.shortcut === null ? x : this.shortcut.forward(x);
    if (!sameShape(y.shape, past.shape)) {
      const [got, other] = [formatShape(y.shape), formatShape(past.shape)];
      const cure = this.shortcut === null ? "the same shape, or a shortcut that makes it so" : "the same shape";
      throw new ShapeError("Residual", `body gives ${got} beside ${other}; expected ${cure}`);
    }
    return add(y, past);
  }
}

export interface BranchesOptions {
  /** Where the results are joined. Default 1, the channels. */
  readonly dim?: number;
}

/**
 * y = [branch₁(x), branch₂(x), …]: runs branches side by side and joins what they give (Szegedy et al., Going Deeper with Convolutions,
 * 2014, Figure 2). Keys are the branches' names. Errors: ShapeError if the results differ in another dimension than `dim`.
 */
export class Branches extends Module {
  readonly dim: number;
  private readonly branches: readonly (readonly [string, Layer])[];

  constructor(branches: Readonly<Record<string, Layer>>, options: BranchesOptions = {}) {
    super();
    checkOptions("Branches", options, ["dim"]);
    this.dim = checkInteger("Branches", "dim", options.dim ?? 1, -(2 ** 31));
    this.branches = Object.entries(branches);
    for (const [name, branch] of this.branches) checkModule("Branches", `branch "${name}"`, branch);
  }

  protected override *members(): IterableIterator<[string, unknown]> {
    for (const [name, branch] of this.branches) yield [name, branch];
  }

  forward(x: Tensor): Tensor {
    const dim = normalizeDim("Branches", this.dim, x.ndim);
    const parts = this.branches.map(([, branch]) => branch.forward(x));
    return cat(parts, { dim });
  }
}

export interface ConvNormOptions {
  /** Default 3. */
  readonly kernelSize?: number;
  /** Default 1. */
  readonly stride?: number;
  /** Default: what keeps the size at stride 1, (kernelSize − 1)/2 · dilation. */
  readonly padding?: number;
  /** Default 1. */
  readonly dilation?: number;
  /** Default 1. */
  readonly groups?: number;
  /** Makes the normalisation for a number of channels; null for none, and then the convolution has a bias. Default: BatchNorm2d. */
  readonly norm?: ((channels: number) => Layer) | null;
  /** Makes the activation; null for none. Default: ReLU. */
  readonly activation?: (() => Layer) | null;
}

/**
 * Convolution, normalisation and activation in a row. Shapes: x [N, inChannels, H, W] → y [N, outChannels, H', W']. Keys: `0.…` for the
 * convolution and `1.…` for the normalisation, as in torchvision's Conv2dNormActivation.
 */
export class Conv2dNormActivation extends Sequential {
  readonly outChannels: number;

  constructor(inChannels: number, outChannels: number, options: ConvNormOptions = {}) {
    const known = ["kernelSize", "stride", "padding", "dilation", "groups", "norm", "activation"];
    checkOptions("Conv2dNormActivation", options, known);
    const { kernelSize = 3, stride = 1, dilation = 1, groups = 1 } = options;
    const { padding = ((kernelSize - 1) >> 1) * dilation, norm = batchNorm, activation = relu } = options;
    const layers: Module[] = [
      new Conv2d(inChannels, outChannels, kernelSize, { stride, padding, dilation, groups, bias: norm === null }),
    ];
    if (norm !== null) layers.push(norm(outChannels));
    if (activation !== null) layers.push(activation());
    super(...layers);
    this.outChannels = outChannels;
  }
}

function batchNorm(channels: number): Layer {
  return new BatchNorm2d(channels);
}

function relu(): Layer {
  return new ReLU();
}

export interface SqueezeExcitationOptions {
  /** Between the two convolutions. Default: ReLU. */
  readonly activation?: Layer;
  /** Makes the gate. Default: Sigmoid. */
  readonly scaleActivation?: Layer;
}

/**
 * y = x ⊙ σ(W₂ relu(W₁ mean(x) + b₁) + b₂): a gate for each channel from the means of all (Hu et al., Squeeze-and-Excitation Networks,
 * 2018, Figure 1). Shapes: x and y [N, inputChannels, H, W]; W₁ and W₂ are 1×1 convolutions to squeezeChannels and back. Keys: `fc1.…`,
 * `fc2.…`.
 */
export class SqueezeExcitation extends Module {
  readonly fc1: Conv2d;
  readonly fc2: Conv2d;
  readonly activation: Layer;
  readonly scaleActivation: Layer;

  constructor(inputChannels: number, squeezeChannels: number, options: SqueezeExcitationOptions = {}) {
    super();
    checkOptions("SqueezeExcitation", options, ["activation", "scaleActivation"]);
    checkInteger("SqueezeExcitation", "inputChannels", inputChannels, 1);
    checkInteger("SqueezeExcitation", "squeezeChannels", squeezeChannels, 1);
    this.fc1 = new Conv2d(inputChannels, squeezeChannels, 1);
    this.fc2 = new Conv2d(squeezeChannels, inputChannels, 1);
    this.activation = options.activation ?? new ReLU();
    this.scaleActivation = options.scaleActivation ?? new Sigmoid();
  }

  forward(x: Tensor): Tensor {
    const squeezed = this.activation.forward(this.fc1.forward(adaptiveAvgPool2d(x, { outputSize: 1 })));
    return mul(x, this.scaleActivation.forward(this.fc2.forward(squeezed)));
  }
}
