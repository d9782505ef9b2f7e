import { checkDType, checkNumber, checkOneOf, checkOptions } from "../../check.js";
import { ArgumentError, ShapeError } from "../../errors.js";
import { add, mul, sub } from "../../functional/arithmetic.js";
import { mean, sum } from "../../functional/reduce.js";
import { div } from "../../ops/arithmetic.js";
import { expand } from "../../ops/reduce.js";
import { clamp } from "../../ops/unary.js";
import { formatShape } from "../../shape.js";
import type { Tensor } from "../../tensor.js";
import type { PixelStatistics } from "../images.js";
import { between, checkRange, imageTransform, type Range, type SampleTransform, uniforms, values } from "./image.js";

/** Red, green and blue in the brightness that an eye sees (ITU-R BT.601). */
const LUMA = [0.2989, 0.587, 0.114];

export interface ColorJitterOptions {
  /** One number b stands for factors in [max(0, 1 − b), 1 + b]. Default 0: as it is. */
  readonly brightness?: number | Range;
  /** As brightness: a factor of the distance from the image's mean grey. Default 0. */
  readonly contrast?: number | Range;
  /** As brightness: a factor of the distance from grey; an image of one channel stays as it is. Default 0. */
  readonly saturation?: number | Range;
}

type Adjustment = (x: Tensor, factor: Tensor) => Tensor;

const ADJUSTMENTS: readonly (readonly [name: keyof ColorJitterOptions, adjust: Adjustment])[] = [
  ["brightness", (x, factor) => clamp(mul(x, factor), 0, 1)],
  ["contrast", (x, factor) => blend(x, mean(grey(x), { dim: [1, 2, 3], keepdim: true }), factor)],
  ["saturation", (x, factor) => (x.size(1) === 1 ? x : blend(x, grey(x), factor))],
];

/**
 * Changes brightness, contrast and saturation, each image by factors of its own and in an order that is drawn for each call. Images are
 * in [0, 1] and stay there, so it comes before `normalize`. torchvision: ColorJitter, without hue.
 * Shape: [C, H, W] → [C, H, W], C being 1 or 3 for contrast and saturation.
 */
export function colorJitter(options: ColorJitterOptions = {}): SampleTransform<Tensor> {
  const op = "colorJitter";
  checkOptions(op, options, ["brightness", "contrast", "saturation"]);
  const ranges = ADJUSTMENTS.map(([name]) => factorsOf(op, name, options[name] ?? 0));
  return imageTransform(op, (image, generator) => {
    checkDType(op, "image", image, "float32");
    const n = image.size(0);
    const u = uniforms(generator, ADJUSTMENTS.length * (n + 1));
    // Sorting by random numbers gives every order the same chance.
    const order = [...ADJUSTMENTS.keys()].sort((a, b) => u[a]! - u[b]!);
    return order.reduce((x, k) => {
      const range = ranges[k]!;
      if (range[0] === 1 && range[1] === 1) return x;
      if (k > 0) checkChannels(op, x);
      const factors = Array.from({ length: n }, (_, i) => between(range, u[ADJUSTMENTS.length * (i + 1) + k]!));
      return ADJUSTMENTS[k]![1](x, values(factors, [n, 1, 1, 1]));
    }, image);
  });
}

function factorsOf(op: string, what: string, value: number | Range): Range {
  if (typeof value !== "number") return checkRange(op, what, value, 0);
  const b = checkNumber(op, what, value, 0, Number.MAX_VALUE);
  return [Math.max(0, 1 - b), 1 + b];
}

/** Σ of the channels by their brightness: [N, 1, H, W]. */
function grey(x: Tensor): Tensor {
  if (x.size(1) === 1) return x;
  return sum(mul(x, values(LUMA, [1, 3, 1, 1])), { dim: 1, keepdim: true });
}

function blend(x: Tensor, other: Tensor, factor: Tensor): Tensor {
  return clamp(add(mul(x, factor), mul(other, sub(1, factor))), 0, 1);
}

function checkChannels(op: string, x: Tensor): void {
  if (x.size(1) === 1 || x.size(1) === 3) return;
  throw new ShapeError(op, `image has shape ${formatShape(x.shape.slice(1))}; expected 1 or 3 channels`);
}

export interface GrayscaleOptions {
  /** 1 or 3 equal ones. Default 1. */
  readonly numOutputChannels?: 1 | 3;
}

/** 0.2989·R + 0.587·G + 0.114·B. torchvision: Grayscale. Shape: [1 or 3, H, W] → [numOutputChannels, H, W]. */
export function grayscale(options: GrayscaleOptions = {}): SampleTransform<Tensor> {
  const op = "grayscale";
  checkOptions(op, options, ["numOutputChannels"]);
  const channels = Number(checkOneOf(op, "numOutputChannels", String(options.numOutputChannels ?? 1), ["1", "3"]));
  return imageTransform(op, (x) => {
    checkDType(op, "image", x, "float32");
    checkChannels(op, x);
    const y = grey(x);
    if (channels === 1) return y;
    const [n, , h, w] = x.shape as readonly [number, number, number, number];
    return expand(y, [n, 3, h, w]);
  });
}

/**
 * (x − mean) / std for each channel, with one number or one for each channel. torchvision: Normalize.
 * Shape: [C, H, W] → [C, H, W]. Errors: ArgumentError for a std that is not above 0; ShapeError for another number of channels.
 */
export function normalize(
  means: number | readonly number[],
  stds: number | readonly number[],
): SampleTransform<Tensor> {
  const op = "normalize";
  const listed = (what: string, value: number | readonly number[], min: number): number[] => {
    const list = typeof value === "number" ? [value] : value;
    if (!Array.isArray(list) || list.length === 0) {
      throw new ArgumentError(op, `${what} is ${JSON.stringify(value)}; expected a number, or one for each channel`);
    }
    return list.map((v) => checkNumber(op, what, v, min, Number.MAX_VALUE));
  };
  const mu = listed("mean", means, -Number.MAX_VALUE);
  const sigma = listed("std", stds, Number.MIN_VALUE);
  return imageTransform(op, (x) => {
    checkDType(op, "image", x, "float32");
    const channels = x.size(1);
    for (const list of [mu, sigma]) {
      if (list.length === 1 || list.length === channels) continue;
      throw new ShapeError(
        op,
        `image has shape ${formatShape(x.shape.slice(1))}; expected ${list.length} channels, as mean and std have`,
      );
    }
    return div(sub(x, values(mu, [1, mu.length, 1, 1])), values(sigma, [1, sigma.length, 1, 1]));
  });
}

/** `normalize` with the statistics of the training set, from `imageStatistics`; the same for all splits. */
export function normalizeBy(statistics: PixelStatistics): SampleTransform<Tensor> {
  return normalize(statistics.mean, statistics.std);
}
