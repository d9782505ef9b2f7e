// The normal distribution function and its inverse, for initialisers.

/** Φ(x); relative error below 1.2e-7 everywhere (Chebyshev fit of erfc from Press et al., Numerical Recipes, 2nd ed., §6.2). */
export function normalCdf(x: number): number {
  const z = Math.abs(x) * Math.SQRT1_2;
  const t = 1 / (1 + 0.5 * z);
  const p = polynomial(
    t,
    0.17087277,
    -0.82215223,
    1.48851587,
    -1.13520398,
    0.27886807,
    -0.18628806,
    0.09678418,
    0.37409196,
    1.00002368,
    -1.26551223,
  );
  const tail = 0.5 * t * Math.exp(-z * z + p);
  return x < 0 ? tail : 1 - tail;
}

/** Φ⁻¹(p); relative error below 1.2e-9 (P. J. Acklam, An algorithm for computing the inverse normal cumulative distribution function). */
export function normalQuantile(p: number): number {
  if (p < LOW) return tailQuantile(p);
  if (p > 1 - LOW) return -tailQuantile(1 - p);
  const q = p - 0.5;
  const r = q * q;
  const above = polynomial(
    r,
    -3.969683028665376e1,
    2.209460984245205e2,
    -2.759285104469687e2,
    1.38357751867269e2,
    -3.066479806614716e1,
    2.506628277459239,
  );
  const below = polynomial(
    r,
    -5.447609879822406e1,
    1.615858368580409e2,
    -1.556989798598866e2,
    6.680131188771972e1,
    -1.328068155288572e1,
    1,
  );
  return (q * above) / below;
}

/** Below this probability the approximation of the tail holds. */
const LOW = 0.02425;

function tailQuantile(p: number): number {
  const q = Math.sqrt(-2 * Math.log(p));
  const above = polynomial(
    q,
    -7.784894002430293e-3,
    -3.223964580411365e-1,
    -2.400758277161838,
    -2.549732539343734,
    4.374664141464968,
    2.938163982698783,
  );
  return above / polynomial(q, 7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996, 3.754408661907416, 1);
}

/** Coefficients from the highest power down. */
function polynomial(x: number, ...coefficients: readonly number[]): number {
  return coefficients.reduce((sum, c) => sum * x + c, 0);
}
