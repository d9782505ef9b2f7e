// A variational autoencoder of digits (Kingma & Welling, Auto-Encoding Variational Bayes, 2014), and a grid of what it imagines.

import { writeFileSync } from "node:fs";
import { data, manualSeed, models, noGrad, optim, train } from "quadlane";
import { encodePng, imageGrid } from "quadlane/images";
import { example } from "./support/cli.js";
import { loadDigits } from "./support/digits.js";

const USAGE = `Trains a variational autoencoder on digits.

usage: node build/tools/examples/vae.js [options]

  --data DIR       IDX files (MNIST, Fashion-MNIST); default: generated digits
  --epochs N       passes over the training set. Default 10
  --samples FILE   a PNG file for 64 images drawn from the model`;

const FLAGS = { defaults: { data: null, epochs: 10, samples: null }, short: { epochs: 3 } };

await example(USAGE, FLAGS, async ({ data: folder, epochs, samples, short }) => {
  manualSeed(1);
  const digits = loadDigits(folder, short ? 4000 : 12_000);
  const model = new models.DenseVAE();
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.001 });
  const trainer = new train.Trainer<models.DenseVAE>(model, {
    optimizer,
    step: (vae, [x]) => models.negativeElbo(vae.forward(x), x),
  });
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
