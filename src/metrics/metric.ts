import type { Tensor } from "../tensor.js";

/**
 * A number (or several) about a model's outputs, gathered over batches. Nothing of the batches is held: tensors may be freed after
 * `update`.
 */
export interface Metric<R = number, O = Tensor, T = O> {
  /** Adds a batch. A refused batch changes nothing. */
  update(outputs: O, targets: T): void;
  /** The value over all batches since the last `reset`. It may be asked for at any time. */
  compute(): R;
  /** Forgets all batches. */
  reset(): void;
}
