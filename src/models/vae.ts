// Variational autoencoders. N batch, C channels, H height and width of the images, L length of a code.
import { checkInteger } from "../check.js";
import { add, div, mul } from "../functional/arithmetic.js";
import { gaussianKLLoss } from "../functional/loss_distribution.js";
import { binaryCrossEntropyWithLogits } from "../functional/loss_elementwise.js";
import { exp, sigmoid } from "../functional/transcendental.js";
import type { Sequential } from "../nn/container.js";
import { Linear } from "../nn/linear.js";
import { Module } from "../nn/module.js";
import { defaultGenerator, type Generator } from "../random.js";
import { randn } from "../sampling.js";
import type { Tensor } from "../tensor.js";
import { type AutoencoderOptions, type Coder, convCoder, denseCoder } from "./autoencoder.js";

export interface VAEOptions extends AutoencoderOptions {
  /** Where the noise of the codes comes from. Default: `defaultGenerator`. */
  readonly generator?: Generator;
}

/** The distribution of a batch's codes: independent normal ones. */
export interface Codes {
  /** Means [N, L]. */
  readonly mu: Tensor;
  /** Logarithms of the variances [N, L]. */
  readonly logVar: Tensor;
}

/** What a variational autoencoder gives. */
export interface VAEOutput extends Codes {
  /** Scores of the pixels [N, C, H, H]: sigmoid makes them probabilities. */
  readonly reconstruction: Tensor;
}

/**
 * Variational autoencoder (Kingma and Welling, Auto-Encoding Variational Bayes, 2014): the encoder gives a normal distribution of codes for
 * each image, and the decoder a distribution of images for each code.
 *
 *     (mu, logVar) = encode(x)        z = mu + e^(logVar/2) ∘ ε,  ε ~ N(0, 1)        reconstruction = decode(z)
 *
 * ε is drawn in training mode; in evaluation z = mu. Shapes: x [N, C, H, H] → {reconstruction [N, C, H, H], mu [N, L], logVar [N, L]}.
 * The loss is `negativeElbo`. Keys: encoder.…, mu, log_var, decoder.…. Errors: ShapeError for images of another size.
 */
export abstract class VAE extends Module {
  readonly encoder: Sequential;
  readonly mu: Linear;
  readonly logVar: Linear;
  readonly decoder: Sequential;
  private readonly generator: Generator;

  constructor(coder: Coder, generator: Generator = defaultGenerator) {
    super();
    this.encoder = coder.trunk();
    this.mu = new Linear(coder.features, coder.latent);
    this.logVar = new Linear(coder.features, coder.latent);
    this.decoder = coder.decoder();
    this.generator = generator;
  }

  /** Images [N, C, H, H] → the distribution of their codes. */
  encode(x: Tensor): Codes {
    const features = this.encoder.forward(x);
    return { mu: this.mu.forward(features), logVar: this.logVar.forward(features) };
  }

  /** Draws codes [N, L] so that gradients reach mu and logVar: z = mu + e^(logVar/2) ∘ ε; mu itself in evaluation mode. */
  reparameterise({ mu, logVar }: Codes): Tensor {
    if (!this.training) return mu;
    return add(mu, mul(exp(mul(logVar, 0.5)), randn(mu.shape, { generator: this.generator })));
  }

  /** Codes [N, L] → scores of the pixels [N, C, H, H]. */
  decode(z: Tensor): Tensor {
    return this.decoder.forward(z);
  }

  forward(x: Tensor): VAEOutput {
    const codes = this.encode(x);
    return { reconstruction: this.decode(this.reparameterise(codes)), ...codes };
  }

  /** n images [n, C, H, H] with values from 0 to 1, of codes from N(0, 1). */
  sample(n: number): Tensor {
    checkInteger(this.constructor.name, "n", n, 1);
    return sigmoid(this.decode(randn([n, this.mu.outFeatures], { generator: this.generator })));
  }
}

/**
 * VAE of linear layers: by default 784-400-20 units and back, as in PyTorch's example, 652,824 parameters, 0.65 M multiply-adds; see
 * `VAE` for paper and shapes.
 */
export class DenseVAE extends VAE {
  constructor(options: VAEOptions = {}) {
    super(denseCoder("DenseVAE", options, { widths: [400], latent: 20 }, ["generator"]), options.generator);
  }
}

/**
 * VAE of 3×3 convolutions that halve the size and transposed 4×4 ones that double it: by default 32 and 64 channels and codes of 20; 243,465
 * parameters, 2.9 M multiply-adds at 28 px; see `VAE` for paper and shapes. Errors: ArgumentError for a size that cannot be halved for
 * each of the widths.
 */
export class ConvVAE extends VAE {
  constructor(options: VAEOptions = {}) {
    super(convCoder("ConvVAE", options, { widths: [32, 64], latent: 20 }, ["generator"]), options.generator);
  }
}

/**
 * What a VAE minimises: the bound on −ln p(x), in nats an image. Scalar.
 *
 *     loss = (Σ BCE(reconstruction, x) + Σ ½·(mu² + e^logVar − 1 − logVar)) / N
 *
 * x [N, C, H, H] with values from 0 to 1 (Kingma and Welling, 2014, equation 10, with Bernoulli pixels). Errors: ShapeError if x has not
 * the shape of the reconstruction.
 */
export function negativeElbo({ reconstruction, mu, logVar }: VAEOutput, x: Tensor): Tensor {
  const pixels = binaryCrossEntropyWithLogits(reconstruction, x, { reduction: "sum" });
  return div(add(pixels, gaussianKLLoss(mu, logVar, { reduction: "sum" })), x.size(0));
}

/** By name. */
export const vaes = {
  dense_vae: (options: VAEOptions = {}): DenseVAE => new DenseVAE(options),
  conv_vae: (options: VAEOptions = {}): ConvVAE => new ConvVAE(options),
};
