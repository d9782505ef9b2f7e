// What GoogLeNet and Inception v3 share beside their blocks.
import { ArgumentError } from "../errors.js";
import { add, mul } from "../functional/arithmetic.js";
import { cat, narrow } from "../functional/copy.js";
import type { Tensor } from "../tensor.js";
import { checkBoolean } from "./options.js";

/** What a network says at its end and on the way. */
export interface WithAux {
  /** [N, numClasses]. */
  readonly logits: Tensor;
  /** Of the auxiliary classifiers, each [N, numClasses]. */
  readonly aux: readonly Tensor[];
}

/** Errors: ArgumentError if ImageNet's three channels are to be scaled but there are others. */
export function checkInputTransform(op: string, transform: unknown, inChannels: number): boolean {
  const on = checkBoolean(op, "transformInput", transform);
  if (on && inChannels !== 3) {
    throw new ArgumentError(op, `inChannels is ${inChannels}; expected 3 with transformInput`);
  }
  return on;
}

/** ImageNet's mean and standard deviation of red, green and blue. */
const MEAN = [0.485, 0.456, 0.406];
const STD = [0.229, 0.224, 0.225];

/** Images that were normalised with ImageNet's statistics as ones with mean and deviation 0.5: x·σ/0.5 + (μ − 0.5)/0.5 for each channel. */
export function fromImageNetScale(x: Tensor): Tensor {
  const channels = MEAN.map((mean, c) => {
    const channel = narrow(x, { dim: 1, start: c, length: 1 });
    return add(mul(channel, STD[c]! / 0.5), (mean - 0.5) / 0.5);
  });
  return cat(channels, { dim: 1 });
}
