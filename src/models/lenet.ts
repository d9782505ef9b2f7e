import { checkInteger, checkOptions, checkRank } from "../check.js";
import { ShapeError } from "../errors.js";
import * as F from "../functional/index.js";
import { Conv2d, Linear, Module } from "../nn/index.js";
import { formatShape } from "../shape.js";
import type { Tensor } from "../tensor.js";

export interface LeNet5Options {
  /** Length of the output. Default 10. */
  readonly numClasses?: number;
  /** Channels of the image. Default 1. */
  readonly inChannels?: number;
}

/** Side of the images that the fully connected layers are made for. */
const SIDE = 28;

/**
 * LeNet-5 for images of 28 × 28 pixels; with the defaults it has 61,706 parameters.
 *
 *     conv1 1→6 5×5 pad 2, ReLU, max 2×2, conv2 6→16 5×5, ReLU, max 2×2, fc1 400→120, ReLU, fc2 120→84, ReLU, fc3 84→numClasses
 *
 * Shape: input [N, inChannels, 28, 28], output [N, numClasses]: logits, for CrossEntropyLoss.
 * Errors: ShapeError for images of another size.
 *
 * From LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition", 1998. What differs: padding
 * instead of images drawn on 32 × 32; ReLU instead of scaled tanh; maxima instead of trained averages; every map of conv2 sees all maps
 * of conv1, not a chosen part of them; a linear output instead of distances to class prototypes.
 */
export class LeNet5 extends Module {
  readonly conv1: Conv2d;
  readonly conv2: Conv2d;
  readonly fc1: Linear;
  readonly fc2: Linear;
  readonly fc3: Linear;

  constructor(options: LeNet5Options = {}) {
    super();
    checkOptions("LeNet5", options, ["numClasses", "inChannels"]);
    const numClasses = checkInteger("LeNet5", "numClasses", options.numClasses ?? 10, 1);
    const inChannels = checkInteger("LeNet5", "inChannels", options.inChannels ?? 1, 1);
    this.conv1 = new Conv2d(inChannels, 6, 5, { padding: 2 });
    this.conv2 = new Conv2d(6, 16, 5);
    this.fc1 = new Linear(16 * 5 * 5, 120);
    this.fc2 = new Linear(120, 84);
    this.fc3 = new Linear(84, numClasses);
  }

  forward(x: Tensor): Tensor {
    checkRank("LeNet5", "input", x.shape, 4);
    if (x.shape[2] !== SIDE || x.shape[3] !== SIDE) {
      throw new ShapeError("LeNet5", `input is ${formatShape(x.shape)}; expected images of ${SIDE} × ${SIDE} pixels`);
    }
    let y = F.maxPool2d(F.relu(this.conv1.forward(x)), { kernelSize: 2 });
    y = F.maxPool2d(F.relu(this.conv2.forward(y)), { kernelSize: 2 });
    y = F.relu(this.fc1.forward(F.flatten(y, { startDim: 1 })));
    y = F.relu(this.fc2.forward(y));
    return this.fc3.forward(y);
  }
}
