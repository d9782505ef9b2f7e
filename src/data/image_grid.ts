import { checkInteger, checkNumber, checkOptions } from "../check.js";
import { makeTensor } from "../creation.js";
import { DTypeError, ShapeError } from "../errors.js";
import { formatShape } from "../shape.js";
import { adopt, type Tensor } from "../tensor.js";

export interface ImageGridOptions {
  /** Images in a row. Default 8. */
  readonly columns?: number;
  /** Pixels between two images and around all. Default 2. */
  readonly padding?: number;
  /** Value of those pixels. Default 0. */
  readonly padValue?: number;
}

/**
 * Puts images side by side, row by row: [N, C, H, W] → [C, rows · (H + padding) + padding, columns · (W + padding) + padding], where
 * columns is N if there are fewer images. What is left of the last row has the value of the padding.
 * PyTorch: torchvision's make_grid, but grey images stay grey.
 */
export function imageGrid(images: Tensor, options: ImageGridOptions = {}): Tensor {
  checkOptions("imageGrid", options, ["columns", "padding", "padValue"]);
  const padding = checkInteger("imageGrid", "padding", options.padding ?? 2, 0);
  const padValue = checkNumber("imageGrid", "padValue", options.padValue ?? 0);
  const most = checkInteger("imageGrid", "columns", options.columns ?? 8, 1);
  const [n = 0, c = 0, h = 0, w = 0] = images.shape;
  if (images.ndim !== 4 || n === 0) {
    throw new ShapeError("imageGrid", `images are ${formatShape(images.shape)}; expected [N, C, H, W], N ≥ 1`);
  }
  if (images.dtype !== "float32") {
    throw new DTypeError("imageGrid", `images ${formatShape(images.shape)} are ${images.dtype}; expected float32`);
  }
  const columns = Math.min(most, n);
  const height = Math.ceil(n / columns) * (h + padding) + padding;
  const width = columns * (w + padding) + padding;
  const pixels = images.data() as Float32Array;
  const out = new Float32Array(c * height * width).fill(padValue);
  for (let i = 0; i < n; i++) {
    const top = padding + Math.floor(i / columns) * (h + padding);
    const left = padding + (i % columns) * (w + padding);
    for (let channel = 0; channel < c; channel++) {
      for (let y = 0; y < h; y++) {
        const from = ((i * c + channel) * h + y) * w;
        out.set(pixels.subarray(from, from + w), (channel * height + top + y) * width + left);
      }
    }
  }
  return adopt(makeTensor(out, { shape: [c, height, width] }));
}
