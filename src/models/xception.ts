import { checkInteger } from "../check.js";
import { add } from "../functional/arithmetic.js";
import { adaptiveAvgPool2d } from "../functional/avgpool.js";
import { flatten } from "../functional/copy.js";
import { relu } from "../functional/unary.js";
import { ReLU } from "../nn/activation.js";
import { Conv2dNormActivation } from "../nn/blocks.js";
import { Sequential } from "../nn/container.js";
import { Conv2d } from "../nn/conv.js";
import { convNorm, foldConv } from "../nn/fuse.js";
import { type Identity, Linear } from "../nn/linear.js";
import { Module } from "../nn/module.js";
import { BatchNorm2d } from "../nn/norm_batch.js";
import { MaxPool2d } from "../nn/pool.js";
import { SeparableConv2d } from "../nn/separable.js";
import type { Tensor } from "../tensor.js";
import { heFanOut, initialise } from "./initialise.js";
import { type ImageModelOptions, imageSettings, scaled } from "./options.js";

export interface XceptionOptions extends ImageModelOptions {
  /** Blocks of the middle flow. Default 8. */
  readonly middleBlocks?: number;
}

interface BlockSettings {
  readonly stride: number;
  /** Outputs of the separable convolutions in turn. */
  readonly widths: readonly number[];
  /** Begin with a relu. */
  readonly startWithRelu?: boolean;
}

/**
 * y = F(x) + shortcut(x), F being relus and separable 3×3 convolutions, and a pooling where the block halves the size (Chollet, 2017, Figure 5).
 * Keys: rep (convolutions and normalisations by number), skip for the 1×1 shortcut where the shape changes.
 */
class XceptionBlock extends Module {
  readonly rep: Sequential;
  readonly skip: Conv2dNormActivation | null;

  constructor(from: number, { stride, widths, startWithRelu = true }: BlockSettings) {
    super();
    this.rep = new Sequential();
    let channels = from;
    for (const [i, width] of widths.entries()) {
      if (i > 0 || startWithRelu) this.rep.append(new ReLU());
      this.rep.append(new SeparableConv2d(channels, width, 3, { padding: 1, bias: false }));
      this.rep.append(new BatchNorm2d(width));
      channels = width;
    }
    if (stride !== 1) this.rep.append(new MaxPool2d(3, { stride, padding: 1 }));
    this.skip =
      stride === 1 && from === channels
        ? null
        : new Conv2dNormActivation(from, channels, { kernelSize: 1, stride, activation: null });
  }

  forward(x: Tensor): Tensor {
    return add(this.rep.forward(x), this.skip === null ? x : this.skip.forward(x));
  }
}

/**
 * Xception: an entry flow, eight middle blocks, an exit flow, all of depthwise separable convolutions with shortcuts (Chollet, Xception: Deep
 * Learning with Depthwise Separable Convolutions, 2017, Figure 5). 22,855,952 parameters, 8.4 G multiply-adds at 299 px.
 * `small`: the two first convolutions keep the size. Shapes: x [N, inChannels, H, W] → logits [N, numClasses]. Keys: conv1, bn1, conv2, bn2,
 * blocks.0 … blocks.11, conv3, bn3, conv4, bn4, fc.
 */
export class Xception extends Module {
  conv1: Conv2d;
  bn1: BatchNorm2d | Identity;
  conv2: Conv2d;
  bn2: BatchNorm2d | Identity;
  readonly blocks: Sequential;
  readonly conv3: SeparableConv2d;
  readonly bn3: BatchNorm2d;
  readonly conv4: SeparableConv2d;
  readonly bn4: BatchNorm2d;
  readonly fc: Linear;

  constructor(options: XceptionOptions = {}) {
    super();
    const { numClasses, inChannels, widthMult, small } = imageSettings("Xception", options, ["middleBlocks"]);
    const middle = checkInteger("Xception", "middleBlocks", options.middleBlocks ?? 8, 0);
    const w = (channels: number): number => scaled(channels, widthMult);
    const [padding, stride] = small ? [1, 1] : [0, 2];
    this.conv1 = new Conv2d(inChannels, w(32), 3, { stride, padding, bias: false });
    this.bn1 = new BatchNorm2d(w(32));
    this.conv2 = new Conv2d(w(32), w(64), 3, { padding, bias: false });
    this.bn2 = new BatchNorm2d(w(64));
    const same = (): XceptionBlock => new XceptionBlock(w(728), { stride: 1, widths: [w(728), w(728), w(728)] });
    this.blocks = new Sequential(
      new XceptionBlock(w(64), { stride: 2, widths: [w(128), w(128)], startWithRelu: false }),
      new XceptionBlock(w(128), { stride: 2, widths: [w(256), w(256)] }),
      new XceptionBlock(w(256), { stride: 2, widths: [w(728), w(728)] }),
      ...Array.from({ length: middle }, same),
      new XceptionBlock(w(728), { stride: 2, widths: [w(728), w(1024)] }),
    );
    this.conv3 = new SeparableConv2d(w(1024), w(1536), 3, { padding: 1, bias: false });
    this.bn3 = new BatchNorm2d(w(1536));
    this.conv4 = new SeparableConv2d(w(1536), w(2048), 3, { padding: 1, bias: false });
    this.bn4 = new BatchNorm2d(w(2048));
    this.fc = new Linear(w(2048), numClasses);
    initialise(this, { conv: heFanOut, zeroBias: [] });
  }

  forward(x: Tensor): Tensor {
    let y = convNorm(this.conv1, this.bn1, x, { activation: "relu" });
    y = convNorm(this.conv2, this.bn2, y, { activation: "relu" });
    y = this.blocks.forward(y);
    y = relu(this.bn3.forward(this.conv3.forward(y)));
    y = relu(this.bn4.forward(this.conv4.forward(y)));
    return this.fc.forward(flatten(adaptiveAvgPool2d(y, { outputSize: 1 }), { startDim: 1 }));
  }

  override foldNorms(): void {
    [this.conv1, this.bn1] = foldConv(this.conv1, this.bn1);
    [this.conv2, this.bn2] = foldConv(this.conv2, this.bn2);
  }
}

/** By name. */
export const xceptions = {
  xception: (options: XceptionOptions = {}): Xception => new Xception(options),
};
