import { checkOneOf, checkOptions, checkTuple } from "../check.js";
import { CONV_OPTIONS, type ConvAttrs } from "../ops/conv.js";
import {
  type ConvTransposeOptions,
  convTranspose,
  convTransposeAttrs,
  outputPaddingFor,
  withOutputPadding,
} from "../ops/conv_transpose.js";
import type { Tensor } from "../tensor.js";
import type { Shape, Sizes } from "../types.js";
import { ConvolutionBase } from "./convolution.js";

export interface ConvTransposeModuleOptions extends ConvTransposeOptions {
  /** Learn an additive bias. Default true. */
  readonly bias?: boolean;
  /** What stands outside of the input; there is only "zeros". */
  readonly paddingMode?: "zeros";
}

export interface ConvTransposeForwardOptions {
  /** The wanted size in place of outputPadding: the spatial sizes, or the whole shape. Default: what the constructor's options give. */
  readonly outputSize?: Shape | null;
}

/** What the transposed convolutions over one, two and three dimensions share. */
abstract class TransposedConvolution extends ConvolutionBase {
  constructor(
    op: string,
    rank: number,
    inChannels: number,
    outChannels: number,
    kernelSize: Sizes,
    options: ConvTransposeModuleOptions,
  ) {
    checkOptions(op, options, [...CONV_OPTIONS, "outputPadding", "bias", "paddingMode"]);
    checkOneOf(op, "paddingMode", options.paddingMode ?? "zeros", ["zeros"]);
    const kernel = checkTuple(op, "kernelSize", kernelSize, rank, 1);
    super(op, inChannels, outChannels, kernel, convTransposeAttrs(op, kernel, options), {
      bias: options.bias,
      transposed: true,
    });
  }

  /** Added to the output's size at its end. */
  get outputPadding(): readonly number[] {
    return this.attrs.padding.map(([before, after]) => before - after);
  }

  override get padding(): ConvAttrs["padding"] {
    return this.attrs.padding.map(([before]) => [before, before]);
  }

  forward(x: Tensor, options: ConvTransposeForwardOptions = {}): Tensor {
    checkOptions(this.op, options, ["outputSize"]);
    const { op, attrs, kernelSize } = this;
    const size = options.outputSize ?? null;
    const wanted =
      size === null ? attrs : withOutputPadding(op, attrs, outputPaddingFor(op, x.shape, kernelSize, attrs, size));
    return convTranspose(x, this.weight, this.bias, wanted);
  }
}

/**
 * Transposed convolution over one dimension; see `functional.convTranspose1d`. Shapes: x [N, inChannels, L] or [inChannels, L] →
 * y [N, outChannels, L'] or [outChannels, L'].
 * State: weight [inChannels, outChannels / groups, k] and bias [outChannels] begin uniform in ±1/√(outChannels / groups · k).
 * Errors: ArgumentError if groups does not divide both channel counts, outputPadding is not below stride or dilation, or an option is
 * out of range.
 */
export class ConvTranspose1d extends TransposedConvolution {
  constructor(inChannels: number, outChannels: number, kernelSize: Sizes, options: ConvTransposeModuleOptions = {}) {
    super("ConvTranspose1d", 1, inChannels, outChannels, kernelSize, options);
  }
}

/** Transposed convolution over two dimensions: as `ConvTranspose1d`, of x [N, inChannels, H, W] or [inChannels, H, W]. */
export class ConvTranspose2d extends TransposedConvolution {
  constructor(inChannels: number, outChannels: number, kernelSize: Sizes, options: ConvTransposeModuleOptions = {}) {
    super("ConvTranspose2d", 2, inChannels, outChannels, kernelSize, options);
  }
}

/** Transposed convolution over three dimensions: as `ConvTranspose1d`, of x [N, inChannels, D, H, W] or [inChannels, D, H, W]. */
export class ConvTranspose3d extends TransposedConvolution {
  constructor(inChannels: number, outChannels: number, kernelSize: Sizes, options: ConvTransposeModuleOptions = {}) {
    super("ConvTranspose3d", 3, inChannels, outChannels, kernelSize, options);
  }
}
