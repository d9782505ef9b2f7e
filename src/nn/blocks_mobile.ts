// The blocks of networks for small devices. N batch, H and W the image, which a stride divides.
import { checkInteger, type NoOptions } from "../check.js";
import { ArgumentError } from "../errors.js";
import { cat } from "../functional/copy.js";
import { channelShuffle } from "../functional/shuffle.js";
import { chunk } from "../functional/view.js";
import type { Tensor } from "../tensor.js";
import { ReLU, ReLU6 } from "./activation.js";
import { Conv2dNormActivation } from "./blocks.js";
import { Sequential } from "./container.js";
import { Conv2d } from "./conv.js";
import { Module } from "./module.js";
import { BatchNorm2d } from "./norm_batch.js";

/**
 * y = F(x), plus x where the shapes agree, F being a 1×1 convolution to expandRatio·inChannels, a depthwise 3×3 one and a 1×1 one without
 * activation (Sandler et al., MobileNetV2, 2018, Figure 4d). Shapes: x [N, inChannels, H, W] → y [N, outChannels, H/stride, W/stride]. Keys:
 * conv.0.0, conv.0.1, conv.1.0, conv.1.1, conv.2, conv.3; for expandRatio 1 the first convolution is left out and the others move up.
 */
export class InvertedResidual extends Module {
  readonly conv: Sequential;
  /** Whether x is added. */
  readonly useResConnect: boolean;

  constructor(inChannels: number, outChannels: number, stride: number, expandRatio: number, ...none: NoOptions) {
    super(...none);
    checkInteger("InvertedResidual", "inChannels", inChannels, 1);
    checkInteger("InvertedResidual", "outChannels", outChannels, 1);
    checkInteger("InvertedResidual", "stride", stride, 1, 2);
    checkInteger("InvertedResidual", "expandRatio", expandRatio, 1);
    const width = inChannels * expandRatio;
    const activation = (): ReLU6 => new ReLU6();
    this.conv = new Sequential();
    if (expandRatio !== 1) {
      this.conv.append(new Conv2dNormActivation(inChannels, width, { kernelSize: 1, activation }));
    }
    this.conv
      .append(new Conv2dNormActivation(width, width, { stride, groups: width, activation }))
      .append(new Conv2d(width, outChannels, 1, { bias: false }))
      .append(new BatchNorm2d(outChannels));
    this.useResConnect = stride === 1 && inChannels === outChannels;
  }

  forward(x: Tensor): Tensor {
    return this.conv.forward(x, this.useResConnect ? { residual: x } : undefined);
  }
}

/**
 * Half of the channels pass, the other half go through a 1×1, a depthwise 3×3 and a 1×1 convolution, and the halves are shuffled; with
 * stride 2 both halves are made from all channels (Ma et al., ShuffleNet V2, 2018, Figure 3c, d). Shapes: x [N, inChannels, H, W] →
 * y [N, outChannels, H/stride, W/stride]. Keys: branch1.0 … branch1.3 (stride 2 only), branch2.0 … branch2.6.
 * Errors: ArgumentError for an odd outChannels, or for stride 1 with inChannels other than outChannels.
 */
export class ShuffleUnit extends Module {
  readonly branch1: Sequential;
  readonly branch2: Sequential;
  readonly stride: number;

  constructor(inChannels: number, outChannels: number, stride: number, ...none: NoOptions) {
    super(...none);
    checkInteger("ShuffleUnit", "inChannels", inChannels, 1);
    checkInteger("ShuffleUnit", "outChannels", outChannels, 1);
    this.stride = checkInteger("ShuffleUnit", "stride", stride, 1, 2);
    if (outChannels % 2 !== 0) {
      throw new ArgumentError("ShuffleUnit", `outChannels is ${outChannels}; expected an even number`);
    }
    if (stride === 1 && inChannels !== outChannels) {
      throw new ArgumentError(
        "ShuffleUnit",
        `outChannels is ${outChannels}; expected inChannels ${inChannels} with stride 1`,
      );
    }
    const half = outChannels / 2;
    const from = stride === 1 ? half : inChannels;
    const depthwise = (channels: number): Module[] => [
      new Conv2d(channels, channels, 3, { stride, padding: 1, groups: channels, bias: false }),
      new BatchNorm2d(channels),
    ];
    const pointwise = (channels: number): Module[] => [
      new Conv2d(channels, half, 1, { bias: false }),
      new BatchNorm2d(half),
      new ReLU(),
    ];
    this.branch1 = stride === 1 ? new Sequential() : new Sequential(...depthwise(from), ...pointwise(from));
    this.branch2 = new Sequential(...pointwise(from), ...depthwise(half), ...pointwise(half));
  }

  forward(x: Tensor): Tensor {
    const [kept, changed] = this.stride === 1 ? chunk(x, { chunks: 2, dim: 1 }) : [this.branch1.forward(x), x];
    return channelShuffle(cat([kept!, this.branch2.forward(changed!)], { dim: 1 }), { groups: 2 });
  }
}
