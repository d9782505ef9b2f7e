import { checkInteger, checkNumber, checkOneOf, checkOptions } from "../../check.js";
import { ArgumentError, ShapeError } from "../../errors.js";
import { PAD_MODES, type PadMode, type Pads, pad } from "../../ops/pad.js";
import { formatShape } from "../../shape.js";
import type { Tensor } from "../../tensor.js";
import type { Shape } from "../../types.js";
import {
  checkSize,
  imageTransform,
  roundedHalf,
  type SampleTransform,
  uniforms,
  upTo,
  window,
  windows,
} from "./image.js";

export interface RandomCropOptions {
  /** Pixels around the image before it is cut: one number, [left and right, top and bottom] or [left, top, right, bottom]. Default 0. */
  readonly padding?: number | readonly number[];
  /** Pad an image that is too small on both sides by what is missing. Default false: it is refused. */
  readonly padIfNeeded?: boolean;
  /** What the padding holds in mode "constant". Default 0. */
  readonly fill?: number;
  /** As in `functional.pad`. Default "constant". */
  readonly paddingMode?: PadMode;
}

/**
 * Cuts out a window at a random place, each image by itself. torchvision: RandomCrop (its padding modes edge and symmetric are "replicate"
 * here, and missing).
 * Shape: [C, H, W] → [C, ...size]. Errors: ShapeError if the padded image is smaller than the window.
 */
export function randomCrop(size: number | Shape, options: RandomCropOptions = {}): SampleTransform<Tensor> {
  const op = "randomCrop";
  checkOptions(op, options, ["padding", "padIfNeeded", "fill", "paddingMode"]);
  const [height, width] = checkSize(op, size);
  const [left, top, right, bottom] = sidesOf(op, options.padding ?? 0);
  const mode = checkOneOf(op, "paddingMode", options.paddingMode ?? "constant", PAD_MODES);
  const fill = checkNumber(op, "fill", options.fill ?? 0);
  const padded = (x: Tensor, rows: readonly [number, number], columns: readonly [number, number]): Tensor => {
    const pads: Pads = [[0, 0], [0, 0], rows, columns];
    return pads.flat().every((n) => n === 0) ? x : pad(x, pads, mode, fill, op);
  };
  return imageTransform(op, (image, generator) => {
    let x = padded(image, [top, bottom], [left, right]);
    if (options.padIfNeeded) {
      const rows = Math.max(0, height - x.size(2));
      const columns = Math.max(0, width - x.size(3));
      x = padded(x, [rows, rows], [columns, columns]);
    }
    const [n, , h, w] = x.shape as readonly [number, number, number, number];
    if (h < height || w < width) {
      throw new ShapeError(
        op,
        `image is ${formatShape([h, w])} with its padding; expected ${formatShape([height, width])} or more`,
      );
    }
    const u = uniforms(generator, 2 * n);
    return windows(x, (i) => [upTo(h - height, u[2 * i]!), upTo(w - width, u[2 * i + 1]!)], [height, width]);
  });
}

function sidesOf(op: string, padding: number | readonly number[]): [number, number, number, number] {
  const sides = typeof padding === "number" ? [padding] : padding;
  if (!Array.isArray(sides) || ![1, 2, 4].includes(sides.length)) {
    throw new ArgumentError(op, `padding is ${JSON.stringify(padding)}; expected one, two or four integers`);
  }
  const [a, b = a, c = a, d = b] = sides.map((side) => checkInteger(op, "padding", side, 0));
  return [a!, b!, c!, d!];
}

/**
 * Cuts out the middle; an image that is too small gets zeros around it first. torchvision: CenterCrop.
 * Shape: [C, H, W] → [C, ...size].
 */
export function centerCrop(size: number | Shape): SampleTransform<Tensor> {
  const [height, width] = checkSize("centerCrop", size);
  return imageTransform("centerCrop", (image) => {
    const missing = (n: number): readonly [number, number] => [
      Math.floor(Math.max(0, n) / 2),
      Math.ceil(Math.max(0, n) / 2),
    ];
    const pads: Pads = [[0, 0], [0, 0], missing(height - image.size(2)), missing(width - image.size(3))];
    const x = pads.flat().every((n) => n === 0) ? image : pad(image, pads, "constant", 0, "centerCrop");
    const [h, w] = x.shape.slice(2) as [number, number];
    if (h === height && w === width) return x;
    return window(x, [roundedHalf(h - height), roundedHalf(w - width)], [height, width]);
  });
}
