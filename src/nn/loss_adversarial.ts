import * as F from "../functional/index.js";
import { GAN, readOptions } from "../functional/loss_options.js";
import type { Reduction } from "../ops/loss.js";
import type { Tensor } from "../tensor.js";
import { Module } from "./module.js";

/** What a discriminator minimises, from its scores of real and of generated examples; see `functional.ganDiscriminatorLoss`. */
export class GANDiscriminatorLoss extends Module {
  readonly objective: F.GANObjective;
  readonly reduction: Reduction;
  constructor(options: F.GANOptions = {}) {
    super();
    const { objective, reduction } = readOptions("GANDiscriminatorLoss", options, GAN);
    this.objective = objective;
    this.reduction = reduction;
  }

  forward(real: Tensor, fake: Tensor): Tensor {
    const { objective, reduction } = this;
    return F.ganDiscriminatorLoss(real, fake, { objective, reduction });
  }
}

/** What a generator minimises, from the scores of its examples; see `functional.ganGeneratorLoss`. */
export class GANGeneratorLoss extends Module {
  readonly objective: F.GANObjective;
  readonly reduction: Reduction;
  constructor(options: F.GANOptions = {}) {
    super();
    const { objective, reduction } = readOptions("GANGeneratorLoss", options, GAN);
    this.objective = objective;
    this.reduction = reduction;
  }

  forward(fake: Tensor): Tensor {
    const { objective, reduction } = this;
    return F.ganGeneratorLoss(fake, { objective, reduction });
  }
}
