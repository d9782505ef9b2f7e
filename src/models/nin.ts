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

/** A convolution and a small perceptron of two hidden layers, of 1×1 convolutions, at each position (Lin et al., 2014, Figure 2). */
class MlpConv extends Sequential {
  constructor(
    from: number,
    to: number,
    kernelSize: number,
    stride: number,
    padding: number,
    last: "relu" | null = "relu",
  ) {
    super(
      new Conv2d(from, to, kernelSize, { stride, padding }),
      new ReLU(),
      new Conv2d(to, to, 1),
      new ReLU(),
      new Conv2d(to, to, 1),
      ...(last === null ? [] : [new ReLU()]),
    );
  }
}

/**
 * Network in network: blocks of a convolution and two 1×1 convolutions, and the mean of a map for each class instead of linear layers
 * (Lin, Chen and Yan, Network in Network, 2014, Figure 2), with the sizes of AlexNet's convolutions; the maps of
 * the classes are not rectified.
 * 7,439,608 parameters with 1000 classes, 0.97 G multiply-adds at 224 px. `small`: the first convolution is 5×5 with stride 1.
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
      small ? new MlpConv(inChannels, a, 5, 1, 2) : new MlpConv(inChannels, a, 11, 4, 0),
      new MaxPool2d(3, { stride: 2 }),
      new MlpConv(a, b, 5, 1, 2),
      new MaxPool2d(3, { stride: 2 }),
      new MlpConv(b, c, 3, 1, 1),
      new MaxPool2d(3, { stride: 2 }),
    );
    this.classifier = new Sequential(
      new Dropout({ p: options.dropout ?? 0.5 }),
      new MlpConv(c, numClasses, 3, 1, 1, null),
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
