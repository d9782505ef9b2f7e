import { mean } from "../functional/reduce.js";
import { ReLU } from "../nn/activation.js";
import { Sequential } from "../nn/container.js";
import { Conv2d } from "../nn/conv.js";
import { Dropout } from "../nn/dropout.js";
import { kaimingUniform_ } from "../nn/init.js";
import { Linear } from "../nn/linear.js";
import { Module } from "../nn/module.js";
import { BatchNorm2d } from "../nn/norm_batch.js";
import type { Tensor } from "../tensor.js";
import { heFanOut, initialise } from "./initialise.js";
import { checkCounts, type ImageModelOptions, imageSettings, makeDivisible, positive } from "./options.js";

export interface MNASNetOptions extends ImageModelOptions {
  /** Blocks of the six stages. Default [3, 3, 3, 2, 4, 1]. */
  readonly depths?: readonly number[];
  /** Probability to drop a feature before the last layer. Default 0.2. */
  readonly dropout?: number;
}

/** Weight of a batch in the running statistics: they are TensorFlow's, with decay 0.9997. */
const MOMENTUM = 1 - 0.9997;

type Norm = (channels: number) => BatchNorm2d;

/** As nn.InvertedResidual, for kernels of 5×5 too, with relu, under MNASNet's keys: layers.0 … layers.7 (Tan et al., 2019, Figure 7b, c). */
class InvertedResidual extends Module {
  readonly layers: Sequential;
  readonly applyResidual: boolean;

  constructor(from: number, to: number, kernelSize: number, stride: number, expand: number, norm: Norm) {
    super();
    const inner = from * expand;
    this.layers = new Sequential(
      new Conv2d(from, inner, 1, { bias: false }),
      norm(inner),
      new ReLU(),
      new Conv2d(inner, inner, kernelSize, { padding: kernelSize >> 1, stride, groups: inner, bias: false }),
      norm(inner),
      new ReLU(),
      new Conv2d(inner, to, 1, { bias: false }),
      norm(to),
    );
    this.applyResidual = from === to && stride === 1;
  }

  forward(x: Tensor): Tensor {
    return this.layers.forward(x, this.applyResidual ? { residual: x } : undefined);
  }
}

/** Channels, kernel, first stride and expansion of the stages. */
const STAGES = [
  [24, 3, 2, 3],
  [40, 5, 2, 3],
  [80, 5, 2, 6],
  [96, 3, 1, 6],
  [192, 5, 2, 6],
  [320, 3, 1, 6],
] as const;

const DEPTHS = [3, 3, 3, 2, 4, 1];

/**
 * MNASNet-B1: inverted residuals whose sizes a search has found (Tan et al., MnasNet: Platform-Aware Neural Architecture Search for Mobile,
 * 2019, Figure 7 without squeeze-and-excitation). Parameters and multiply-adds at 224 px: mnasnet0_5 2,218,512 and 0.10 G, mnasnet0_75
 * 3,170,208 and 0.22 G, mnasnet1_0 4,383,312 and 0.31 G, mnasnet1_3 6,282,256 and 0.53 G; the factor is alpha · widthMult.
 * `small`: the first convolution and the first stage have stride 1, and the running statistics BatchNorm2d's own momentum: theirs needs
 * tens of thousands of steps. Shapes: x [N, inChannels, H, W] → logits [N, numClasses]. Keys: layers.0 …
 * layers.15, classifier.1.
 */
export class MNASNet extends Module {
  readonly layers: Sequential;
  readonly classifier: Sequential;

  constructor(alpha: number, options: MNASNetOptions = {}) {
    super();
    const { numClasses, inChannels, widthMult, small } = imageSettings("MNASNet", options, ["depths", "dropout"]);
    const depths = checkCounts("MNASNet", "depths", options.depths ?? DEPTHS, 1, STAGES.length);
    const factor = positive("MNASNet", "alpha", alpha) * widthMult;
    const w = (channels: number): number => makeDivisible(channels * factor);
    const norm: Norm = (channels) => new BatchNorm2d(channels, small ? {} : { momentum: MOMENTUM });
    const [stem, first] = [w(32), w(16)];
    this.layers = new Sequential(
      new Conv2d(inChannels, stem, 3, { padding: 1, stride: small ? 1 : 2, bias: false }),
      norm(stem),
      new ReLU(),
      new Conv2d(stem, stem, 3, { padding: 1, groups: stem, bias: false }),
      norm(stem),
      new ReLU(),
      new Conv2d(stem, first, 1, { bias: false }),
      norm(first),
    );
    let channels = first;
    for (const [i, [width, kernelSize, stride, expand]] of STAGES.entries()) {
      const stage = new Sequential();
      for (let b = 0; b < depths[i]!; b++) {
        const step = b > 0 || (small && i === 0) ? 1 : stride;
        stage.append(new InvertedResidual(channels, w(width), kernelSize, step, expand, norm));
        channels = w(width);
      }
      this.layers.append(stage);
    }
    const last = small ? makeDivisible(1280 * widthMult) : 1280;
    this.layers
      .append(new Conv2d(channels, last, 1, { bias: false }))
      .append(norm(last))
      .append(new ReLU());
    this.classifier = new Sequential(new Dropout({ p: options.dropout ?? 0.2 }), new Linear(last, numClasses));
    const linear = (weight: Tensor): Tensor => kaimingUniform_(weight, { mode: "fan_out", nonlinearity: "sigmoid" });
    initialise(this, { conv: heFanOut, linear });
  }

  forward(x: Tensor): Tensor {
    return this.classifier.forward(mean(this.layers.forward(x), { dim: [2, 3] }));
  }
}

const make =
  (alpha: number) =>
  (options: MNASNetOptions = {}): MNASNet =>
    new MNASNet(alpha, options);

/** By name. */
export const mnasnets = {
  mnasnet0_5: make(0.5),
  mnasnet0_75: make(0.75),
  mnasnet1_0: make(1),
  mnasnet1_3: make(1.3),
};
