import { checkInteger, checkOptions } from "../check.js";
import { affine, mul } from "../ops/arithmetic.js";
import { avgPool as averageOp, checkNorm } from "../ops/avgpool.js";
import { checkOutputSize, checkWindows, layWindows, type OutputSize, type WindowOptions } from "../ops/maxpool.js";
import { powScalar } from "../ops/transcendental.js";
import { numel } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { abs, relu, sign } from "./unary.js";

export interface AvgPool1dOptions extends Omit<WindowOptions, "dilation"> {
  /** Whether the padding's zeros count in the divisor. Default true. */
  readonly countIncludePad?: boolean;
}

export interface AvgPoolOptions extends AvgPool1dOptions {
  /** Divides by this instead of the number of elements. */
  readonly divisorOverride?: number | null;
}

const OPTIONS = ["kernelSize", "stride", "padding", "ceilMode", "countIncludePad"];

/** Mean over windows of [N, C, L] or [C, L]; padding counts as 0. */
export function avgPool1d(x: Tensor, options: AvgPool1dOptions): Tensor {
  checkOptions("AvgPool1d", options, OPTIONS);
  return avgPool("AvgPool1d", 1, x, options);
}

/** Mean over windows of [N, C, H, W] or [C, H, W]; padding counts as 0. */
export function avgPool2d(x: Tensor, options: AvgPoolOptions): Tensor {
  checkOptions("AvgPool2d", options, [...OPTIONS, "divisorOverride"]);
  return avgPool("AvgPool2d", 2, x, options);
}

/** Mean over windows of [N, C, D, H, W] or [C, D, H, W]; padding counts as 0. */
export function avgPool3d(x: Tensor, options: AvgPoolOptions): Tensor {
  checkOptions("AvgPool3d", options, [...OPTIONS, "divisorOverride"]);
  return avgPool("AvgPool3d", 3, x, options);
}

function avgPool(op: string, n: number, x: Tensor, options: AvgPoolOptions): Tensor {
  const windows = checkWindows(op, n, options);
  const override = options.divisorOverride ?? null;
  return averageOp(x, {
    windows,
    countIncludePad: options.countIncludePad ?? true,
    divisorOverride: override === null ? null : checkInteger(op, "divisorOverride", override, 1),
  });
}

export interface AdaptiveAvgPoolOptions {
  readonly outputSize: OutputSize;
}

/** Mean over windows that give an output of a wanted size, from [N, C, L] or [C, L]. */
export function adaptiveAvgPool1d(x: Tensor, options: AdaptiveAvgPoolOptions): Tensor {
  return adaptiveAvgPool("AdaptiveAvgPool1d", 1, x, options);
}

/** Mean over windows that give an output of a wanted size, from [N, C, H, W] or [C, H, W]. */
export function adaptiveAvgPool2d(x: Tensor, options: AdaptiveAvgPoolOptions): Tensor {
  return adaptiveAvgPool("AdaptiveAvgPool2d", 2, x, options);
}

/** Mean over windows that give an output of a wanted size, from [N, C, D, H, W] or [C, D, H, W]. */
export function adaptiveAvgPool3d(x: Tensor, options: AdaptiveAvgPoolOptions): Tensor {
  return adaptiveAvgPool("AdaptiveAvgPool3d", 3, x, options);
}

function adaptiveAvgPool(op: string, n: number, x: Tensor, options: AdaptiveAvgPoolOptions): Tensor {
  checkOptions(op, options, ["outputSize"]);
  const windows = checkOutputSize(op, n, options.outputSize);
  return averageOp(x, { windows, countIncludePad: true, divisorOverride: null });
}

export interface LPPoolOptions extends Pick<WindowOptions, "kernelSize" | "stride" | "ceilMode"> {
  /** The exponent p, above 0. */
  readonly normType: number;
}

/** y = (Σ xᵖ)^(1/p) over windows of [N, C, L] or [C, L]; where the sum is 0, so is the gradient. */
export function lpPool1d(x: Tensor, options: LPPoolOptions): Tensor {
  return lpPool("LPPool1d", 1, x, options);
}

/** y = (Σ xᵖ)^(1/p) over windows of [N, C, H, W] or [C, H, W]; where the sum is 0, so is the gradient. */
export function lpPool2d(x: Tensor, options: LPPoolOptions): Tensor {
  return lpPool("LPPool2d", 2, x, options);
}

/** y = (Σ xᵖ)^(1/p) over windows of [N, C, D, H, W] or [C, D, H, W]; where the sum is 0, so is the gradient. PyTorch: from 2.2 on. */
export function lpPool3d(x: Tensor, options: LPPoolOptions): Tensor {
  return lpPool("LPPool3d", 3, x, options);
}

function lpPool(op: string, n: number, x: Tensor, options: LPPoolOptions): Tensor {
  checkOptions(op, options, ["normType", "kernelSize", "stride", "ceilMode"]);
  const p = checkNorm(op, options.normType);
  const windows = checkWindows(op, n, options);
  layWindows(op, x, windows);
  const mean = averageOp(powScalar(x, p), { windows, countIncludePad: true, divisorOverride: null });
  // The mean itself, but through relu, whose gradient at 0 is 0: the root's would be infinite there.
  const guarded = mul(sign(mean), relu(abs(mean)));
  return powScalar(affine(guarded, numel(windows.kernel), 0), 1 / p);
}
