import { checkNoOptions, checkOneOf, checkOptions, type NoOptions } from "../check.js";
import { ShapeError } from "../errors.js";
import { formatShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { checkAlike } from "./inputs.js";
import type { Metric } from "./metric.js";

// Sums are in float64. NaN in outputs or targets makes the result NaN, as does computing before the first batch.

/** Base of the means of an error over all elements. */
export abstract class MeanError implements Metric {
  private total = 0;
  private count = 0;

  constructor(...none: NoOptions) {
    checkNoOptions(new.target.name, none);
  }

  /** The error of one element. */
  protected abstract error(output: number, target: number): number;

  update(outputs: Tensor, targets: Tensor): void {
    checkAlike(this.constructor.name, outputs, targets);
    const [x, t] = [outputs.data(), targets.data()];
    let sum = 0;
    for (let i = 0; i < x.length; i++) sum += this.error(x[i]!, t[i]!);
    this.total += sum;
    this.count += x.length;
  }

  compute(): number {
    return this.total / this.count;
  }

  reset(): void {
    this.total = 0;
    this.count = 0;
  }
}

/** The mean of |output − target| over all elements. */
export class MeanAbsoluteError extends MeanError {
  protected error(output: number, target: number): number {
    return Math.abs(output - target);
  }
}

/** The mean of (output − target)² over all elements. */
export class MeanSquaredError extends MeanError {
  protected error(output: number, target: number): number {
    return (output - target) ** 2;
  }
}

/** The root of the mean of (output − target)². torchmetrics: MeanSquaredError with squared=False. */
export class RootMeanSquaredError extends MeanSquaredError {
  override compute(): number {
    return Math.sqrt(super.compute());
  }
}

/** Targets nearer to 0 count as this far from it, as in torchmetrics. */
const SMALLEST = 1.17e-6;

/** The mean of |output − target| / |target| over all elements: 0.1 stands for 10 %. */
export class MeanAbsolutePercentageError extends MeanError {
  protected error(output: number, target: number): number {
    return Math.abs(output - target) / Math.max(Math.abs(target), SMALLEST);
  }
}

const MULTIOUTPUT = ["uniform_average", "raw_values", "variance_weighted"] as const;

type Multioutput = (typeof MULTIOUTPUT)[number];

export interface R2ScoreOptions<M extends Multioutput = Multioutput> {
  /** For targets [N, D]: the mean over D (default), one score for each, or the mean weighted with the targets' variances. */
  readonly multioutput?: M;
}

/** Of one output: squared errors, and of the targets the mean and the sum of squared distances from it. */
interface Spread {
  residual: number;
  mean: number;
  squares: number;
}

/**
 * Coefficient of determination: 1 − Σ (target − output)² / Σ (target − mean)². Constant targets give 1 if they are hit exactly, else 0;
 * fewer than two targets NaN.
 * Shape: outputs and targets [N] or [N, D].
 */
export class R2Score<M extends Multioutput = "uniform_average">
  implements Metric<M extends "raw_values" ? number[] : number>
{
  private readonly multioutput: Multioutput;
  private outputs: Spread[] = [];
  private count = 0;

  constructor(options: R2ScoreOptions<M> = {}) {
    checkOptions("R2Score", options, ["multioutput"]);
    const { multioutput = "uniform_average" } = options;
    this.multioutput = checkOneOf<Multioutput>("R2Score", "multioutput", multioutput, MULTIOUTPUT);
  }

  update(outputs: Tensor, targets: Tensor): void {
    checkAlike("R2Score", outputs, targets);
    const width = outputs.ndim === 1 ? 1 : (outputs.shape[1] ?? 0);
    const known = this.outputs.length || null;
    if (outputs.ndim < 1 || outputs.ndim > 2 || width === 0 || (known !== null && width !== known)) {
      const expected = known === null ? "[N] or [N, D]" : `${known} outputs, as before`;
      throw new ShapeError("R2Score", `outputs have shape ${formatShape(outputs.shape)}; expected ${expected}`);
    }
    if (known === null) this.outputs = Array.from({ length: width }, () => ({ residual: 0, mean: 0, squares: 0 }));
    const [x, t] = [outputs.data(), targets.data()];
    for (let i = 0; i < x.length; i++) {
      const spread = this.outputs[i % width]!;
      const seen = this.count + Math.floor(i / width) + 1;
      const delta = t[i]! - spread.mean;
      // Welford's way: no difference of large sums.
      spread.mean += delta / seen;
      spread.squares += delta * (t[i]! - spread.mean);
      spread.residual += (t[i]! - x[i]!) ** 2;
    }
    this.count += outputs.size(0);
  }

  compute(): M extends "raw_values" ? number[] : number {
    // The type says what the option has chosen.
    return this.combined() as M extends "raw_values" ? number[] : number;
  }

  reset(): void {
    this.outputs = [];
    this.count = 0;
  }

  private combined(): number | number[] {
    const scores = this.outputs.map((spread) => (this.count < 2 ? Number.NaN : scoreOf(spread)));
    if (this.multioutput === "raw_values") return scores;
    const weights = this.outputs.map(({ squares }) => (this.multioutput === "variance_weighted" ? squares : 1));
    const total = weights.reduce((a, b) => a + b, 0);
    return scores.reduce((s, score, i) => s + weights[i]! * score, 0) / total;
  }
}

function scoreOf({ residual, squares }: Spread): number {
  if (squares !== 0) return 1 - residual / squares;
  return residual === 0 ? 1 : 0;
}
