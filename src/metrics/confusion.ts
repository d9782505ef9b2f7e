import { checkInteger, checkOneOf, checkOptions } from "../check.js";
import { ArgumentError } from "../errors.js";
import type { Tensor } from "../tensor.js";
import { classPairs, type Reading, ratio, readTask, TASK_OPTIONS, type TaskOptions } from "./inputs.js";
import type { Metric } from "./metric.js";

export interface ConfusionMatrixOptions extends TaskOptions {
  /** Number of classes. Default: taken from the first scores; it must be given if outputs are classes. */
  readonly numClasses?: number | null;
  /** Divide by the sum of the row ("true"), of the column ("pred"), or of everything ("all"). Default "none": counts. */
  readonly normalize?: "none" | "true" | "pred" | "all";
}

/** How often class i (row) was taken for class j (column). Rows and columns without any count stay 0. Before the first batch: []. */
export class ConfusionMatrix implements Metric<number[][]> {
  private readonly reading: Reading;
  private readonly fixed: number | null;
  private readonly normalize: "none" | "true" | "pred" | "all";
  private counts: Float64Array[] = [];

  constructor(options: ConfusionMatrixOptions = {}) {
    const op = "ConfusionMatrix";
    checkOptions(op, options, [...TASK_OPTIONS, "numClasses", "normalize"]);
    this.reading = readTask(op, options);
    this.normalize = checkOneOf(op, "normalize", options.normalize ?? "none", ["none", "true", "pred", "all"]);
    const { numClasses = this.reading.task === "binary" ? 2 : null } = options;
    this.fixed = numClasses === null ? null : checkInteger(op, "numClasses", numClasses, 2);
    if (this.reading.task === "binary" && this.fixed !== 2) {
      throw new ArgumentError(op, `numClasses is ${this.fixed} with task "binary"; expected 2 or none`);
    }
  }

  update(outputs: Tensor, targets: Tensor): void {
    const known = this.fixed ?? (this.counts.length || null);
    const { predicted, actual, classes } = classPairs("ConfusionMatrix", outputs, targets, this.reading, known);
    const n = classes ?? known;
    if (n === null) {
      throw new ArgumentError("ConfusionMatrix", "outputs are classes and numClasses is not given; expected it");
    }
    if (this.counts.length === 0) this.counts = Array.from({ length: n }, () => new Float64Array(n));
    actual.forEach((c, i) => {
      this.counts[c]![predicted[i]!]!++;
    });
  }

  compute(): number[][] {
    const rows = this.counts.map((row) => row.reduce((a, b) => a + b, 0));
    const columns = this.counts.map((_, j) => this.counts.reduce((s, row) => s + row[j]!, 0));
    const all = rows.reduce((a, b) => a + b, 0);
    const by = (i: number, j: number): number => {
      if (this.normalize === "true") return rows[i]!;
      return this.normalize === "pred" ? columns[j]! : all;
    };
    if (this.normalize === "none") return this.counts.map((row) => [...row]);
    return this.counts.map((row, i) => Array.from(row, (count, j) => ratio(count, by(i, j))));
  }

  reset(): void {
    this.counts = [];
  }
}
