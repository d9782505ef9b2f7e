import { add } from "../functional/arithmetic.js";
import { flatten } from "../functional/copy.js";
import { SiLU } from "../nn/activation.js";
import { Conv2dNormActivation, type ConvNormOptions, SqueezeExcitation } from "../nn/blocks.js";
import { Sequential } from "../nn/container.js";
import { Dropout, StochasticDepth } from "../nn/dropout.js";
import { uniform_ } from "../nn/init.js";
import { Linear } from "../nn/linear.js";
import { Module } from "../nn/module.js";
import { BatchNorm2d, type BatchNormModuleOptions } from "../nn/norm_batch.js";
import { AdaptiveAvgPool2d } from "../nn/pool.js";
import type { Tensor } from "../tensor.js";
import { heFanOut, initialise } from "./initialise.js";
import { type ImageModelOptions, imageSettings, makeDivisible, positive } from "./options.js";

export interface EfficientNetOptions extends ImageModelOptions {
  /** Factor of the number of blocks, beside the model's own. Default 1. */
  readonly depthMult?: number;
  /** Probability to drop a feature before the last layer. Default: the model's own. */
  readonly dropout?: number;
  /** Probability to drop the last block's body; it grows linearly from 0 at the first. Default 0.2. */
  readonly stochasticDepthProb?: number;
}

/** What the compound scaling has given for one of B0 … B7. */
export interface EfficientNetScale {
  readonly width: number;
  readonly depth: number;
  readonly dropout: number;
  /** Options of the normalisations. Default: BatchNorm2d's. */
  readonly norm?: BatchNormModuleOptions;
}

type ConvNorm = (from: number, to: number, options: ConvNormOptions) => Conv2dNormActivation;

interface MBConvSettings {
  readonly kernelSize: number;
  readonly stride: number;
  readonly expand: number;
  readonly dropProb: number;
}

/**
 * An inverted residual with squeeze-and-excitation and SiLU (Tan and Le, 2019, section 4; Sandler et al., 2018, Figure 4). Keys: block.0 …
 * block.3 for expansion, depthwise convolution, gate and projection; without expansion they move up.
 */
class MBConv extends Module {
  readonly block: Sequential;
  readonly stochasticDepth: StochasticDepth;
  readonly useResConnect: boolean;

  constructor(from: number, to: number, { kernelSize, stride, expand, dropProb }: MBConvSettings, conv: ConvNorm) {
    super();
    const inner = makeDivisible(from * expand);
    this.block = new Sequential();
    if (inner !== from) this.block.append(conv(from, inner, { kernelSize: 1 }));
    this.block
      .append(conv(inner, inner, { kernelSize, stride, groups: inner }))
      .append(new SqueezeExcitation(inner, Math.max(1, from >> 2), { activation: new SiLU() }))
      .append(conv(inner, to, { kernelSize: 1, activation: null }));
    this.stochasticDepth = new StochasticDepth(dropProb, "row");
    this.useResConnect = stride === 1 && from === to;
  }

  forward(x: Tensor): Tensor {
    const y = this.block.forward(x);
    return this.useResConnect ? add(this.stochasticDepth.forward(y), x) : y;
  }
}

/** Expansion, kernel, first stride, input and output channels and blocks of the stages: Table 1. */
const STAGES = [
  [1, 3, 1, 32, 16, 1],
  [6, 3, 2, 16, 24, 2],
  [6, 5, 2, 24, 40, 2],
  [6, 3, 2, 40, 80, 3],
  [6, 5, 1, 80, 112, 3],
  [6, 5, 2, 112, 192, 4],
  [6, 3, 1, 192, 320, 1],
] as const;

/**
 * EfficientNet: a searched network whose width, depth and image size grow together (Tan and Le, EfficientNet: Rethinking Model Scaling for
 * Convolutional Neural Networks, 2019, Table 1). Parameters and multiply-adds:
 *
 *     efficientnet_b0   5,288,548   0.39 G at 224 px      efficientnet_b4  19,341,616   4.4 G at 380 px
 *     efficientnet_b1   7,794,184   0.69 G at 240 px      efficientnet_b5  30,389,784  10.3 G at 456 px
 *     efficientnet_b2   9,109,994   1.0 G at 260 px       efficientnet_b6  43,040,704  19.1 G at 528 px
 *     efficientnet_b3  12,233,232   1.8 G at 300 px       efficientnet_b7  66,347,960  37.8 G at 600 px
 *
 * `small`: the first convolution and the first halving stage have stride 1. Shapes: x [N, inChannels, H, W] → logits [N, numClasses]. Keys:
 * features.0 … features.8, classifier.1.
 */
export class EfficientNet extends Module {
  readonly features: Sequential;
  readonly avgpool: AdaptiveAvgPool2d;
  readonly classifier: Sequential;

  constructor(scale: EfficientNetScale, options: EfficientNetOptions = {}) {
    super();
    const known = ["depthMult", "dropout", "stochasticDepthProb"];
    const { numClasses, inChannels, widthMult, small } = imageSettings("EfficientNet", options, known);
    const { stochasticDepthProb = 0.2, dropout = scale.dropout } = options;
    const depth = scale.depth * positive("EfficientNet", "depthMult", options.depthMult ?? 1);
    const w = (channels: number): number => makeDivisible(channels * scale.width * widthMult);
    const norm = (channels: number): BatchNorm2d => new BatchNorm2d(channels, scale.norm ?? {});
    const conv: ConvNorm = (from, to, settings) =>
      new Conv2dNormActivation(from, to, { norm, activation: () => new SiLU(), ...settings });
    const stages = STAGES.map((stage) => ({ stage, blocks: Math.ceil(stage[5] * depth) }));
    const total = stages.reduce((n, { blocks }) => n + blocks, 0);
    this.features = new Sequential(conv(inChannels, w(32), { stride: small ? 1 : 2 }));
    let index = 0;
    for (const { stage, blocks } of stages) {
      const [expand, kernelSize, first, from, to] = stage;
      const body = new Sequential();
      for (let i = 0; i < blocks; i++) {
        const kept = i > 0 || (small && from === 16);
        const dropProb = (stochasticDepthProb * index++) / total;
        const settings = { kernelSize, stride: kept ? 1 : first, expand, dropProb };
        body.append(new MBConv(i === 0 ? w(from) : w(to), w(to), settings, conv));
      }
      this.features.append(body);
    }
    const last = 4 * w(320);
    this.features.append(conv(w(320), last, { kernelSize: 1 }));
    this.avgpool = new AdaptiveAvgPool2d(1);
    this.classifier = new Sequential(new Dropout({ p: dropout }), new Linear(last, numClasses));
    const bound = 1 / Math.sqrt(numClasses);
    initialise(this, { conv: heFanOut, linear: (weight) => uniform_(weight, -bound, bound) });
  }

  forward(x: Tensor): Tensor {
    return this.classifier.forward(flatten(this.avgpool.forward(this.features.forward(x)), { startDim: 1 }));
  }
}

const make =
  (width: number, depth: number, dropout: number, norm: BatchNormModuleOptions = {}) =>
  (options: EfficientNetOptions = {}): EfficientNet =>
    new EfficientNet({ width, depth, dropout, norm }, options);

/** By name. */
export const efficientnets = {
  efficientnet_b0: make(1, 1, 0.2),
  efficientnet_b1: make(1, 1.1, 0.2),
  efficientnet_b2: make(1.1, 1.2, 0.3),
  efficientnet_b3: make(1.2, 1.4, 0.3),
  efficientnet_b4: make(1.4, 1.8, 0.4),
  efficientnet_b5: make(1.6, 2.2, 0.4, { eps: 0.001, momentum: 0.01 }),
  efficientnet_b6: make(1.8, 2.6, 0.5, { eps: 0.001, momentum: 0.01 }),
  efficientnet_b7: make(2, 3.1, 0.5, { eps: 0.001, momentum: 0.01 }),
};
