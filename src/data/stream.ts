import type { Generator } from "../random.js";
import type { Dataset } from "./dataset.js";

/** The generator of the sample at a place in the epoch, from 0 on. */
export type GeneratorAt = (position: number) => Generator;

/**
 * A data set that only tells one sample after the other: a file too large for the memory, or samples that are made up. Each pass of a
 * loader iterates it anew. Tensors are treated as in `Dataset`.
 */
export interface IterableDataset<S> {
  [Symbol.iterator](): Iterator<S>;
  /** The same, for samples that are drawn with a generator. */
  iterate?(generatorAt: GeneratorAt): Iterator<S>;
  /** True if samples are drawn with those generators. */
  readonly random?: boolean;
}

/** True for a stream; a data set whose samples have indices is none, even if it can be iterated. */
export function isStream<S>(dataset: Dataset<S> | IterableDataset<S>): dataset is IterableDataset<S> {
  return !("get" in dataset && typeof dataset.get === "function") && Symbol.iterator in dataset;
}
