import { checkInteger, checkOneOf, checkOptions, checkTuple } from "../check.js";
import { ArgumentError } from "../errors.js";
import { CONV_OPTIONS, type ConvAttrs, type ConvOptions, conv, convAttrs } from "../ops/conv.js";
import { pad } from "../ops/pad.js";
import { Tensor } from "../tensor.js";
import { kaimingUniform_, uniform_ } from "./init.js";
import { Module } from "./module.js";
import { Parameter } from "./parameter.js";

const PADDING_MODES = ["zeros", "reflect", "replicate", "circular"] as const;

export interface ConvModuleOptions extends ConvOptions {
  /** Learn an additive bias. Default true. */
  readonly bias?: boolean;
  /** What stands around the input: zeros (default), or its own elements as in `functional.pad`. */
  readonly paddingMode?: (typeof PADDING_MODES)[number];
}

/** What the convolutions over one, two and three dimensions share. */
abstract class Convolution extends Module {
  readonly kernelSize: readonly number[];
  readonly paddingMode: (typeof PADDING_MODES)[number];
  readonly weight: Parameter;
  readonly bias: Parameter | null;
  private readonly attrs: ConvAttrs;

  constructor(
    private readonly op: string,
    rank: number,
    readonly inChannels: number,
    readonly outChannels: number,
    kernelSize: number | readonly number[],
    options: ConvModuleOptions,
  ) {
    super();
    checkOptions(op, options, [...CONV_OPTIONS, "bias", "paddingMode"]);
    checkInteger(op, "inChannels", inChannels, 1);
    checkInteger(op, "outChannels", outChannels, 1);
    this.kernelSize = checkTuple(op, "kernelSize", kernelSize, rank, 1);
    this.paddingMode = checkOneOf(op, "paddingMode", options.paddingMode ?? "zeros", PADDING_MODES);
    this.attrs = convAttrs(op, this.kernelSize, options);
    const { groups } = this.attrs;
    for (const [name, channels] of Object.entries({ inChannels, outChannels })) {
      if (channels % groups !== 0) {
        throw new ArgumentError(op, `${name} is ${channels}; expected a multiple of groups ${groups}`);
      }
    }
    const shape = [outChannels, inChannels / groups, ...this.kernelSize];
    this.weight = new Parameter(Tensor.allocate(shape, "float32", op));
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

  /** Draws weight and bias anew. */
  resetParameters(): void {
    kaimingUniform_(this.weight, { a: Math.sqrt(5) });
    const bound = 1 / Math.sqrt(this.weight.numel / this.outChannels);
    if (this.bias !== null) uniform_(this.bias, -bound, bound);
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
 * Convolution over two dimensions; see `functional.conv2d`. x [N, inChannels, H, W] or [inChannels, H, W] → y [N, outChannels, H', W'] or
 * [outChannels, H', W'].
 * weight [outChannels, inChannels / groups, kH, kW] and bias [outChannels] begin uniform in ±1/√(inChannels / groups · kH · kW).
 * Errors: ArgumentError if groups does not divide both channel counts, or for an option out of range.
 */
export class Conv2d extends Convolution {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: number | readonly number[],
    options: ConvModuleOptions = {},
  ) {
    super("Conv2d", 2, inChannels, outChannels, kernelSize, options);
  }
}
