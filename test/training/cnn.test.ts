import { describe, expect, test } from "vitest";
import { data, functional as F, Generator, nn, readIdx, type Tensor } from "../../src/node.js";
import { sharedFile } from "../support/shared.js";
import { expectSameCourse, finalLoss, type Task, train } from "../support/training.js";

const IMAGES = 6400;

/** Pieces of clothing where they are at hand, else drawn digits. */
function images(): data.ImageDataset {
  const [x, y] = ["images-idx3", "labels-idx1"].map((part) => sharedFile(`fashion-mnist/train-${part}-ubyte.gz`));
  if (!x || !y) return data.drawDigits(IMAGES, { generator: new Generator(1) });
  const bytes = readIdx(x).data.subarray(0, IMAGES * 28 * 28) as Uint8Array;
  return new data.ImageDataset(bytes, readIdx(y).data.slice(0, IMAGES) as Uint8Array, { shape: [1, 28, 28] });
}

function block(inChannels: number, outChannels: number): nn.Module[] {
  return [
    new nn.Conv2d(inChannels, outChannels, 3, { padding: 1, bias: false }),
    new nn.BatchNorm2d(outChannels),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
  ];
}

const pixels = images();
const dataset = pixels.normalized(pixels.statistics());

const task = (batchSize: number): Task<nn.Sequential, readonly [x: Tensor, y: Tensor]> => ({
  build: () => new nn.Sequential(...block(1, 8), ...block(8, 16), new nn.Flatten(), new nn.Linear(16 * 7 * 7, 10)),
  batches: () => new data.DataLoader(dataset, { batchSize, shuffle: true, dropLast: true }),
  loss: (model, [x, y]) => F.crossEntropy(model.forward(x), y),
  lr: 0.003,
});

describe("a small convolutional network with batch normalisation", () => {
  test("classifies images with a loss below 0.55 after 100 steps", () => {
    expect(finalLoss(train(task(64), 100))).toBeLessThan(0.55);
  });

  test("follows the same course on both back ends", () => {
    expectSameCourse(task(16));
  });
});
