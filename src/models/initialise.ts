// How the networks begin: one function for each kind of layer, applied to a whole model.
import { Conv2d } from "../nn/conv.js";
import * as init from "../nn/init.js";
import { Linear } from "../nn/linear.js";
import type { Module } from "../nn/module.js";
import type { Tensor } from "../tensor.js";

/** What a model does with the weights of its layers; the others keep what they began with. */
export interface Initialisation {
  /** Writes the weight of a convolution. */
  readonly conv?: (weight: Tensor) => unknown;
  /** Writes the weight of a linear layer. */
  readonly linear?: (weight: Tensor) => unknown;
  /** Biases that begin at 0. Default: both kinds'. */
  readonly zeroBias?: readonly ("conv" | "linear")[];
}

/** Begins all convolutions and linear layers of a model anew. */
export function initialise(model: Module, { conv, linear, zeroBias = ["conv", "linear"] }: Initialisation): void {
  for (const layer of model.modules()) {
    const kind = layer instanceof Conv2d ? "conv" : layer instanceof Linear ? "linear" : null;
    if (kind === null) continue;
    const { weight, bias } = layer as Conv2d | Linear;
    (kind === "conv" ? conv : linear)?.(weight);
    if (bias !== null && zeroBias.includes(kind)) init.zeros_(bias);
  }
}

/** He's normal distribution that keeps the variance of the gradient: standard deviation √(2 / fan out). */
export function heFanOut(weight: Tensor): void {
  init.kaimingNormal_(weight, { mode: "fan_out", nonlinearity: "relu" });
}

/** Normal with standard deviation 0.01. */
export function normal001(weight: Tensor): void {
  init.normal_(weight, 0, 0.01);
}
