import { flatten } from "../functional/copy.js";
import { ReLU } from "../nn/activation.js";
import { Sequential } from "../nn/container.js";
import { Conv2d } from "../nn/conv.js";
import { Dropout } from "../nn/dropout.js";
import { kaimingNormal_ } from "../nn/init.js";
import { Module } from "../nn/module.js";
import { AdaptiveAvgPool2d, MaxPool2d } from "../nn/pool.js";
import type { Tensor } from "../tensor.js";
import { initialise } from "./initialise.js";
import { type ImageModelOptions, imageSettings, scaled } from "./options.js";

export interface NiNOptions extends ImageModelOptions {
  /** Probability to drop a feature before the last block. Default 0.5. */
  readonly dropout?: number;
}

interface MlpConvSettings {
  readonly kernelSize: number;
  readonly stride?: number;
  readonly padding?: number;
  /** Maps of the hidden layers. Default: those of the last one. */
  readonly hidden?: number;
  /** Whether the last layer is rectified. Default true. */
  readonly rectified?: boolean;
}

/** A convolution and a small perceptron of two hidden layers, of 1×1 convolutions, at each position (Lin et al., 2014, Figure 2). */
class MlpConv extends Sequential {
  constructor(from: number, to: number, settings: MlpConvSettings) {
    const { kernelSize, stride = 1, padding = 0, hidden = to, rectified = true } = settings;
    super(
      new Conv2d(from, hidden, kernelSize, { stride, padding }),
      new ReLU(),
      new Conv2d(hidden, hidden, 1),
      new ReLU(),
      new Conv2d(hidden, to, 1),
      ...(rectified ? [new ReLU()] : []),
    );
  }
}

/**
 * Network in network: blocks of a convolution and two 1×1 convolutions, and the mean of a map for each class instead of linear layers
 * (Lin, Chen and Yan, Network in Network, 2014, Figure 2), with the sizes of AlexNet's convolutions; the maps of
 * the classes are not rectified.
 * 7,439,608 parameters with 1000 classes, 0.97 G multiply-adds at 224 px. `small`: the first convolution is 5×5 with stride 1, and the last
 * block's hidden layers have 384 maps: one for each of a few classes would be too few to pass anything on.
 * Shapes: x [N, inChannels, H, W] → logits [N, numClasses]. Keys: features.0 (96 maps), features.2 (256), features.4 (384), classifier.1.
 */
export class NiN extends Module {
  readonly features: Sequential;
  readonly classifier: Sequential;

  constructor(options: NiNOptions = {}) {
    super();
    const { numClasses, inChannels, widthMult, small } = imageSettings("NiN", options, ["dropout"]);
    const [a, b, c] = [96, 256, 384].map((channels) => scaled(channels, widthMult)) as [number, number, number];
    this.features = new Sequential(
      new MlpConv(inChannels, a, small ? { kernelSize: 5, padding: 2 } : { kernelSize: 11, stride: 4 }),
      new MaxPool2d(3, { stride: 2 }),
      new MlpConv(a, b, { kernelSize: 5, padding: 2 }),
      new MaxPool2d(3, { stride: 2 }),
      new MlpConv(b, c, { kernelSize: 3, padding: 1 }),
      new MaxPool2d(3, { stride: 2 }),
    );
    this.classifier = new Sequential(
      new Dropout({ p: options.dropout ?? 0.5 }),
      new MlpConv(c, numClasses, {
        kernelSize: 3,
        padding: 1,
        hidden: small ? c : numClasses,
        rectified: false,
      }),
      new AdaptiveAvgPool2d(1),
    );
    initialise(this, { conv: (weight) => kaimingNormal_(weight, { nonlinearity: "relu" }) });
  }

  forward(x: Tensor): Tensor {
    return flatten(this.classifier.forward(this.features.forward(x)), { startDim: 1 });
  }
}

/** By name. */
export const nins = {
  nin: (options: NiNOptions = {}): NiN => new NiN(options),
};
