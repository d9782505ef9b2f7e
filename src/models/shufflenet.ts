import { ArgumentError } from "../errors.js";
import { add } from "../functional/arithmetic.js";
import { avgPool2d } from "../functional/avgpool.js";
import { cat, flatten } from "../functional/copy.js";
import { mean } from "../functional/reduce.js";
import { channelShuffle } from "../functional/shuffle.js";
import { relu } from "../functional/unary.js";
import { Conv2dNormActivation, type Layer } from "../nn/blocks.js";
import { ShuffleUnit } from "../nn/blocks_mobile.js";
import { Sequential } from "../nn/container.js";
import { Identity, Linear } from "../nn/linear.js";
import { Module } from "../nn/module.js";
import { AdaptiveAvgPool2d, MaxPool2d } from "../nn/pool.js";
import type { Tensor } from "../tensor.js";
import { heFanOut, initialise, normal001 } from "./initialise.js";
import { checkCounts, type ImageModelOptions, imageSettings, scaled } from "./options.js";

export interface ShuffleNetOptions extends ImageModelOptions {
  /** Units of the three stages. Default [4, 8, 4]. */
  readonly repeats?: readonly number[];
}

export interface ShuffleNetV1Options extends ShuffleNetOptions {
  /** Groups of the 1×1 convolutions: 1, 2, 3, 4 or 8, each with the widths of Table 1. Default 3. */
  readonly groups?: number;
}

/** Channels of stage 2 by groups; the next two have twice and four times as many. */
const V1_WIDTHS: Readonly<Record<number, number>> = { 1: 144, 2: 200, 3: 240, 4: 272, 8: 384 };

/**
 * y = relu(F(x) + x), F being a grouped 1×1 convolution to a quarter of the channels, a shuffle, a depthwise 3×3 and a grouped 1×1 convolution;
 * with stride 2 y = relu([mean(x), F(x)]) (Zhang et al., ShuffleNet, 2018, Figure 2b, c). The means run over 3×3. Keys: reduce, depthwise,
 * expand.
 */
class GroupedShuffleUnit extends Module {
  readonly reduce: Conv2dNormActivation;
  readonly depthwise: Conv2dNormActivation;
  readonly expand: Conv2dNormActivation;

  constructor(
    from: number,
    to: number,
    readonly stride: number,
    readonly groups: number,
    groupedInput: boolean,
  ) {
    super();
    const inner = to / 4;
    const out = stride === 1 ? to : to - from;
    this.reduce = new Conv2dNormActivation(from, inner, { kernelSize: 1, groups: groupedInput ? groups : 1 });
    this.depthwise = new Conv2dNormActivation(inner, inner, { stride, groups: inner, activation: null });
    this.expand = new Conv2dNormActivation(inner, out, { kernelSize: 1, groups, activation: null });
  }

  forward(x: Tensor): Tensor {
    const shuffled = channelShuffle(this.reduce.forward(x), { groups: this.groups });
    const y = this.expand.forward(this.depthwise.forward(shuffled));
    if (this.stride === 1) return relu(add(y, x));
    return relu(cat([avgPool2d(x, { kernelSize: 3, stride: 2, padding: 1 }), y], { dim: 1 }));
  }
}

/**
 * ShuffleNet v1: stages of units with grouped 1×1 convolutions and channel shuffles (Zhang et al., ShuffleNet: An Extremely Efficient
 * Convolutional Neural Network for Mobile Devices, 2018, Table 1). With 3 groups 1.9 M parameters, 0.14 G multiply-adds at 224 px; widthMult
 * is the paper's s. `small`: the stem is 3×3 with stride 1, without pooling.
 * Shapes: x [N, inChannels, H, W] → logits [N, numClasses]. Keys: conv1, stage2 … stage4, fc.
 */
export class ShuffleNetV1 extends Module {
  readonly conv1: Conv2dNormActivation;
  readonly maxpool: Layer;
  readonly stage2: Sequential;
  readonly stage3: Sequential;
  readonly stage4: Sequential;
  readonly avgpool: AdaptiveAvgPool2d;
  readonly fc: Linear;

  constructor(options: ShuffleNetV1Options = {}) {
    super();
    const { numClasses, inChannels, widthMult, small } = imageSettings("ShuffleNetV1", options, ["groups", "repeats"]);
    const repeats = checkCounts("ShuffleNetV1", "repeats", options.repeats ?? [4, 8, 4], 1, 3);
    const groups = options.groups ?? 3;
    const base = V1_WIDTHS[groups];
    if (base === undefined) {
      throw new ArgumentError(
        "ShuffleNetV1",
        `groups is ${groups}; expected one of ${Object.keys(V1_WIDTHS).join(", ")}`,
      );
    }
    // What the stages add, and a quarter of it, must be cut into groups.
    const stem = scaled(24, widthMult, groups);
    const width = scaled(base, widthMult, 4 * groups);
    let channels = stem;
    this.conv1 = new Conv2dNormActivation(inChannels, stem, { stride: small ? 1 : 2 });
    this.maxpool = small ? new Identity() : new MaxPool2d(3, { stride: 2, padding: 1 });
    const stage = (index: number): Sequential => {
      const units = new Sequential();
      for (let i = 0; i < repeats[index]!; i++) {
        const to = width * 2 ** index;
        units.append(new GroupedShuffleUnit(channels, to, i === 0 ? 2 : 1, groups, index > 0 || i > 0));
        channels = to;
      }
      return units;
    };
    this.stage2 = stage(0);
    this.stage3 = stage(1);
    this.stage4 = stage(2);
    this.avgpool = new AdaptiveAvgPool2d(1);
    this.fc = new Linear(channels, numClasses);
    initialise(this, { conv: heFanOut, linear: normal001 });
  }

  forward(x: Tensor): Tensor {
    let y = this.maxpool.forward(this.conv1.forward(x));
    for (const stage of [this.stage2, this.stage3, this.stage4]) y = stage.forward(y);
    return this.fc.forward(flatten(this.avgpool.forward(y), { startDim: 1 }));
  }
}

export interface ShuffleNetV2Options extends ShuffleNetOptions {
  /** Channels of the first convolution, the three stages, the last convolution, in place of the model's own. */
  readonly widths?: readonly number[];
}

/**
 * ShuffleNet v2: stages of units that split, convolve and shuffle the channels (Ma et al., ShuffleNet V2: Practical Guidelines for
 * Efficient CNN Architecture Design, 2018, Table 5). Parameters and multiply-adds at 224 px:
 *
 *     shufflenet_v2_x0_5  [24, 48, 96, 192, 1024]   1,366,792  0.04 G
 *     shufflenet_v2_x1_0  [24, 116, 232, 464, 1024]  2,278,604  0.14 G
 *     shufflenet_v2_x1_5  [24, 176, 352, 704, 1024]  3,503,624  0.30 G
 *     shufflenet_v2_x2_0  [24, 244, 488, 976, 2048]  7,393,996  0.58 G
 *
 * `small`: the stem is 3×3 with stride 1, without pooling. Shapes: x [N, inChannels, H, W] → logits [N, numClasses]. Keys: conv1, stage2 …
 * stage4, conv5, fc.
 */
export class ShuffleNetV2 extends Module {
  readonly conv1: Conv2dNormActivation;
  readonly maxpool: Layer;
  readonly stage2: Sequential;
  readonly stage3: Sequential;
  readonly stage4: Sequential;
  readonly conv5: Conv2dNormActivation;
  readonly fc: Linear;

  constructor(widths: readonly number[], options: ShuffleNetV2Options = {}) {
    super();
    const { numClasses, inChannels, widthMult, small } = imageSettings("ShuffleNetV2", options, ["widths", "repeats"]);
    const repeats = checkCounts("ShuffleNetV2", "repeats", options.repeats ?? [4, 8, 4], 1, 3);
    const [stem, w2, w3, w4, last] = checkCounts("ShuffleNetV2", "widths", options.widths ?? widths, 1, 5).map((w) =>
      scaled(w, widthMult, 2),
    ) as [number, number, number, number, number];
    let channels = stem;
    this.conv1 = new Conv2dNormActivation(inChannels, stem, { stride: small ? 1 : 2 });
    this.maxpool = small ? new Identity() : new MaxPool2d(3, { stride: 2, padding: 1 });
    const stage = (index: number, width: number): Sequential => {
      const units = new Sequential();
      for (let i = 0; i < repeats[index]!; i++) {
        units.append(new ShuffleUnit(channels, width, i === 0 ? 2 : 1));
        channels = width;
      }
      return units;
    };
    this.stage2 = stage(0, w2);
    this.stage3 = stage(1, w3);
    this.stage4 = stage(2, w4);
    this.conv5 = new Conv2dNormActivation(channels, last, { kernelSize: 1 });
    this.fc = new Linear(last, numClasses);
  }

  forward(x: Tensor): Tensor {
    let y = this.maxpool.forward(this.conv1.forward(x));
    for (const stage of [this.stage2, this.stage3, this.stage4]) y = stage.forward(y);
    return this.fc.forward(mean(this.conv5.forward(y), { dim: [2, 3] }));
  }
}

const make =
  (widths: readonly number[]) =>
  (options: ShuffleNetV2Options = {}): ShuffleNetV2 =>
    new ShuffleNetV2(widths, options);

/** By name. */
export const shufflenets = {
  shufflenet_v1: (options: ShuffleNetV1Options = {}): ShuffleNetV1 => new ShuffleNetV1(options),
  shufflenet_v2_x0_5: make([24, 48, 96, 192, 1024]),
  shufflenet_v2_x1_0: make([24, 116, 232, 464, 1024]),
  shufflenet_v2_x1_5: make([24, 176, 352, 704, 1024]),
  shufflenet_v2_x2_0: make([24, 244, 488, 976, 2048]),
};
