import { checkInteger } from "../check.js";
import { ArgumentError } from "../errors.js";
import type { Generator } from "../random.js";
import type { Dataset } from "./dataset.js";

/** Several data sets as one, the samples of the first before those of the second. */
export class ConcatDataset<S> implements Dataset<S> {
  readonly length: number;
  readonly random: boolean;
  /** Where each data set ends. */
  private readonly ends: readonly number[];

  constructor(readonly datasets: readonly Dataset<S>[]) {
    if (datasets.length === 0) throw new ArgumentError("ConcatDataset", "got no data set; expected at least one");
    let total = 0;
    this.ends = datasets.map((d) => {
      total += d.length;
      return total;
    });
    this.length = total;
    this.random = datasets.some((d) => d.random);
  }

  get(index: number, generator?: Generator): S {
    checkInteger("ConcatDataset", "index", index, 0, this.length - 1);
    const part = this.ends.findIndex((end) => index < end);
    return this.datasets[part]!.get(index - (this.ends[part - 1] ?? 0), generator);
  }
}
