// The networks that make images: a few epochs on small gray images, held to a loss on images that they have not seen.
import { data, functional as F, manualSeed, models, type nn, noGrad, optim, randn, type Tensor } from "quadlane";
import { statisticsGap } from "../../examples/support/gap.js";
import { loadImages } from "./images.js";
import type { Form, Outcome, Trial } from "./trial.js";

const BATCH = 64;
const SEEN = 500;
const CODING_EPOCHS = 3;

/** A bound for the whole run, and for the short form if it is part of that. */
interface Bounds {
  readonly long: number;
  readonly short?: number;
}

/** A network that is trained to give images back. */
interface Coding {
  readonly name: string;
  readonly model: () => nn.Module;
  /** Nats an image, over a batch x [N, 1, 28, 28]. */
  readonly loss: (model: nn.Module, x: Tensor) => Tensor;
  readonly bounds: Bounds;
}

/** Two networks against each other. */
interface Game {
  readonly name: string;
  readonly latent: number;
  readonly nets: () => readonly [generator: Net, discriminator: Net];
  readonly epochs: number;
  readonly bounds: Bounds;
}

type Net = { forward(x: Tensor): Tensor } & nn.Module;

const reconstruction = (model: nn.Module, x: Tensor): Tensor =>
  F.binaryCrossEntropyWithLogits((model as Net).forward(x), x, { reduction: "sum" }).div(x.size(0));
const elbo = (model: nn.Module, x: Tensor): Tensor => models.negativeElbo((model as models.VAE).forward(x), x);

const CODINGS: readonly Coding[] = [
  {
    name: "dense_autoencoder",
    model: () => new models.DenseAutoencoder({ widths: [256, 64], latent: 16 }),
    loss: reconstruction,
    bounds: { long: 260 },
  },
  {
    name: "conv_autoencoder",
    model: () => new models.ConvAutoencoder({ widths: [16, 32], latent: 16 }),
    loss: reconstruction,
    bounds: { long: 260 },
  },
  {
    name: "dense_vae",
    model: () => new models.DenseVAE({ widths: [256] }),
    loss: elbo,
    bounds: { long: 280, short: 320 },
  },
  { name: "conv_vae", model: () => new models.ConvVAE({ widths: [16, 32] }), loss: elbo, bounds: { long: 280 } },
];

const CODE_LENGTH = 32;
const IMAGES = { inChannels: 1, imageSize: 28 };

const GAMES: readonly Game[] = [
  {
    name: "gan",
    latent: CODE_LENGTH,
    nets: () => [
      new models.GANGenerator({ ...IMAGES, latent: CODE_LENGTH, widths: [256, 256] }),
      new models.GANDiscriminator({ ...IMAGES, widths: [256, 128] }),
    ],
    epochs: 10,
    bounds: { long: 0.25 },
  },
  {
    name: "dcgan",
    latent: CODE_LENGTH,
    nets: () => [
      new models.DCGANGenerator({ ...IMAGES, latent: CODE_LENGTH, width: 16 }),
      new models.DCGANDiscriminator({ ...IMAGES, width: 16 }),
    ],
    epochs: 3,
    bounds: { long: 0.25 },
  },
];

function reconstruct({ model: make, loss, bounds }: Coding, form: Form): Outcome {
  const images = loadImages(form);
  manualSeed(1);
  const model = make();
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.002 });
  const losses: number[] = [];
  const loader = new data.DataLoader(images.train, { batchSize: BATCH, shuffle: true });
  for (let epoch = 0; epoch < CODING_EPOCHS; epoch++) {
    for (const [x] of loader) {
      const l = loss(model, x);
      learn(optimizer, l);
      losses.push(l.item());
    }
  }
  model.eval();
  const value = noGrad(() => loss(model, firstOf(images.test)).item());
  optimizer.dispose();
  model.dispose();
  return { measure: "nats an image", value, bound: { atMost: boundOf(bounds, form) }, losses };
}

/** The losses of two opponents need not fall; what counts is how far statistics of the pixels are from those of real images. */
function play({ latent, nets, epochs, bounds }: Game, form: Form): Outcome {
  const images = loadImages(form);
  manualSeed(1);
  const [generator, discriminator] = nets();
  const adam = (net: nn.Module): optim.Adam => new optim.Adam(net.parameters(), { lr: 0.0005, betas: [0.5, 0.999] });
  const [generatorAdam, discriminatorAdam] = [adam(generator), adam(discriminator)];
  const loader = new data.DataLoader(images.train, { batchSize: BATCH, shuffle: true, dropLast: true });
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (const [pixels] of loader) {
      const real = pixels.mul(2).sub(1);
      const fake = generator.forward(randn([real.size(0), latent]));
      learn(
        discriminatorAdam,
        F.ganDiscriminatorLoss(discriminator.forward(real), discriminator.forward(fake.detach())),
      );
      learn(generatorAdam, F.ganGeneratorLoss(discriminator.forward(fake)));
    }
  }
  generator.eval();
  const value = noGrad(() => {
    const fake = generator
      .forward(randn([SEEN, latent]))
      .add(1)
      .div(2);
    return statisticsGap(firstOf(images.test), fake);
  });
  for (const part of [generatorAdam, discriminatorAdam, generator, discriminator]) part.dispose();
  return { measure: "gap of pixel statistics", value, bound: { atMost: boundOf(bounds, form) }, losses: [] };
}

function learn(optimizer: optim.Adam, loss: Tensor): void {
  optimizer.zeroGrad();
  loss.backward();
  optimizer.step();
}

function firstOf(images: data.ImageDataset): Tensor {
  return images.getBatch(Int32Array.from({ length: SEEN }, (_, i) => i))[0];
}

function boundOf({ long, short = long }: Bounds, form: Form): number {
  return form.short ? short : long;
}

function trialOf<R extends { readonly name: string; readonly bounds: Bounds }>(
  row: R,
  run: (row: R, form: Form) => Outcome,
): Trial {
  return { name: row.name, short: row.bounds.short !== undefined, run: (form) => run(row, form) };
}

export const generativeTrials: readonly Trial[] = [
  ...CODINGS.map((row) => trialOf(row, reconstruct)),
  ...GAMES.map((row) => trialOf(row, play)),
];
