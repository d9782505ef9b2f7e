import { checkOptions, checkTuple } from "../check.js";
import * as ops from "../ops/unfold.js";
import type { Tensor } from "../tensor.js";
import type { Sizes } from "../types.js";

export type { UnfoldOptions } from "../ops/unfold.js";

const OPTIONS = ["kernelSize", "dilation", "padding", "stride"];

export interface FoldOptions extends ops.UnfoldOptions {
  /** Height and width of the image. */
  readonly outputSize: Sizes;
}

/**
 * Windows of an image as columns: y[n, (c·kH + i)·kW + j, l] is element (i, j) of window l in channel c, 0 in the padding.
 * Shape: x [N, C, H, W] or [C, H, W] → [N, C·kH·kW, L] or [C·kH·kW, L], L windows row by row, as many as outputs of `conv2d`.
 * Errors: ShapeError if the kernel is larger than the padded image.
 */
export function unfold(x: Tensor, options: ops.UnfoldOptions): Tensor {
  checkOptions("Unfold", options, OPTIONS);
  return ops.unfold(x, ops.unfoldAttrs("Unfold", options));
}

/**
 * Adds windows up to an image, where `unfold` had read them: its adjoint, and its inverse if windows do not overlap.
 * Shape: x [N, C·kH·kW, L] or [C·kH·kW, L] → [N, C, H, W] or [C, H, W].
 * Errors: ShapeError if rows or windows do not fit.
 */
export function fold(x: Tensor, options: FoldOptions): Tensor {
  checkOptions("Fold", options, ["outputSize", ...OPTIONS]);
  const size = checkTuple("Fold", "outputSize", options.outputSize, 2, 1);
  return ops.fold(x, { ...ops.unfoldAttrs("Fold", options), size });
}
