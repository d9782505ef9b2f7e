// How the digit examples train: LeNet-5 on drawn digits, moved a little, so that it also reads what people draw.
import { data, functional as F, Generator, manualSeed, models, optim } from "quadlane";

const BATCH = 64;

/** A LeNet-5 whose weights follow from the seed. */
export function makeModel(seed) {
  manualSeed(seed);
  return new models.LeNet5();
}

/**
 * Trains: each turn of the iterator is a step and gives its loss, so that the caller decides when to pause. With a number of steps the rate
 * falls to 0 by then; without one there is no end.
 * @param {models.LeNet5} model
 * @param {{ steps?: number, images?: number, seed?: number, lr?: number }} options
 */
export function* training(model, { steps = Infinity, images = 4000, seed = 1, lr = 0.002 } = {}) {
  const generator = new Generator(seed);
  const digits = data.drawDigits(images, { generator });
  const { onImage, randomAffine } = data.transforms;
  const moves = onImage(
    randomAffine(10, { translate: [0.06, 0.06], scale: [0.85, 1.2], shear: 8, interpolation: "bilinear" }),
  );
  const moved = data.augment(digits, moves, { batches: moves });
  const loader = new data.DataLoader(moved, { batchSize: BATCH, shuffle: true, dropLast: true, generator });
  const optimizer = new optim.Adam(model.parameters(), { lr });
  model.train();
  for (let step = 0; ; ) {
    for (const [x, y] of loader) {
      if (step === steps) return;
      optimizer.paramGroups[0].lr = lr * (1 - step++ / steps);
      const loss = F.crossEntropy(model.forward(x), y);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      yield loss.item();
    }
  }
}
