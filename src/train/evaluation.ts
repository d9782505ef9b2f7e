import type { Metric } from "../metrics/metric.js";
import { modesOf } from "../nn/mode.js";
import type { Module } from "../nn/module.js";
import { noGrad } from "../scoping.js";
import { Batches, type Loader } from "./batches.js";
import type { Logs } from "./callback.js";
import { Pacer } from "./pace.js";

/** Runs `fn` on each batch in evaluation mode without gradients, each in a scope of its own; the modes are restored. */
export async function inEvaluation<B>(model: Module, loader: Loader<B>, fn: (batch: B) => void): Promise<void> {
  const restoreModes = modesOf(model);
  const pacer = new Pacer();
  const batches = new Batches(loader);
  try {
    model.eval();
    for (;;) {
      const next = batches.next();
      const { done, value } = next instanceof Promise ? await next : next;
      if (done === true) break;
      noGrad(() => fn(value));
      if (pacer.due) await pacer.pause();
    }
  } finally {
    restoreModes();
    await batches.close();
  }
}

/** The results of metrics. */
export function computed(metrics: Readonly<Record<string, Metric>>): Logs {
  return noGrad(() => Object.fromEntries(Object.entries(metrics).map(([name, metric]) => [name, metric.compute()])));
}
