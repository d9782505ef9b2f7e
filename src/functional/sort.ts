import { checkOneOf, checkOptions } from "../check.js";
import { reshape } from "../ops/copy.js";
import * as ops from "../ops/sort.js";
import type { Tensor } from "../tensor.js";
import { eq, logicalOr, ne } from "./compare.js";
import { amax } from "./extrema.js";
import { maskedSelect } from "./lookup.js";
import { mean } from "./reduce.js";

type Ranked = readonly [values: Tensor, indices: Tensor];

export interface SortOptions {
  /** Default -1. */
  readonly dim?: number;
  readonly descending?: boolean;
  /** Accepted for PyTorch's sake: equal values always keep their order. */
  readonly stable?: boolean;
}

const SORT_OPTIONS = ["dim", "descending", "stable"];

/** [values, indices] of a dimension in order; NaN is the largest value. Gradient to each value's place. */
export function sort(x: Tensor, options: SortOptions = {}): Ranked {
  checkOptions("sort", options, SORT_OPTIONS);
  return ops.sort(x, options.dim ?? -1, { descending: options.descending ?? false });
}

/** The indices that sort a dimension. */
export function argsort(x: Tensor, options: SortOptions = {}): Tensor {
  checkOptions("argsort", options, SORT_OPTIONS);
  return ops.argsort("argsort", x, options.dim ?? -1, { descending: options.descending ?? false });
}

export interface TopkOptions {
  readonly k: number;
  /** Default -1. */
  readonly dim?: number;
  /** The smallest ones if false. Default true. */
  readonly largest?: boolean;
  /** Accepted for PyTorch's sake: the result is always in order. */
  readonly sorted?: boolean;
}

/** [values, indices] of the k largest (or smallest) values of a dimension, best first; of equal ones the first. */
export function topk(x: Tensor, options: TopkOptions): Ranked {
  checkOptions("topk", options, ["k", "dim", "largest", "sorted"]);
  return ops.topk(x, options.k, options.dim ?? -1, options.largest ?? true);
}

/** [values, indices] of the k-th smallest value of a dimension (default -1), k from 1. */
export function kthvalue(x: Tensor, options: { k: number; dim?: number; keepdim?: boolean }): Ranked {
  checkOptions("kthvalue", options, ["k", "dim", "keepdim"]);
  return ops.kthvalue(x, options.k, options.dim ?? -1, options.keepdim ?? false);
}

/**
 * The lower median: of all values, its gradient shared evenly among equals, or with `dim` [values, indices] of that dimension. NaN
 * where there is one, and for no values at all. Errors: an empty dimension.
 */
export function median(x: Tensor, options?: { dim?: null }): Tensor;
export function median(x: Tensor, options: { dim: number; keepdim?: boolean }): Ranked;
export function median(x: Tensor, options: { dim?: number | null; keepdim?: boolean } = {}): Tensor | Ranked {
  checkOptions("median", options, ["dim", "keepdim"]);
  const { dim = null, keepdim = false } = options;
  return dim === null ? medianOfAll(x) : ops.median(x, dim, keepdim);
}

function medianOfAll(x: Tensor): Tensor {
  // NaN, on the tape.
  if (x.dtype === "float32" && x.numel === 0) return mean(x);
  const value = ops.median(reshape(x, [-1]), 0, false)[0];
  // Chosen once more by its value, so that the gradient reaches every element that has it.
  return x.requiresGrad ? amax(maskedSelect(x, logicalOr(eq(x, value), ne(x, x)))) : value;
}

/**
 * The different values in ascending order. `returnInverse` adds, for each element, where its value is among them; `returnCounts`
 * how often each occurs. Not differentiable.
 */
export function unique(x: Tensor): Tensor;
export function unique(x: Tensor, options: { returnInverse?: boolean; returnCounts?: boolean }): readonly Tensor[];
export function unique(
  x: Tensor,
  options: { returnInverse?: boolean; returnCounts?: boolean } = {},
): Tensor | readonly Tensor[] {
  checkOptions("unique", options, ["returnInverse", "returnCounts"]);
  const [values, inverse, counts] = ops.unique(x);
  const more = [...(options.returnInverse ? [inverse] : []), ...(options.returnCounts ? [counts] : [])];
  return more.length === 0 ? values : [values, ...more];
}

/**
 * For each value the position in an ascending sequence where it belongs: before equal ones, or behind them with `right`
 * (`side: "right"`). Shapes: sortedSequence [n], or [*, n] for values [*, m].
 */
export function searchsorted(
  sortedSequence: Tensor,
  values: Tensor,
  options: { right?: boolean; side?: "left" | "right" } = {},
): Tensor {
  checkOptions("searchsorted", options, ["right", "side"]);
  const { right = false, side = right ? "right" : "left" } = options;
  checkOneOf("searchsorted", "side", side, ["left", "right"]);
  return ops.searchsorted("searchsorted", sortedSequence, values, side === "right");
}

/** The bucket of each value between ascending boundaries [n]: 0 below all of them, n above; `right` puts equal ones above. */
export function bucketize(values: Tensor, boundaries: Tensor, options: { right?: boolean } = {}): Tensor {
  checkOptions("bucketize", options, ["right"]);
  return ops.searchsorted("bucketize", boundaries, values, options.right ?? false);
}
