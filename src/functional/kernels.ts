import {
  checkInteger,
  checkNoOptions,
  checkNumber,
  checkOneOf,
  checkOptions,
  checkRank,
  type NoOptions,
} from "../check.js";
import { makeTensor } from "../creation.js";
import { ArgumentError } from "../errors.js";
import { conv, convAttrs } from "../ops/conv.js";
import { reshape } from "../ops/copy.js";
import { PAD_MODES, type PadMode, pad } from "../ops/pad.js";
import { expand } from "../ops/reduce.js";
import { adopt, type Tensor } from "../tensor.js";

// Fixed kernels of image processing, [height, width] each, and `filter2d` to apply them. Written for the cross-correlation that convolutions
// compute. Like every result they belong to the scope that is open; `keep()` moves them out.

/** Edges in all directions: 8 times the centre less its neighbours, 3 × 3. */
export function edge(...none: NoOptions): Tensor {
  checkNoOptions("edge", none);
  return matrix([
    [-1, -1, -1],
    [-1, 8, -1],
    [-1, -1, -1],
  ]);
}

/** The slope to the right, Sobel, 3 × 3. */
export function sobelX(...none: NoOptions): Tensor {
  checkNoOptions("sobelX", none);
  return matrix([
    [-1, 0, 1],
    [-2, 0, 2],
    [-1, 0, 1],
  ]);
}

/** The slope downwards, Sobel, 3 × 3. */
export function sobelY(...none: NoOptions): Tensor {
  checkNoOptions("sobelY", none);
  return matrix([
    [-1, -2, -1],
    [0, 0, 0],
    [1, 2, 1],
  ]);
}

/** The centre, and its difference from the four neighbours once more, 3 × 3. */
export function sharpen(...none: NoOptions): Tensor {
  checkNoOptions("sharpen", none);
  return matrix([
    [0, -1, 0],
    [-1, 5, -1],
    [0, -1, 0],
  ]);
}

/** The mean over size × size elements. Default 3. */
export function boxBlur(options: { size?: number } = {}): Tensor {
  checkOptions("boxBlur", options, ["size"]);
  const size = checkInteger("boxBlur", "size", options.size ?? 3, 1);
  return matrix(square(size, () => 1 / size ** 2));
}

export interface GaussianBlurOptions {
  /** Rows and columns. Default 3. */
  readonly size?: number;
  /** Standard deviation in elements. Default 0.3·((size − 1)/2 − 1) + 0.8, as in OpenCV. */
  readonly sigma?: number;
}

/** Weights e^(−(x² + y²) / 2σ²) at the distance from the centre, scaled to the sum 1. Errors: ArgumentError unless sigma is above 0. */
export function gaussianBlur(options: GaussianBlurOptions = {}): Tensor {
  checkOptions("gaussianBlur", options, ["size", "sigma"]);
  const size = checkInteger("gaussianBlur", "size", options.size ?? 3, 1);
  const sigma = checkNumber("gaussianBlur", "sigma", options.sigma ?? 0.3 * ((size - 1) / 2 - 1) + 0.8);
  if (!(sigma > 0)) throw new ArgumentError("gaussianBlur", `sigma is ${sigma}; expected a number above 0`);
  const line = Array.from({ length: size }, (_, i) => Math.exp(-(((i - (size - 1) / 2) / sigma) ** 2) / 2));
  const sum = line.reduce((a, b) => a + b, 0);
  return matrix(square(size, (i, j) => (line[i]! * line[j]!) / sum ** 2));
}

export interface FilterOptions {
  /** "same" (default) keeps the size, "valid" gives only what depends on no padding. */
  readonly padding?: "same" | "valid";
  /** What stands around the image, as in `functional.pad`. Default "replicate", which makes no edges of its own. */
  readonly paddingMode?: PadMode;
}

/**
 * Applies one kernel to every channel by itself.
 * Shape: x [N, C, H, W] or [C, H, W], kernel [kH, kW] → the shape of x, for "valid" with H − kH + 1 and W − kW + 1.
 * Errors: ShapeError if the kernel is larger than the padded image.
 */
export function filter2d(x: Tensor, kernel: Tensor, options: FilterOptions = {}): Tensor {
  checkOptions("filter2d", options, ["padding", "paddingMode"]);
  checkRank("filter2d", "input", x.shape, 3, 4);
  checkRank("filter2d", "kernel", kernel.shape, 2);
  const channels = x.size(-3);
  if (channels === 0) throw new ArgumentError("filter2d", "input has 0 channels; expected 1 or more");
  const padding = checkOneOf("filter2d", "padding", options.padding ?? "same", ["same", "valid"]);
  const mode = checkOneOf("filter2d", "paddingMode", options.paddingMode ?? "replicate", PAD_MODES);
  const { padding: sides } = convAttrs("filter2d", kernel.shape, { padding });
  const pads = x.shape.map((_, d) => sides[d - x.ndim + 2] ?? ([0, 0] as const));
  const weight = expand(reshape(kernel, [1, 1, ...kernel.shape]), [channels, 1, ...kernel.shape]);
  return conv(
    pad(x, pads, mode, 0, "filter2d"),
    weight,
    null,
    convAttrs("filter2d", kernel.shape, { groups: channels }),
  );
}

function matrix(rows: readonly (readonly number[])[]): Tensor {
  return adopt(makeTensor(rows));
}

function square(size: number, value: (row: number, column: number) => number): number[][] {
  return Array.from({ length: size }, (_, i) => Array.from({ length: size }, (_, j) => value(i, j)));
}
