import { nn, optim, scope, type Tensor, type train } from "../../src/node.js";
import { History } from "../../src/train/history.js";

/** Drives callbacks as a training does, without one: `forward` gives the loss of a step. */
export function runSteps(
  model: nn.Module,
  callbacks: readonly train.Callback[],
  steps: number,
  forward: (step: number) => Tensor,
  options: { readonly lr?: number; readonly epochLength?: number } = {},
): History {
  const optimizer = new optim.SGD(model.parameters(), { lr: options.lr ?? 0.1 });
  const history = new History();
  const progress = { step: 0, epoch: 0 };
  const state: train.TrainingState = {
    model,
    optimizer,
    get step() {
      return progress.step;
    },
    get epoch() {
      return progress.epoch;
    },
    batches: options.epochLength,
    maxEpochs: undefined,
    maxSteps: steps,
    history,
    stop: () => undefined,
  };
  const { epochLength = steps } = options;
  for (const c of callbacks) c.onTrainBegin?.(state);
  for (let i = 0; i < steps; i++) {
    const loss = scope(() => {
      const l = forward(i);
      l.backward();
      return l.item();
    });
    for (const c of callbacks) c.onGradients?.(state);
    optimizer.step();
    optimizer.zeroGrad();
    progress.step++;
    const logs = { loss, lr: optimizer.paramGroups[0]!.lr };
    history.steps.push({ step: progress.step, epoch: progress.epoch, time: i, logs });
    for (const c of callbacks) c.onStepEnd?.(state, logs);
    if (progress.step % epochLength !== 0) continue;
    const valLogs = { valLoss: 2 * loss };
    for (const c of callbacks) c.onValidationEnd?.(state, valLogs);
    progress.epoch++;
    history.epochs.push({ step: progress.step, epoch: progress.epoch, time: i, logs: { ...logs, ...valLogs } });
    for (const c of callbacks) c.onEpochEnd?.(state, { ...logs, ...valLogs });
  }
  for (const c of callbacks) c.onTrainEnd?.(state);
  optimizer.dispose();
  return history;
}

/** A model whose weights are 1 throughout and whose biases are 0. */
export function ones<M extends nn.Module>(model: M): M {
  for (const [name, p] of model.namedParameters()) (name.endsWith("bias") ? nn.init.zeros_ : nn.init.ones_)(p);
  return model;
}
