import { checkNoOptions, checkNumber, type NoOptions } from "../check.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { formatShape } from "../shape.js";
import { Tensor } from "../tensor.js";

/**
 * The weighted mean of values, such as the losses of batches with the batches' sizes: Σ weight·value / Σ weight; NaN before the first.
 * NaN among the values makes it NaN.
 */
export class MeanMetric {
  private total = 0;
  private weight = 0;

  constructor(...none: NoOptions) {
    checkNoOptions("MeanMetric", none);
  }

  /** Adds a number, or every element of a tensor, with one weight (default 1) or a tensor of weights of the same shape. */
  update(value: number | Tensor, weight: number | Tensor = 1): void {
    const values = value instanceof Tensor ? value.data() : [numberOf("value", value)];
    const given = weight instanceof Tensor ? weight.data() : null;
    if (given !== null && given.length !== values.length) {
      const shapes = [value, weight].map((t) => formatShape(t instanceof Tensor ? t.shape : []));
      throw new ShapeError("MeanMetric", `weights have shape ${shapes[1]}; expected ${shapes[0]}, as the values have`);
    }
    const each = given === null ? checkNumber("MeanMetric", "weight", weight, 0) : 0;
    if (given?.some((w) => !(w >= 0))) {
      throw new ArgumentError("MeanMetric", "a weight is negative or NaN; expected numbers of at least 0");
    }
    for (let i = 0; i < values.length; i++) {
      const w = given === null ? each : given[i]!;
      this.weight += w;
      if (w > 0) this.total += w * values[i]!;
    }
  }

  compute(): number {
    return this.total / this.weight;
  }

  reset(): void {
    this.total = 0;
    this.weight = 0;
  }
}

function numberOf(what: string, value: unknown): number {
  if (typeof value === "number") return value;
  throw new ArgumentError("MeanMetric", `${what} is ${String(value)}; expected a number or a tensor`);
}
