import { checkInteger } from "../check.js";
import { ArgumentError } from "../errors.js";
import { flatten } from "../functional/copy.js";
import { ReLU6 } from "../nn/activation.js";
import { Conv2dNormActivation } from "../nn/blocks.js";
import { InvertedResidual } from "../nn/blocks_mobile.js";
import { Sequential } from "../nn/container.js";
import { Dropout } from "../nn/dropout.js";
import { kaimingNormal_ } from "../nn/init.js";
import { Linear } from "../nn/linear.js";
import { Module } from "../nn/module.js";
import { AdaptiveAvgPool2d } from "../nn/pool.js";
import type { Tensor } from "../tensor.js";
import { heFanOut, initialise, normal001 } from "./initialise.js";
import { checkCounts, type ImageModelOptions, imageSettings, makeDivisible, scaled } from "./options.js";

export interface MobileNetV1Options extends ImageModelOptions {
  /** Separable convolutions of 512 channels that keep the size. Default 5. */
  readonly middleBlocks?: number;
  /** Probability to drop a feature before the last layer. Default 0. */
  readonly dropout?: number;
}

type V1Layer = readonly [channels: number, stride: number];

/** Output channels and stride of the separable convolutions. */
const v1Layers = (middleBlocks: number): V1Layer[] => [
  [64, 1],
  [128, 2],
  [128, 1],
  [256, 2],
  [256, 1],
  [512, 2],
  ...Array.from({ length: middleBlocks }, (): V1Layer => [512, 1]),
  [1024, 2],
  [1024, 1],
];

/** A depthwise 3×3 and a pointwise convolution, each with normalisation and relu (Howard et al., 2017, Figure 3 right). */
class DepthwiseSeparable extends Sequential {
  constructor(from: number, to: number, stride: number) {
    super(
      new Conv2dNormActivation(from, from, { stride, groups: from }),
      new Conv2dNormActivation(from, to, { kernelSize: 1 }),
    );
  }
}

/**
 * MobileNet v1: a convolution and thirteen depthwise separable ones (Howard et al., MobileNets: Efficient Convolutional Neural Networks for
 * Mobile Vision Applications, 2017, Table 1). 4,231,976 parameters, 0.57 G multiply-adds at 224 px; widthMult is the paper's α.
 * `small`: the first convolution and the first halving layer have stride 1. Shapes: x [N, inChannels, H, W] → logits [N, numClasses]. Keys:
 * features.0, features.1 … features.13 (each .0 depthwise, .1 pointwise), classifier.1.
 */
export class MobileNetV1 extends Module {
  readonly features: Sequential;
  readonly avgpool: AdaptiveAvgPool2d;
  readonly classifier: Sequential;

  constructor(options: MobileNetV1Options = {}) {
    super();
    const known = ["middleBlocks", "dropout"];
    const { numClasses, inChannels, widthMult, small } = imageSettings("MobileNetV1", options, known);
    const middle = checkInteger("MobileNetV1", "middleBlocks", options.middleBlocks ?? 5, 0);
    let channels = scaled(32, widthMult);
    this.features = new Sequential(new Conv2dNormActivation(inChannels, channels, { stride: small ? 1 : 2 }));
    for (const [i, [width, stride]] of v1Layers(middle).entries()) {
      const to = scaled(width, widthMult);
      this.features.append(new DepthwiseSeparable(channels, to, small && i === 1 ? 1 : stride));
      channels = to;
    }
    this.avgpool = new AdaptiveAvgPool2d(1);
    this.classifier = new Sequential(new Dropout({ p: options.dropout ?? 0 }), new Linear(channels, numClasses));
    initialise(this, { conv: heFanOut, linear: normal001 });
  }

  forward(x: Tensor): Tensor {
    return this.classifier.forward(flatten(this.avgpool.forward(this.features.forward(x)), { startDim: 1 }));
  }
}

/** A row of MobileNet v2's Table 2. */
export type InvertedResidualSetting = readonly [expandRatio: number, channels: number, blocks: number, stride: number];

export interface MobileNetV2Options extends ImageModelOptions {
  /** Expansion, channels, blocks and first stride of each stage. Default: the paper's Table 2. */
  readonly invertedResidualSetting?: readonly InvertedResidualSetting[];
  /** Channel counts are rounded to multiples of this. Default 8. */
  readonly roundNearest?: number;
  /** Probability to drop a feature before the last layer. Default 0.2. */
  readonly dropout?: number;
}

const V2_STAGES: readonly InvertedResidualSetting[] = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
];

/**
 * MobileNet v2: a convolution, stages of inverted residuals, a 1×1 convolution to 1280 channels (Sandler et al., MobileNetV2: Inverted
 * Residuals and Linear Bottlenecks, 2018, Table 2). 3,504,872 parameters, 0.30 G multiply-adds at 224 px.
 * `small`: the first convolution and the first halving stage have stride 1. Shapes: x [N, inChannels, H, W] → logits [N, numClasses]. Keys:
 * features.0 … features.18, classifier.1.
 */
export class MobileNetV2 extends Module {
  readonly features: Sequential;
  readonly avgpool: AdaptiveAvgPool2d;
  readonly classifier: Sequential;

  constructor(options: MobileNetV2Options = {}) {
    super();
    const known = ["invertedResidualSetting", "roundNearest", "dropout"];
    const { numClasses, inChannels, widthMult, small } = imageSettings("MobileNetV2", options, known);
    const { roundNearest = 8, invertedResidualSetting: stages = V2_STAGES } = options;
    if (!Array.isArray(stages) || stages.length === 0) {
      throw new ArgumentError("MobileNetV2", "invertedResidualSetting is empty; expected one stage or more");
    }
    const w = (channels: number): number => makeDivisible(channels, roundNearest);
    const activation = (): ReLU6 => new ReLU6();
    let channels = w(32 * widthMult);
    this.features = new Sequential(
      new Conv2dNormActivation(inChannels, channels, { stride: small ? 1 : 2, activation }),
    );
    let halvings = 0;
    for (const stage of stages) {
      const [expand, width, blocks, stride] = checkCounts("MobileNetV2", "invertedResidualSetting", stage, 1, 4) as [
        ...InvertedResidualSetting,
      ];
      const first = small && stride > 1 && halvings++ === 0 ? 1 : stride;
      for (let i = 0; i < blocks; i++) {
        this.features.append(new InvertedResidual(channels, w(width * widthMult), i === 0 ? first : 1, expand));
        channels = w(width * widthMult);
      }
    }
    const last = w(1280 * (small ? widthMult : Math.max(1, widthMult)));
    this.features.append(new Conv2dNormActivation(channels, last, { kernelSize: 1, activation }));
    this.avgpool = new AdaptiveAvgPool2d(1);
    this.classifier = new Sequential(new Dropout({ p: options.dropout ?? 0.2 }), new Linear(last, numClasses));
    initialise(this, { conv: (weight) => kaimingNormal_(weight, { mode: "fan_out" }), linear: normal001 });
  }

  forward(x: Tensor): Tensor {
    return this.classifier.forward(flatten(this.avgpool.forward(this.features.forward(x)), { startDim: 1 }));
  }
}

/** By name. */
export const mobilenets = {
  mobilenet_v1: (options: MobileNetV1Options = {}): MobileNetV1 => new MobileNetV1(options),
  mobilenet_v2: (options: MobileNetV2Options = {}): MobileNetV2 => new MobileNetV2(options),
};
