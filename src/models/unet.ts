import { checkInteger, checkOneOf } from "../check.js";
import { ShapeError } from "../errors.js";
import { cat, narrow } from "../functional/copy.js";
import { ReLU } from "../nn/activation.js";
import { ModuleList, Sequential } from "../nn/container.js";
import { Conv2d } from "../nn/conv.js";
import { ConvTranspose2d } from "../nn/conv_transpose.js";
import { Dropout } from "../nn/dropout.js";
import { kaimingNormal_ } from "../nn/init.js";
import { Module } from "../nn/module.js";
import { BatchNorm2d } from "../nn/norm_batch.js";
import { MaxPool2d } from "../nn/pool.js";
import { formatShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { initialise } from "./initialise.js";
import { checkBoolean, type ImageModelOptions, imageSettings, scaled } from "./options.js";

export interface UNetOptions extends ImageModelOptions {
  /** Halvings. Default 4; 2 if small. */
  readonly depth?: number;
  /** Channels at the full size; they double with each halving. Default 64. */
  readonly width?: number;
  /** "same" (default) keeps the size; "valid" is the paper's: each 3×3 convolution takes 2 pixels, and what passes over is cropped. */
  readonly padding?: "same" | "valid";
  /** Normalise behind each 3×3 convolution. Default false. */
  readonly batchNorm?: boolean;
  /** Probability to drop a feature at the coarsest level. Default 0. */
  readonly dropout?: number;
}

/** Two 3×3 convolutions with relu: each blue arrow pair of Figure 1. */
class DoubleConv extends Sequential {
  constructor(from: number, to: number, padding: number, norm: boolean) {
    super();
    for (const channels of [from, to]) {
      this.append(new Conv2d(channels, to, 3, { padding, bias: !norm }));
      if (norm) this.append(new BatchNorm2d(to));
      this.append(new ReLU());
    }
  }
}

/**
 * U-Net: a path that halves the size and doubles the channels, one that goes back, and what each level has on the way down joined to it on the
 * way up (Ronneberger, Fischer and Brox, U-Net: Convolutional Networks for Biomedical Image Segmentation, 2015, Figure 1). From 1 to 2
 * channels 31,030,658 parameters; 150 G multiply-adds at 572 px with padding "valid". `small`: two halvings. Shapes: x [N, inChannels, H, W] →
 * logits [N, numClasses, H, W], or smaller with padding "valid" (572 → 388), for CrossEntropyLoss. Defaults: inChannels 1, numClasses 2.
 * Keys: down.0 …, bottom, up.0 … (the finest last), join.0 …, head. Errors: ShapeError for a size that cannot be halved `depth` times.
 */
export class UNet extends Module {
  readonly down: ModuleList<DoubleConv>;
  readonly bottom: Sequential;
  readonly up: ModuleList<ConvTranspose2d>;
  readonly join: ModuleList<DoubleConv>;
  readonly head: Conv2d;
  readonly pool: MaxPool2d;
  readonly padding: "same" | "valid";

  constructor(options: UNetOptions = {}) {
    super();
    const known = ["depth", "width", "padding", "batchNorm", "dropout"];
    const { inChannels = 1 } = options;
    const { numClasses, widthMult, small } = imageSettings("UNet", { ...options, inChannels }, known, 2);
    const depth = checkInteger("UNet", "depth", options.depth ?? (small ? 2 : 4), 1, 16);
    const width = scaled(checkInteger("UNet", "width", options.width ?? 64, 1), widthMult);
    const norm = checkBoolean("UNet", "batchNorm", options.batchNorm ?? false);
    this.padding = checkOneOf("UNet", "padding", options.padding ?? "same", ["same", "valid"]);
    const pad = this.padding === "same" ? 1 : 0;
    this.down = new ModuleList();
    let channels = inChannels;
    for (let level = 0; level < depth; level++) {
      this.down.append(new DoubleConv(channels, width * 2 ** level, pad, norm));
      channels = width * 2 ** level;
    }
    this.bottom = new Sequential(
      new DoubleConv(channels, 2 * channels, pad, norm),
      new Dropout({ p: options.dropout ?? 0 }),
    );
    this.up = new ModuleList();
    this.join = new ModuleList();
    for (let level = depth - 1; level >= 0; level--) {
      const to = width * 2 ** level;
      this.up.append(new ConvTranspose2d(2 * to, to, 2, { stride: 2 }));
      this.join.append(new DoubleConv(2 * to, to, pad, norm));
    }
    this.head = new Conv2d(width, numClasses, 1);
    this.pool = new MaxPool2d(2);
    initialise(this, { conv: (weight) => kaimingNormal_(weight, { nonlinearity: "relu" }) });
  }

  forward(x: Tensor): Tensor {
    const passed: Tensor[] = [];
    let y = x;
    for (const level of this.down) {
      y = level.forward(y);
      const [h, w] = [y.size(2), y.size(3)];
      if (h % 2 !== 0 || w % 2 !== 0) {
        const hint = this.padding === "same" ? `multiples of ${2 ** this.down.length}` : "sizes that stay even, as 572";
        throw new ShapeError("UNet", `input is ${formatShape(x.shape)}, ${h} × ${w} at a halving; expected ${hint}`);
      }
      passed.push(y);
      y = this.pool.forward(y);
    }
    y = this.bottom.forward(y);
    for (const [i, up] of [...this.up].entries()) {
      const finer = up.forward(y);
      const beside = cropped(passed[passed.length - 1 - i]!, finer.size(2), finer.size(3));
      y = this.join.at(i)!.forward(cat([beside, finer], { dim: 1 }));
    }
    return this.head.forward(y);
  }
}

/** The middle of x, of the given size. */
function cropped(x: Tensor, h: number, w: number): Tensor {
  const [top, left] = [(x.size(2) - h) >> 1, (x.size(3) - w) >> 1];
  const rows = x.size(2) === h ? x : narrow(x, { dim: 2, start: top, length: h });
  return x.size(3) === w ? rows : narrow(rows, { dim: 3, start: left, length: w });
}

/** By name. */
export const unets = {
  unet: (options: UNetOptions = {}): UNet => new UNet(options),
};
