// Works that run or train a network.
import { compile, getBackend, nn, noGrad, onnx, optim, scope, tensor } from "quadlane";
import { fileInputs, modelInputs } from "../inputs.js";
import { writeProgram } from "../programs.js";
import type { Job } from "../serve.js";
import { outputShape } from "../shapes.js";
import type { FileWork, InferWork, TrainWork, Work } from "../works.js";
import { build } from "./modules.js";
import { dispose, toTensor, values } from "./tensors.js";

export function train(work: TrainWork): Job {
  const inputs = modelInputs(work.model, work.batch);
  const x = toTensor(inputs.x);
  const labels = tensor(inputs.labels);
  const classes = outputShape(work.model).at(-1)!;
  const model = build(work.model);
  const criterion = new nn.CrossEntropyLoss();
  const optimizer = new optim.SGD(model.parameters(), { lr: work.lr });
  const step = (): number =>
    scope(() => {
      const loss = criterion.forward(model.forward(x).reshape([-1, classes]), labels);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      return loss.item();
    });
  return {
    run: step,
    outputs: () => [Float32Array.from({ length: work.losses }, step)],
    dispose: () => dispose([optimizer, model, x, labels]),
  };
}

/** A model, compiled. */
export function infer(work: Work & InferWork): Job {
  const x = toTensor(modelInputs(work.model, work.batch).x);
  const model = build(work.model).eval();
  const session = compile(model, x);
  if (work.fresh && getBackend() === "wasm") writeProgram(work, session.toProgram({ input: x }));
  const logits = new Float32Array(work.batch * outputShape(work.model).reduce((a, b) => a * b, 1));
  const run = (): Float32Array => {
    session.runInto({ input: x }, { output: logits });
    return logits;
  };
  return { run, outputs: () => [run().slice()], dispose: () => dispose([session, model, x]) };
}

/** A model from an ONNX file, compiled. */
export function inferFile(work: FileWork): Job {
  const model = onnx.loadFile(work.path);
  const feeds = Object.fromEntries(Object.entries(fileInputs(work)).map(([name, x]) => [name, toTensor(x)]));
  const session = compile(model, [feeds], { inputNames: Object.keys(feeds) });
  const run = (): Float32Array => scope(() => values(session.run(feeds)[session.outputNames[0]!]!));
  return { run, outputs: () => [run()], dispose: () => dispose([session, model, ...Object.values(feeds)]) };
}

/** A model's forward, op by op. */
export function inferEagerly(work: InferWork): Job {
  const x = toTensor(modelInputs(work.model, work.batch).x);
  const trained = build(work.model).eval();
  const model = nn.utils.fuse(trained);
  trained.dispose();
  const logits = (): Float32Array => noGrad(() => values(model.forward(x)));
  return {
    run: logits,
    outputs: () => [logits()],
    dispose: () => dispose([model, x]),
  };
}
