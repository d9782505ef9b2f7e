import { checkOneOf, checkOperand, checkOptions, checkTuple } from "../check.js";
import { makeTensor } from "../creation.js";
import { permute, reshape } from "../ops/copy.js";
import * as ops from "../ops/grid_sample.js";
import { matmul } from "../ops/matmul.js";
import { formatShape } from "../shape.js";
import { adopt, type Tensor } from "../tensor.js";
import type { Shape } from "../types.js";

export interface GridSampleOptions {
  /** "bilinear" (default) weighs the four elements around a place, "nearest" takes the nearest one. */
  readonly mode?: "bilinear" | "nearest";
  /** What lies outside: zeros (default), the element at the border, or the image mirrored at its ends. */
  readonly paddingMode?: (typeof ops.GRID_PADDINGS)[number];
  /** True: −1 and 1 are the centres of the outer elements. False (default): their outer edges. */
  readonly alignCorners?: boolean;
}

/**
 * Samples images at places: y[n, :, i, j] = x[n, :] at column grid[n, i, j, 0] and row grid[n, i, j, 1], which go from −1 to 1.
 * Shape: x [N, C, H, W], grid [N, H', W', 2] → [N, C, H', W'].
 * Errors: ShapeError if the grid does not fit. PyTorch: volumes and mode bicubic are not here.
 * Source: Jaderberg et al., "Spatial Transformer Networks", 2015.
 */
export function gridSample(x: Tensor, grid: Tensor, options: GridSampleOptions = {}): Tensor {
  checkOptions("gridSample", options, ["mode", "paddingMode", "alignCorners"]);
  return ops.gridSample(x, grid, {
    nearest: checkOneOf("gridSample", "mode", options.mode ?? "bilinear", ["bilinear", "nearest"]) === "nearest",
    padding: checkOneOf("gridSample", "paddingMode", options.paddingMode ?? "zeros", ops.GRID_PADDINGS),
    alignCorners: options.alignCorners ?? false,
  });
}

export interface AffineGridOptions {
  /** Shape of the images to sample, [N, C, H, W]. */
  readonly size: Shape;
  /** As in `gridSample`. Default false. */
  readonly alignCorners?: boolean;
}

/**
 * The grid of an affine map for `gridSample`: grid[n, i, j] = theta[n] · (x_j, y_i, 1), with x and y from −1 to 1 over the image.
 * Shape: theta [N, 2, 3] → [N, H, W, 2]. Errors: ShapeError if theta does not fit. PyTorch: volumes are not here.
 */
export function affineGrid(theta: Tensor, options: AffineGridOptions): Tensor {
  checkOptions("affineGrid", options, ["size", "alignCorners"]);
  const [n, , h, w] = checkTuple("affineGrid", "size", options.size, 4, 1) as [number, number, number, number];
  checkOperand("affineGrid", "theta", theta, [n, 2, 3], `size ${formatShape(options.size)}`);
  const align = options.alignCorners ?? false;
  const coordinate = (i: number, size: number): number => {
    if (align) return size === 1 ? 0 : (2 * i) / (size - 1) - 1;
    return (2 * i + 1) / size - 1;
  };
  const base = new Float32Array(h * w * 3);
  for (let p = 0; p < h * w; p++) base.set([coordinate(p % w, w), coordinate(Math.floor(p / w), h), 1], 3 * p);
  const places = matmul(adopt(makeTensor(base, { shape: [h * w, 3] })), permute(theta, [0, 2, 1]));
  return reshape(places, [n, h, w, 2]);
}
