// The image models: one epoch on small gray images of ten classes, AdamW, a rate that rises and falls.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { data, functional as F, Generator, manualSeed, models, noGrad, optim, type Tensor } from "quadlane";
import type { Form, Outcome, Trial } from "./trial.js";

/** A model and how it is trained. */
interface Row {
  /** As `models.create` knows it. */
  readonly model: string;
  /** Beside those of `SMALL`, which the oldest models do not take. */
  readonly options?: Readonly<Record<string, unknown>>;
  /** Highest rate. Default 0.003. */
  readonly lr?: number;
  /** Images of a step. Default 32. */
  readonly batch?: number;
  /** Least accuracy on pieces of clothing. Default 0.72. */
  readonly bound?: number;
  /** Least accuracy in the short form. Default: it is no part of that. */
  readonly short?: number;
}

const SMALL = { small: true, inChannels: 1, numClasses: 10 };

/** Models that are made for such images and have no other version. */
const OLD = ["lenet5", "mlp"];

/** The first stages of MobileNet v2's table, with a block each. */
const V2_STAGES = [
  [1, 16, 1, 1],
  [6, 24, 1, 2],
  [6, 32, 1, 2],
  [6, 64, 1, 2],
  [6, 96, 1, 1],
];

export const ROWS: readonly Row[] = [
  { model: "mlp", short: 0.6 },
  { model: "lenet5", short: 0.5 },
  { model: "alexnet", options: { widthMult: 0.125, dropout: 0 }, lr: 0.001, short: 0.55 },
  { model: "vgg11", options: { widthMult: 0.125, dropout: 0 }, lr: 0.002 },
  { model: "vgg11_bn", options: { widthMult: 0.125, dropout: 0 }, short: 0.58 },
  { model: "nin", options: { widthMult: 0.125, dropout: 0 }, lr: 0.002, batch: 16 },
  { model: "googlenet", options: { widthMult: 0.125 }, batch: 16 },
  { model: "inception_v3", options: { widthMult: 0.125, dropout: 0 }, batch: 16 },
  { model: "resnet18", options: { widthMult: 0.125 } },
  { model: "resnext50_32x4d", options: { widthMult: 0.25, layers: [1, 1, 1, 1], groups: 4 } },
  { model: "se_resnet50", options: { widthMult: 0.125, layers: [1, 1, 1, 1] } },
  { model: "densenet121", options: { widthMult: 0.25, blockConfig: [2, 2, 3, 3] }, lr: 0.005, batch: 16 },
  { model: "squeezenet1_1", options: { widthMult: 0.5, dropout: 0 }, lr: 0.002, batch: 16 },
  { model: "mobilenet_v1", options: { widthMult: 0.125, middleBlocks: 1 }, lr: 0.01, batch: 16 },
  { model: "mobilenet_v2", options: { widthMult: 0.25, invertedResidualSetting: V2_STAGES }, lr: 0.01 },
  { model: "shufflenet_v1", options: { widthMult: 0.25, repeats: [2, 3, 2] } },
  { model: "shufflenet_v2_x0_5", options: { widthMult: 0.5, repeats: [2, 3, 2] } },
  { model: "mnasnet0_5", options: { widthMult: 0.5, depths: [1, 1, 1, 1, 1, 1] }, lr: 0.005 },
  { model: "xception", options: { widthMult: 0.125, middleBlocks: 1 }, short: 0.55 },
  { model: "regnet_x_400mf", options: { widthMult: 0.25, depths: [1, 1, 2, 2] } },
  { model: "regnet_y_400mf", options: { widthMult: 0.25, depths: [1, 1, 2, 2] } },
  { model: "efficientnet_b0", options: { widthMult: 0.125, depthMult: 0.25 } },
  { model: "fcn_resnet50", options: { widthMult: 0.0625, layers: [1, 1, 1, 1] } },
  { model: "unet", options: { widthMult: 0.1875, batchNorm: true }, lr: 0.02, batch: 16 },
  {
    model: "vit_b_32",
    options: { patchSize: 7, hiddenDim: 64, numHeads: 4, mlpDim: 128, numLayers: 2 },
    batch: 16,
  },
];

const SIDE = 28;
const TRAINING_IMAGES = 6000;
const SHORT_IMAGES = 1500;
export const TEST_IMAGES = 1000;
/** Least accuracy on drawn digits, which are of many shapes and sizes: deep networks are slower to tell them apart. */
const DIGITS_BOUND = 0.4;

interface Split {
  readonly train: data.ImageDataset;
  readonly test: data.ImageDataset;
}

/** The first images of Fashion-MNIST, else drawn digits, with values from 0 to 1. */
export function loadImages(form: Form): Split {
  const folder = join(form.data, "fashion-mnist");
  const generator = new Generator(1);
  const load = (part: string, images: number): data.ImageDataset =>
    existsSync(folder) ? readImages(folder, part, images) : data.drawDigits(images, { generator });
  return { train: load("train", form.short ? SHORT_IMAGES : TRAINING_IMAGES), test: load("t10k", TEST_IMAGES) };
}

/** The same, normalised by the statistics of the training images. */
function normalised({ train, test }: Split): Split {
  const statistics = train.statistics();
  return { train: train.normalized(statistics), test: test.normalized(statistics) };
}

export function readImages(folder: string, part: string, count: number): data.ImageDataset {
  const [pixels, labels] = ["images-idx3", "labels-idx1"].map((kind) =>
    data.readIdx(join(folder, `${part}-${kind}-ubyte.gz`)),
  );
  const bytes = Uint8Array.from(pixels!.data.subarray(0, count * SIDE * SIDE));
  return new data.ImageDataset(bytes, labels!.data.subarray(0, count), { shape: [1, SIDE, SIDE] });
}

function classify({ model: name, options, lr = 0.003, batch = 32, ...bounds }: Row, form: Form): Outcome {
  const { bound = 0.72, short = bound } = bounds;
  const full = existsSync(join(form.data, "fashion-mnist")) ? bound : DIGITS_BOUND;
  const images = normalised(loadImages(form));
  manualSeed(1);
  const model = models.create(name, OLD.includes(name) ? options : { ...SMALL, ...options });
  const losses: number[] = [];
  const loader = new data.DataLoader(images.train, { batchSize: batch, shuffle: true });
  const optimizer = new optim.AdamW(model.parameters(), { lr });
  const schedule = new optim.lrScheduler.OneCycleLR(optimizer, lr, { totalSteps: loader.length + 1 });
  for (const [x, labels] of loader) {
    const loss = F.crossEntropy(logits(model, x), labels);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    schedule.step();
    losses.push(loss.item());
  }
  model.eval();
  let right = 0;
  for (const [x, labels] of new data.DataLoader(images.test, { batchSize: 250 })) {
    right += noGrad(() => logits(model, x).argmax(1).eq(labels).sum().item());
  }
  optimizer.dispose();
  model.dispose();
  return { measure: "accuracy", value: right / TEST_IMAGES, bound: { atLeast: form.short ? short : full }, losses };
}

/** What a model says of images; a model that has a class for each pixel says the mean of all pixels. */
function logits(model: { forward(x: Tensor): Tensor }, x: Tensor): Tensor {
  const y = model.forward(x);
  return y.ndim === 4 ? y.mean([2, 3]) : y;
}

export const imageTrials: readonly Trial[] = ROWS.map((row) => ({
  name: row.model,
  short: row.short !== undefined,
  run: (form) => classify(row, form),
}));
