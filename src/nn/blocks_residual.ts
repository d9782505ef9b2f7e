// The two blocks of residual networks. N batch, H and W the image, which a stride divides.
import { checkInteger, checkOptions } from "../check.js";
import type { Tensor } from "../tensor.js";
import { Conv2dNormActivation, type Layer } from "./blocks.js";
import { Conv2d } from "./conv.js";
import { convNorm, foldConv } from "./fuse.js";
import type { Identity } from "./linear.js";
import { checkModule, Module } from "./module.js";
import { BatchNorm2d } from "./norm_batch.js";

export interface BasicBlockOptions {
  /** Of the first 3×3 convolution. Default 1. */
  readonly stride?: number;
  /** What stands for x in the sum. Default: a 1×1 convolution and a normalisation where the shapes differ, else x itself. */
  readonly downsample?: Layer;
}

export interface BottleneckOptions extends BasicBlockOptions {
  /** Groups of the 3×3 convolution; more than 1 makes the block of ResNeXt. Default 1. */
  readonly groups?: number;
  /** Channels of a group for 64 `channels`. Default 64. */
  readonly widthPerGroup?: number;
  /** Of the 3×3 convolution. Default 1. */
  readonly dilation?: number;
}

/** The projection that makes x fit the sum, or null where it fits. */
function projection(op: string, from: number, to: number, { stride = 1, downsample }: BasicBlockOptions): Layer | null {
  if (downsample !== undefined) {
    checkModule(op, "downsample", downsample);
    return downsample;
  }
  if (stride === 1 && from === to) return null;
  return new Conv2dNormActivation(from, to, { kernelSize: 1, stride, activation: null });
}

/**
 * y = relu(F(x) + x), F being two 3×3 convolutions to `channels` with batch normalisation (He et al., Deep Residual Learning for Image
 * Recognition, 2015, Figure 5 left). Shapes: x [N, inChannels, H, W] → y [N, channels, H/stride, W/stride]. Keys: conv1, bn1, conv2, bn2, and
 * downsample.0, downsample.1 for the projection of x where the shapes differ.
 */
export class BasicBlock extends Module {
  /** Output channels for one of `channels`. */
  static readonly expansion = 1;
  conv1: Conv2d;
  bn1: BatchNorm2d | Identity;
  conv2: Conv2d;
  bn2: BatchNorm2d | Identity;
  readonly downsample: Layer | null;

  constructor(inChannels: number, channels: number, options: BasicBlockOptions = {}) {
    super();
    checkOptions("BasicBlock", options, ["stride", "downsample"]);
    checkInteger("BasicBlock", "inChannels", inChannels, 1);
    checkInteger("BasicBlock", "channels", channels, 1);
    const stride = checkInteger("BasicBlock", "stride", options.stride ?? 1, 1);
    this.conv1 = new Conv2d(inChannels, channels, 3, { stride, padding: 1, bias: false });
    this.bn1 = new BatchNorm2d(channels);
    this.conv2 = new Conv2d(channels, channels, 3, { padding: 1, bias: false });
    this.bn2 = new BatchNorm2d(channels);
    this.downsample = projection("BasicBlock", inChannels, channels, options);
  }

  forward(x: Tensor): Tensor {
    const residual = this.downsample === null ? x : this.downsample.forward(x);
    const inner = convNorm(this.conv1, this.bn1, x, { activation: "relu" });
    return convNorm(this.conv2, this.bn2, inner, { activation: "relu", residual });
  }

  override foldNorms(): void {
    [this.conv1, this.bn1] = foldConv(this.conv1, this.bn1);
    [this.conv2, this.bn2] = foldConv(this.conv2, this.bn2);
  }
}

/**
 * y = relu(F(x) + x), F being a 1×1, a 3×3 and a 1×1 convolution with batch normalisation (He et al., Deep Residual Learning for Image
 * Recognition, 2015, Figure 5 right). The stride stands at the 3×3 convolution. With `groups` 32 and `widthPerGroup` 4 it is the block
 * of ResNeXt-50 32×4d (Xie et al., Aggregated Residual Transformations, 2017, Figure 3c). Shapes: x [N, inChannels, H, W] →
 * y [N, 4·channels, H/stride, W/stride]; inside there are channels·widthPerGroup/64·groups. Keys: conv1, bn1, conv2, bn2, conv3, bn3,
 * and downsample.0, downsample.1 for the projection of x where the shapes differ.
 */
export class Bottleneck extends Module {
  /** Output channels for one of `channels`. */
  static readonly expansion = 4;
  conv1: Conv2d;
  bn1: BatchNorm2d | Identity;
  conv2: Conv2d;
  bn2: BatchNorm2d | Identity;
  conv3: Conv2d;
  bn3: BatchNorm2d | Identity;
  readonly downsample: Layer | null;

  constructor(inChannels: number, channels: number, options: BottleneckOptions = {}) {
    super();
    checkOptions("Bottleneck", options, ["stride", "downsample", "groups", "widthPerGroup", "dilation"]);
    checkInteger("Bottleneck", "inChannels", inChannels, 1);
    checkInteger("Bottleneck", "channels", channels, 1);
    const stride = checkInteger("Bottleneck", "stride", options.stride ?? 1, 1);
    const groups = checkInteger("Bottleneck", "groups", options.groups ?? 1, 1);
    const widthPerGroup = checkInteger("Bottleneck", "widthPerGroup", options.widthPerGroup ?? 64, 1);
    const dilation = checkInteger("Bottleneck", "dilation", options.dilation ?? 1, 1);
    const width = Math.floor((channels * widthPerGroup) / 64) * groups;
    const out = channels * Bottleneck.expansion;
    this.conv1 = new Conv2d(inChannels, width, 1, { bias: false });
    this.bn1 = new BatchNorm2d(width);
    this.conv2 = new Conv2d(width, width, 3, { stride, padding: dilation, dilation, groups, bias: false });
    this.bn2 = new BatchNorm2d(width);
    this.conv3 = new Conv2d(width, out, 1, { bias: false });
    this.bn3 = new BatchNorm2d(out);
    this.downsample = projection("Bottleneck", inChannels, out, options);
  }

  forward(x: Tensor): Tensor {
    const residual = this.downsample === null ? x : this.downsample.forward(x);
    const narrow = convNorm(this.conv1, this.bn1, x, { activation: "relu" });
    const inner = convNorm(this.conv2, this.bn2, narrow, { activation: "relu" });
    return convNorm(this.conv3, this.bn3, inner, { activation: "relu", residual });
  }

  override foldNorms(): void {
    [this.conv1, this.bn1] = foldConv(this.conv1, this.bn1);
    [this.conv2, this.bn2] = foldConv(this.conv2, this.bn2);
    [this.conv3, this.bn3] = foldConv(this.conv3, this.bn3);
  }
}
