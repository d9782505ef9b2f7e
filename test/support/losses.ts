import { Nd } from "./nd.js";
import type { ErrorSample, InputSpec } from "./op-case.js";

export type Reduction = "none" | "mean" | "sum";

export interface LossOptions {
  reduction?: Reduction;
}

/** The losses as they are, their sum, or that over `count`. */
export function reduceLoss(loss: Nd, { reduction = "mean" }: LossOptions, count: number = loss.data.length): Nd {
  if (reduction === "none") return loss;
  const total = loss.data.reduce((s, v) => s + v, 0);
  return new Nd([], [reduction === "sum" ? total : total / count]);
}

/** ln(1 + e^x) without overflow. */
export function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

/** The rows of the last dimension. */
export function rowsOf(x: Nd): number[][] {
  const n = x.shape.at(-1)!;
  return Array.from({ length: x.data.length / n }, (_, r) => Array.from(x.data.subarray(r * n, (r + 1) * n)));
}

/** What every loss refuses; `more` are options of its own with a value out of range. */
export function refused<O extends object>(
  module: string,
  inputs: readonly (InputSpec | null)[],
  more: Record<string, unknown> = {},
): ErrorSample<O>[] {
  const wrong = { reduction: "average", sizeAverage: true, reduce: false, ...more };
  return Object.entries(wrong).map(([name, value]) => ({
    name: `${name} ${String(value)}`,
    inputs,
    options: { [name]: value } as O,
    message: [`${module}: `, name, ...(name === "sizeAverage" || name === "reduce" ? [] : [String(value)])],
  }));
}
