// Autoencoders, and what vae.ts is built from as well. N batch, C channels, H height and width of the images, L length of a code.
import { checkInteger, checkOptions } from "../check.js";
import { ArgumentError } from "../errors.js";
import { ReLU } from "../nn/activation.js";
import { Sequential } from "../nn/container.js";
import { Conv2d } from "../nn/conv.js";
import { ConvTranspose2d } from "../nn/conv_transpose.js";
import { Flatten, Linear, Unflatten } from "../nn/linear.js";
import { Module } from "../nn/module.js";
import type { Tensor } from "../tensor.js";
import { checkCounts } from "./options.js";

export interface AutoencoderOptions {
  /** C. Default 1. */
  readonly inChannels?: number;
  /** H; for the convolutional ones a multiple of 2 to the number of widths. Default 28. */
  readonly imageSize?: number;
  /** L. */
  readonly latent?: number;
  /** Units or channels of the encoder's hidden layers; the decoder has them in reverse. */
  readonly widths?: readonly number[];
}

/** The parts of an autoencoder. */
export interface Coder {
  readonly latent: number;
  /** Length of what `trunk` gives. */
  readonly features: number;
  /** The hidden layers of the encoder: images → features. */
  trunk(): Sequential;
  /** Codes → scores of the pixels. */
  decoder(): Sequential;
}

/** What a kind of autoencoder is by default. */
export interface CoderDefaults {
  readonly latent: number;
  readonly widths: readonly number[];
}

interface CoderSettings extends CoderDefaults {
  readonly inChannels: number;
  readonly imageSize: number;
}

/** Checks options before the first layer is made. */
function settings(
  op: string,
  options: AutoencoderOptions,
  defaults: CoderDefaults,
  others: readonly string[],
): CoderSettings {
  checkOptions(op, options, ["inChannels", "imageSize", "latent", "widths", ...others]);
  return {
    inChannels: checkInteger(op, "inChannels", options.inChannels ?? 1, 1),
    imageSize: checkInteger(op, "imageSize", options.imageSize ?? 28, 1),
    latent: checkInteger(op, "latent", options.latent ?? defaults.latent, 1),
    widths: checkCounts(op, "widths", options.widths ?? defaults.widths, 1),
  };
}

/** Linear layers with relu. */
export function denseCoder(
  op: string,
  options: AutoencoderOptions,
  defaults: CoderDefaults,
  others: readonly string[] = [],
): Coder {
  const { inChannels, imageSize, latent, widths } = settings(op, options, defaults, others);
  const pixels = inChannels * imageSize ** 2;
  const hidden = (from: number, sizes: readonly number[]): Module[] =>
    sizes.flatMap((size, i) => [new Linear(sizes[i - 1] ?? from, size), new ReLU()]);
  return {
    latent,
    features: widths.at(-1)!,
    trunk: () => new Sequential(new Flatten(), ...hidden(pixels, widths)),
    decoder: () =>
      new Sequential(
        ...hidden(latent, widths.toReversed()),
        new Linear(widths[0]!, pixels),
        new Unflatten(1, [inChannels, imageSize, imageSize]),
      ),
  };
}

/** Convolutions of stride 2 with relu, and transposed ones. */
export function convCoder(
  op: string,
  options: AutoencoderOptions,
  defaults: CoderDefaults,
  others: readonly string[] = [],
): Coder {
  const { inChannels, imageSize, latent, widths } = settings(op, options, defaults, others);
  const side = imageSize / 2 ** widths.length;
  if (!Number.isInteger(side)) {
    const multiple = `a multiple of ${2 ** widths.length} for ${widths.length} widths`;
    throw new ArgumentError(op, `imageSize is ${imageSize}; expected ${multiple}`);
  }
  const last = widths.at(-1)!;
  const features = last * side ** 2;
  return {
    latent,
    features,
    trunk: () =>
      new Sequential(
        ...widths.flatMap((width, i) => [
          new Conv2d(widths[i - 1] ?? inChannels, width, 3, { stride: 2, padding: 1 }),
          new ReLU(),
        ]),
        new Flatten(),
      ),
    decoder: () =>
      new Sequential(
        new Linear(latent, features),
        new ReLU(),
        new Unflatten(1, [last, side, side]),
        ...widths.toReversed().flatMap((width, i, reversed) => {
          const next = reversed[i + 1];
          const up = new ConvTranspose2d(width, next ?? inChannels, 4, { stride: 2, padding: 1 });
          return next === undefined ? [up] : [up, new ReLU()];
        }),
      ),
  };
}

/**
 * An encoder of images and a decoder of what it makes of them, trained to give the images back. Shapes: x [N, C, H, H] → scores of the
 * pixels, of the same shape, for BCEWithLogitsLoss against values from 0 to 1; `encoder` alone gives codes [N, L]. Keys: encoder.…,
 * decoder.…, numbered. Errors: ShapeError for images of another size.
 */
export abstract class Autoencoder extends Module {
  readonly encoder: Sequential;
  readonly decoder: Sequential;

  constructor(coder: Coder) {
    super();
    this.encoder = coder.trunk().append(new Linear(coder.features, coder.latent));
    this.decoder = coder.decoder();
  }

  forward(x: Tensor): Tensor {
    return this.decoder.forward(this.encoder.forward(x));
  }
}

/**
 * Autoencoder of linear layers: by default 784-1000-500-250-30 units and back (Hinton and Salakhutdinov, Reducing the Dimensionality of
 * Data with Neural Networks, Science, 2006), 2,837,314 parameters, 2.8 M multiply-adds. What differs from the paper: relu instead of the
 * logistic function, and no layers trained before the others. Shapes: x [N, C, H, H] → scores [N, C, H, H]; see `Autoencoder`.
 */
export class DenseAutoencoder extends Autoencoder {
  constructor(options: AutoencoderOptions = {}) {
    super(denseCoder("DenseAutoencoder", options, { widths: [1000, 500, 250], latent: 30 }));
  }
}

/**
 * Autoencoder of 3×3 convolutions that halve the size and transposed 4×4 ones that double it (Masci, Meier, Cireşan and Schmidhuber,
 * Stacked Convolutional Auto-Encoders for Hierarchical Feature Extraction, 2011, with strides instead of max-pooling). By default
 * 16 and 32 channels and codes of 64: 215,601 parameters, 0.91 M multiply-adds at 28 px. Shapes: x [N, C, H, H] → scores [N, C, H, H]; see
 * `Autoencoder`. Errors: ArgumentError for a size that cannot be halved for each of the widths.
 */
export class ConvAutoencoder extends Autoencoder {
  constructor(options: AutoencoderOptions = {}) {
    super(convCoder("ConvAutoencoder", options, { widths: [16, 32], latent: 64 }));
  }
}

/** By name. */
export const autoencoders = {
  dense_autoencoder: (options: AutoencoderOptions = {}): DenseAutoencoder => new DenseAutoencoder(options),
  conv_autoencoder: (options: AutoencoderOptions = {}): ConvAutoencoder => new ConvAutoencoder(options),
};
