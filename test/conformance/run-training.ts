// Cases of kind `training`: a whole training against PyTorch's loss curve.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { data as datasets, scope, Tensor, tensor } from "quadlane";
import type { Builder } from "./build.js";
import { CaseError, type TrainingCase, type TrainingData } from "./cases.js";
import { compareNumbers, type Finding } from "./compare.js";
import { formulaTensor } from "./formula.js";
import { makeOptimizer } from "./run-optimizer.js";

/** The examples of one step, new tensors each time. */
type Batches = (step: number) => { readonly input: Tensor; readonly target: Tensor };

/** `shared` is the folder that the paths of `data` are relative to. */
export function runTraining(c: TrainingCase, builder: Builder, shared: string): Finding[] {
  const model = builder.module(c.model);
  const loss = builder.module(c.loss);
  for (const [key, t] of model.stateDict()) {
    const values = formulaTensor(key, t);
    model.loadStateDict(new Map([[key, values]]), { strict: false });
    values.dispose();
  }
  const optimizer = makeOptimizer(c.optimizer, [...model.parameters()], c.options, builder);
  const batches = openData(c.data, c.batch, shared);
  model.train();
  const losses: number[] = [];
  for (let s = 0; s < c.steps; s++) {
    const { input, target } = batches(s);
    scope(() => {
      const value = loss.forward(model.forward(input), target);
      if (!(value instanceof Tensor)) throw new CaseError(`nn.${c.loss.module} returned no tensor`);
      optimizer.zeroGrad();
      value.backward();
      optimizer.step();
      losses.push(value.item());
    });
    input.dispose();
    target.dispose();
  }
  return [compareNumbers("losses", losses, c.losses, c.values) ?? []].flat();
}

function openData(data: TrainingData, batch: number, shared: string): Batches {
  return "text" in data ? openText(data, batch, shared) : openImages(data, batch, shared);
}

function openImages(data: Extract<TrainingData, { images: string }>, batch: number, shared: string): Batches {
  const images = datasets.readIdx(join(shared, data.images));
  const labels = datasets.readIdx(join(shared, data.labels));
  const size = data.shape.reduce((p, n) => p * n, 1);
  return (step) => {
    const pixels = Float32Array.from(
      images.data.subarray(step * batch * size, (step + 1) * batch * size),
      (v) => v / 255,
    );
    const input = tensor(pixels, { shape: [batch, ...data.shape] });
    const classes = Int32Array.from(labels.data.subarray(step * batch, (step + 1) * batch));
    const target = data.target === "labels" ? tensor(classes) : tensor(pixels, { shape: input.shape });
    return { input, target };
  };
}

function openText(data: Extract<TrainingData, { text: string }>, batch: number, shared: string): Batches {
  const characters = Array.from(readFileSync(join(shared, data.text), "utf8"), (c) => c.codePointAt(0)!);
  const vocabulary = [...new Set(characters)].sort((a, b) => a - b);
  const codes = new Map(vocabulary.map((c, i) => [c, i]));
  const indices = Int32Array.from(characters, (c) => codes.get(c)!);
  return (step) => {
    const from = step * batch * data.length;
    const count = batch * data.length;
    return {
      input: tensor(indices.subarray(from, from + count), { shape: [batch, data.length] }),
      target: tensor(indices.subarray(from + 1, from + 1 + count)),
    };
  };
}
