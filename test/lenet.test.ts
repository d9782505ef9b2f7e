import { beforeAll, describe, expect, test } from "vitest";
import {
  data,
  functional as F,
  Generator,
  getBackend,
  manualSeed,
  memory,
  models,
  nn,
  noGrad,
  optim,
  ShapeError,
  setBackend,
  type Tensor,
  zeros,
} from "../src/node.js";

function accuracyOf(model: (x: Tensor) => Tensor, dataset: data.ImageDataset): number {
  let right = 0;
  for (const [x, y] of new data.DataLoader(dataset, { batchSize: 500 })) {
    right += noGrad(() => model(x).argmax(1).eq(y).sum()).item();
  }
  return right / dataset.length;
}

/** Trains with Adam and a rate that falls to 0; calls `after` when each step is done. */
function train(
  model: Pick<nn.Module, "parameters"> & { forward(x: Tensor): Tensor },
  dataset: data.ImageDataset,
  epochs: number,
  lr: number,
  after: (loss: number, logits: Tensor, labels: Tensor) => void = () => {},
): void {
  const loader = new data.DataLoader(dataset, { batchSize: 64, shuffle: true });
  const optimizer = new optim.Adam(model.parameters(), { lr });
  let step = 0;
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (const [x, y] of loader) {
      optimizer.paramGroups[0]!.lr = lr * (1 - step++ / (epochs * loader.length));
      const logits = model.forward(x);
      const loss = F.crossEntropy(logits, y);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      after(loss.item(), logits, y);
    }
  }
}

describe("LeNet5", () => {
  test("has 61,706 parameters, under readable keys", () => {
    const model = new models.LeNet5();
    expect([...model.parameters()].reduce((n, p) => n + p.numel, 0)).toBe(61706);
    expect([...model.stateDict().keys()]).toEqual(
      ["conv1", "conv2", "fc1", "fc2", "fc3"].flatMap((layer) => [`${layer}.weight`, `${layer}.bias`]),
    );
    model.dispose();
  });

  test("takes other channels and classes", () => {
    const model = new models.LeNet5({ inChannels: 3, numClasses: 7 });
    expect(model.forward(zeros([2, 3, 28, 28])).shape).toEqual([2, 7]);
    model.dispose();
  });

  test("refuses images of another size, and unknown options", () => {
    const model = new models.LeNet5();
    expect(() => model.forward(zeros([1, 1, 32, 32]))).toThrow(ShapeError);
    expect(() => model.forward(zeros([1, 28, 28]))).toThrow("LeNet5: input has shape [1, 28, 28]");
    expect(() => new models.LeNet5({ classes: 3 } as never)).toThrow('unknown option "classes"');
    expect(() => new models.LeNet5({ numClasses: 0 })).toThrow("numClasses is 0");
    model.dispose();
  });
});

describe("training on drawn digits", () => {
  let trainSet: data.ImageDataset;
  let testSet: data.ImageDataset;
  beforeAll(() => {
    const generator = new Generator(1);
    trainSet = data.drawDigits(8000, { generator });
    const statistics = trainSet.statistics();
    trainSet = trainSet.normalized(statistics);
    testSet = data.drawDigits(2000, { generator }).normalized(statistics);
  });

  test("leaves a linear classifier below 96 %", () => {
    manualSeed(1);
    const linear = new nn.Sequential(new nn.Flatten(), new nn.Linear(784, 10));
    train(linear, trainSet, 6, 0.01);
    const accuracy = accuracyOf((x) => linear.forward(x), testSet);
    expect(accuracy).toBeGreaterThan(0.6);
    expect(accuracy).toBeLessThan(0.96);
  });

  test("takes LeNet-5 to 98.5 %", () => {
    manualSeed(1);
    const model = new models.LeNet5();
    train(model, trainSet, 4, 0.003);
    expect(accuracyOf((x) => model.forward(x), testSet)).toBeGreaterThanOrEqual(0.985);
  });

  test("keeps memory flat without a word about memory, with the logits read after the backward pass", () => {
    const model = new models.LeNet5();
    const stats: [number, number][] = [];
    let right = 0;
    train(model, trainSet, 2, 0.003, (_, logits, labels) => {
      right += logits.argmax(1).eq(labels).sum().item();
      const { liveBytes, capacityBytes } = memory();
      stats.push([liveBytes, capacityBytes]);
    });
    expect(right).toBeGreaterThan(trainSet.length);
    expect(new Set(stats.slice(100).map(String))).toEqual(new Set([String(stats[99])]));
  });

  test("gives the same losses to the last bit for the same seed", () => {
    const losses = (): number[] => {
      manualSeed(5);
      const out: number[] = [];
      train(new models.LeNet5(), testSet, 1, 0.003, (loss) => void out.push(loss));
      return out;
    };
    const first = losses();
    expect(losses()).toEqual(first);
  });

  test("follows the same course on both back ends", () => {
    const before = getBackend();
    const small = new data.ImageDataset(
      testSet.images.subarray(0, 320 * 784),
      Array.from(testSet.labels).slice(0, 320),
      {
        shape: [1, 28, 28],
      },
    );
    const [js, wasm] = (["js", "wasm"] as const).map((backend) => {
      setBackend(backend);
      manualSeed(3);
      const out: number[] = [];
      train(new models.LeNet5(), small, 1, 0.003, (loss) => void out.push(loss));
      return out;
    });
    setBackend(before);
    expect(js!.length).toBe(5);
    js!.forEach((loss, i) => {
      expect(Math.abs(wasm![i]! - loss) / loss, `step ${i}`).toBeLessThan(1e-3);
    });
  });
});
