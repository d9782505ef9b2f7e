// Densely connected layers (Huang et al., Densely Connected Convolutional Networks, 2017). N batch, H and W the image.
import { checkInteger, checkOptions, type NoOptions } from "../check.js";
import { avgPool2d } from "../functional/avgpool.js";
import { cat } from "../functional/copy.js";
import { dropout } from "../functional/random.js";
import { relu } from "../functional/unary.js";
import { checkProbability } from "../ops/random.js";
import type { Tensor } from "../tensor.js";
import { Conv2d } from "./conv.js";
import { Module } from "./module.js";
import { BatchNorm2d } from "./norm_batch.js";

export interface DenseLayerOptions {
  /** The 1×1 convolution leaves bottleneckSize·growthRate channels. Default 4. */
  readonly bottleneckSize?: number;
  /** Probability to drop an element of what the layer adds. Default 0. */
  readonly dropRate?: number;
}

/**
 * One step of a dense block: normalisation, relu, 1×1 convolution, normalisation, relu, 3×3 convolution (Huang et al., 2017, section 3,
 * "bottleneck layers"). Shapes: x [N, inChannels, H, W] → y [N, growthRate, H, W]. Keys: norm1, conv1, norm2, conv2.
 */
export class DenseLayer extends Module {
  readonly norm1: BatchNorm2d;
  readonly conv1: Conv2d;
  readonly norm2: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly dropRate: number;

  constructor(inChannels: number, growthRate: number, options: DenseLayerOptions = {}) {
    super();
    checkOptions("DenseLayer", options, ["bottleneckSize", "dropRate"]);
    checkInteger("DenseLayer", "inChannels", inChannels, 1);
    checkInteger("DenseLayer", "growthRate", growthRate, 1);
    const inner = growthRate * checkInteger("DenseLayer", "bottleneckSize", options.bottleneckSize ?? 4, 1);
    this.dropRate = checkProbability("DenseLayer", options.dropRate ?? 0);
    this.norm1 = new BatchNorm2d(inChannels);
    this.conv1 = new Conv2d(inChannels, inner, 1, { bias: false });
    this.norm2 = new BatchNorm2d(inner);
    this.conv2 = new Conv2d(inner, growthRate, 3, { padding: 1, bias: false });
  }

  forward(x: Tensor): Tensor {
    const inner = this.conv1.forward(relu(this.norm1.forward(x)));
    const y = this.conv2.forward(relu(this.norm2.forward(inner)));
    return dropout(y, { p: this.dropRate, training: this.training });
  }
}

/**
 * `layers` dense layers, each of which takes what came before it and adds growthRate channels: x_i = H_i([x_0, …, x_{i−1}]) (Huang et
 * al., 2017, Figure 1); y = [x_0, …, x_layers]. Shapes: x [N, inChannels, H, W] → y [N, inChannels + layers·growthRate, H, W]. Keys:
 * denselayer1.…, denselayer2.…
 */
export class DenseBlock extends Module {
  readonly outChannels: number;
  private readonly steps: readonly DenseLayer[];

  constructor(layers: number, inChannels: number, growthRate: number, options: DenseLayerOptions = {}) {
    super();
    checkOptions("DenseBlock", options, ["bottleneckSize", "dropRate"]);
    checkInteger("DenseBlock", "layers", layers, 1);
    checkInteger("DenseBlock", "inChannels", inChannels, 1);
    checkInteger("DenseBlock", "growthRate", growthRate, 1);
    this.outChannels = inChannels + layers * growthRate;
    this.steps = Array.from(
      { length: layers },
      (_, i) => new DenseLayer(inChannels + i * growthRate, growthRate, options),
    );
  }

  protected override *members(): IterableIterator<[string, unknown]> {
    for (const [i, step] of this.steps.entries()) yield [`denselayer${i + 1}`, step];
  }

  forward(x: Tensor): Tensor {
    let all = x;
    for (const step of this.steps) all = cat([all, step.forward(all)], { dim: 1 });
    return all;
  }
}

/**
 * Between dense blocks: normalisation, relu, 1×1 convolution, mean over 2×2 (Huang et al., 2017, Figure 2).
 * Shapes: x [N, inChannels, H, W] → y [N, outChannels, H/2, W/2]. Keys: norm, conv.
 */
export class TransitionLayer extends Module {
  readonly norm: BatchNorm2d;
  readonly conv: Conv2d;

  constructor(inChannels: number, outChannels: number, ...none: NoOptions) {
    super(...none);
    checkInteger("TransitionLayer", "inChannels", inChannels, 1);
    checkInteger("TransitionLayer", "outChannels", outChannels, 1);
    this.norm = new BatchNorm2d(inChannels);
    this.conv = new Conv2d(inChannels, outChannels, 1, { bias: false });
  }

  forward(x: Tensor): Tensor {
    return avgPool2d(this.conv.forward(relu(this.norm.forward(x))), { kernelSize: 2, stride: 2 });
  }
}
