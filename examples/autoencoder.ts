// Unlabelled images first: an autoencoder learns to compress them, then its encoder learns to tell the classes from a few labels.
import { data, functional as F, manualSeed, metrics, models, nn, optim, type Tensor, train } from "quadlane";
import { example } from "./support/cli.js";
import { loadDigits } from "./support/digits.js";

const USAGE = `Pre-trains an encoder without labels, then trains a classifier on it with few.

usage: node build/tools/examples/autoencoder.js [options]

  --data DIR       IDX files (MNIST, Fashion-MNIST); default: generated digits
  --epochs N       passes of the autoencoder over the training set. Default 8
  --labels N       labelled images for the classifier. Default 200`;

const CODE = 64;

const classifierNet = (encoder: nn.Module): nn.Sequential =>
  new nn.Sequential(encoder, new nn.ReLU(), new nn.Linear(CODE, 10));

/** Trains a classifier on few labels and tells its accuracy on the test set; the encoder learns at a third of the head's rate. */
async function classify(
  model: nn.Sequential,
  labelled: data.Dataset<[Tensor, Tensor]>,
  test: data.ImageDataset,
): Promise<number> {
  const groups = nn.utils.parameterGroups(model, [{ pattern: "0.*", lr: 0.001 }], { lr: 0.003 });
  const trainer = new train.Trainer(model, {
    optimizer: new optim.AdamW(groups),
    loss: F.crossEntropy,
    metrics: { accuracy: new metrics.Accuracy({ task: "multiclass" }) },
  });
  await trainer.fit(new data.DataLoader(labelled, { batchSize: 32, shuffle: true }), { epochs: 40 });
  const { valAccuracy } = await trainer.validate(new data.DataLoader(test, { batchSize: 500 }));
  return valAccuracy!;
}

const FLAGS = { defaults: { data: null, epochs: 8, labels: 200 }, short: { epochs: 2 } };

await example(USAGE, FLAGS, async ({ data: folder, epochs, labels, short }) => {
  manualSeed(1);
  const { train: images, test } = loadDigits(folder, short ? 2000 : 12_000);
  const autoencoder = new models.ConvAutoencoder({ latent: CODE });
  const untrained = autoencoder.encoder.clone();
  const trainer = new train.Trainer<models.ConvAutoencoder>(autoencoder, {
    optimizer: new optim.Adam(autoencoder.parameters(), { lr: 0.001 }),
    step: (model, [x]) => F.binaryCrossEntropyWithLogits(model.forward(x), x),
  });
  const history = await trainer.fit(new data.DataLoader(images, { batchSize: 64, shuffle: true }), {
    epochs,
  });
  for (const { epoch, logs } of history.epochs) console.log(`autoencoder, epoch ${epoch}: ${logs.loss!.toFixed(4)}`);

  const few = new data.Subset(
    images,
    Int32Array.from({ length: labels }, (_, i) => i),
  );
  const pretrained = await classify(classifierNet(autoencoder.encoder), few, test);
  const scratch = await classify(classifierNet(untrained), few, test);
  console.log(`accuracy with ${labels} labels: ${percent(pretrained)} pre-trained, ${percent(scratch)} from scratch`);
  return { name: "error of the pre-trained classifier", value: 1 - pretrained, atMost: short ? 0.5 : 0.4 };
});

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
