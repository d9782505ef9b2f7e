import type { Tensor } from "../tensor.js";

/** Gathers what it is to measure batch by batch, and tells the result over all of them. */
export interface Metric<R = number> {
  update(outputs: Tensor, targets: Tensor): void;
  compute(): R;
  reset(): void;
}
