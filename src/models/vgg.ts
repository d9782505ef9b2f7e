import { flatten } from "../functional/copy.js";
import { ReLU } from "../nn/activation.js";
import { Sequential } from "../nn/container.js";
import { Conv2d } from "../nn/conv.js";
import { Dropout } from "../nn/dropout.js";
import { kaimingNormal_ } from "../nn/init.js";
import { Linear } from "../nn/linear.js";
import { Module } from "../nn/module.js";
import { BatchNorm2d } from "../nn/norm_batch.js";
import { AdaptiveAvgPool2d, MaxPool2d } from "../nn/pool.js";
import type { Tensor } from "../tensor.js";
import { heFanOut, initialise, normal001 } from "./initialise.js";
import { checkBoolean, checkCounts, type ImageModelOptions, imageSettings, scaled } from "./options.js";

export interface VGGOptions extends ImageModelOptions {
  /** Convolutions of the five blocks, in place of the model's own. */
  readonly convs?: readonly number[];
  /** Batch normalisation behind each convolution. Default false; true for the names with _bn. */
  readonly batchNorm?: boolean;
  /** Probability to drop a feature behind each of the two hidden linear layers. Default 0.5. */
  readonly dropout?: number;
}

/** Channels of the five blocks. */
const WIDTHS = [64, 128, 256, 512, 512];

/**
 * VGG: five blocks of 3×3 convolutions, each of which ends in a pooling, and three linear layers (Simonyan and Zisserman, Very Deep
 * Convolutional Networks for Large-Scale Image Recognition, 2015, Table 1, columns A, B, D, E). Parameters and multiply-adds at 224 px:
 *
 *     vgg11  [1, 1, 2, 2, 2]  132,863,336   7.6 G   (vgg11_bn 132,868,840)
 *     vgg13  [2, 2, 2, 2, 2]  133,047,848  11.3 G   (vgg13_bn 133,053,736)
 *     vgg16  [2, 2, 3, 3, 3]  138,357,544  15.5 G   (vgg16_bn 138,365,992)
 *     vgg19  [2, 2, 4, 4, 4]  143,667,240  19.6 G   (vgg19_bn 143,678,248)
 *
 * `small`: pooling rounds sizes up, the linear layers see the mean over space and have 512 features instead of 4096 and begin as
 * He's (normal with deviation 0.01 is made for 4096).
 * Shapes: x [N, inChannels, H, W] → logits [N, numClasses]. Keys: features.0 …, classifier.0, .3, .6.
 */
export class VGG extends Module {
  readonly features: Sequential;
  readonly avgpool: AdaptiveAvgPool2d;
  readonly classifier: Sequential;

  constructor(convs: readonly number[], options: VGGOptions = {}) {
    super();
    const known = ["convs", "batchNorm", "dropout"];
    const { numClasses, inChannels, widthMult, small } = imageSettings("VGG", options, known);
    const depths = checkCounts("VGG", "convs", options.convs ?? convs, 1, WIDTHS.length);
    const norm = checkBoolean("VGG", "batchNorm", options.batchNorm ?? false);
    const p = options.dropout ?? 0.5;
    this.features = new Sequential();
    let channels = inChannels;
    for (const [block, depth] of depths.entries()) {
      const width = scaled(WIDTHS[block]!, widthMult);
      for (let i = 0; i < depth; i++) {
        this.features.append(new Conv2d(channels, width, 3, { padding: 1 }));
        if (norm) this.features.append(new BatchNorm2d(width));
        this.features.append(new ReLU());
        channels = width;
      }
      this.features.append(new MaxPool2d(2, { stride: 2, ceilMode: small }));
    }
    const side = small ? 1 : 7;
    const hidden = scaled(small ? 512 : 4096, widthMult);
    this.avgpool = new AdaptiveAvgPool2d(side);
    this.classifier = new Sequential(
      new Linear(channels * side * side, hidden),
      new ReLU(),
      new Dropout({ p }),
      new Linear(hidden, hidden),
      new ReLU(),
      new Dropout({ p }),
      new Linear(hidden, numClasses),
    );
    initialise(this, { conv: heFanOut, linear: small ? kaimingNormal_ : normal001 });
  }

  forward(x: Tensor): Tensor {
    return this.classifier.forward(flatten(this.avgpool.forward(this.features.forward(x)), { startDim: 1 }));
  }
}

const make =
  (convs: readonly number[], batchNorm = false) =>
  (options: VGGOptions = {}): VGG =>
    new VGG(convs, { batchNorm, ...options });

/** By name. */
export const vggs = {
  vgg11: make([1, 1, 2, 2, 2]),
  vgg13: make([2, 2, 2, 2, 2]),
  vgg16: make([2, 2, 3, 3, 3]),
  vgg19: make([2, 2, 4, 4, 4]),
  vgg11_bn: make([1, 1, 2, 2, 2], true),
  vgg13_bn: make([2, 2, 2, 2, 2], true),
  vgg16_bn: make([2, 2, 3, 3, 3], true),
  vgg19_bn: make([2, 2, 4, 4, 4], true),
};
