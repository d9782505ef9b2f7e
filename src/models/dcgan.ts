// The convolutional adversarial networks of Radford et al. N batch, C channels, H height and width of the images.
import { checkInteger, checkOptions } from "../check.js";
import { ArgumentError } from "../errors.js";
import { flatten, reshape } from "../functional/copy.js";
import { LeakyReLU, ReLU, Tanh } from "../nn/activation.js";
import { Sequential } from "../nn/container.js";
import { Conv2d } from "../nn/conv.js";
import { ConvTranspose2d } from "../nn/conv_transpose.js";
import { normal_ } from "../nn/init.js";
import { Module } from "../nn/module.js";
import { BatchNorm2d } from "../nn/norm_batch.js";
import type { Tensor } from "../tensor.js";

export interface DCGANDiscriminatorOptions {
  /** C. Default 3. */
  readonly inChannels?: number;
  /** H, at least 8 and even: halved as long as it is even and gives at least 4, so that 64 and 32 end at 4, and 28 at 7. Default 64. */
  readonly imageSize?: number;
  /** Channels beside the image; they double with each halving. Default 64. */
  readonly width?: number;
}

export interface DCGANGeneratorOptions extends DCGANDiscriminatorOptions {
  /** Length of a code. Default 100. */
  readonly latent?: number;
}

/** Channels of each size between the image and the coarsest one, and the side of that. */
interface Pyramid {
  readonly inChannels: number;
  readonly widths: readonly number[];
  readonly side: number;
}

function pyramid(op: string, options: DCGANGeneratorOptions, others: readonly string[] = []): Pyramid {
  checkOptions(op, options, ["inChannels", "imageSize", "width", ...others]);
  const imageSize = checkInteger(op, "imageSize", options.imageSize ?? 64, 8);
  const width = checkInteger(op, "width", options.width ?? 64, 1);
  const widths: number[] = [];
  let side = imageSize;
  for (; side % 2 === 0 && side >= 8; side /= 2) widths.push(width * 2 ** widths.length);
  if (widths.length === 0) throw new ArgumentError(op, `imageSize is ${imageSize}; expected an even number`);
  return { inChannels: checkInteger(op, "inChannels", options.inChannels ?? 3, 1), widths, side };
}

/** What halves a size, or doubles it: 4×4, stride 2. */
const STEP = { stride: 2, padding: 1, bias: false };

/** Weights of convolutions from N(0, 0.02²), those of normalisations from N(1, 0.02²). */
function initialise(model: Module): void {
  for (const layer of model.modules()) {
    if (layer instanceof Conv2d || layer instanceof ConvTranspose2d) normal_(layer.weight, 0, 0.02);
    else if (layer instanceof BatchNorm2d) normal_(layer.weight!, 1, 0.02);
  }
}

/**
 * DCGAN's generator: a transposed convolution makes the coarsest maps of a code, and others double the size until it is the image's (Radford,
 * Metz and Chintala, Unsupervised Representation Learning with Deep Convolutional Generative Adversarial Networks, 2016, Figure 1). By
 * default as in PyTorch's tutorial: 512 to 64 channels, 3,576,704 parameters, 0.10 G multiply-adds at 64 px. Weights begin as N(0, 0.02²).
 * Shapes: z [N, latent] or [N, latent, 1, 1], from N(0, 1) → images [N, C, H, H] with values from −1 to 1. Keys: main.0, main.1, main.3, …,
 * the tutorial's. Errors: ArgumentError for an imageSize that is odd.
 */
export class DCGANGenerator extends Module {
  readonly main: Sequential;

  constructor(options: DCGANGeneratorOptions = {}) {
    super();
    const { inChannels, widths, side } = pyramid("DCGANGenerator", options, ["latent"]);
    const latent = checkInteger("DCGANGenerator", "latent", options.latent ?? 100, 1);
    const [coarsest, ...finer] = widths.toReversed() as [number, ...number[]];
    this.main = new Sequential(new ConvTranspose2d(latent, coarsest, side, { bias: false }));
    let from = coarsest;
    for (const to of [...finer, inChannels]) {
      this.main
        .append(new BatchNorm2d(from))
        .append(new ReLU())
        .append(new ConvTranspose2d(from, to, 4, STEP));
      from = to;
    }
    this.main.append(new Tanh());
    initialise(this);
  }

  forward(z: Tensor): Tensor {
    return this.main.forward(z.ndim === 2 ? reshape(z, { shape: [...z.shape, 1, 1] }) : z);
  }
}

/**
 * DCGAN's discriminator: convolutions that halve the size, with leaky rectifiers of slope 0.2, and one that makes a score of what is left
 * (Radford, Metz and Chintala, 2016; see `DCGANGenerator`). By default as in PyTorch's tutorial, 2,765,568 parameters, 0.10 G multiply-adds
 * at 64 px, but without the sigmoid at its end. Weights begin as N(0, 0.02²).
 * Shapes: x [N, C, H, H] → scores [N, 1], high for what it takes for real. Keys: main.0, main.2, main.3, …, the tutorial's.
 * Errors: ArgumentError for an imageSize that is odd.
 */
export class DCGANDiscriminator extends Module {
  readonly main: Sequential;

  constructor(options: DCGANDiscriminatorOptions = {}) {
    super();
    const { inChannels, widths, side } = pyramid("DCGANDiscriminator", options);
    this.main = new Sequential();
    for (const [i, width] of widths.entries()) {
      this.main.append(new Conv2d(widths[i - 1] ?? inChannels, width, 4, STEP));
      if (i > 0) this.main.append(new BatchNorm2d(width));
      this.main.append(new LeakyReLU({ negativeSlope: 0.2 }));
    }
    this.main.append(new Conv2d(widths.at(-1)!, 1, side, { bias: false }));
    initialise(this);
  }

  forward(x: Tensor): Tensor {
    return flatten(this.main.forward(x), { startDim: 1 });
  }
}

/** By name. */
export const dcgans = {
  dcgan_generator: (options: DCGANGeneratorOptions = {}): DCGANGenerator => new DCGANGenerator(options),
  dcgan_discriminator: (options: DCGANDiscriminatorOptions = {}): DCGANDiscriminator => new DCGANDiscriminator(options),
};
