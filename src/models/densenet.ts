import { checkInteger } from "../check.js";
import { adaptiveAvgPool2d } from "../functional/avgpool.js";
import { flatten } from "../functional/copy.js";
import { relu } from "../functional/unary.js";
import { ReLU } from "../nn/activation.js";
import { DenseBlock, TransitionLayer } from "../nn/blocks_dense.js";
import { NamedSequential } from "../nn/container.js";
import { Conv2d } from "../nn/conv.js";
import { kaimingNormal_ } from "../nn/init.js";
import { Linear } from "../nn/linear.js";
import { Module } from "../nn/module.js";
import { BatchNorm2d } from "../nn/norm_batch.js";
import { MaxPool2d } from "../nn/pool.js";
import type { Tensor } from "../tensor.js";
import { initialise } from "./initialise.js";
import { checkCounts, type ImageModelOptions, imageSettings, scaled } from "./options.js";

export interface DenseNetOptions extends ImageModelOptions {
  /** Channels that a layer adds: the paper's k. Default 32. */
  readonly growthRate?: number;
  /** Layers of the dense blocks. */
  readonly blockConfig?: readonly number[];
  /** Channels of the first convolution. Default 64. */
  readonly numInitFeatures?: number;
  /** A layer's 1×1 convolution leaves bnSize·growthRate channels. Default 4. */
  readonly bnSize?: number;
  /** Probability to drop an element of what a layer adds. Default 0. */
  readonly dropRate?: number;
}

/**
 * DenseNet-BC: dense blocks with transitions that halve size and channels between them (Huang et al., Densely Connected Convolutional
 * Networks, 2017, Table 1). Parameters and multiply-adds at 224 px:
 *
 *     densenet121  [6, 12, 24, 16]   7,978,856  2.8 G
 *     densenet161  [6, 12, 36, 24]  28,681,000  7.7 G   growthRate 48, numInitFeatures 96
 *     densenet169  [6, 12, 32, 32]  14,149,480  3.4 G
 *     densenet201  [6, 12, 48, 32]  20,013,928  4.3 G
 *
 * `small`: the first convolution is 3×3 with stride 1, without pooling, as the paper's for CIFAR.
 * Shapes: x [N, inChannels, H, W] → logits [N, numClasses]. Keys: features.conv0, .norm0, .denseblock1, .transition1 …, .norm5, classifier.
 */
export class DenseNet extends Module {
  readonly features: NamedSequential;
  readonly classifier: Linear;

  constructor(blockConfig: readonly number[], options: DenseNetOptions = {}) {
    super();
    const known = ["growthRate", "blockConfig", "numInitFeatures", "bnSize", "dropRate"];
    const { numClasses, inChannels, widthMult, small } = imageSettings("DenseNet", options, known);
    const blocks = checkCounts("DenseNet", "blockConfig", options.blockConfig ?? blockConfig, 1);
    const growth = scaled(checkInteger("DenseNet", "growthRate", options.growthRate ?? 32, 1), widthMult);
    const { bnSize = 4, dropRate = 0 } = options;
    let channels = scaled(checkInteger("DenseNet", "numInitFeatures", options.numInitFeatures ?? 64, 1), widthMult);
    this.features = new NamedSequential({
      conv0: small
        ? new Conv2d(inChannels, channels, 3, { padding: 1, bias: false })
        : new Conv2d(inChannels, channels, 7, { stride: 2, padding: 3, bias: false }),
      norm0: new BatchNorm2d(channels),
      relu0: new ReLU(),
    });
    if (!small) this.features.append(new MaxPool2d(3, { stride: 2, padding: 1 }), "pool0");
    for (const [i, layers] of blocks.entries()) {
      const block = new DenseBlock(layers, channels, growth, { bottleneckSize: bnSize, dropRate });
      this.features.append(block, `denseblock${i + 1}`);
      channels = block.outChannels;
      if (i === blocks.length - 1) break;
      const half = Math.max(1, Math.floor(channels / 2));
      this.features.append(new TransitionLayer(channels, half), `transition${i + 1}`);
      channels = half;
    }
    this.features.append(new BatchNorm2d(channels), `norm${blocks.length + 1}`);
    this.classifier = new Linear(channels, numClasses);
    initialise(this, { conv: (weight) => kaimingNormal_(weight), zeroBias: ["linear"] });
  }

  forward(x: Tensor): Tensor {
    const features = adaptiveAvgPool2d(relu(this.features.forward(x)), { outputSize: 1 });
    return this.classifier.forward(flatten(features, { startDim: 1 }));
  }
}

const make =
  (blockConfig: readonly number[], sizes: Pick<DenseNetOptions, "growthRate" | "numInitFeatures"> = {}) =>
  (options: DenseNetOptions = {}): DenseNet =>
    new DenseNet(blockConfig, { ...sizes, ...options });

/** By name. */
export const densenets = {
  densenet121: make([6, 12, 24, 16]),
  densenet161: make([6, 12, 36, 24], { growthRate: 48, numInitFeatures: 96 }),
  densenet169: make([6, 12, 32, 32]),
  densenet201: make([6, 12, 48, 32]),
};
