// Generative adversarial networks of linear layers. N batch, C channels, H height and width of the images.
import { checkInteger, checkNumber, checkOptions } from "../check.js";
import { LeakyReLU, ReLU, Tanh } from "../nn/activation.js";
import { Sequential } from "../nn/container.js";
import { Dropout } from "../nn/dropout.js";
import { Flatten, Linear, Unflatten } from "../nn/linear.js";
import { checkCounts } from "./options.js";

export interface GANDiscriminatorOptions {
  /** C. Default 1. */
  readonly inChannels?: number;
  /** H. Default 28. */
  readonly imageSize?: number;
  /** Units of the hidden layers. Default [1200, 1200] for the generator, [512, 256] for the discriminator. */
  readonly widths?: readonly number[];
  /** Probability to drop a unit behind each of the discriminator's hidden layers. Default 0.3. */
  readonly dropout?: number;
}

export interface GANGeneratorOptions extends Omit<GANDiscriminatorOptions, "dropout"> {
  /** Length of a code. Default 100. */
  readonly latent?: number;
}

/** Checks what both networks are told. */
function settings(op: string, options: GANGeneratorOptions, widths: readonly number[], others: readonly string[]) {
  checkOptions(op, options, ["inChannels", "imageSize", "widths", ...others]);
  return {
    inChannels: checkInteger(op, "inChannels", options.inChannels ?? 1, 1),
    imageSize: checkInteger(op, "imageSize", options.imageSize ?? 28, 1),
    widths: checkCounts(op, "widths", options.widths ?? widths, 1),
  };
}

/**
 * Generator of linear layers: codes from N(0, 1) become images with values from −1 to 1 (Goodfellow et al., Generative Adversarial Nets,
 * 2014). By default 100-1200-1200-784 units as the paper's code for MNIST has them, 2,503,984 parameters, 2.5 M multiply-adds; tanh at the end
 * instead of the logistic function. Shapes: z [N, latent] → [N, C, H, H]. Keys: 0, 2, … The loss is `functional.ganGeneratorLoss`.
 */
export class GANGenerator extends Sequential {
  constructor(options: GANGeneratorOptions = {}) {
    super();
    const { inChannels, imageSize, widths } = settings("GANGenerator", options, [1200, 1200], ["latent"]);
    let features = checkInteger("GANGenerator", "latent", options.latent ?? 100, 1);
    for (const width of widths) {
      this.append(new Linear(features, width)).append(new ReLU());
      features = width;
    }
    this.append(new Linear(features, inChannels * imageSize ** 2)).append(new Tanh());
    this.append(new Unflatten(1, [inChannels, imageSize, imageSize]));
  }
}

/**
 * Discriminator of linear layers: a score for each image, high for what it takes for real (Goodfellow et al., Generative Adversarial Nets,
 * 2014). By default 784-512-256-1 units, 533,505 parameters, 0.53 M multiply-adds; what differs from the paper: leaky rectifiers of slope 0.2
 * instead of maxout. Shapes: x [N, C, H, H] → scores [N, 1]. Keys: 1, 4, … The loss is `functional.ganDiscriminatorLoss`.
 */
export class GANDiscriminator extends Sequential {
  constructor(options: GANDiscriminatorOptions = {}) {
    super();
    const { inChannels, imageSize, widths } = settings("GANDiscriminator", options, [512, 256], ["dropout"]);
    const p = checkNumber("GANDiscriminator", "dropout", options.dropout ?? 0.3, 0, 1);
    let features = inChannels * imageSize ** 2;
    this.append(new Flatten());
    for (const width of widths) {
      this.append(new Linear(features, width))
        .append(new LeakyReLU({ negativeSlope: 0.2 }))
        .append(new Dropout({ p }));
      features = width;
    }
    this.append(new Linear(features, 1));
  }
}

/** By name. */
export const gans = {
  gan_generator: (options: GANGeneratorOptions = {}): GANGenerator => new GANGenerator(options),
  gan_discriminator: (options: GANDiscriminatorOptions = {}): GANDiscriminator => new GANDiscriminator(options),
};
