// Works that run or train a network.
import { compile, nn, noGrad, optim, scope, tensor } from "quadlane";
import { modelInputs } from "../inputs.js";
import type { Job } from "../serve.js";
import { outputShape } from "../shapes.js";
import type { InferWork, TrainWork } from "../works.js";
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

export function infer(work: InferWork): Job {
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

/** The same, compiled. */
export function inferInSession(work: InferWork): Job {
  const x = toTensor(modelInputs(work.model, work.batch).x);
  const model = build(work.model).eval();
  const session = compile(model, x);
  const logits = new Float32Array(work.batch * outputShape(work.model).reduce((a, b) => a * b, 1));
  const run = (): Float32Array => {
    session.runInto({ input: x }, { output: logits });
    return logits;
  };
  return { run, outputs: () => [run().slice()], dispose: () => dispose([session, model, x]) };
}
