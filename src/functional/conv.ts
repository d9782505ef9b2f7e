import { checkOptions, checkRank } from "../check.js";
import * as ops from "../ops/conv.js";
import type { Tensor } from "../tensor.js";

/**
 * y[n, o] = b[o] + Σ over c of w[o, c] ⋆ x[n, c], where ⋆ is the cross-correlation over two dimensions.
 * Shape: x [N, C, H, W] or [C, H, W]; w [O, C / groups, kH, kW]; b [O] or null → [N, O, H', W'] or [O, H', W'] with
 * H' = ⌊(H + 2·padding − dilation·(kH − 1) − 1) / stride⌋ + 1, W' likewise.
 * Errors: ShapeError if channels, groups or bias do not fit, or the kernel is larger than the padded input.
 */
export function conv2d(x: Tensor, weight: Tensor, bias?: Tensor | null, options: ops.ConvOptions = {}): Tensor {
  return convolve("Conv2d", 2, x, weight, bias ?? null, options);
}

function convolve(
  op: string,
  rank: number,
  x: Tensor,
  weight: Tensor,
  bias: Tensor | null,
  options: ops.ConvOptions,
): Tensor {
  checkOptions(op, options, ops.CONV_OPTIONS);
  checkRank(op, "weight", weight.shape, rank + 2);
  return ops.conv(x, weight, bias, ops.convAttrs(op, weight.shape.slice(2), options));
}
