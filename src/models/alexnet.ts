import { flatten } from "../functional/copy.js";
import { ReLU } from "../nn/activation.js";
import { Sequential } from "../nn/container.js";
import { Conv2d } from "../nn/conv.js";
import { Dropout } from "../nn/dropout.js";
import { kaimingNormal_ } from "../nn/init.js";
import { Linear } from "../nn/linear.js";
import { Module } from "../nn/module.js";
import { AdaptiveAvgPool2d, MaxPool2d } from "../nn/pool.js";
import type { Tensor } from "../tensor.js";
import { initialise } from "./initialise.js";
import { type ImageModelOptions, imageSettings, scaled } from "./options.js";

export interface AlexNetOptions extends ImageModelOptions {
  /** Probability to drop a feature before each of the two hidden linear layers. Default 0.5. */
  readonly dropout?: number;
}

/**
 * AlexNet: five convolutions and three linear layers (Krizhevsky, Sutskever and Hinton, ImageNet Classification with Deep Convolutional
 * Neural Networks, 2012, Figure 2), on one device and without response normalisation, as torchvision has it (Krizhevsky, One Weird Trick,
 * 2014). 61,100,840 parameters, 0.71 G multiply-adds at 224 px. `small`: the first convolution is 3×3 with stride 1, and the linear layers
 * see 2×2 positions and all begin as He's. Shapes: x [N, inChannels, H, W] → logits [N, numClasses]. Keys: features.0 … features.10, classifier.1, .4, .6.
 */
export class AlexNet extends Module {
  readonly features: Sequential;
  readonly avgpool: AdaptiveAvgPool2d;
  readonly classifier: Sequential;

  constructor(options: AlexNetOptions = {}) {
    super();
    const { numClasses, inChannels, widthMult, small } = imageSettings("AlexNet", options, ["dropout"]);
    const w = (channels: number): number => scaled(channels, widthMult);
    const p = options.dropout ?? 0.5;
    const side = small ? 2 : 6;
    this.features = new Sequential(
      small
        ? new Conv2d(inChannels, w(64), 3, { padding: 1 })
        : new Conv2d(inChannels, w(64), 11, { stride: 4, padding: 2 }),
      new ReLU(),
      new MaxPool2d(3, { stride: 2 }),
      new Conv2d(w(64), w(192), 5, { padding: 2 }),
      new ReLU(),
      new MaxPool2d(3, { stride: 2 }),
      new Conv2d(w(192), w(384), 3, { padding: 1 }),
      new ReLU(),
      new Conv2d(w(384), w(256), 3, { padding: 1 }),
      new ReLU(),
      new Conv2d(w(256), w(256), 3, { padding: 1 }),
      new ReLU(),
      new MaxPool2d(3, { stride: 2 }),
    );
    this.avgpool = new AdaptiveAvgPool2d(side);
    this.classifier = new Sequential(
      new Dropout({ p }),
      new Linear(w(256) * side * side, w(4096)),
      new ReLU(),
      new Dropout({ p }),
      new Linear(w(4096), w(4096)),
      new ReLU(),
      new Linear(w(4096), numClasses),
    );
    if (small) initialise(this, { conv: kaimingNormal_, linear: kaimingNormal_ });
  }

  forward(x: Tensor): Tensor {
    return this.classifier.forward(flatten(this.avgpool.forward(this.features.forward(x)), { startDim: 1 }));
  }
}

/** By name. */
export const alexnets = {
  alexnet: (options: AlexNetOptions = {}): AlexNet => new AlexNet(options),
};
