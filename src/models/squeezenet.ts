import { checkOneOf } from "../check.js";
import { cat, flatten } from "../functional/copy.js";
import { ReLU } from "../nn/activation.js";
import { Sequential } from "../nn/container.js";
import { Conv2d } from "../nn/conv.js";
import { Dropout } from "../nn/dropout.js";
import { kaimingUniform_ } from "../nn/init.js";
import { Identity } from "../nn/linear.js";
import { Module } from "../nn/module.js";
import { AdaptiveAvgPool2d, MaxPool2d } from "../nn/pool.js";
import type { Tensor } from "../tensor.js";
import { initialise, normal001 } from "./initialise.js";
import { type ImageModelOptions, imageSettings, scaled } from "./options.js";

export interface SqueezeNetOptions extends ImageModelOptions {
  /** Probability to drop a feature before the last convolution. Default 0.5. */
  readonly dropout?: number;
}

/**
 * A 1×1 convolution to few channels, then a 1×1 and a 3×3 one side by side (Iandola et al., 2016, Figure 1).
 * Shapes: x [N, from, H, W] → y [N, 2·expand, H, W]. Keys: squeeze, expand1x1, expand3x3.
 */
class Fire extends Module {
  readonly squeeze: Conv2d;
  readonly expand1x1: Conv2d;
  readonly expand3x3: Conv2d;

  constructor(from: number, squeeze: number, expand: number) {
    super();
    this.squeeze = new Conv2d(from, squeeze, 1);
    this.expand1x1 = new Conv2d(squeeze, expand, 1);
    this.expand3x3 = new Conv2d(squeeze, expand, 3, { padding: 1 });
  }

  forward(x: Tensor): Tensor {
    const narrow = this.squeeze.forward(x, { activation: "relu" });
    const one = this.expand1x1.forward(narrow, { activation: "relu" });
    return cat([one, this.expand3x3.forward(narrow, { activation: "relu" })], { dim: 1 });
  }
}

/** Squeezed and expanded channels of the fire modules, "M" where a pooling stands. */
const FIRES = {
  "1_0": [[16, 64], [16, 64], [32, 128], "M", [32, 128], [48, 192], [48, 192], [64, 256], "M", [64, 256]],
  "1_1": [[16, 64], [16, 64], "M", [32, 128], [32, 128], "M", [48, 192], [48, 192], [64, 256], [64, 256]],
} as const;

/**
 * SqueezeNet: a convolution, eight fire modules, a 1×1 convolution to the classes and their means (Iandola et al., SqueezeNet: AlexNet-level
 * Accuracy with 50x Fewer Parameters, 2016, Table 1). 1.0: 1,248,424 parameters, 0.82 G multiply-adds at 224 px; 1.1, which pools earlier:
 * 1,235,496, 0.35 G. `small`: the first convolution is 3×3 with stride 1, without the pooling behind it; the maps of the classes begin as the
 * others and are not rectified: those of ten classes are soon pushed below 0 everywhere, where nothing is learned.
 * Shapes: x [N, inChannels, H, W] → logits [N, numClasses], none below 0 but for `small`. Keys: features.0, features.3 … features.12, classifier.1
 * (`small`: the same numbers).
 */
export class SqueezeNet extends Module {
  readonly features: Sequential;
  readonly classifier: Sequential;

  constructor(version: keyof typeof FIRES, options: SqueezeNetOptions = {}) {
    super();
    checkOneOf("SqueezeNet", "version", version, ["1_0", "1_1"]);
    const { numClasses, inChannels, widthMult, small } = imageSettings("SqueezeNet", options, ["dropout"]);
    const w = (channels: number): number => scaled(channels, widthMult);
    const pool = (): MaxPool2d => new MaxPool2d(3, { stride: 2, ceilMode: true });
    let channels = w(version === "1_0" ? 96 : 64);
    const size = version === "1_0" ? 7 : 3;
    this.features = new Sequential(
      small
        ? new Conv2d(inChannels, channels, 3, { padding: 1 })
        : new Conv2d(inChannels, channels, size, { stride: 2 }),
      new ReLU(),
      small ? new Identity() : pool(),
    );
    for (const part of FIRES[version]) {
      if (part === "M") {
        this.features.append(pool());
        continue;
      }
      const [squeeze, expand] = part;
      this.features.append(new Fire(channels, w(squeeze), w(expand)));
      channels = 2 * w(expand);
    }
    const final = new Conv2d(channels, numClasses, 1);
    this.classifier = new Sequential(
      new Dropout({ p: options.dropout ?? 0.5 }),
      final,
      small ? new Identity() : new ReLU(),
      new AdaptiveAvgPool2d(1),
    );
    const narrow = small ? null : final.weight;
    initialise(this, { conv: (weight) => (weight === narrow ? normal001 : kaimingUniform_)(weight) });
  }

  forward(x: Tensor): Tensor {
    return flatten(this.classifier.forward(this.features.forward(x)), { startDim: 1 });
  }
}

/** By name. */
export const squeezenets = {
  squeezenet1_0: (options: SqueezeNetOptions = {}): SqueezeNet => new SqueezeNet("1_0", options),
  squeezenet1_1: (options: SqueezeNetOptions = {}): SqueezeNet => new SqueezeNet("1_1", options),
};
