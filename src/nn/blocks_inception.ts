import { checkOptions } from "../check.js";
import type { Tensor } from "../tensor.js";
import type { Sizes } from "../types.js";
import { Branches } from "./blocks.js";
import { Sequential } from "./container.js";
import { Conv2d, type ConvModuleOptions } from "./conv.js";
import { convNorm, foldConv } from "./fuse.js";
import type { Identity } from "./linear.js";
import { Module } from "./module.js";
import { BatchNorm2d } from "./norm_batch.js";
import { MaxPool2d } from "./pool.js";

/**
 * Convolution without bias, batch normalisation with eps 0.001, relu: the brick of the Inception networks (Szegedy et al., Rethinking the
 * Inception Architecture, 2016). Shapes: x [N, inChannels, H, W] → y [N, outChannels, H', W']. Options are Conv2d's. Keys: conv, bn.
 */
export class BasicConv2d extends Module {
  conv: Conv2d;
  bn: BatchNorm2d | Identity;

  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: Sizes,
    options: Omit<ConvModuleOptions, "bias"> = {},
  ) {
    super();
    this.conv = new Conv2d(inChannels, outChannels, kernelSize, { ...options, bias: false });
    this.bn = new BatchNorm2d(outChannels, { eps: 0.001 });
  }

  forward(x: Tensor): Tensor {
    return convNorm(this.conv, this.bn, x, { activation: "relu" });
  }

  override foldNorms(): void {
    [this.conv, this.bn] = foldConv(this.conv, this.bn);
  }
}

/** Channels of the parts of an inception block, in the columns of the paper's Table 1. */
export interface InceptionChannels {
  /** Of the 1×1 convolution. */
  readonly one: number;
  /** Of the 1×1 convolution before the 3×3 one, and of that. */
  readonly three: readonly [reduce: number, out: number];
  /** Of the 1×1 convolution before the 5×5 one, and of that. */
  readonly five: readonly [reduce: number, out: number];
  /** Of the 1×1 convolution behind the pooling. */
  readonly pool: number;
}

/**
 * A 1×1 convolution, a 3×3 one, a "5×5" one and a pooling side by side (Szegedy et al., Going Deeper with Convolutions, 2014, Figure 2b),
 * as torchvision's GoogLeNet has it: with batch normalisation, and 3×3 also where the paper says 5×5.
 * Shapes: x [N, inChannels, H, W] → y [N, one + three + five + pool, H, W]. Keys: branch1, branch2.0, branch2.1, branch3.0, branch3.1, branch4.1.
 */
export class InceptionBlock extends Branches {
  readonly outChannels: number;

  constructor(inChannels: number, channels: InceptionChannels) {
    checkOptions("InceptionBlock", channels, ["one", "three", "five", "pool"]);
    const { one, three, five, pool } = channels;
    const reduced = ([reduce, out]: readonly [number, number]): Sequential =>
      new Sequential(new BasicConv2d(inChannels, reduce, 1), new BasicConv2d(reduce, out, 3, { padding: 1 }));
    super({
      branch1: new BasicConv2d(inChannels, one, 1),
      branch2: reduced(three),
      branch3: reduced(five),
      branch4: new Sequential(
        new MaxPool2d(3, { stride: 1, padding: 1, ceilMode: true }),
        new BasicConv2d(inChannels, pool, 1),
      ),
    });
    this.outChannels = one + three[1] + five[1] + pool;
  }
}
