import { describe, expect, test } from "vitest";
import { data, functional as F, nn, type Tensor, tensor } from "../../src/node.js";
import { generatorOf } from "../support/make.js";
import { endless, expectSameCourse, finalLoss, type Task, train } from "../support/training.js";

const SIZE = 12;
const SQUARE = 3;
const FRAMES = 7;

/** Films [count, FRAMES, 1, SIZE, SIZE] of a square that moves a pixel right or left and up or down, and turns at the walls. */
function films(count: number): Tensor {
  const random = generatorOf(1);
  const pixels = new Float32Array(count * FRAMES * SIZE * SIZE);
  for (let film = 0; film < count; film++) {
    const place = [0, 1].map(() => Math.floor(random() * (SIZE - SQUARE + 1)));
    const motion = [0, 1].map(() => 2 * Math.floor(2 * random()) - 1);
    for (let frame = 0; frame < FRAMES; frame++) {
      const corner = ((film * FRAMES + frame) * SIZE + place[0]!) * SIZE + place[1]!;
      for (let row = 0; row < SQUARE; row++) pixels.fill(1, corner + row * SIZE, corner + row * SIZE + SQUARE);
      for (const d of [0, 1]) {
        const next = place[d]! + motion[d]!;
        if (next < 0 || next > SIZE - SQUARE) motion[d] = -motion[d]!;
        place[d]! += motion[d]!;
      }
    }
  }
  return tensor(pixels, { shape: [count, FRAMES, 1, SIZE, SIZE] });
}

/** Guesses the next frame at every step. */
class Forecast extends nn.Module {
  readonly recurrent = new nn.ConvLSTM2d(1, 12, 3);
  readonly head = new nn.Conv2d(12, 1, 3, { padding: 1 });

  /** x [N, T, 1, H, W] → scores of the pixels one frame later, of the same shape. */
  forward(x: Tensor): Tensor {
    const [y] = this.recurrent.forward(x);
    return this.head.forward(y.flatten(0, 1)).reshape(x.shape);
  }
}

const dataset = new data.TensorDataset(films(2048));

const task = (batchSize: number): Task<Forecast, readonly [films: Tensor]> => ({
  build: () => new Forecast(),
  batches: () => endless(new data.DataLoader(dataset, { batchSize, shuffle: true, dropLast: true })),
  loss(model, [x]) {
    const scores = model.forward(x.narrow(1, 0, FRAMES - 1));
    // The first frame tells no direction; from the second on everything is known.
    const [guess, truth] = [scores.narrow(1, 1, FRAMES - 2), x.narrow(1, 2, FRAMES - 2)];
    return F.binaryCrossEntropyWithLogits(guess, truth);
  },
  lr: 0.05,
  maxNorm: 1,
});

// Who forgets where the square came from can do no better than 0.083: the mean over all places of the entropy of the four ways on.
describe("a ConvLSTM that watches a square", () => {
  test("remembers where it goes: a loss below 0.04 after 200 steps", () => {
    expect(finalLoss(train(task(16), 200))).toBeLessThan(0.04);
  });

  test("follows the same course on both back ends", () => {
    expectSameCourse(task(2));
  });
});
