import { ArgumentError } from "../errors.js";

// Gaussian-process regression in float64, for the few hundred points of a study. Source: Rasmussen and Williams, Gaussian Processes
// for Machine Learning, 2006, algorithm 2.1.

export type Point = readonly number[];

/** Of the kernel: one length for each dimension, and the variance of the noise as a part of the signal's. */
export interface GaussianParams {
  readonly lengths: readonly number[];
  readonly noise: number;
}

/** Matérn's kernel with ν = 5/2 and variance 1: k(r) = (1 + √5 r + 5r²/3) e^(−√5 r), r² = Σ ((a − b) / length)². */
export function matern52(a: Point, b: Point, lengths: readonly number[]): number {
  let square = 0;
  for (let d = 0; d < a.length; d++) square += ((a[d]! - b[d]!) / lengths[d]!) ** 2;
  const r = Math.sqrt(5 * square);
  return (1 + r + (r * r) / 3) * Math.exp(-r);
}

/** The process given values at points. The values' mean and scale are taken off first; the signal's variance is the likeliest one. */
export class GaussianProcess {
  private readonly mean: number;
  private readonly lower: Float64Array[];
  private readonly weights: Float64Array;
  private readonly variance: number;
  /** Logarithm of the marginal likelihood, up to a constant. */
  readonly logLikelihood: number;

  constructor(
    private readonly points: readonly Point[],
    values: readonly number[],
    private readonly params: GaussianParams,
  ) {
    const n = points.length;
    const { lengths, noise } = params;
    this.mean = values.reduce((sum, v) => sum + v, 0) / n;
    const centred = Float64Array.from(values, (v) => v - this.mean);
    this.lower = cholesky(points, (i, j) => matern52(points[i]!, points[j]!, lengths) + (i === j ? noise + JITTER : 0));
    this.weights = backward(this.lower, forward(this.lower, centred));
    const fit = centred.reduce((sum, v, i) => sum + v * this.weights[i]!, 0);
    this.variance = Math.max(fit / n, Number.MIN_VALUE);
    const logDeterminant = 2 * this.lower.reduce((sum, row, i) => sum + Math.log(row[i]!), 0);
    this.logLikelihood = -0.5 * (n * Math.log(this.variance) + logDeterminant);
  }

  /** Mean and standard deviation of the value at x, without noise. */
  predict(x: Point): { mean: number; deviation: number } {
    const k = Float64Array.from(this.points, (p) => matern52(p, x, this.params.lengths));
    const mean = k.reduce((sum, v, i) => sum + v * this.weights[i]!, this.mean);
    const explained = forward(this.lower, k).reduce((sum, v) => sum + v * v, 0);
    return { mean, deviation: Math.sqrt(this.variance * Math.max(0, 1 - explained)) };
  }
}

const JITTER = 1e-8;

/** How much lower than `best` the value is expected to be, counting only what is lower: E[max(best − Y, 0)] for Y ~ N(mean, deviation²). */
export function expectedImprovement(best: number, mean: number, deviation: number): number {
  if (deviation === 0) return Math.max(best - mean, 0);
  const z = (best - mean) / deviation;
  return (best - mean) * normalCdf(z) + (deviation * Math.exp(-0.5 * z * z)) / Math.sqrt(2 * Math.PI);
}

/** Φ(z), to 1e-7 (Abramowitz and Stegun, 7.1.26). */
function normalCdf(z: number): number {
  const t = 1 / (1 + 0.3275911 * (Math.abs(z) / Math.SQRT2));
  const poly = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  const tail = 0.5 * poly * Math.exp(-0.5 * z * z);
  return z >= 0 ? 1 - tail : tail;
}

/** L with L Lᵀ = K, row by row. */
function cholesky(points: readonly Point[], kernel: (i: number, j: number) => number): Float64Array[] {
  const rows: Float64Array[] = [];
  for (let i = 0; i < points.length; i++) {
    const row = new Float64Array(i + 1);
    for (let j = 0; j <= i; j++) {
      const other = j === i ? row : rows[j]!;
      let sum = kernel(i, j);
      for (let k = 0; k < j; k++) sum -= row[k]! * other[k]!;
      if (j < i) row[j] = sum / other[j]!;
      else if (sum > 0) row[j] = Math.sqrt(sum);
      else
        throw new ArgumentError(
          "GaussianProcess",
          "the kernel's matrix is not positive definite; expected finite points",
        );
    }
    rows.push(row);
  }
  return rows;
}

/** L⁻¹ b. */
function forward(lower: readonly Float64Array[], b: Float64Array): Float64Array {
  const x = new Float64Array(b.length);
  for (let i = 0; i < b.length; i++) {
    const row = lower[i]!;
    let sum = b[i]!;
    for (let j = 0; j < i; j++) sum -= row[j]! * x[j]!;
    x[i] = sum / row[i]!;
  }
  return x;
}

/** L⁻ᵀ b. */
function backward(lower: readonly Float64Array[], b: Float64Array): Float64Array {
  const x = new Float64Array(b.length);
  for (let i = b.length - 1; i >= 0; i--) {
    let sum = b[i]!;
    for (let j = i + 1; j < b.length; j++) sum -= lower[j]![i]! * x[j]!;
    x[i] = sum / lower[i]![i]!;
  }
  return x;
}
