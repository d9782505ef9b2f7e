// This library, used as its users would: scopes, modules, optimizers.
import { readFileSync } from "node:fs";
import { functional as F, nn, noGrad, optim, runtime, scope, setBackend, type Tensor, tensor } from "quadlane";
import { convInputs, gemmInputs, layerWeights, modelInputs, type Values } from "./inputs.js";
import { type Job, serve } from "./serve.js";
import type { ConvWork, GemmWork, InferWork, Layer, Model, OpWork, TrainWork, Work } from "./works.js";

function toTensor({ shape, data }: Values): Tensor {
  return tensor(data, { shape });
}

function values(t: Tensor): Float32Array {
  return Float32Array.from(t.data());
}

/** A work that is one call on fixed operands. */
function callJob(operands: readonly Tensor[], call: () => Tensor): Job {
  return {
    run: () => scope(() => void call()),
    outputs: () => scope(() => [values(call())]),
    dispose: () => {
      for (const t of operands) t.dispose();
    },
  };
}

function gemm(work: GemmWork): Job {
  const { a, b } = gemmInputs(work);
  const x = toTensor(a);
  const y = toTensor(b);
  return callJob([x, y], () => x.matmul(y));
}

function conv(work: ConvWork): Job {
  const inputs = convInputs(work);
  const x = toTensor(inputs.x);
  const weight = toTensor(inputs.weight);
  const padding = (work.kernel - 1) / 2;
  return callJob([x, weight], () => F.conv2d(x, weight, null, { padding, groups: work.groups }));
}

function build(model: Model): nn.Sequential {
  return new nn.Sequential(
    ...model.layers.map((layer, index) => {
      const module = moduleOf(layer);
      const weights = layerWeights(layer, index);
      if (weights !== null) {
        const state = { weight: toTensor(weights.weight), bias: toTensor(weights.bias) };
        module.loadStateDict(state);
        state.weight.dispose();
        state.bias.dispose();
      }
      return module;
    }),
  );
}

function moduleOf(layer: Layer): nn.Module {
  switch (layer.type) {
    case "conv":
      return new nn.Conv2d(layer.inC, layer.outC, layer.kernel, { padding: layer.padding });
    case "linear":
      return new nn.Linear(layer.inF, layer.outF);
    case "relu":
      return new nn.ReLU();
    case "maxpool":
      return new nn.MaxPool2d(2);
    case "flatten":
      return new nn.Flatten();
  }
}

function train(work: TrainWork): Job {
  const inputs = modelInputs(work.model, work.batch);
  const x = toTensor(inputs.x);
  const labels = tensor(inputs.labels);
  const model = build(work.model);
  const criterion = new nn.CrossEntropyLoss();
  const optimizer = new optim.SGD(model.parameters(), { lr: work.lr });
  const step = (): number =>
    scope(() => {
      const loss = criterion.forward(model.forward(x), labels);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return loss.item();
    });
  return {
    run: step,
    outputs: () => [Float32Array.from([step(), step(), step()])],
    dispose: () => {
      model.dispose();
      x.dispose();
      labels.dispose();
    },
  };
}

function infer(work: InferWork): Job {
  const x = toTensor(modelInputs(work.model, work.batch).x);
  const model = build(work.model).eval();
  const logits = (): Float32Array => noGrad(() => values(model.forward(x)));
  return {
    run: logits,
    outputs: () => [logits()],
    dispose: () => {
      model.dispose();
      x.dispose();
    },
  };
}

/** Loaded on demand: nobody else should wait for all those rows. */
async function op(work: OpWork): Promise<Job> {
  return (await import("./ops.js")).opJob(work, backend);
}

const backend = process.argv[2] === "js" ? "js" : "wasm";
setBackend(backend);

const { version } = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8"));

serve({
  about: `${version}, ${backend === "js" ? "plain JavaScript" : `${runtime().binary} binary`}`,
  prepare(work: Work): Job | Promise<Job> {
    switch (work.kind) {
      case "gemm":
        return gemm(work);
      case "conv":
        return conv(work);
      case "train":
        return train(work);
      case "infer":
        return infer(work);
      case "op":
        return op(work);
      case "ceiling":
        throw new Error("a library has no ceiling");
    }
  },
});
