// Outputs must agree before anything is timed.

/** What is different, in words; null if everything agrees within tolerance · (largest finite |reference|). */
export function differenceOf(
  got: readonly Float32Array[],
  reference: readonly Float32Array[],
  tolerance: number,
): string | null {
  if (got.length !== reference.length) return `gave ${got.length} outputs; expected ${reference.length}`;
  for (const [i, want] of reference.entries()) {
    const have = got[i]!;
    if (have.length !== want.length) return `output ${i} has ${have.length} values; expected ${want.length}`;
    const allowed = tolerance * want.reduce((max, v) => (Number.isFinite(v) ? Math.max(max, Math.abs(v)) : max), 0);
    // Written so that NaN is a difference; equal infinities are none.
    const at = want.findIndex((v, j) => have[j] !== v && !(Math.abs(have[j]! - v) <= allowed));
    if (at >= 0) return `output ${i} is ${have[at]} at ${at}; expected ${want[at]} ± ${allowed.toPrecision(2)}`;
  }
  return null;
}
