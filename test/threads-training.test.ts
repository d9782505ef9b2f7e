import { describe, test } from "vitest";
import {
  type DataArray,
  functional as F,
  manualSeed,
  models,
  nn,
  optim,
  randint,
  randn,
  scope,
  type Tensor,
} from "../src/node.js";
import { expectSameBits } from "./support/threads.js";

type Model = Pick<nn.Module, "parameters" | "stateDict" | "dispose">;

interface Task {
  readonly model: Model;
  loss(): Tensor;
}

/** Losses and parameters of a few steps with a new model. */
function course(build: () => Task, steps: number): () => Map<string, DataArray> {
  return () => {
    manualSeed(7);
    const { model, loss } = build();
    const results = new Map<string, DataArray>();
    const optimizer = new optim.AdamW(model.parameters(), { lr: 1e-3 });
    for (let step = 0; step < steps; step++) {
      scope(() => {
        const l = loss();
        optimizer.zeroGrad();
        l.backward();
        optimizer.step();
        results.set(`loss ${step}`, l.data());
      });
    }
    for (const [key, value] of model.stateDict()) results.set(key, value.data());
    optimizer.dispose();
    model.dispose();
    return results;
  };
}

const classify = (model: Model & { forward(x: Tensor): Tensor }, shape: number[]): Task => ({
  model,
  loss: () => F.crossEntropy(model.forward(randn(shape)), randint(0, 10, [shape[0]!])),
});

class Reader extends nn.Module {
  readonly embedding = new nn.Embedding(40, 32);
  readonly lstm = new nn.LSTM(32, 64);
  readonly head = new nn.Linear(64, 40);
  forward(x: Tensor): Tensor {
    return this.head.forward(this.lstm.forward(this.embedding.forward(x))[0]);
  }
}

class Attender extends nn.Module {
  readonly layer = new nn.TransformerEncoderLayer(64, 4, { dimFeedforward: 128, batchFirst: true, dropout: 0.1 });
  readonly norm = new nn.LayerNorm(64);
  readonly head = new nn.Linear(64, 10);
  forward(x: Tensor): Tensor {
    return this.head.forward(this.norm.forward(this.layer.forward(x)).mean(1));
  }
}

class Residual extends nn.Module {
  readonly stem = new nn.Conv2d(3, 32, 3, { padding: 1, bias: false });
  readonly norm = new nn.BatchNorm2d(32);
  readonly blocks = new nn.Sequential(new nn.BasicBlock(32, 32), new nn.BasicBlock(32, 64, { stride: 2 }));
  readonly head = new nn.Linear(64, 10);
  forward(x: Tensor): Tensor {
    return this.head.forward(this.blocks.forward(this.norm.forward(this.stem.forward(x)).relu()).mean([2, 3]));
  }
}

const tasks: [name: string, build: () => Task, steps: number][] = [
  ["LeNet", () => classify(new models.LeNet5(), [32, 1, 28, 28]), 4],
  ["a residual network", () => classify(new Residual(), [4, 3, 32, 32]), 2],
  ["a transformer", () => classify(new Attender(), [8, 32, 64]), 3],
  [
    "an LSTM",
    () => {
      const model = new Reader();
      const text = (): Tensor => randint(0, 40, [24, 16]);
      return {
        model,
        loss: () => F.crossEntropy(model.forward(text()).reshape([24 * 16, 40]), text().reshape([24 * 16])),
      };
    },
    3,
  ],
];

describe("training gives the same bits on two, three and four threads as on one", () => {
  test.each(tasks)("%s", async (_, build, steps) => {
    await expectSameBits([2, 3, 4], course(build, steps), false);
  });
});
