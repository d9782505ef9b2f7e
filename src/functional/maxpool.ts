import { checkInteger, checkOptions, checkTuple } from "../check.js";
import { ArgumentError } from "../errors.js";
import * as ops from "../ops/maxpool.js";
import { numel } from "../shape.js";
import type { Tensor } from "../tensor.js";
import type { Shape, Sizes } from "../types.js";

export type { OutputSize, Pooled, WindowOptions } from "../ops/maxpool.js";

export interface MaxPoolOptions<R extends boolean = false> extends ops.WindowOptions {
  /** Give [output, indices]: int32 places of the maxima in their plane of the input. Default false. */
  readonly returnIndices?: R;
}

const MAX_OPTIONS = ["kernelSize", "stride", "padding", "dilation", "ceilMode", "returnIndices"];

/** Maximum over windows of [N, C, L] or [C, L]; padding counts as −∞. The gradient goes to the maximum, the first of equals. */
export function maxPool1d<R extends boolean = false>(x: Tensor, options: MaxPoolOptions<R>): ops.Pooled<R> {
  return maxPool("MaxPool1d", 1, x, options);
}

/** Maximum over windows of [N, C, H, W] or [C, H, W]; padding counts as −∞. The gradient goes to the maximum, the first of equals. */
export function maxPool2d<R extends boolean = false>(x: Tensor, options: MaxPoolOptions<R>): ops.Pooled<R> {
  return maxPool("MaxPool2d", 2, x, options);
}

/** Maximum over windows of [N, C, D, H, W] or [C, D, H, W]; padding counts as −∞. The gradient goes to the maximum, the first of equals. */
export function maxPool3d<R extends boolean = false>(x: Tensor, options: MaxPoolOptions<R>): ops.Pooled<R> {
  return maxPool("MaxPool3d", 3, x, options);
}

function maxPool<R extends boolean>(op: string, n: number, x: Tensor, options: MaxPoolOptions<R>): ops.Pooled<R> {
  checkOptions(op, options, MAX_OPTIONS);
  return ops.pooled(x, ops.checkWindows(op, n, options), options.returnIndices);
}

export interface AdaptiveMaxPoolOptions<R extends boolean = false> {
  readonly outputSize: ops.OutputSize;
  /** Give [output, indices]. Default false. */
  readonly returnIndices?: R;
}

/** Maximum over windows that give an output of a wanted size, from [N, C, L] or [C, L]. */
export function adaptiveMaxPool1d<R extends boolean = false>(
  x: Tensor,
  options: AdaptiveMaxPoolOptions<R>,
): ops.Pooled<R> {
  return adaptiveMaxPool("AdaptiveMaxPool1d", 1, x, options);
}

/** Maximum over windows that give an output of a wanted size, from [N, C, H, W] or [C, H, W]. */
export function adaptiveMaxPool2d<R extends boolean = false>(
  x: Tensor,
  options: AdaptiveMaxPoolOptions<R>,
): ops.Pooled<R> {
  return adaptiveMaxPool("AdaptiveMaxPool2d", 2, x, options);
}

/** Maximum over windows that give an output of a wanted size, from [N, C, D, H, W] or [C, D, H, W]. */
export function adaptiveMaxPool3d<R extends boolean = false>(
  x: Tensor,
  options: AdaptiveMaxPoolOptions<R>,
): ops.Pooled<R> {
  return adaptiveMaxPool("AdaptiveMaxPool3d", 3, x, options);
}

function adaptiveMaxPool<R extends boolean>(
  op: string,
  n: number,
  x: Tensor,
  options: AdaptiveMaxPoolOptions<R>,
): ops.Pooled<R> {
  checkOptions(op, options, ["outputSize", "returnIndices"]);
  return ops.pooled(x, ops.checkOutputSize(op, n, options.outputSize), options.returnIndices);
}

export interface MaxUnpoolOptions {
  readonly kernelSize: Sizes;
  /** Default: the kernel size. */
  readonly stride?: Sizes | null;
  /** Default 0. */
  readonly padding?: Sizes;
  /** Spatial sizes of the output, or its whole shape. Default: (n − 1)·stride − 2·padding + kernelSize for each. */
  readonly outputSize?: Shape | null;
}

/** Puts the values of [N, C, L] or [C, L] back where max pooling has found them; zeros elsewhere. */
export function maxUnpool1d(x: Tensor, indices: Tensor, options: MaxUnpoolOptions): Tensor {
  return maxUnpool(1, x, indices, options);
}

/** Puts the values of [N, C, H, W] or [C, H, W] back where max pooling has found them; zeros elsewhere. */
export function maxUnpool2d(x: Tensor, indices: Tensor, options: MaxUnpoolOptions): Tensor {
  return maxUnpool(2, x, indices, options);
}

/** Puts the values of [N, C, D, H, W] or [C, D, H, W] back where max pooling has found them; zeros elsewhere. */
export function maxUnpool3d(x: Tensor, indices: Tensor, options: MaxUnpoolOptions): Tensor {
  return maxUnpool(3, x, indices, options);
}

function maxUnpool(n: number, x: Tensor, indices: Tensor, options: MaxUnpoolOptions): Tensor {
  const op = `MaxUnpool${n}d`;
  checkOptions(op, options, ["kernelSize", "stride", "padding", "outputSize"]);
  const kernel = checkTuple(op, "kernelSize", options.kernelSize, n, 1);
  const stride = checkTuple(op, "stride", options.stride ?? kernel, n, 1);
  const padding = checkTuple(op, "padding", options.padding ?? 0, n, 0);
  const natural = x.shape.slice(-n).map((s, i) => (s - 1) * stride[i]! - 2 * padding[i]! + kernel[i]!);
  const size = (options.outputSize ?? natural).slice(-n);
  if (size.length !== n) {
    throw new ArgumentError(op, `outputSize is [${size.join(", ")}]; expected ${n} sizes, or a whole shape`);
  }
  size.forEach((s, i) => {
    checkInteger(op, "outputSize", s, Math.max(0, natural[i]! - stride[i]! + 1), natural[i]! + stride[i]! - 1);
  });
  const count = numel(size);
  for (const at of indices.dtype === "int32" ? indices.data() : []) checkInteger(op, "an index", at, 0, count - 1);
  return ops.maxUnpool(x, indices, size);
}
