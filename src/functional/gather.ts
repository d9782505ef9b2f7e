import { checkOneOf, checkOptions } from "../check.js";
import * as ops from "../ops/gather.js";
import { expand } from "../ops/reduce.js";
import { broadcastShapes, normalizeDim } from "../shape.js";
import type { Tensor } from "../tensor.js";

export type { ScatterReduction } from "../ops/gather.js";

/** Which dimension the indices mean. */
interface AlongDim {
  readonly dim: number;
}

/**
 * y[i][j][k] = x[i][index[i][j][k]][k] for dim 1 of three. Shapes: index has x's rank and may be smaller outside `dim`; y as index.
 * Gradient to x: what was read several times sums up. Errors: an index outside [0, size), another rank, a larger index.
 */
export function gather(x: Tensor, index: Tensor, options: AlongDim): Tensor {
  checkOptions("gather", options, ["dim"]);
  return ops.gather(x, index, options.dim);
}

/** `gather` where x and index broadcast against each other outside `dim`. */
export function takeAlongDim(x: Tensor, index: Tensor, options: AlongDim): Tensor {
  checkOptions("takeAlongDim", options, ["dim"]);
  const dim = normalizeDim("takeAlongDim", options.dim, x.ndim);
  const without = (t: Tensor): number[] => t.shape.map((n, d) => (d === dim ? 1 : n));
  const common = broadcastShapes("takeAlongDim", without(x), without(index));
  const stretched = (t: Tensor): Tensor =>
    expand(
      t,
      common.map((n, d) => (d === dim ? t.shape[d]! : n)),
    );
  return ops.gather(stretched(x), stretched(index), dim);
}

/**
 * A copy of x with y[i][index[i][j][k]][k] = src[i][j][k] for dim 1 of three; src may be a number. Where targets repeat, the last
 * one stays. Shapes: index has x's rank; it may be smaller than src, and than x outside `dim`. Gradients to x and src.
 */
export function scatter(x: Tensor, index: Tensor, src: Tensor | number, options: AlongDim): Tensor {
  checkOptions("scatter", options, ["dim"]);
  return ops.scatter(x, index, src, options.dim);
}

/** As `scatter`, but src is added; repeated targets sum up in the order of src. float32 or int32. */
export function scatterAdd(x: Tensor, index: Tensor, src: Tensor, options: AlongDim): Tensor {
  checkOptions("scatterAdd", options, ["dim"]);
  return ops.scatterAdd(x, index, src, options.dim);
}

export interface ScatterReduceOptions extends AlongDim {
  readonly reduce: ops.ScatterReduction;
  /** Let x's own values at the targets take part. Default true. */
  readonly includeSelf?: boolean;
}

/**
 * A copy of x where each target of `scatter` holds the sum, mean, largest or smallest of all its sources, and of x's own value.
 * Gradients to x and src; extremes that tie share it evenly.
 * PyTorch: it also has "prod".
 */
export function scatterReduce(x: Tensor, index: Tensor, src: Tensor, options: ScatterReduceOptions): Tensor {
  checkOptions("scatterReduce", options, ["dim", "reduce", "includeSelf"]);
  const { dim, includeSelf = true } = options;
  const reduce = checkOneOf("scatterReduce", "reduce", options.reduce, ["sum", "mean", "amax", "amin"]);
  return ops.scatterReduce(x, index, src, { dim, reduce, includeSelf });
}
