import type { DataArray } from "../types.js";

/** How often values fall between limits; what TensorBoard shows as a distribution. */
export interface Histogram {
  readonly min: number;
  readonly max: number;
  readonly num: number;
  readonly sum: number;
  readonly sumSquares: number;
  /** Right ends of the buckets, ascending. */
  readonly limits: readonly number[];
  /** Values in each bucket. */
  readonly counts: readonly number[];
}

/** TensorFlow's limits: each 10 % further from 0 than the one before, from 1e-12 to 1e20 on both sides. */
const LIMITS: readonly number[] = (() => {
  const positive: number[] = [];
  for (let v = 1e-12; v < 1e20; v *= 1.1) positive.push(v);
  return [...positive.map((v) => -v).reverse(), 0, ...positive, Number.MAX_VALUE];
})();

/** Counts values; buckets before the first and after the last that hold something are left out. Null for none, or one that is not finite. */
export function histogramOf(values: DataArray | readonly number[]): Histogram | null {
  const counts = new Float64Array(LIMITS.length);
  let min = Infinity;
  let max = -Infinity;
  let sum = 0;
  let sumSquares = 0;
  for (const v of values) {
    if (!Number.isFinite(v)) return null;
    min = Math.min(min, v);
    max = Math.max(max, v);
    sum += v;
    sumSquares += v * v;
    counts[bucketOf(v)]!++;
  }
  if (values.length === 0) return null;
  // An empty bucket on the left says where the first one begins.
  const first = Math.max(0, counts.findIndex((n) => n > 0) - 1);
  const end = counts.findLastIndex((n) => n > 0) + 1;
  const limits = LIMITS.slice(first, end);
  return { min, max, num: values.length, sum, sumSquares, limits, counts: [...counts.slice(first, end)] };
}

/** The first bucket whose limit is above v. */
function bucketOf(v: number): number {
  let low = 0;
  let high = LIMITS.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (LIMITS[middle]! > v) high = middle;
    else low = middle + 1;
  }
  return low;
}
