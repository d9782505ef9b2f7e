import { checkInteger, checkOptions } from "../check.js";
import { ArgumentError } from "../errors.js";
import type { Tensor } from "../tensor.js";
import {
  bestClasses,
  classCount,
  classesIn,
  classPairs,
  type Reading,
  ratio,
  readTask,
  TASK_OPTIONS,
  type TaskOptions,
} from "./inputs.js";
import type { Metric } from "./metric.js";

export interface AccuracyOptions extends TaskOptions {
  /** A target counts as hit if it is among the k best scores. Default 1. */
  readonly topK?: number;
}

/**
 * The share of targets that are hit; 0 before the first. torchmetrics: Accuracy with average "micro"; its macro average is `Recall`'s.
 * Shape: see the option `task`.
 * Errors: ShapeError for outputs that do not fit; ArgumentError for classes outside of the scores, and topK above their number.
 */
export class Accuracy implements Metric {
  private readonly reading: Reading;
  private readonly topK: number;
  private hits = 0;
  private count = 0;

  constructor(options: AccuracyOptions = {}) {
    checkOptions(new.target.name, options, [...TASK_OPTIONS, "topK"]);
    this.reading = readTask(new.target.name, options);
    this.topK = checkInteger(new.target.name, "topK", options.topK ?? 1, 1);
    if (this.topK > 1 && this.reading.task === "binary") {
      throw new ArgumentError(
        new.target.name,
        `topK is ${this.topK} with task "binary"; expected it with "multiclass"`,
      );
    }
  }

  update(outputs: Tensor, targets: Tensor): void {
    if (this.topK > 1) {
      this.updateTopK(outputs, targets);
      return;
    }
    const { predicted, actual } = classPairs(this.constructor.name, outputs, targets, this.reading);
    actual.forEach((c, i) => {
      if (c === predicted[i]) this.hits++;
    });
    this.count += actual.length;
  }

  compute(): number {
    return ratio(this.hits, this.count);
  }

  reset(): void {
    this.hits = 0;
    this.count = 0;
  }

  private updateTopK(outputs: Tensor, targets: Tensor): void {
    const op = this.constructor.name;
    const { topK: k } = this;
    const { ignoreIndex } = this.reading;
    const classes = classCount(op, outputs, targets);
    if (classes === null) throw new ArgumentError(op, `outputs are classes with topK ${k}; expected scores [N, C, …]`);
    const actual = classesIn(op, "targets", targets, classes, ignoreIndex);
    const best = bestClasses(op, outputs, k);
    for (let i = 0; i < actual.length; i++) {
      if (actual[i] === ignoreIndex) continue;
      this.count++;
      if (best.subarray(i * k, (i + 1) * k).includes(actual[i]!)) this.hits++;
    }
  }
}

/** `Accuracy` with topK k. Shape: outputs are scores [N, C, …], targets classes [N, …]. */
export class TopKAccuracy extends Accuracy {
  constructor(k: number, options: Pick<AccuracyOptions, "ignoreIndex"> = {}) {
    checkOptions("TopKAccuracy", options, ["ignoreIndex"]);
    super({ ...options, topK: checkInteger("TopKAccuracy", "k", k, 1) });
  }
}
