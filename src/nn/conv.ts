import { checkOneOf, checkOptions, checkTuple } from "../check.js";
import { CONV_OPTIONS, type ConvOptions, conv, convAttrs } from "../ops/conv.js";
import { pad } from "../ops/pad.js";
import type { Tensor } from "../tensor.js";
import type { Sizes } from "../types.js";
import { ConvolutionBase } from "./convolution.js";
import { declareFusing, type Epilogue, NO_EPILOGUE } from "./epilogue.js";

const PADDING_MODES = ["zeros", "reflect", "replicate", "circular"] as const;

export interface ConvModuleOptions extends ConvOptions {
  /** Learn an additive bias. Default true. */
  readonly bias?: boolean;
  /** What stands around the input: zeros (default), or its own elements as in `functional.pad`. */
  readonly paddingMode?: (typeof PADDING_MODES)[number];
}

/** What the convolutions over one, two and three dimensions share. */
export abstract class Convolution extends ConvolutionBase {
  readonly paddingMode: (typeof PADDING_MODES)[number];

  constructor(
    op: string,
    rank: number,
    inChannels: number,
    outChannels: number,
    kernelSize: Sizes,
    options: ConvModuleOptions,
  ) {
    checkOptions(op, options, [...CONV_OPTIONS, "bias", "paddingMode"]);
    const kernel = checkTuple(op, "kernelSize", kernelSize, rank, 1);
    const paddingMode = checkOneOf(op, "paddingMode", options.paddingMode ?? "zeros", PADDING_MODES);
    super(op, inChannels, outChannels, kernel, convAttrs(op, kernel, options), {
      bias: options.bias,
      transposed: false,
    });
    this.paddingMode = paddingMode;
  }

  /** The epilogue is applied in the same pass. */
  forward(x: Tensor, { activation, residual }: Epilogue = NO_EPILOGUE): Tensor {
    const { weight, bias, attrs } = this;
    if (this.paddingMode === "zeros") return conv(x, weight, bias, attrs, activation, residual);
    const { padding } = attrs;
    const lead = x.ndim - padding.length;
    const pads = x.shape.map((_, d) => padding[d - lead] ?? ([0, 0] as const));
    const padded = pad(x, pads, this.paddingMode, 0, this.op);
    return conv(padded, weight, bias, { ...attrs, padding: padding.map(() => [0, 0]) }, activation, residual);
  }
}
declareFusing(Convolution);

/**
 * Convolution over one dimension; see `functional.conv1d`. Shapes: x [N, inChannels, L] or [inChannels, L] → y [N, outChannels, L'] or
 * [outChannels, L'].
 * State: weight [outChannels, inChannels / groups, k] and bias [outChannels] begin uniform in ±1/√(inChannels / groups · k).
 * Errors: ArgumentError if groups does not divide both channel counts, or for an option out of range.
 */
export class Conv1d extends Convolution {
  constructor(inChannels: number, outChannels: number, kernelSize: Sizes, options: ConvModuleOptions = {}) {
    super("Conv1d", 1, inChannels, outChannels, kernelSize, options);
  }
}

/**
 * Convolution over two dimensions; see `functional.conv2d`. Shapes: x [N, inChannels, H, W] or [inChannels, H, W] → y [N, outChannels, H', W'] or
 * [outChannels, H', W'].
 * State: weight [outChannels, inChannels / groups, kH, kW] and bias [outChannels] begin uniform in ±1/√(inChannels / groups · kH · kW).
 * Errors: ArgumentError if groups does not divide both channel counts, or for an option out of range.
 */
export class Conv2d extends Convolution {
  constructor(inChannels: number, outChannels: number, kernelSize: Sizes, options: ConvModuleOptions = {}) {
    super("Conv2d", 2, inChannels, outChannels, kernelSize, options);
  }
}

/**
 * Convolution over three dimensions; see `functional.conv3d`. Shapes: x [N, inChannels, D, H, W] or [inChannels, D, H, W] → y [N, outChannels, D',
 * H', W'] or [outChannels, D', H', W'].
 * State: weight [outChannels, inChannels / groups, kD, kH, kW] and bias [outChannels] begin uniform in ±1/√(inChannels / groups · kD · kH · kW).
 * Errors: ArgumentError if groups does not divide both channel counts, or for an option out of range.
 */
export class Conv3d extends Convolution {
  constructor(inChannels: number, outChannels: number, kernelSize: Sizes, options: ConvModuleOptions = {}) {
    super("Conv3d", 3, inChannels, outChannels, kernelSize, options);
  }
}
