import { checkInteger } from "../check.js";
import type { Named } from "../graph/session_feeds.js";
import { numel } from "../shape.js";
import { type DataArray, type DType, newDataArray, type Shape } from "../types.js";
import { sizesOfBatches } from "./batch.js";

/** What a model takes as one of its inputs. */
export interface Port {
  readonly name: string;
  readonly dtype: DType;
  /** Sizes, null where any will do; null altogether if not even the rank is fixed. */
  readonly shape: readonly (number | null)[] | null;
}

/** A tensor outside of the arena: values row-major, in the array of its dtype (Float32Array, Int32Array, Uint8Array for bool). */
export interface ServedValue {
  readonly data: DataArray;
  readonly shape: Shape;
}

/** A model as a worker of a pool runs it: one at a time, with values that fit `inputs`. */
export interface ServedModel {
  readonly inputs: readonly Port[];
  /**
   * Whether requests may be put together along the first dimension, because each row of the outputs follows from the same row of the inputs; a
   * number if a batch must have that many rows, to which it is filled up with zeros. Default: if the first size of every input is null.
   */
  readonly batches?: boolean | number;
  run(feeds: Named<ServedValue>): Named<ServedValue> | Promise<Named<ServedValue>>;
}

/** The default export of a worker's module: makes the model, from options that can be cloned. */
export type ServedModelFactory<O = unknown> = (options: O) => ServedModel | Promise<ServedModel>;

/** Rows that batches for the model have, the fewest first; none if requests are not put together. */
export function batchSizes({ inputs, batches }: ServedModel, maxBatch: number): number[] {
  if (typeof batches === "number") return [checkInteger("ModelPool", "batches", batches, 1)];
  const together = inputs.length > 0 && (batches ?? inputs.every(({ shape }) => shape?.[0] === null));
  return together ? sizesOfBatches(maxBatch) : [];
}

/** Runs the model once for each size of a batch, on zeros, so that the first requests find it ready. Models with other open sizes are left alone. */
export async function warmUp(model: ServedModel, maxBatch: number): Promise<void> {
  const sizes = batchSizes(model, maxBatch);
  for (const rows of sizes.length === 0 ? [1] : sizes) {
    const feeds = model.inputs.map(({ name, dtype, shape }) => {
      const sizes = shape?.map((size, d) => (d === 0 ? (size ?? rows) : size)) ?? [null];
      if (!sizes.every((size) => size !== null)) return null;
      return [name, { data: newDataArray(dtype, numel(sizes)), shape: sizes }] as const;
    });
    if (!feeds.every((feed) => feed !== null)) return;
    await model.run(Object.fromEntries(feeds));
  }
}
