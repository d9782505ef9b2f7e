import type { Dim, SymbolicSize } from "../graph/graph.js";
import { formatDim } from "../graph/text.js";
import { ExportProblem } from "./export_problem.js";

// Sizes that depend on symbols, added up and compared.

function expressionOf(size: number | SymbolicSize): SymbolicSize {
  return typeof size === "number" ? { factors: {}, constant: size } : size;
}

/** a + factor · b; null if one of them is not known. */
export function addSizes(a: Dim, b: Dim, factor = 1): Dim {
  if (a === null || b === null) return null;
  const [left, right] = [expressionOf(a), expressionOf(b)];
  const factors: Record<string, number> = { ...left.factors };
  for (const [symbol, n] of Object.entries(right.factors)) factors[symbol] = (factors[symbol] ?? 0) + factor * n;
  const kept = Object.fromEntries(Object.entries(factors).filter(([, n]) => n !== 0));
  const constant = left.constant + factor * right.constant;
  return Object.keys(kept).length === 0 ? constant : { factors: kept, constant };
}

/** True for sizes that are known to be the same. */
export function sameSize(a: Dim, b: Dim): boolean {
  return addSizes(a, b, -1) === 0;
}

/** Sizes as numbers. Errors: ExportProblem if one depends on a symbol; `what` says whose they are. */
export function fixedSizes(what: string, dims: readonly Dim[]): number[] {
  return dims.map((size) => {
    if (typeof size === "number") return size;
    const text = size === null ? "is no multiple of the symbols" : `depends on a symbol (${formatDim(size)})`;
    throw new ExportProblem(`a size of ${what} ${text}; expected a number`);
  });
}

/** The product of some sizes, of which one at most depends on symbols; null otherwise. */
export function productOf(dims: readonly Dim[]): Dim {
  let factor = 1;
  let open: SymbolicSize | null = null;
  for (const size of dims) {
    if (typeof size === "number") factor *= size;
    else if (size === null || open !== null) return null;
    else open = size;
  }
  return open === null ? factor : addSizes(0, open, factor);
}
