// A small convolutional network for small images, trained with the whole of the Trainer: schedule, augmentation, checkpoints, early stopping, report.
import { data, functional as F, init, manualSeed, metrics, nn, optim, train } from "quadlane";
import { ProgressBar } from "quadlane/progress";
import { HtmlReport } from "quadlane/report";
import { example } from "./support/cli.js";
import { loadDigits } from "./support/digits.js";

const USAGE = `Trains a small CNN on images of 28 × 28 pixels.

usage: node build/tools/examples/cnn.js [options]

  --data DIR       IDX files (MNIST, Fashion-MNIST); default: generated digits
  --epochs N       passes over the training set. Default 4
  --flip           mirror training images at random: for clothes, not for digits
  --threads N      threads of the kernels. Default 1
  --checkpoints D  a folder for checkpoints; a run that was interrupted goes on from there
  --report FILE    an HTML page about the training`;

const block = (inC: number, outC: number): nn.Module[] => [
  new nn.Conv2d(inC, outC, 3, { padding: 1, bias: false }),
  new nn.BatchNorm2d(outC),
  new nn.ReLU(),
  new nn.MaxPool2d(2),
];

const cnn = (): nn.Sequential =>
  new nn.Sequential(
    ...block(1, 32),
    ...block(32, 64),
    new nn.Flatten(),
    new nn.Dropout({ p: 0.3 }),
    new nn.Linear(64 * 7 * 7, 128),
    new nn.ReLU(),
    new nn.Dropout({ p: 0.3 }),
    new nn.Linear(128, 10),
  );

const FLAGS = {
  defaults: { data: null, epochs: 4, flip: false, threads: 1, checkpoints: null, report: null },
  short: { epochs: 2 },
};

await example(USAGE, FLAGS, async ({ data: folder, epochs, flip, threads, checkpoints, report, short }) => {
  if (threads !== 1) await init({ threads });
  manualSeed(1);
  const digits = loadDigits(folder, short ? 2000 : 12_000);
  const statistics = digits.train.statistics();
  const [images, test] = [digits.train.normalized(statistics), digits.test.normalized(statistics)];
  const { compose, onImage, randomCrop, randomHorizontalFlip } = data.transforms;
  const crop = randomCrop(28, { padding: 2 });
  const moves = onImage(flip ? compose(randomHorizontalFlip(), crop) : crop);
  const loader = new data.DataLoader(data.augment(images, moves, { batches: moves }), {
    batchSize: 128,
    shuffle: true,
  });

  const model = cnn();
  const optimizer = new optim.AdamW(model.parameters(), { lr: 0.004, weightDecay: 0.01 });
  const trainer = new train.Trainer(model, {
    optimizer,
    loss: F.crossEntropy,
    metrics: { accuracy: new metrics.Accuracy({ task: "multiclass" }) },
    scheduler: new optim.lrScheduler.OneCycleLR(optimizer, 0.004, { totalSteps: epochs * loader.length }),
    schedulerInterval: "step",
    callbacks: [
      new ProgressBar(),
      ...(checkpoints === null ? [] : [new train.ModelCheckpoint({ folder: checkpoints, everyEpochs: 1, keep: 2 })]),
      ...(report === null ? [] : [new HtmlReport(report, { title: "A small CNN" })]),
    ],
  });
  const history = await trainer.fit(loader, {
    epochs,
    validation: new data.DataLoader(test, { batchSize: 500 }),
    resume: checkpoints,
  });
  const accuracy = history.column("valAccuracy").at(-1)!;
  console.log(`test accuracy ${(100 * accuracy).toFixed(2)} %`);
  return { name: "test error", value: 1 - accuracy, atMost: short ? 0.2 : folder === null ? 0.02 : 0.085 };
});
