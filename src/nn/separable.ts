import { checkInteger, checkOptions } from "../check.js";
import type { Tensor } from "../tensor.js";
import type { Sizes } from "../types.js";
import { Conv1d, Conv2d, type ConvModuleOptions } from "./conv.js";
import { Module } from "./module.js";

export interface SeparableConvOptions extends Omit<ConvModuleOptions, "groups"> {
  /** Outputs that the depthwise convolution makes of each channel. Default 1. */
  readonly multiplier?: number;
}

/** A separable convolution's options as the depthwise one's: every channel is a group. */
function depthwise(
  op: string,
  channels: number,
  options: SeparableConvOptions,
): [outputs: number, options: ConvModuleOptions] {
  checkOptions(op, options, ["stride", "padding", "dilation", "bias", "paddingMode", "multiplier"]);
  checkInteger(op, "inChannels", channels, 1);
  const { multiplier = 1, ...rest } = options;
  return [channels * checkInteger(op, "multiplier", multiplier, 1), { ...rest, groups: channels }];
}

/**
 * Convolves every channel by itself: `Conv1d` with as many groups as channels. Shapes: x [N, C, L] or [C, L] → y [N, C·multiplier, L'] or
 * [C·multiplier, L']; outputs c·multiplier to (c + 1)·multiplier − 1 are channel c's.
 */
export class DepthwiseConv1d extends Conv1d {
  constructor(channels: number, kernelSize: Sizes, options: SeparableConvOptions = {}) {
    const [outputs, inner] = depthwise("DepthwiseConv1d", channels, options);
    super(channels, outputs, kernelSize, inner);
  }
}

/**
 * Convolves every channel by itself: `Conv2d` with as many groups as channels. Shapes: x [N, C, H, W] or [C, H, W] → y [N, C·multiplier, H', W']
 * or [C·multiplier, H', W']; outputs c·multiplier to (c + 1)·multiplier − 1 are channel c's.
 */
export class DepthwiseConv2d extends Conv2d {
  constructor(channels: number, kernelSize: Sizes, options: SeparableConvOptions = {}) {
    const [outputs, inner] = depthwise("DepthwiseConv2d", channels, options);
    super(channels, outputs, kernelSize, inner);
  }
}

/** A depthwise convolution, then a pointwise one. */
abstract class SeparableConv<Conv extends Conv1d | Conv2d> extends Module {
  constructor(
    readonly depthwise: Conv,
    readonly pointwise: Conv,
  ) {
    super();
  }

  get kernelSize(): readonly number[] {
    return this.depthwise.kernelSize;
  }

  get stride(): readonly number[] {
    return this.depthwise.stride;
  }

  get dilation(): readonly number[] {
    return this.depthwise.dilation;
  }

  forward(x: Tensor): Tensor {
    return this.pointwise.forward(this.depthwise.forward(x));
  }
}

/**
 * Depthwise separable convolution over one dimension: y = pointwise(depthwise(x)), the first of `kernelSize` over each channel by itself
 * and without a bias, the second of size 1 over all channels. Shape: x [N, inChannels, L] or [inChannels, L].
 * Parameters: depthwise.weight [inChannels·multiplier, 1, k], pointwise.weight [outChannels, inChannels·multiplier, 1], pointwise.bias.
 */
export class SeparableConv1d extends SeparableConv<Conv1d> {
  constructor(inChannels: number, outChannels: number, kernelSize: Sizes, options: SeparableConvOptions = {}) {
    const [between, inner] = depthwise("SeparableConv1d", inChannels, options);
    const first = new Conv1d(inChannels, between, kernelSize, { ...inner, bias: false });
    super(first, new Conv1d(between, outChannels, 1, { bias: options.bias ?? true }));
  }
}

/**
 * Depthwise separable convolution over two dimensions: as `SeparableConv1d`, of x [N, inChannels, H, W] or [inChannels, H, W].
 * Source: Chollet, "Xception: Deep Learning with Depthwise Separable Convolutions", 2017.
 */
export class SeparableConv2d extends SeparableConv<Conv2d> {
  constructor(inChannels: number, outChannels: number, kernelSize: Sizes, options: SeparableConvOptions = {}) {
    const [between, inner] = depthwise("SeparableConv2d", inChannels, options);
    const first = new Conv2d(inChannels, between, kernelSize, { ...inner, bias: false });
    super(first, new Conv2d(between, outChannels, 1, { bias: options.bias ?? true }));
  }
}
