// Requests side by side along the first dimension, and their shares of the results.
import type { Named } from "../graph/session_feeds.js";
import { numel, withSize } from "../shape.js";
import { type DataArray, newDataArray } from "../types.js";
import type { Port, ServedValue } from "./model.js";
import type { CheckedRequest } from "./request.js";

/** Batches have 1, 2, 4, … rows, and `maxBatch`: a model keeps a plan for each. */
export function sizesOfBatches(maxBatch: number): number[] {
  const sizes: number[] = [];
  for (let size = 1; size < maxBatch; size *= 2) sizes.push(size);
  return [...sizes, maxBatch];
}

/** How many of the requests, the first at least, to take: as many as fit, or fewer if they then fill one of the sizes. */
export function countToTake(requests: readonly CheckedRequest[], sizes: readonly number[], maxBatch: number): number {
  let rows = 0;
  let filled = 0;
  for (const [i, request] of requests.entries()) {
    rows += request.rows;
    if (rows > maxBatch) return filled === 0 ? Math.max(i, 1) : filled;
    if (sizes.includes(rows)) filled = i + 1;
  }
  return filled === 0 ? requests.length : filled;
}

/** The values of all requests as one for each input, in arrays of their own; rows that are missing to a size are 0. */
export function join(
  inputs: readonly Port[],
  requests: readonly CheckedRequest[],
  rows: number,
): Record<string, ServedValue> {
  const parts = inputs.map(({ name, dtype }, i) => {
    const first = requests[0]!.values[i]!;
    const shape = rows === requests[0]!.rows ? first.shape : withSize(first.shape, 0, rows);
    const data = newDataArray(dtype, numel(shape));
    let at = 0;
    for (const { values } of requests) {
      data.set(values[i]!.data, at);
      at += values[i]!.data.length;
    }
    return [name, { data, shape }] as const;
  });
  return Object.fromEntries(parts);
}

/** What each request gets of the outputs; null if they do not have the batch's rows as their first size. */
export function split(
  outputs: Named<ServedValue>,
  requests: readonly CheckedRequest[],
  rows: number,
): Record<string, ServedValue>[] | null {
  const entries = Object.entries(outputs);
  if (entries.some(([, { shape }]) => shape[0] !== rows)) return null;
  let at = 0;
  return requests.map((request) => {
    const share = entries.map(([name, { data, shape }]) => {
      const row = data.length / rows;
      const own: DataArray = data.slice(at * row, (at + request.rows) * row);
      return [name, { data: own, shape: withSize(shape, 0, request.rows) }] as const;
    });
    at += request.rows;
    return Object.fromEntries(share);
  });
}
