import { adaptiveAvgPool2d, avgPool2d } from "../functional/avgpool.js";
import { flatten } from "../functional/copy.js";
import type { Layer } from "../nn/blocks.js";
import { BasicConv2d } from "../nn/blocks_inception.js";
import { Dropout } from "../nn/dropout.js";
import { truncNormal_ } from "../nn/init.js";
import { Identity, Linear } from "../nn/linear.js";
import { Module } from "../nn/module.js";
import { AdaptiveAvgPool2d, MaxPool2d } from "../nn/pool.js";
import type { Tensor } from "../tensor.js";
import { InceptionA, InceptionB, InceptionC, InceptionD, InceptionE, type Width } from "./inception_blocks.js";
import { checkInputTransform, fromImageNetScale, type WithAux } from "./inception_parts.js";
import { initialise } from "./initialise.js";
import { checkBoolean, type ImageModelOptions, imageSettings, scaled } from "./options.js";

export interface InceptionV3Options extends ImageModelOptions {
  /** Have the auxiliary classifier, whose keys torchvision's published weights hold. Default false. */
  readonly auxLogits?: boolean;
  /** Take images with ImageNet's mean and deviation for ones in ±1, as torchvision's published weights want. Default false. */
  readonly transformInput?: boolean;
  /** Probability to drop a feature before the last layer. Default 0.5. */
  readonly dropout?: number;
}

/** The auxiliary classifier (Szegedy et al., 2016, Figure 8): 5×5 means, a 1×1 and a 5×5 convolution, a linear layer. */
class InceptionAuxiliaryHead extends Module {
  readonly conv0: BasicConv2d;
  readonly conv1: BasicConv2d;
  readonly fc: Linear;

  constructor(from: number, numClasses: number, w: Width, small: boolean) {
    super();
    this.conv0 = new BasicConv2d(from, w(128), 1);
    this.conv1 = new BasicConv2d(w(128), w(768), small ? 1 : 5);
    this.fc = new Linear(w(768), numClasses);
  }

  forward(x: Tensor): Tensor {
    const y = this.conv1.forward(this.conv0.forward(avgPool2d(x, { kernelSize: 5, stride: 3 })));
    return this.fc.forward(flatten(adaptiveAvgPool2d(y, { outputSize: 1 }), { startDim: 1 }));
  }
}

/**
 * Inception v3: a stem of five convolutions, eleven inception blocks, the mean over space, a linear layer (Szegedy et al., Rethinking the
 * Inception Architecture for Computer Vision, 2016, Table 1). 23,834,568 parameters without, 27,161,264 with the auxiliary classifier;
 * 5.7 G multiply-adds at 299 px. `small`: the stem keeps the size and halves it once. Shapes: x [N, inChannels, H, W], H and W at least 75
 * (`small`: 17) → logits [N, numClasses]. Keys: Conv2d_1a_3x3 … Conv2d_4a_3x3, Mixed_5b … Mixed_7c, AuxLogits, fc.
 */
export class InceptionV3 extends Module {
  readonly Conv2d_1a_3x3: BasicConv2d;
  readonly Conv2d_2a_3x3: BasicConv2d;
  readonly Conv2d_2b_3x3: BasicConv2d;
  readonly maxpool1: Layer;
  readonly Conv2d_3b_1x1: BasicConv2d;
  readonly Conv2d_4a_3x3: BasicConv2d;
  readonly maxpool2: MaxPool2d;
  readonly Mixed_5b: InceptionA;
  readonly Mixed_5c: InceptionA;
  readonly Mixed_5d: InceptionA;
  readonly Mixed_6a: InceptionB;
  readonly Mixed_6b: InceptionC;
  readonly Mixed_6c: InceptionC;
  readonly Mixed_6d: InceptionC;
  readonly Mixed_6e: InceptionC;
  readonly AuxLogits: InceptionAuxiliaryHead | null;
  readonly Mixed_7a: InceptionD;
  readonly Mixed_7b: InceptionE;
  readonly Mixed_7c: InceptionE;
  readonly avgpool: AdaptiveAvgPool2d;
  readonly dropout: Dropout;
  readonly fc: Linear;
  readonly transformInput: boolean;

  constructor(options: InceptionV3Options = {}) {
    super();
    const known = ["auxLogits", "transformInput", "dropout"];
    const { numClasses, inChannels, widthMult, small } = imageSettings("InceptionV3", options, known);
    this.transformInput = checkInputTransform("InceptionV3", options.transformInput ?? false, inChannels);
    const aux = checkBoolean("InceptionV3", "auxLogits", options.auxLogits ?? false);
    const w: Width = (channels) => scaled(channels, widthMult);
    const kept = small ? { padding: 1 } : {};
    this.Conv2d_1a_3x3 = new BasicConv2d(inChannels, w(32), 3, small ? kept : { stride: 2 });
    this.Conv2d_2a_3x3 = new BasicConv2d(w(32), w(32), 3, kept);
    this.Conv2d_2b_3x3 = new BasicConv2d(w(32), w(64), 3, { padding: 1 });
    this.maxpool1 = small ? new Identity() : new MaxPool2d(3, { stride: 2 });
    this.Conv2d_3b_1x1 = new BasicConv2d(w(64), w(80), 1);
    this.Conv2d_4a_3x3 = new BasicConv2d(w(80), w(192), 3, kept);
    this.maxpool2 = new MaxPool2d(3, { stride: 2 });
    this.Mixed_5b = new InceptionA(w(192), 32, w);
    this.Mixed_5c = new InceptionA(this.Mixed_5b.outChannels, 64, w);
    this.Mixed_5d = new InceptionA(this.Mixed_5c.outChannels, 64, w);
    this.Mixed_6a = new InceptionB(this.Mixed_5d.outChannels, w);
    this.Mixed_6b = new InceptionC(this.Mixed_6a.outChannels, 128, w);
    const wide = this.Mixed_6b.outChannels;
    this.Mixed_6c = new InceptionC(wide, 160, w);
    this.Mixed_6d = new InceptionC(wide, 160, w);
    this.Mixed_6e = new InceptionC(wide, 192, w);
    this.AuxLogits = aux ? new InceptionAuxiliaryHead(wide, numClasses, w, small) : null;
    this.Mixed_7a = new InceptionD(wide, w);
    this.Mixed_7b = new InceptionE(this.Mixed_7a.outChannels, w);
    this.Mixed_7c = new InceptionE(this.Mixed_7b.outChannels, w);
    this.avgpool = new AdaptiveAvgPool2d(1);
    this.dropout = new Dropout({ p: options.dropout ?? 0.5 });
    this.fc = new Linear(this.Mixed_7c.outChannels, numClasses);
    const normal = (std: number) => (weight: Tensor) => truncNormal_(weight, { std });
    initialise(this, { conv: normal(0.1), linear: normal(0.1), zeroBias: [] });
    if (this.AuxLogits !== null) {
      normal(0.01)(this.AuxLogits.conv1.conv.weight);
      normal(0.001)(this.AuxLogits.fc.weight);
    }
  }

  forward(x: Tensor): Tensor {
    return this.run(x, false).logits;
  }

  /** Also what the auxiliary classifier says: its loss counts 0.4 in training. Empty without it. */
  forwardWithAux(x: Tensor): WithAux {
    return this.run(x, true);
  }

  private run(x: Tensor, withAux: boolean): WithAux {
    let y = this.transformInput ? fromImageNetScale(x) : x;
    for (const layer of [this.Conv2d_1a_3x3, this.Conv2d_2a_3x3, this.Conv2d_2b_3x3, this.maxpool1])
      y = layer.forward(y);
    for (const layer of [this.Conv2d_3b_1x1, this.Conv2d_4a_3x3, this.maxpool2]) y = layer.forward(y);
    for (const block of [this.Mixed_5b, this.Mixed_5c, this.Mixed_5d]) y = block.forward(y);
    for (const block of [this.Mixed_6a, this.Mixed_6b, this.Mixed_6c, this.Mixed_6d, this.Mixed_6e])
      y = block.forward(y);
    const aux = withAux && this.AuxLogits !== null ? [this.AuxLogits.forward(y)] : [];
    for (const block of [this.Mixed_7a, this.Mixed_7b, this.Mixed_7c]) y = block.forward(y);
    const features = flatten(this.dropout.forward(this.avgpool.forward(y)), { startDim: 1 });
    return { logits: this.fc.forward(features), aux };
  }
}

/** By name. */
export const inceptions = {
  inception_v3: (options: InceptionV3Options = {}): InceptionV3 => new InceptionV3(options),
};
