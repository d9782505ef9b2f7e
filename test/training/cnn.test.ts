import { describe, expect, test } from "vitest";
import { data, functional as F, nn, type Tensor } from "../../src/node.js";
import { trainingImages } from "../support/shared.js";
import { endless, expectSameCourse, finalLoss, type Task, train } from "../support/training.js";

function block(inChannels: number, outChannels: number): nn.Module[] {
  return [
    new nn.Conv2d(inChannels, outChannels, 3, { padding: 1, bias: false }),
    new nn.BatchNorm2d(outChannels),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
  ];
}

const dataset = trainingImages();

const task = (batchSize: number): Task<nn.Sequential, readonly [x: Tensor, y: Tensor]> => ({
  build: () => new nn.Sequential(...block(1, 8), ...block(8, 16), new nn.Flatten(), new nn.Linear(16 * 7 * 7, 10)),
  batches: () => endless(new data.DataLoader(dataset, { batchSize, shuffle: true, dropLast: true })),
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
