// A variational autoencoder of digits (Kingma & Welling, Auto-Encoding Variational Bayes, 2014), and a grid of what it imagines.

import { writeFileSync } from "node:fs";
import { data, functional as F, manualSeed, nn, noGrad, optim, randn, type Tensor, train } from "quadlane";
import { encodePng, imageGrid } from "quadlane/images";
import { example } from "./support/cli.js";
import { loadDigits } from "./support/digits.js";

const USAGE = `Trains a variational autoencoder on digits.

usage: node build/tools/examples/vae.js [options]

  --data DIR       IDX files (MNIST, Fashion-MNIST); default: generated digits
  --epochs N       passes over the training set. Default 10
  --samples FILE   a PNG file for 64 images drawn from the model`;

const LATENT = 20;
const PIXELS = 28 * 28;

/** What a batch becomes: scores of its pixels, and mean and log-variance of its codes. */
type Reconstruction = readonly [scores: Tensor, mu: Tensor, logvar: Tensor];

class VAE extends nn.Module {
  encoder = new nn.Sequential(new nn.Flatten(), new nn.Linear(PIXELS, 400), new nn.ReLU());
  mu = new nn.Linear(400, LATENT);
  logvar = new nn.Linear(400, LATENT);
  decoder = new nn.Sequential(new nn.Linear(LATENT, 400), new nn.ReLU(), new nn.Linear(400, PIXELS));

  forward(x: Tensor): Reconstruction {
    const h = this.encoder.forward(x);
    const [mu, logvar] = [this.mu.forward(h), this.logvar.forward(h)];
    const z = this.training ? mu.add(logvar.mul(0.5).exp().mul(randn(mu.shape))) : mu;
    return [this.decoder.forward(z), mu, logvar];
  }

  /** n images [n, 1, 28, 28] of codes drawn from the prior. */
  sample(n: number): Tensor {
    return F.sigmoid(this.decoder.forward(randn([n, LATENT]))).reshape([n, 1, 28, 28]);
  }
}

/** The bound on −ln p(x), in nats an image: what the pixels cost and what the codes cost. */
function negativeElbo(model: VAE, [x]: readonly [Tensor, Tensor]): Tensor {
  const [scores, mu, logvar] = model.forward(x);
  const pixels = F.binaryCrossEntropyWithLogits(scores, x.flatten(1), { reduction: "sum" });
  return pixels.add(F.gaussianKLLoss(mu, logvar, { reduction: "sum" })).div(x.size(0));
}

const FLAGS = { defaults: { data: null, epochs: 10, samples: null }, short: { epochs: 3 } };

await example(USAGE, FLAGS, async ({ data: folder, epochs, samples, short }) => {
  manualSeed(1);
  const digits = loadDigits(folder, short ? 4000 : 12_000);
  const model = new VAE();
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.001 });
  const trainer = new train.Trainer<VAE>(model, { optimizer, step: negativeElbo });
  const history = await trainer.fit(new data.DataLoader(digits.train, { batchSize: 128, shuffle: true }), {
    epochs,
    validation: new data.DataLoader(digits.test, { batchSize: 500 }),
  });
  for (const { epoch, logs } of history.epochs)
    console.log(`epoch ${epoch}: ${logs.loss!.toFixed(1)}, test ${logs.valLoss!.toFixed(1)}`);
  if (samples !== null)
    writeFileSync(samples, encodePng(noGrad(() => imageGrid(model.sample(64), { columns: 8 }).keep())));
  return {
    name: "negative ELBO of test images",
    value: history.column("valLoss").at(-1)!,
    atMost: short ? 300 : folder === null ? 175 : 260,
  };
});
