import { checkNumber } from "../check.js";
import { interpolate } from "../functional/upsample.js";
import { ReLU } from "../nn/activation.js";
import { Bottleneck } from "../nn/blocks_residual.js";
import { Sequential } from "../nn/container.js";
import { Conv2d } from "../nn/conv.js";
import { Dropout } from "../nn/dropout.js";
import { Module } from "../nn/module.js";
import { BatchNorm2d } from "../nn/norm_batch.js";
import type { Tensor } from "../tensor.js";
import type { WithAux } from "./inception_parts.js";
import { checkBoolean, imageSettings, scaled } from "./options.js";
import { type ResidualBlockClass, type ResNetOptions, ResNetTrunk } from "./resnet.js";

export interface FCNOptions extends Omit<ResNetOptions, "replaceStrideWithDilation"> {
  /** Have the auxiliary head on the third stage, whose keys torchvision's published weights hold. Default false. */
  readonly auxLogits?: boolean;
  /** Probability to drop a feature before the last convolution of a head. Default 0.1. */
  readonly dropout?: number;
}

/** A 3×3 convolution to a quarter of the channels, then a 1×1 one to the classes. Keys: 0, 1, 4. */
class FCNHead extends Sequential {
  constructor(from: number, numClasses: number, p: number) {
    const inner = Math.max(1, from >> 2);
    super(
      new Conv2d(from, inner, 3, { padding: 1, bias: false }),
      new BatchNorm2d(inner),
      new ReLU(),
      new Dropout({ p }),
      new Conv2d(inner, numClasses, 1),
    );
  }
}

/**
 * A fully convolutional network: a class for each pixel, from a classifier's trunk, a convolution to the classes and bilinear upsampling (Long,
 * Shelhamer and Darrell, Fully Convolutional Networks for Semantic Segmentation, 2015, Figure 1), on a residual network whose last two stages
 * dilate instead of halving, as torchvision has it. fcn_resnet50: 32,957,013 parameters (35,322,218 with the auxiliary head), fcn_resnet101:
 * 51,949,141 (54,314,346); 143 G and 223 G multiply-adds at 520 px. `small`: a 3×3 stem without pooling.
 * Shapes: x [N, inChannels, H, W] → logits [N, numClasses, H, W], for CrossEntropyLoss. Default: numClasses 21. Keys: backbone.…,
 * classifier.0, .1, .4, aux_classifier.0, .1, .4.
 */
export class FCN extends Module {
  readonly backbone: ResNetTrunk;
  readonly classifier: FCNHead;
  readonly auxClassifier: FCNHead | null;

  constructor(block: ResidualBlockClass, layers: readonly number[], options: FCNOptions = {}) {
    super();
    const { auxLogits = false, dropout = 0.1, ...trunk } = options;
    const known = ["layers", "widths", "groups", "widthPerGroup", "zeroInitResidual"];
    const { numClasses, widthMult } = imageSettings("FCN", trunk, known, 21);
    const aux = checkBoolean("FCN", "auxLogits", auxLogits);
    checkNumber("FCN", "dropout", dropout, 0, 1);
    this.backbone = new ResNetTrunk(block, layers, { ...trunk, replaceStrideWithDilation: [false, true, true] });
    this.classifier = new FCNHead(this.backbone.outChannels, numClasses, dropout);
    const third = scaled(trunk.widths?.[2] ?? 256, widthMult) * block.expansion;
    this.auxClassifier = aux ? new FCNHead(third, numClasses, dropout) : null;
  }

  forward(x: Tensor): Tensor {
    return atSizeOf(x, this.classifier.forward(this.backbone.forward(x)));
  }

  /** Also what the auxiliary head says, whose loss counts 0.5 in training; empty without it. */
  forwardWithAux(x: Tensor): WithAux {
    const [, , third, fourth] = this.backbone.stages(x);
    const aux = this.auxClassifier === null ? [] : [atSizeOf(x, this.auxClassifier.forward(third))];
    return { logits: atSizeOf(x, this.classifier.forward(fourth)), aux };
  }
}

/** Bilinear upsampling to the size of an image. */
function atSizeOf(image: Tensor, y: Tensor): Tensor {
  return interpolate(y, { size: [image.size(2), image.size(3)], mode: "bilinear", alignCorners: false });
}

/** By name. */
export const fcns = {
  fcn_resnet50: (options: FCNOptions = {}): FCN => new FCN(Bottleneck, [3, 4, 6, 3], options),
  fcn_resnet101: (options: FCNOptions = {}): FCN => new FCN(Bottleneck, [3, 4, 23, 3], options),
};
