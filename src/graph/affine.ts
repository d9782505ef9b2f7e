import type { Dim, SymbolicSize } from "./graph.js";

/** A size for each symbol. */
export type Sizes = Readonly<Record<string, number>>;

/**
 * The expression that gives `values[k]` at `points[k]`; null if there is no affine one with integers. Every symbol varies alone
 * at some points.
 */
export function fitSize(points: readonly Sizes[], values: readonly number[]): Dim {
  const [base] = points as readonly [Sizes];
  const first = values[0]!;
  if (values.every((v) => v === first)) return first;
  const factors: Record<string, number> = {};
  for (const symbol of Object.keys(base)) {
    const k = points.findIndex((p) => p[symbol] !== base[symbol] && others(p, base, symbol));
    const factor = (values[k]! - first) / (points[k]![symbol]! - base[symbol]!);
    if (!Number.isInteger(factor)) return null;
    if (factor !== 0) factors[symbol] = factor;
  }
  const size: SymbolicSize = { factors, constant: first - sizeAt({ factors, constant: 0 }, base) };
  if (!Number.isInteger(size.constant)) return null;
  return points.every((p, k) => sizeAt(size, p) === values[k]) ? size : null;
}

/** The same for values that are 1/size. */
export function fitInverse(points: readonly Sizes[], values: readonly number[]): SymbolicSize | null {
  const sizes = values.map((v) => Math.round(1 / v));
  if (sizes.some((n, k) => 1 / n !== values[k])) return null;
  const size = fitSize(points, sizes);
  return typeof size === "number" ? null : size;
}

/** A size for given symbols. */
export function sizeAt({ factors, constant }: SymbolicSize, sizes: Sizes): number {
  return Object.entries(factors).reduce((sum, [symbol, factor]) => sum + factor * sizes[symbol]!, constant);
}

function others(a: Sizes, b: Sizes, symbol: string): boolean {
  return Object.keys(a).every((key) => key === symbol || a[key] === b[key]);
}
