// The oldest models: one linear layer, or a few. N batch.
import { checkInteger, checkOneOf, checkOptions, checkRank } from "../check.js";
import { ones } from "../creation.js";
import { ShapeError } from "../errors.js";
import { cat, flatten } from "../functional/copy.js";
import { lstsq } from "../functional/linalg.js";
import { ReLU, Sigmoid, Tanh } from "../nn/activation.js";
import type { Layer } from "../nn/blocks.js";
import { Sequential } from "../nn/container.js";
import { Dropout } from "../nn/dropout.js";
import { Linear, Perceptron } from "../nn/linear.js";
import { Module } from "../nn/module.js";
import { noGrad } from "../scoping.js";
import { formatShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { checkCounts } from "./options.js";

/**
 * Linear regression: y = x Wᵀ + b, for MSELoss. Shapes: x [N, inFeatures] → y [N, outFeatures]; outFeatures is 1 by default.
 * (outFeatures)·(inFeatures + 1) parameters. Keys: linear.weight, linear.bias.
 */
export class LinearRegression extends Module {
  readonly linear: Linear;

  constructor(inFeatures: number, outFeatures = 1) {
    super();
    this.linear = new Linear(inFeatures, outFeatures);
  }

  forward(x: Tensor): Tensor {
    return this.linear.forward(x);
  }

  /**
   * Sets weights and bias to those of the least squared error, W = (XᵀX)⁻¹Xᵀy, without steps. x [N, inFeatures], y [N, outFeatures].
   * Errors: ShapeError for other shapes; what `linalg.lstsq` refuses, as dependent columns.
   */
  fit(x: Tensor, y: Tensor): this {
    const { inFeatures, outFeatures, weight, bias } = this.linear;
    checkRank("LinearRegression", "input", x.shape, 2);
    if (x.shape[1] !== inFeatures || y.ndim !== 2 || y.shape[0] !== x.shape[0] || y.shape[1] !== outFeatures) {
      const got = `${formatShape(x.shape)} and ${formatShape(y.shape)}`;
      throw new ShapeError("LinearRegression", `got ${got}; expected [N, ${inFeatures}] and [N, ${outFeatures}]`);
    }
    noGrad(() => {
      const constant = ones([x.size(0), 1]);
      const { solution } = lstsq(cat([x, constant], { dim: 1 }), y);
      constant.dispose();
      weight.copy_(solution.narrow(0, 0, inFeatures).t());
      bias!.copy_(solution.select(0, inFeatures));
    });
    return this;
  }
}

/**
 * Logistic (softmax) regression: logits x Wᵀ + b of images or vectors, flattened, for CrossEntropyLoss. Shapes: x [N, …] of inFeatures
 * elements each → logits [N, numClasses]. numClasses·(inFeatures + 1) parameters. Keys: linear.weight, linear.bias.
 */
export class LogisticRegression extends Module {
  readonly linear: Linear;

  constructor(inFeatures: number, numClasses: number) {
    super();
    checkInteger("LogisticRegression", "numClasses", numClasses, 1);
    this.linear = new Linear(inFeatures, numClasses);
  }

  forward(x: Tensor): Tensor {
    return this.linear.forward(flatten(x, { startDim: 1 }));
  }
}

const ACTIVATIONS = { relu: ReLU, tanh: Tanh, sigmoid: Sigmoid };

export interface MLPOptions {
  /** Between the layers. Default "relu". */
  readonly activation?: keyof typeof ACTIVATIONS;
  /** Probability to drop a feature behind each activation. Default 0. */
  readonly dropout?: number;
}

/**
 * Multilayer perceptron: linear layers of the given sizes with an activation between each two, of images or vectors, flattened (Rumelhart,
 * Hinton and Williams, Learning Representations by Back-propagating Errors, 1986). Shapes: x [N, …] of inFeatures elements each → logits
 * [N, last of hiddenChannels]. Keys: those of torchvision.ops.MLP, 0, 3, 6, … Nothing is dropped behind the last
 * layer.
 */
export class MLP extends Sequential {
  constructor(inFeatures: number, hiddenChannels: readonly number[], options: MLPOptions = {}) {
    super();
    checkOptions("MLP", options, ["activation", "dropout"]);
    const sizes = checkCounts("MLP", "hiddenChannels", hiddenChannels, 1);
    const kind = checkOneOf("MLP", "activation", options.activation ?? "relu", ["relu", "tanh", "sigmoid"]);
    const { dropout: p = 0 } = options;
    let features = checkInteger("MLP", "inFeatures", inFeatures, 1);
    for (const size of sizes.slice(0, -1)) {
      this.append(new Linear(features, size)).append(new ACTIVATIONS[kind]()).append(new Dropout({ p }));
      features = size;
    }
    this.append(new Linear(features, sizes.at(-1)!));
  }

  override forward(x: Tensor): Tensor {
    return super.forward(flatten(x, { startDim: 1 }));
  }
}

export interface LinearModelOptions {
  /** Elements of an input. Default 784, images of 28 × 28. */
  readonly inFeatures?: number;
  /** Length of the output. Default 10; 1 for a regression. */
  readonly numClasses?: number;
}

function sizes(
  op: string,
  options: LinearModelOptions,
  others: readonly string[] = [],
  classes = 10,
): [number, number] {
  checkOptions(op, options, ["inFeatures", "numClasses", ...others]);
  return [options.inFeatures ?? 784, options.numClasses ?? classes];
}

/** By name. */
export const linears = {
  perceptron: (options: LinearModelOptions = {}): Layer => new Perceptron(...sizes("Perceptron", options)),
  linear_regression: (options: LinearModelOptions = {}): LinearRegression =>
    new LinearRegression(...sizes("LinearRegression", options, [], 1)),
  logistic_regression: (options: LinearModelOptions = {}): LogisticRegression =>
    new LogisticRegression(...sizes("LogisticRegression", options)),
  /** hiddenChannels: sizes of the hidden layers, by default one of 256. */
  mlp: (options: LinearModelOptions & MLPOptions & { readonly hiddenChannels?: readonly number[] } = {}): MLP => {
    const { inFeatures = 784, numClasses = 10, hiddenChannels = [256], ...rest } = options;
    return new MLP(inFeatures, [...hiddenChannels, numClasses], rest);
  },
};
