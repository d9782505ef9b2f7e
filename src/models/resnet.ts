// Residual networks and what is made by changing their blocks: wide ones, ResNeXt. N batch, H and W the image.
import { checkInteger } from "../check.js";
import { ArgumentError } from "../errors.js";
import { flatten } from "../functional/copy.js";
import type { Layer } from "../nn/blocks.js";
import { BasicBlock, Bottleneck, type BottleneckOptions } from "../nn/blocks_residual.js";
import { Sequential } from "../nn/container.js";
import { Conv2d } from "../nn/conv.js";
import { convNorm, foldConv } from "../nn/fuse.js";
import { zeros_ } from "../nn/init.js";
import { Identity, Linear } from "../nn/linear.js";
import { Module } from "../nn/module.js";
import { BatchNorm2d } from "../nn/norm_batch.js";
import { AdaptiveAvgPool2d, MaxPool2d } from "../nn/pool.js";
import type { Tensor } from "../tensor.js";
import { heFanOut, initialise } from "./initialise.js";
import { checkBoolean, checkCounts, type ImageModelOptions, imageSettings, scaled } from "./options.js";

/** A class of residual blocks: BasicBlock, Bottleneck, or one that is made like them. */
export interface ResidualBlockClass {
  /** Output channels for one of `channels`. */
  readonly expansion: number;
  new (inChannels: number, channels: number, options?: BottleneckOptions): Layer;
}

export interface ResNetOptions extends ImageModelOptions {
  /** Blocks of the four stages, in place of the model's own. */
  readonly layers?: readonly number[];
  /** Channels of the four stages, before the block's expansion. Default [64, 128, 256, 512]. */
  readonly widths?: readonly number[];
  /** Groups of the 3×3 convolutions, for bottlenecks. Default 1. */
  readonly groups?: number;
  /** Channels of a group for 64 of a stage's width. Default 64. */
  readonly widthPerGroup?: number;
  /** Stages two to four keep the size and dilate instead, where true. Default [false, false, false]. */
  readonly replaceStrideWithDilation?: readonly boolean[];
  /** Blocks begin as identities: the last normalisation of each has weight 0. Default false. */
  readonly zeroInitResidual?: boolean;
}

const OPTIONS = ["layers", "widths", "groups", "widthPerGroup", "replaceStrideWithDilation", "zeroInitResidual"];

/**
 * A residual network without its head: 7×7 convolution with stride 2, pooling (`small`: a 3×3 convolution alone), four stages that
 * halve the size from one to the next. Shapes: x [N, inChannels, H, W] → y [N, outChannels, H/32, W/32]. Keys: conv1, bn1, layer1 …
 * layer4.
 */
export class ResNetTrunk extends Module {
  conv1: Conv2d;
  bn1: BatchNorm2d | Identity;
  readonly maxpool: Layer;
  readonly layer1: Sequential;
  readonly layer2: Sequential;
  readonly layer3: Sequential;
  readonly layer4: Sequential;
  readonly outChannels: number;

  constructor(block: ResidualBlockClass, layers: readonly number[], options: ResNetOptions = {}) {
    super();
    const { inChannels, widthMult, small } = imageSettings("ResNet", options, OPTIONS);
    const depths = checkCounts("ResNet", "layers", options.layers ?? layers, 1, 4);
    const widths = checkCounts("ResNet", "widths", options.widths ?? [64, 128, 256, 512], 1, 4);
    const replace = checkFlags(block, options.replaceStrideWithDilation ?? [false, false, false]);
    const [w1, w2, w3, w4] = widths.map((w) => scaled(w, widthMult)) as [number, number, number, number];
    const bottleneck = groupOptions(block, options);
    const zeroLast = checkBoolean("ResNet", "zeroInitResidual", options.zeroInitResidual ?? false);
    let channels = w1;
    this.conv1 = small
      ? new Conv2d(inChannels, channels, 3, { padding: 1, bias: false })
      : new Conv2d(inChannels, channels, 7, { stride: 2, padding: 3, bias: false });
    this.bn1 = new BatchNorm2d(channels);
    this.maxpool = small ? new Identity() : new MaxPool2d(3, { stride: 2, padding: 1 });
    let dilation = 1;
    const stage = (index: number, width: number): Sequential => {
      const dilated = index > 0 && replace[index - 1] === true;
      const before = dilation;
      if (dilated) dilation *= 2;
      const blocks = new Sequential();
      for (let i = 0; i < depths[index]!; i++) {
        const stride = i === 0 && index > 0 && !dilated ? 2 : 1;
        const spread = replace.includes(true) ? { dilation: i === 0 ? before : dilation } : {};
        blocks.append(new block(channels, width, { stride, ...bottleneck, ...spread }));
        channels = width * block.expansion;
      }
      return blocks;
    };
    this.layer1 = stage(0, w1);
    this.layer2 = stage(1, w2);
    this.layer3 = stage(2, w3);
    this.layer4 = stage(3, w4);
    this.outChannels = channels;
    initialise(this, { conv: heFanOut, zeroBias: [] });
    if (zeroLast) zeroLastNorms(this);
  }

  /** What the four stages give, from the finest to the coarsest. */
  stages(x: Tensor): readonly [Tensor, Tensor, Tensor, Tensor] {
    const stem = this.maxpool.forward(convNorm(this.conv1, this.bn1, x, { activation: "relu" }));
    const one = this.layer1.forward(stem);
    const two = this.layer2.forward(one);
    const three = this.layer3.forward(two);
    return [one, two, three, this.layer4.forward(three)];
  }

  forward(x: Tensor): Tensor {
    return this.stages(x)[3];
  }

  override foldNorms(): void {
    [this.conv1, this.bn1] = foldConv(this.conv1, this.bn1);
  }
}

/**
 * A residual network: four stages of blocks y = relu(F(x) + x), the mean over space, a linear layer (He et al., Deep Residual Learning for
 * Image Recognition, 2015, Table 1; stride at the 3×3 convolution, as torchvision). Parameters and multiply-adds at 224 px:
 *
 *     resnet18          [2, 2, 2, 2]  BasicBlock     11,689,512   1.8 G
 *     resnet34          [3, 4, 6, 3]  BasicBlock     21,797,672   3.7 G
 *     resnet50          [3, 4, 6, 3]  Bottleneck     25,557,032   4.1 G
 *     resnet101         [3, 4, 23, 3] Bottleneck     44,549,160   7.8 G
 *     resnet152         [3, 8, 36, 3] Bottleneck     60,192,808  11.5 G
 *     wide_resnet50_2   width 128     Bottleneck     68,883,240  11.4 G   (Zagoruyko and Komodakis, Wide Residual Networks, 2016)
 *     wide_resnet101_2  width 128     Bottleneck    126,886,696  22.8 G
 *     resnext50_32x4d   32 groups     Bottleneck     25,028,904   4.2 G   (Xie et al., Aggregated Residual Transformations, 2017, Table 1)
 *     resnext101_32x8d  32 groups     Bottleneck     88,791,336  16.4 G
 *
 * Shapes: x [N, inChannels, H, W] → logits [N, numClasses]. Keys: conv1, bn1, layer1 … layer4, fc. Errors: ArgumentError for groups,
 * widths per group or dilations with blocks that have none.
 */
export class ResNet extends ResNetTrunk {
  readonly avgpool: AdaptiveAvgPool2d;
  readonly fc: Linear;

  constructor(block: ResidualBlockClass, layers: readonly number[], options: ResNetOptions = {}) {
    super(block, layers, options);
    const { numClasses } = imageSettings("ResNet", options, OPTIONS);
    this.avgpool = new AdaptiveAvgPool2d(1);
    this.fc = new Linear(this.outChannels, numClasses);
  }

  override forward(x: Tensor): Tensor {
    return this.fc.forward(flatten(this.avgpool.forward(super.forward(x)), { startDim: 1 }));
  }
}

/** Groups and their width as the block takes them: a BasicBlock has none. */
function groupOptions(block: ResidualBlockClass, { groups = 1, widthPerGroup = 64 }: ResNetOptions): BottleneckOptions {
  checkInteger("ResNet", "groups", groups, 1);
  checkInteger("ResNet", "widthPerGroup", widthPerGroup, 1);
  if (block !== BasicBlock) return { groups, widthPerGroup };
  if (groups !== 1) throw new ArgumentError("ResNet", `groups is ${groups}; expected 1 with basic blocks`);
  if (widthPerGroup !== 64) {
    throw new ArgumentError("ResNet", `widthPerGroup is ${widthPerGroup}; expected 64 with basic blocks`);
  }
  return {};
}

/** Which stages dilate; basic blocks cannot. */
function checkFlags(block: ResidualBlockClass, flags: unknown): readonly boolean[] {
  if (!Array.isArray(flags) || flags.length !== 3) {
    throw new ArgumentError("ResNet", `replaceStrideWithDilation is ${String(flags)}; expected a list of 3 booleans`);
  }
  const checked = flags.map((flag) => checkBoolean("ResNet", "replaceStrideWithDilation", flag));
  if (block === BasicBlock && checked.includes(true)) {
    throw new ArgumentError("ResNet", "replaceStrideWithDilation has a true; expected none with basic blocks");
  }
  return checked;
}

function zeroLastNorms(model: Module): void {
  for (const module of model.modules()) {
    const last = module instanceof Bottleneck ? module.bn3 : module instanceof BasicBlock ? module.bn2 : null;
    if (last instanceof BatchNorm2d && last.weight !== null) zeros_(last.weight);
  }
}

const make =
  (
    block: ResidualBlockClass,
    layers: readonly number[],
    groups: Pick<ResNetOptions, "groups" | "widthPerGroup"> = {},
  ) =>
  (options: ResNetOptions = {}): ResNet =>
    new ResNet(block, layers, { ...groups, ...options });

/** By name. */
export const resnets = {
  resnet18: make(BasicBlock, [2, 2, 2, 2]),
  resnet34: make(BasicBlock, [3, 4, 6, 3]),
  resnet50: make(Bottleneck, [3, 4, 6, 3]),
  resnet101: make(Bottleneck, [3, 4, 23, 3]),
  resnet152: make(Bottleneck, [3, 8, 36, 3]),
  wide_resnet50_2: make(Bottleneck, [3, 4, 6, 3], { widthPerGroup: 128 }),
  wide_resnet101_2: make(Bottleneck, [3, 4, 23, 3], { widthPerGroup: 128 }),
  resnext50_32x4d: make(Bottleneck, [3, 4, 6, 3], { groups: 32, widthPerGroup: 4 }),
  resnext101_32x8d: make(Bottleneck, [3, 4, 23, 3], { groups: 32, widthPerGroup: 8 }),
};
