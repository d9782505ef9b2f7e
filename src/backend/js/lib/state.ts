/** Smallest normal float32. */
export const TINY = 2 ** -126;

/** x, or 0 where it is closer to 0 than `tiny`; NaN stays. */
export function flush(x: number, tiny = TINY): number {
  return Math.abs(x) < tiny ? 0 : x;
}
