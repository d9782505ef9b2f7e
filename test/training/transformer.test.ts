import { describe, expect, test } from "vitest";
import { data, functional as F, nn, type Tensor } from "../../src/node.js";
import { trainingImages } from "../support/shared.js";
import { endless, expectSameCourse, finalLoss, type Task, train } from "../support/training.js";

const ROWS = 28;
const FEATURES = 48;

/** Reads an image as a sequence of rows, and names it by the mean of what the encoder makes of them. */
class RowReader extends nn.Module {
  readonly embedding = new nn.Linear(28, FEATURES);
  readonly positions = new nn.LearnedPositionalEncoding(ROWS, FEATURES, { batchFirst: true });
  readonly encoder = new nn.TransformerEncoder(
    new nn.TransformerEncoderLayer(FEATURES, 4, { dimFeedforward: 96, batchFirst: true, normFirst: true }),
    2,
    { norm: new nn.LayerNorm(FEATURES) },
  );
  readonly head = new nn.Linear(FEATURES, 10);

  /** x [N, 1, 28, 28] → scores [N, 10]. */
  forward(x: Tensor): Tensor {
    const rows = this.positions.forward(this.embedding.forward(x.squeeze(1)));
    return this.head.forward(this.encoder.forward(rows).mean(1));
  }
}

const dataset = trainingImages();

const task = (batchSize: number): Task<RowReader, readonly [x: Tensor, y: Tensor]> => ({
  build: () => new RowReader(),
  batches: () => endless(new data.DataLoader(dataset, { batchSize, shuffle: true, dropLast: true })),
  loss: (model, [x, y]) => F.crossEntropy(model.forward(x), y),
  lr: 0.003,
});

describe("a Transformer encoder that reads images row by row", () => {
  test("classifies them with a loss below 0.75 after 300 steps", () => {
    expect(finalLoss(train(task(32), 300))).toBeLessThan(0.75);
  });

  test("follows the same course on both back ends", () => {
    expectSameCourse(task(8));
  });
});
