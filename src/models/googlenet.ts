import { adaptiveAvgPool2d } from "../functional/avgpool.js";
import { flatten } from "../functional/copy.js";
import { relu } from "../functional/unary.js";
import type { Layer } from "../nn/blocks.js";
import { BasicConv2d, InceptionBlock } from "../nn/blocks_inception.js";
import { Dropout } from "../nn/dropout.js";
import { truncNormal_ } from "../nn/init.js";
import { Identity, Linear } from "../nn/linear.js";
import { Module } from "../nn/module.js";
import { AdaptiveAvgPool2d, MaxPool2d } from "../nn/pool.js";
import type { Tensor } from "../tensor.js";
import { checkInputTransform, fromImageNetScale, type WithAux } from "./inception_parts.js";
import { heFanOut, initialise } from "./initialise.js";
import { checkBoolean, type ImageModelOptions, imageSettings, scaled } from "./options.js";

export interface GoogLeNetOptions extends ImageModelOptions {
  /** Have the two auxiliary classifiers, whose keys torchvision's published weights hold. Default false. */
  readonly auxLogits?: boolean;
  /** Take images with ImageNet's mean and deviation for ones in ±1, as torchvision's published weights want. Default false. */
  readonly transformInput?: boolean;
  /** Probability to drop a feature before the last layer. Default 0.2. */
  readonly dropout?: number;
  /** The same in the auxiliary classifiers. Default 0.7. */
  readonly dropoutAux?: number;
}

/** An auxiliary classifier (Szegedy et al., 2014, section 5): 1×1 convolution of 4×4 means, two linear layers. */
class AuxiliaryHead extends Module {
  readonly conv: BasicConv2d;
  readonly fc1: Linear;
  readonly fc2: Linear;
  readonly dropout: Dropout;

  constructor(from: number, width: number, hidden: number, numClasses: number, p: number) {
    super();
    this.conv = new BasicConv2d(from, width, 1);
    this.fc1 = new Linear(16 * width, hidden);
    this.fc2 = new Linear(hidden, numClasses);
    this.dropout = new Dropout({ p });
  }

  forward(x: Tensor): Tensor {
    const y = this.conv.forward(adaptiveAvgPool2d(x, { outputSize: 4 }));
    const hidden = relu(this.fc1.forward(flatten(y, { startDim: 1 })));
    return this.fc2.forward(this.dropout.forward(hidden));
  }
}

/**
 * GoogLeNet: a stem, nine inception blocks, the mean over space, a linear layer (Szegedy et al., Going Deeper with Convolutions, 2015,
 * Table 1), as torchvision has it: with batch normalisation, and 3×3 convolutions for 5×5 ones. 6,624,904 parameters without, 13,004,888
 * with auxiliary classifiers; 1.5 G multiply-adds at 224 px. `small`: the stem is 3×3 with stride 1, without its first pooling,
 * and the convolutions begin as He's: with the deviation 0.01 few channels give less variance than the normalisation adds as its ε.
 * Shapes: x [N, inChannels, H, W] → logits [N, numClasses]. Keys: conv1 … conv3, inception3a … inception5b, aux1, aux2, fc.
 */
export class GoogLeNet extends Module {
  readonly conv1: BasicConv2d;
  readonly maxpool1: Layer;
  readonly conv2: BasicConv2d;
  readonly conv3: BasicConv2d;
  readonly maxpool2: MaxPool2d;
  readonly inception3a: InceptionBlock;
  readonly inception3b: InceptionBlock;
  readonly maxpool3: MaxPool2d;
  readonly inception4a: InceptionBlock;
  readonly inception4b: InceptionBlock;
  readonly inception4c: InceptionBlock;
  readonly inception4d: InceptionBlock;
  readonly inception4e: InceptionBlock;
  readonly maxpool4: MaxPool2d;
  readonly inception5a: InceptionBlock;
  readonly inception5b: InceptionBlock;
  readonly aux1: AuxiliaryHead | null;
  readonly aux2: AuxiliaryHead | null;
  readonly avgpool: AdaptiveAvgPool2d;
  readonly dropout: Dropout;
  readonly fc: Linear;
  readonly transformInput: boolean;

  constructor(options: GoogLeNetOptions = {}) {
    super();
    const known = ["auxLogits", "transformInput", "dropout", "dropoutAux"];
    const { numClasses, inChannels, widthMult, small } = imageSettings("GoogLeNet", options, known);
    this.transformInput = checkInputTransform("GoogLeNet", options.transformInput ?? false, inChannels);
    const aux = checkBoolean("GoogLeNet", "auxLogits", options.auxLogits ?? false);
    const w = (channels: number): number => scaled(channels, widthMult);
    let channels = w(192);
    /** Channels in the columns of Table 1. */
    const inception = (one: number, reduce3: number, three: number, reduce5: number, five: number, pool: number) => {
      const block = new InceptionBlock(channels, {
        one: w(one),
        three: [w(reduce3), w(three)],
        five: [w(reduce5), w(five)],
        pool: w(pool),
      });
      channels = block.outChannels;
      return block;
    };
    this.conv1 = small
      ? new BasicConv2d(inChannels, w(64), 3, { padding: 1 })
      : new BasicConv2d(inChannels, w(64), 7, { stride: 2, padding: 3 });
    this.maxpool1 = small ? new Identity() : new MaxPool2d(3, { stride: 2, ceilMode: true });
    this.conv2 = new BasicConv2d(w(64), w(64), 1);
    this.conv3 = new BasicConv2d(w(64), w(192), 3, { padding: 1 });
    this.maxpool2 = new MaxPool2d(3, { stride: 2, ceilMode: true });
    this.inception3a = inception(64, 96, 128, 16, 32, 32);
    this.inception3b = inception(128, 128, 192, 32, 96, 64);
    this.maxpool3 = new MaxPool2d(3, { stride: 2, ceilMode: true });
    this.inception4a = inception(192, 96, 208, 16, 48, 64);
    const from1 = channels;
    this.inception4b = inception(160, 112, 224, 24, 64, 64);
    this.inception4c = inception(128, 128, 256, 24, 64, 64);
    this.inception4d = inception(112, 144, 288, 32, 64, 64);
    const from2 = channels;
    this.inception4e = inception(256, 160, 320, 32, 128, 128);
    this.maxpool4 = new MaxPool2d(2, { stride: 2, ceilMode: true });
    this.inception5a = inception(256, 160, 320, 32, 128, 128);
    this.inception5b = inception(384, 192, 384, 48, 128, 128);
    const auxiliary = (from: number): AuxiliaryHead =>
      new AuxiliaryHead(from, w(128), w(1024), numClasses, options.dropoutAux ?? 0.7);
    this.aux1 = aux ? auxiliary(from1) : null;
    this.aux2 = aux ? auxiliary(from2) : null;
    this.avgpool = new AdaptiveAvgPool2d(1);
    this.dropout = new Dropout({ p: options.dropout ?? 0.2 });
    this.fc = new Linear(channels, numClasses);
    const narrow = (weight: Tensor): Tensor => truncNormal_(weight, { std: 0.01 });
    initialise(this, { conv: small ? heFanOut : narrow, linear: narrow, zeroBias: [] });
  }

  forward(x: Tensor): Tensor {
    return this.run(x, false).logits;
  }

  /** Also what the auxiliary classifiers say, the first one first: their losses count 0.3 each in training. Empty without them. */
  forwardWithAux(x: Tensor): WithAux {
    return this.run(x, true);
  }

  private run(x: Tensor, withAux: boolean): WithAux {
    const aux: Tensor[] = [];
    const note = (head: AuxiliaryHead | null, y: Tensor): void => {
      if (withAux && head !== null) aux.push(head.forward(y));
    };
    let y = this.transformInput ? fromImageNetScale(x) : x;
    y = this.maxpool1.forward(this.conv1.forward(y));
    y = this.maxpool2.forward(this.conv3.forward(this.conv2.forward(y)));
    y = this.maxpool3.forward(this.inception3b.forward(this.inception3a.forward(y)));
    y = this.inception4a.forward(y);
    note(this.aux1, y);
    y = this.inception4d.forward(this.inception4c.forward(this.inception4b.forward(y)));
    note(this.aux2, y);
    y = this.maxpool4.forward(this.inception4e.forward(y));
    y = this.avgpool.forward(this.inception5b.forward(this.inception5a.forward(y)));
    return { logits: this.fc.forward(this.dropout.forward(flatten(y, { startDim: 1 }))), aux };
  }
}

/** By name. */
export const googlenets = {
  googlenet: (options: GoogLeNetOptions = {}): GoogLeNet => new GoogLeNet(options),
};
