import { ArgumentError } from "../errors.js";
import type { Session } from "../graph/session.js";
import { feedTensor, type Named } from "../graph/session_feeds.js";
import { scope } from "../scoping.js";
import { numel } from "../shape.js";
import { newDataArray } from "../tensor.js";
import type { DataArray, DType, Shape } from "../types.js";
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
   * Whether requests may be put together along the first dimension, because each row of the outputs follows from the same row of the inputs.
   * Default: if the first size of every input is null.
   */
  readonly batches?: boolean;
  run(feeds: Named<ServedValue>): Named<ServedValue> | Promise<Named<ServedValue>>;
}

/** The default export of a worker's module: makes the model, from options that can be cloned. */
export type ServedModelFactory<O = unknown> = (options: O) => ServedModel | Promise<ServedModel>;

/**
 * A session as a model to serve. `inputs` tells what it takes, by its input names.
 * Errors: ArgumentError for inputs that are not those of the session.
 */
export function servedSession(session: Session, inputs: readonly Port[], batches?: boolean): ServedModel {
  const names = inputs.map(({ name }) => name);
  if (names.length !== session.inputNames.length || names.some((name) => !session.inputNames.includes(name))) {
    throw new ArgumentError(
      "servedSession",
      `inputs are ${names.join(", ")}; expected those of the session: ${session.inputNames.join(", ")}`,
    );
  }
  return {
    inputs,
    ...(batches !== undefined && { batches }),
    run: (feeds) =>
      scope(() => {
        const tensors = inputs.map(({ name, dtype }) => {
          const { data, shape } = feeds[name]!;
          return [name, feedTensor(data, shape, dtype)] as const;
        });
        const outputs = session.run(Object.fromEntries(tensors));
        return Object.fromEntries(
          Object.entries(outputs).map(([name, t]) => [name, { data: t.data(), shape: t.shape }]),
        );
      }),
  };
}

/** Whether requests for the model may be put together. */
export function batchesOf({ inputs, batches }: ServedModel): boolean {
  return inputs.length > 0 && (batches ?? inputs.every(({ shape }) => shape?.[0] === null));
}

/** Runs the model once for each size of a batch, on zeros, so that the first requests find it ready. Models with other open sizes are left alone. */
export async function warmUp(model: ServedModel, maxBatch: number): Promise<void> {
  const sizes = batchesOf(model) ? sizesOfBatches(maxBatch) : [1];
  for (const rows of sizes) {
    const feeds = model.inputs.map(({ name, dtype, shape }) => {
      const sizes = shape?.map((size, d) => (d === 0 ? (size ?? rows) : size)) ?? [null];
      if (!sizes.every((size) => size !== null)) return null;
      return [name, { data: newDataArray(dtype, numel(sizes)), shape: sizes }] as const;
    });
    if (!feeds.every((feed) => feed !== null)) return;
    await model.run(Object.fromEntries(feeds));
  }
}
