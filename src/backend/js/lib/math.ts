// What Math lacks, to float32 accuracy; the formulas are those of assembly/lib/math.ts.

/** 1/(1 + e^−x). */
export function sigmoid(x: number): number {
  const e = Math.exp(-Math.abs(x));
  return (x < 0 ? e : 1) / (1 + e);
}

/** (erf a)/a − 1 for |a| < 0.75. */
function erfBelow(a: number): number {
  const z = a * a;
  let p = -6.737584e-4 * z + 5.113157e-3;
  p = p * z - 2.6834335e-2;
  p = p * z + 1.1283379e-1;
  p = p * z - 3.761262e-1;
  return p * z + 1.2837917e-1;
}

/** 1 − erf a for a ≥ 0.75, below 2e-8 from 4 to 6. */
function erfcAbove(a: number): number {
  let q = -2.1638117e-4 * a + 3.2344584e-3;
  q = q * a - 2.2951638e-2;
  q = q * a + 1.0535658e-1;
  q = q * a + 6.356476e-1;
  q = q * a + 1.285349e-1;
  return Math.exp(-(a + a * q));
}

/** 2/√π ∫₀ˣ e^{−t²} dt. */
export function erf(x: number): number {
  const a = Math.min(Math.abs(x), 4);
  if (a < 0.75) return x + x * erfBelow(x);
  const y = 1 - erfcAbove(a);
  return x < 0 ? -y : y;
}

/** The distribution function of the normal distribution, (1 + erf(x/√2))/2. */
export function normalCdf(x: number): number {
  const a = Math.abs(x) * Math.SQRT1_2;
  if (a < 0.75) return 0.5 + 0.5 * x * Math.SQRT1_2 * (1 + erfBelow(a));
  const tail = a > 6 ? 0 : 0.5 * erfcAbove(a);
  return x < 0 ? tail : 1 - tail;
}

/** x^y where 1^y and (−1)^±∞ are 1, as in C; Math.pow gives NaN there. */
export function pow(x: number, y: number): number {
  if (x === 1 || (x === -1 && (y === Infinity || y === -Infinity))) return 1;
  return x ** y;
}

/** To the nearest integer, halves to the even one; the sign of zero stays. */
export function roundEven(x: number): number {
  const below = Math.floor(x);
  const fraction = x - below;
  if (fraction === 0.5) return below % 2 === 0 ? below : Math.ceil(x);
  return fraction < 0.5 ? below : Math.ceil(x);
}
