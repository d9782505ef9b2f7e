import { checkDType, checkOptions } from "../check.js";
import { ArgumentError } from "../errors.js";
import { numel } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { type ClassOptions, checkAlike, classCount, classesIn, type Reading, ratio, readTask } from "./inputs.js";
import type { Metric } from "./metric.js";

export interface AUROCOptions extends ClassOptions {
  /**
   * "binary" (default): scores and targets 0 and 1 of one shape. "multiclass": scores [N, C, …] and classes [N, …], the mean of each
   * class against the rest.
   */
  readonly task?: "binary" | "multiclass";
}

/**
 * Area under the receiver operating characteristic: the probability that a positive has a higher score than a negative, equal scores
 * counting half. It keeps all scores, as numbers. A class without positives or negatives has 0, and does not count in a mean; NaN among
 * the scores gives NaN.
 */
export class AUROC implements Metric {
  private readonly reading: Reading;
  /** One list of scores and targets for each class; one list in all for the binary task. */
  private scores: number[][] = [];
  private targets: number[] = [];

  constructor(options: AUROCOptions = {}) {
    checkOptions("AUROC", options, ["task", "ignoreIndex"]);
    this.reading = readTask("AUROC", { ...options, task: options.task ?? "binary" });
  }

  update(outputs: Tensor, targets: Tensor): void {
    const { task, ignoreIndex } = this.reading;
    let classes = 1;
    if (task === "binary") checkAlike("AUROC", outputs, targets);
    else classes = classCount("AUROC", outputs, targets) ?? 0;
    checkDType("AUROC", "outputs", outputs, "float32");
    if (this.scores.length > 0 && this.scores.length !== classes) {
      throw new ArgumentError("AUROC", `outputs have ${classes} classes; expected ${this.scores.length}, as before`);
    }
    const actual = classesIn("AUROC", "targets", targets, task === "binary" ? 2 : classes, ignoreIndex);
    const values = outputs.data();
    if (this.scores.length === 0) this.scores = Array.from({ length: classes }, () => []);
    const inner = task === "binary" ? 1 : numel(outputs.shape.slice(2));
    for (let i = 0; i < actual.length; i++) {
      if (actual[i] === ignoreIndex) continue;
      this.targets.push(actual[i]!);
      const first = Math.floor(i / inner) * inner * classes + (i % inner);
      for (let c = 0; c < classes; c++) this.scores[c]!.push(values[first + c * inner]!);
    }
  }

  compute(): number {
    if (this.scores.some((list) => list.some(Number.isNaN))) return Number.NaN;
    const binary = this.reading.task === "binary";
    const areas = this.scores.map((list, c) => {
      return area(
        list,
        this.targets.map((t) => t === (binary ? 1 : c)),
      );
    });
    const defined = areas.filter((a) => a !== null);
    return ratio(
      defined.reduce((a, b) => a + b, 0),
      defined.length,
    );
  }

  reset(): void {
    this.scores = [];
    this.targets = [];
  }
}

/** From the sum of the positives' ranks, equal scores sharing theirs (Mann and Whitney); null if a side is empty. */
function area(scores: readonly number[], positive: readonly boolean[]): number | null {
  const order = [...scores.keys()].sort((a, b) => scores[a]! - scores[b]!);
  const positives = positive.filter(Boolean).length;
  const negatives = positive.length - positives;
  if (positives === 0 || negatives === 0) return null;
  let rankSum = 0;
  for (let from = 0; from < order.length; ) {
    let to = from;
    while (to < order.length && scores[order[to]!] === scores[order[from]!]) to++;
    const rank = (from + 1 + to) / 2;
    for (let i = from; i < to; i++) if (positive[order[i]!]) rankSum += rank;
    from = to;
  }
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives);
}
