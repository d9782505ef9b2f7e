// A model from an ONNX file that has learnt digits, and learns pieces of clothing.
import { join } from "node:path";
import { data, functional as F, manualSeed, noGrad, onnx, optim, type Tensor } from "quadlane";
import { readImages, TEST_IMAGES } from "./images.js";
import type { Form, Outcome, Trial } from "./trial.js";

const IMAGES = { long: 60_000, short: 4000 };
const BOUNDS = { long: 0.82, short: 0.72 };
/** The file's graph takes one image at a time: so many gradients are gathered for a step. */
const GATHERED = 16;
const RATE = 0.005;

const modelFile = (form: Form): string => join(form.data, "..", "onnx", "models", "mnist_cntk", "model.onnx");

function fineTune(form: Form): Outcome {
  const kind = form.short ? "short" : "long";
  const folder = join(form.data, "fashion-mnist");
  const [images, tests] = [readImages(folder, "train", IMAGES[kind]), readImages(folder, "t10k", TEST_IMAGES)];
  manualSeed(1);
  const model = onnx.loadFile(modelFile(form)).train();
  const optimizer = new optim.Adam(model.parameters(), { lr: RATE });
  const steps = Math.floor(IMAGES[kind] / GATHERED);
  const schedule = new optim.lrScheduler.OneCycleLR(optimizer, RATE, { totalSteps: steps + 1 });
  const losses: number[] = [];
  let [seen, sum] = [0, 0];
  for (const [x, labels] of new data.DataLoader(images, { batchSize: 1, shuffle: true })) {
    const loss = F.crossEntropy(model.forward(x) as Tensor, labels);
    loss.div(GATHERED).backward();
    sum += loss.item() / GATHERED;
    if (++seen % GATHERED > 0) continue;
    losses.push(sum);
    sum = 0;
    optimizer.step();
    optimizer.zeroGrad();
    schedule.step();
  }
  model.eval();
  let right = 0;
  for (const [x, labels] of new data.DataLoader(tests, { batchSize: 1 })) {
    right += noGrad(() => (model.forward(x) as Tensor).argmax(1).eq(labels).sum().item());
  }
  optimizer.dispose();
  model.dispose();
  return { measure: "accuracy", value: right / TEST_IMAGES, bound: { atLeast: BOUNDS[kind] }, losses };
}

export const importedTrials: readonly Trial[] = [
  {
    name: "mnist_cntk (onnx)",
    short: true,
    needs: (form) => [modelFile(form), join(form.data, "fashion-mnist")],
    run: fineTune,
  },
];
