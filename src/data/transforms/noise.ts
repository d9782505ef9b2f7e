import { checkDType, checkInteger, checkNumber, checkOptions } from "../../check.js";
import { ArgumentError, ShapeError } from "../../errors.js";
import { add } from "../../ops/arithmetic.js";
import { conv, convAttrs } from "../../ops/conv.js";
import { clone, reshape } from "../../ops/copy.js";
import { pad } from "../../ops/pad.js";
import { normal } from "../../ops/random.js";
import { expand } from "../../ops/reduce.js";
import { clamp } from "../../ops/unary.js";
import { formatShape } from "../../shape.js";
import type { Tensor } from "../../tensor.js";
import {
  between,
  checkRange,
  imageTransform,
  type Range,
  type SampleTransform,
  uniforms,
  upTo,
  values,
  window,
} from "./image.js";

export interface BlurOptions {
  /** Standard deviation in pixels, or what it is drawn from. Default [0.1, 2]. */
  readonly sigma?: number | Range;
}

/**
 * Weighs kernelSize × kernelSize pixels by e^(−(x² + y²) / 2σ²), each image with a σ of its own; beyond the edge it is mirrored.
 * torchvision: GaussianBlur. Shape: [C, H, W] → [C, H, W]. Errors: ArgumentError for an even kernelSize; ShapeError for an image of
 * half of it.
 */
export function gaussianBlur(kernelSize: number, options: BlurOptions = {}): SampleTransform<Tensor> {
  const op = "gaussianBlur";
  checkOptions(op, options, ["sigma"]);
  if (checkInteger(op, "kernelSize", kernelSize, 1) % 2 === 0) {
    throw new ArgumentError(op, `kernelSize is ${kernelSize}; expected an odd number`);
  }
  const { sigma = [0.1, 2] } = options;
  const sigmas = checkRange(op, "sigma", typeof sigma === "number" ? [sigma, sigma] : sigma, Number.MIN_VALUE);
  const half = (kernelSize - 1) / 2;
  return imageTransform(op, (image, generator) => {
    checkDType(op, "image", image, "float32");
    const [n, c, h, w] = image.shape as readonly [number, number, number, number];
    const lines = Array.from(uniforms(generator, n), (u) => weightsOf(half, between(sigmas, u)));
    // Every channel of every image is a group of its own, with the weights of its image.
    const groups = n * c;
    const weights = lines.flatMap((line) => Array.from({ length: c }, () => line)).flat();
    const along = (x: Tensor, kernel: readonly [number, number]): Tensor =>
      conv(x, values(weights, [groups, 1, ...kernel]), null, convAttrs(op, kernel, { groups }));
    const sides = [half, half] as const;
    const x = reshape(pad(image, [[0, 0], [0, 0], sides, sides], "reflect", 0, op), [
      1,
      groups,
      h + 2 * half,
      w + 2 * half,
    ]);
    return reshape(along(along(x, [kernelSize, 1]), [1, kernelSize]), image.shape);
  });
}

function weightsOf(half: number, sigma: number): number[] {
  const line = Array.from({ length: 2 * half + 1 }, (_, i) => Math.exp(-(((i - half) / sigma) ** 2) / 2));
  const total = line.reduce((a, b) => a + b, 0);
  return line.map((v) => v / total);
}

export interface GaussianNoiseOptions {
  /** Default 0. */
  readonly mean?: number;
  /** Standard deviation. Default 0.1. */
  readonly sigma?: number;
  /** Keep the result in [0, 1]. Default true. */
  readonly clip?: boolean;
}

/** Adds a normal random number to every element. torchvision: GaussianNoise. Shape: [C, H, W] → [C, H, W]. */
export function gaussianNoise(options: GaussianNoiseOptions = {}): SampleTransform<Tensor> {
  const op = "gaussianNoise";
  checkOptions(op, options, ["mean", "sigma", "clip"]);
  const mean = checkNumber(op, "mean", options.mean ?? 0);
  const sigma = checkNumber(op, "sigma", options.sigma ?? 0.1, 0);
  const clip = options.clip ?? true;
  return imageTransform(op, (x, generator) => {
    checkDType(op, "image", x, "float32");
    const y = add(x, normal(x.shape, mean, sigma, generator));
    return clip ? clamp(y, 0, 1) : y;
  });
}

export interface RandomErasingOptions {
  /** Probability. Default 0.5. */
  readonly p?: number;
  /** Share of the image's area. Default [0.02, 0.33]. */
  readonly scale?: Range;
  /** Height / width. Default [0.3, 3.3]. */
  readonly ratio?: Range;
  /** What is put there: one number, one for each channel, or normal random numbers. Default 0. */
  readonly value?: number | readonly number[] | "random";
}

/** Rectangles that are tried before the image is left as it is, and random numbers for each image. */
const TRIES = 10;
const DRAWS = 4 * TRIES + 4;

/**
 * Erases a rectangle of random area, proportions and place with probability p, each image by itself. torchvision: RandomErasing.
 * Shape: [C, H, W] → [C, H, W]. Source: Zhong et al., "Random Erasing Data Augmentation", 2020.
 */
export function randomErasing(options: RandomErasingOptions = {}): SampleTransform<Tensor> {
  const op = "randomErasing";
  checkOptions(op, options, ["p", "scale", "ratio", "value"]);
  const p = checkNumber(op, "p", options.p ?? 0.5, 0, 1);
  const scale = checkRange(op, "scale", options.scale ?? [0.02, 0.33], 0, 1);
  const ratio = checkRange(op, "ratio", options.ratio ?? [0.3, 3.3], Number.MIN_VALUE);
  const { value = 0 } = options;
  const levels = value === "random" ? null : levelsOf(op, value);
  return imageTransform(op, (image, generator) => {
    checkDType(op, "image", image, "float32");
    const [n, c, h, w] = image.shape as readonly [number, number, number, number];
    if (levels !== null && levels.length !== 1 && levels.length !== c) {
      throw new ShapeError(
        op,
        `image has shape ${formatShape([c, h, w])}; expected ${levels.length} channels, as value has`,
      );
    }
    const u = uniforms(generator, DRAWS * n);
    const boxes = Array.from({ length: n }, (_, i) => {
      return u[DRAWS * i]! < p ? boxOf(h, w, scale, ratio, u.subarray(DRAWS * i + 1)) : null;
    });
    if (boxes.every((box) => box === null)) return image;
    const y = clone(image);
    boxes.forEach((box, i) => {
      if (box === null) return;
      const [top, left, ...size] = box;
      const shape = [1, c, ...size];
      const patch = levels === null ? normal(shape, 0, 1, generator) : values(levels, [1, levels.length, 1, 1]);
      window(y.narrow(0, i, 1), [top, left], size).copy_(expand(patch, shape));
    });
    return y;
  });
}

type Box = readonly [top: number, left: number, height: number, width: number];

function boxOf(h: number, w: number, scale: Range, ratio: Range, u: Float64Array): Box | null {
  const logRatio = [Math.log(ratio[0]), Math.log(ratio[1])] as const;
  for (let t = 0; t < TRIES; t++) {
    const area = h * w * between(scale, u[4 * t]!);
    const aspect = Math.exp(between(logRatio, u[4 * t + 1]!));
    const height = Math.round(Math.sqrt(area * aspect));
    const width = Math.round(Math.sqrt(area / aspect));
    if (height < h && width < w)
      return [upTo(h - height, u[4 * t + 2]!), upTo(w - width, u[4 * t + 3]!), height, width];
  }
  return null;
}

function levelsOf(op: string, value: number | readonly number[]): number[] {
  const list = typeof value === "number" ? [value] : value;
  if (!Array.isArray(list) || list.length === 0) {
    throw new ArgumentError(
      op,
      `value is ${JSON.stringify(value)}; expected a number, one for each channel, or "random"`,
    );
  }
  return list.map((v) => checkNumber(op, "value", v));
}
