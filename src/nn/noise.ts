import { checkNumber, checkOptions } from "../check.js";
import { gaussianNoise } from "../functional/random.js";
import type { Generator } from "../random.js";
import type { Tensor } from "../tensor.js";
import { Module } from "./module.js";

/** Adds normal noise of standard deviation `std` while training, nothing in evaluation; see `functional.gaussianNoise`. Any shape. */
export class GaussianNoise extends Module {
  readonly std: number;
  private readonly generator: Generator | undefined;

  constructor(std: number, options: { generator?: Generator } = {}) {
    super();
    checkOptions("GaussianNoise", options, ["generator"]);
    this.std = checkNumber("GaussianNoise", "std", std, 0);
    this.generator = options.generator;
  }

  forward(x: Tensor): Tensor {
    const { std, training, generator } = this;
    return gaussianNoise(x, generator === undefined ? { std, training } : { std, training, generator });
  }
}
