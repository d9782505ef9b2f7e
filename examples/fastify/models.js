// The models of the example as ONNX files: LeNet-5, trained for some seconds on drawn digits, and SqueezeNet 1.1 with random weights, to measure with.
import { data, functional as F, manualSeed, models, onnx, optim, zeros } from "quadlane";

function lenet() {
  manualSeed(1);
  const model = new models.LeNet5();
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.003 });
  const loader = new data.DataLoader(data.drawDigits(2000), { batchSize: 50, shuffle: true });
  for (let epoch = 0; epoch < 2; epoch++) {
    for (const [images, labels] of loader) {
      const loss = F.crossEntropy(model.forward(images), labels);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
    }
  }
  return file(model, [1, 1, 28, 28]);
}

function squeezenet() {
  manualSeed(1);
  return file(models.create("squeezenet1_1"), [1, 3, 224, 224]);
}

/** With any number of images. */
function file(model, shape) {
  model.eval();
  return onnx.save(model, zeros(shape), { dynamic: { N: [["input", 0]] } });
}

export const MODELS = { lenet, squeezenet };
