import { checkNumber, checkOptions } from "../../check.js";
import { makeTensor } from "../../creation.js";
import { where } from "../../ops/compare.js";
import { flip } from "../../ops/rearrange.js";
import type { Tensor } from "../../tensor.js";
import { adopt } from "../../tensor.js";
import { imageTransform, type SampleTransform, uniforms } from "./image.js";

export interface FlipOptions {
  /** Probability. Default 0.5. */
  readonly p?: number;
}

/** Mirrors left and right with probability p, each image by itself. torchvision: RandomHorizontalFlip. */
export function randomHorizontalFlip(options: FlipOptions = {}): SampleTransform<Tensor> {
  return randomFlip("randomHorizontalFlip", 3, options);
}

/** Turns upside down with probability p, each image by itself. torchvision: RandomVerticalFlip. */
export function randomVerticalFlip(options: FlipOptions = {}): SampleTransform<Tensor> {
  return randomFlip("randomVerticalFlip", 2, options);
}

function randomFlip(op: string, dim: number, options: FlipOptions): SampleTransform<Tensor> {
  checkOptions(op, options, ["p"]);
  const p = checkNumber(op, "p", options.p ?? 0.5, 0, 1);
  return imageTransform(op, (x, generator) => {
    const flips = Array.from(uniforms(generator, x.size(0)), (u) => u < p);
    if (!flips.includes(true)) return x;
    const mirrored = flip(x, dim);
    if (!flips.includes(false)) return mirrored;
    return where(adopt(makeTensor(flips, { shape: [flips.length, 1, 1, 1] })), mirrored, x);
  });
}
