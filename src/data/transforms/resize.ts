import { checkInteger, checkOneOf, checkOptions } from "../../check.js";
import { ArgumentError } from "../../errors.js";
import { interpolate } from "../../functional/upsample.js";
import { cast } from "../../ops/copy.js";
import type { Tensor } from "../../tensor.js";
import type { Shape } from "../../types.js";
import {
  between,
  checkRange,
  checkSize,
  eachImage,
  imageTransform,
  type Range,
  type SampleTransform,
  uniforms,
  upTo,
  window,
} from "./image.js";

export interface InterpolationOptions {
  /** How pixels between pixels are found; integers and booleans always take the nearest. Default "bilinear". */
  readonly interpolation?: "nearest" | "nearest-exact" | "bilinear" | "bicubic";
  /** Weigh all pixels that a new one covers where the image shrinks, with "bilinear" and "bicubic". Default true. */
  readonly antialias?: boolean;
}

export interface ResizeOptions extends InterpolationOptions {
  /** With one size: the longer edge is at most this, and the shorter one follows. Default: no limit. */
  readonly maxSize?: number;
}

type Scaler = (x: Tensor, size: readonly [number, number]) => Tensor;

/**
 * Another size. One number is the size of the shorter edge, and the longer one keeps the proportions: ⌊size · long / short⌋.
 * torchvision: Resize. Shape: [C, H, W] → [C, H', W'].
 */
export function resize(size: number | Shape, options: ResizeOptions = {}): SampleTransform<Tensor> {
  const op = "resize";
  checkOptions(op, options, ["interpolation", "antialias", "maxSize"]);
  const to = checkSize(op, size);
  const limit = options.maxSize === undefined ? Infinity : checkInteger(op, "maxSize", options.maxSize, 1);
  if (limit !== Infinity && (typeof size !== "number" || limit <= size)) {
    throw new ArgumentError(op, `maxSize is ${limit} with size ${JSON.stringify(size)}; expected more than one size`);
  }
  const scale = scaler(op, options);
  return imageTransform(op, (x) => {
    const [h, w] = x.shape.slice(2) as [number, number];
    return scale(x, typeof size === "number" ? proportional(h, w, size, limit) : to);
  });
}

function proportional(h: number, w: number, size: number, limit: number): [number, number] {
  let short = size;
  let long = Math.floor((size * Math.max(h, w)) / Math.min(h, w));
  if (long > limit) {
    short = Math.max(1, Math.floor((limit * short) / long));
    long = limit;
  }
  return h <= w ? [short, long] : [long, short];
}

function scaler(op: string, options: InterpolationOptions): Scaler {
  const mode = checkOneOf(op, "interpolation", options.interpolation ?? "bilinear", [
    "nearest",
    "nearest-exact",
    "bilinear",
    "bicubic",
  ]);
  const antialias = options.antialias ?? true;
  return (x, size) => {
    if (x.size(2) === size[0] && x.size(3) === size[1]) return x;
    if (x.dtype !== "float32") {
      const nearest = mode === "nearest-exact" ? mode : "nearest";
      return cast(interpolate(cast(x, "float32"), { size, mode: nearest }), x.dtype);
    }
    const smooth = mode === "bilinear" || mode === "bicubic";
    return interpolate(x, { size, mode, ...(smooth ? { antialias, alignCorners: false } : {}) });
  };
}

export interface RandomResizedCropOptions extends InterpolationOptions {
  /** Share of the image's area. Default [0.08, 1]. */
  readonly scale?: Range;
  /** Width / height. Default [3/4, 4/3]. */
  readonly ratio?: Range;
}

/** Windows that are tried before the middle is taken. */
const TRIES = 10;

/**
 * Cuts out a window of random area, proportions and place, each image by itself, and brings it to a size. torchvision: RandomResizedCrop.
 * Shape: [C, H, W] → [C, ...size].
 */
export function randomResizedCrop(
  size: number | Shape,
  options: RandomResizedCropOptions = {},
): SampleTransform<Tensor> {
  const op = "randomResizedCrop";
  checkOptions(op, options, ["scale", "ratio", "interpolation", "antialias"]);
  const to = checkSize(op, size);
  const scale = checkRange(op, "scale", options.scale ?? [0.08, 1], Number.MIN_VALUE);
  const ratio = checkRange(op, "ratio", options.ratio ?? [3 / 4, 4 / 3], Number.MIN_VALUE);
  const resized = scaler(op, options);
  return imageTransform(op, (x, generator) => {
    const [n, , h, w] = x.shape as readonly [number, number, number, number];
    const u = uniforms(generator, 4 * TRIES * n);
    return eachImage(x, (one, i) => {
      const [top, left, height, width] = cropOf(h, w, scale, ratio, u.subarray(4 * TRIES * i));
      return resized(window(one, [top, left], [height, width]), to);
    });
  });
}

type Box = readonly [top: number, left: number, height: number, width: number];

function cropOf(h: number, w: number, scale: Range, ratio: Range, u: Float64Array): Box {
  const logRatio = [Math.log(ratio[0]), Math.log(ratio[1])] as const;
  for (let t = 0; t < TRIES; t++) {
    const area = h * w * between(scale, u[4 * t]!);
    const aspect = Math.exp(between(logRatio, u[4 * t + 1]!));
    const width = Math.round(Math.sqrt(area * aspect));
    const height = Math.round(Math.sqrt(area / aspect));
    if (width > 0 && width <= w && height > 0 && height <= h) {
      return [upTo(h - height, u[4 * t + 2]!), upTo(w - width, u[4 * t + 3]!), height, width];
    }
  }
  // The largest window of allowed proportions in the middle.
  const width = w / h > ratio[1] ? Math.max(1, Math.round(h * ratio[1])) : w;
  const height = w / h < ratio[0] ? Math.max(1, Math.round(w / ratio[0])) : h;
  return [Math.floor((h - height) / 2), Math.floor((w - width) / 2), height, width];
}
