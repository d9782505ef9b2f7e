import { checkInteger, checkOneOf, checkOptions, checkTuple } from "../check.js";
import { ArgumentError } from "../errors.js";
import { CONV_OPTIONS, type ConvAttrs, type ConvOptions, conv, convAttrs } from "../ops/conv.js";
import { pad } from "../ops/pad.js";
import { Tensor } from "../tensor.js";
import { kaimingUniform_, uniform_ } from "./init.js";
import { Module } from "./module.js";
import { Parameter } from "./parameter.js";

const PADDING_MODES = ["zeros", "reflect", "replicate", "circular"] as const;

/** One size for all dimensions, or one for each. */
export type KernelSize = number | readonly number[];

export interface ConvModuleOptions extends ConvOptions {
  /** Learn an additive bias. Default true. */
  readonly bias?: boolean;
  /** What stands around the input: zeros (default), or its own elements as in `functional.pad`. */
  readonly paddingMode?: (typeof PADDING_MODES)[number];
}

/** What convolutions and transposed convolutions over one to three dimensions share: sizes, weight, bias. */
export abstract class ConvolutionBase extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter | null;

  constructor(
    protected readonly op: string,
    readonly inChannels: number,
    readonly outChannels: number,
    readonly kernelSize: readonly number[],
    protected readonly attrs: ConvAttrs,
    options: { readonly bias: boolean | undefined; readonly transposed: boolean },
  ) {
    super();
    checkInteger(op, "inChannels", inChannels, 1);
    checkInteger(op, "outChannels", outChannels, 1);
    const { groups } = attrs;
    for (const [name, channels] of Object.entries({ inChannels, outChannels })) {
      if (channels % groups !== 0) {
        throw new ArgumentError(op, `${name} is ${channels}; expected a multiple of groups ${groups}`);
      }
    }
    const channels = options.transposed ? [inChannels, outChannels / groups] : [outChannels, inChannels / groups];
    this.weight = new Parameter(Tensor.allocate([...channels, ...kernelSize], "float32", op));
    this.bias = (options.bias ?? true) ? new Parameter(Tensor.allocate([outChannels], "float32", op)) : null;
    this.resetParameters();
  }

  get stride(): readonly number[] {
    return this.attrs.stride;
  }

  /** Elements before and behind each dimension. */
  get padding(): ConvAttrs["padding"] {
    return this.attrs.padding;
  }

  get dilation(): readonly number[] {
    return this.attrs.dilation;
  }

  get groups(): number {
    return this.attrs.groups;
  }

  /** Draws weight and bias anew, uniform in ±1/√(elements of weight[0]). */
  resetParameters(): void {
    kaimingUniform_(this.weight, { a: Math.sqrt(5) });
    const bound = 1 / Math.sqrt(this.weight.numel / this.weight.size(0));
    if (this.bias !== null) uniform_(this.bias, -bound, bound);
  }
}

/** What the convolutions over one, two and three dimensions share. */
abstract class Convolution extends ConvolutionBase {
  readonly paddingMode: (typeof PADDING_MODES)[number];

  constructor(
    op: string,
    rank: number,
    inChannels: number,
    outChannels: number,
    kernelSize: KernelSize,
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

  forward(x: Tensor): Tensor {
    if (this.paddingMode === "zeros") return conv(x, this.weight, this.bias, this.attrs);
    const { padding } = this.attrs;
    const lead = x.ndim - padding.length;
    const pads = x.shape.map((_, d) => padding[d - lead] ?? ([0, 0] as const));
    const padded = pad(x, pads, this.paddingMode, 0, this.op);
    return conv(padded, this.weight, this.bias, { ...this.attrs, padding: padding.map(() => [0, 0]) });
  }
}

/**
 * Convolution over one dimension; see `functional.conv1d`. x [N, inChannels, L] or [inChannels, L] → y [N, outChannels, L'] or
 * [outChannels, L'].
 * weight [outChannels, inChannels / groups, k] and bias [outChannels] begin uniform in ±1/√(inChannels / groups · k).
 * Errors: ArgumentError if groups does not divide both channel counts, or for an option out of range.
 */
export class Conv1d extends Convolution {
  constructor(inChannels: number, outChannels: number, kernelSize: KernelSize, options: ConvModuleOptions = {}) {
    super("Conv1d", 1, inChannels, outChannels, kernelSize, options);
  }
}

/**
 * Convolution over two dimensions; see `functional.conv2d`. x [N, inChannels, H, W] or [inChannels, H, W] → y [N, outChannels, H', W'] or
 * [outChannels, H', W'].
 * weight [outChannels, inChannels / groups, kH, kW] and bias [outChannels] begin uniform in ±1/√(inChannels / groups · kH · kW).
 * Errors: ArgumentError if groups does not divide both channel counts, or for an option out of range.
 */
export class Conv2d extends Convolution {
  constructor(inChannels: number, outChannels: number, kernelSize: KernelSize, options: ConvModuleOptions = {}) {
    super("Conv2d", 2, inChannels, outChannels, kernelSize, options);
  }
}

/**
 * Convolution over three dimensions; see `functional.conv3d`. x [N, inChannels, D, H, W] or [inChannels, D, H, W] → y [N, outChannels, D',
 * H', W'] or [outChannels, D', H', W'].
 * weight [outChannels, inChannels / groups, kD, kH, kW] and bias [outChannels] begin uniform in ±1/√(inChannels / groups · kD · kH · kW).
 * Errors: ArgumentError if groups does not divide both channel counts, or for an option out of range.
 */
export class Conv3d extends Convolution {
  constructor(inChannels: number, outChannels: number, kernelSize: KernelSize, options: ConvModuleOptions = {}) {
    super("Conv3d", 3, inChannels, outChannels, kernelSize, options);
  }
}
