import { checkNoOptions, type NoOptions } from "../check.js";
import { ArgumentError } from "../errors.js";
import type { Tensor } from "../tensor.js";
import type { Metric } from "./metric.js";

/** What each metric of a collection gives, by name. */
export type Computed<M> = { [K in keyof M]: M[K] extends Metric<infer R, never> ? R : never };

/**
 * Several metrics of the same outputs and targets, by name.
 *
 *     const metrics = new MetricCollection({ accuracy: new Accuracy(), f1: new F1Score() });
 */
export class MetricCollection<M extends Readonly<Record<string, Metric<unknown>>>> implements Metric<Computed<M>> {
  constructor(
    readonly metrics: M,
    ...none: NoOptions
  ) {
    checkNoOptions("MetricCollection", none);
    for (const [name, metric] of Object.entries(metrics)) {
      for (const method of ["update", "compute", "reset"] as const) {
        if (typeof metric?.[method] === "function") continue;
        throw new ArgumentError("MetricCollection", `"${name}" has no ${method}(); expected a metric`);
      }
    }
  }

  /** Adds a batch to each metric, in order; one that refuses it throws, and those after it do not see it. */
  update(outputs: Tensor, targets: Tensor): void {
    for (const metric of Object.values(this.metrics)) metric.update(outputs, targets);
  }

  compute(): Computed<M> {
    const entries = Object.entries(this.metrics).map(([name, metric]) => [name, metric.compute()]);
    return Object.fromEntries(entries) as Computed<M>;
  }

  reset(): void {
    for (const metric of Object.values(this.metrics)) metric.reset();
  }
}
