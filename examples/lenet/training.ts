import { data, functional as F, type models, noGrad, optim, type Tensor } from "quadlane";
import { startProgress } from "./progress.js";

export interface Recipe {
  readonly epochs: number;
  readonly batch: number;
  readonly lr: number;
}

/** How many of a batch's logits are largest at the right class. */
function countRight(logits: Tensor, labels: Tensor): number {
  return logits.argmax(1).eq(labels).sum().item();
}

/** One step of training; returns the loss before it. */
export function trainStep(
  model: models.LeNet5,
  optimizer: optim.SGD | optim.Adam,
  x: Tensor,
  y: Tensor,
): [number, Tensor] {
  const logits = model.forward(x);
  const loss = F.crossEntropy(logits, y);
  optimizer.zeroGrad();
  loss.backward();
  optimizer.step();
  return [loss.item(), logits];
}

/** Trains for all epochs and returns the loss of the last step. */
export function train(model: models.LeNet5, dataset: data.ImageDataset, recipe: Recipe): number {
  const { epochs, batch, lr } = recipe;
  const loader = new data.DataLoader(dataset, { batchSize: batch, shuffle: true });
  const optimizer = new optim.Adam(model.parameters(), { lr });
  const steps = epochs * loader.length;
  let step = 0;
  let loss = Number.NaN;
  model.train();
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const progress = startProgress(epoch, epochs, loader.length);
    const start = performance.now();
    let [batches, seen, right, total] = [0, 0, 0, 0];
    for (const [x, y] of loader) {
      optimizer.paramGroups[0]!.lr = (lr / 2) * (1 + Math.cos((Math.PI * step++) / steps));
      const [value, logits] = trainStep(model, optimizer, x, y);
      loss = value;
      total += value;
      right += countRight(logits, y);
      seen += y.numel;
      progress.update(++batches, total / batches, right / seen, (1000 * seen) / (performance.now() - start));
    }
    progress.stop();
  }
  return loss;
}

/** The predicted class of every image. */
export function predict(model: models.LeNet5, dataset: data.ImageDataset): Int32Array {
  const predictions = new Int32Array(dataset.length);
  let at = 0;
  model.eval();
  for (const [x] of new data.DataLoader(dataset, { batchSize: 250 })) {
    predictions.set(noGrad(() => model.forward(x).argmax(1)).data(), at);
    at += x.size(0);
  }
  return predictions;
}
