import { checkOptions } from "../check.js";
import { ArgumentError } from "../errors.js";
import { noGrad } from "../scoping.js";
import { Tensor } from "../tensor.js";
import type { Collated } from "./collate.js";
import type { Dataset } from "./dataset.js";
import { inScope } from "./fetch.js";
import { MapDataset } from "./map.js";
import type { Transform } from "./transform.js";

export interface AugmentOptions<S, T> {
  /**
   * The transform of a whole batch, as the data set's `getBatch` makes it; it may be the same function, since the transforms of images
   * take batches too. One call for each batch is faster. Default: samples are transformed one by one.
   */
  readonly batches?: Transform<Collated<S>, Collated<T>>;
}

/**
 * A data set whose samples are transformed each time they are asked for, without gradients; what they draw is what `MapDataset` says, or for
 * whole batches the same with the generator of their first sample. It wraps one split, and the split alone is changed: split
 * first, augment the training part, and give the other parts to their loaders as they are. No path leads from here to the samples of
 * another split.
 *
 *     const [train, test] = data.randomSplit(digits, [0.9, 0.1]);
 *     const augmented = data.augment(train, onImage(randomCrop(28, { padding: 2 })));
 */
export function augment<S, T = S>(
  split: Dataset<S>,
  transform: Transform<S, T>,
  options: AugmentOptions<S, T> = {},
): Dataset<T> {
  checkOptions("augment", options, ["batches"]);
  const { batches } = options;
  for (const [what, fn] of [
    ["transform", transform],
    ["batches", batches ?? transform],
  ] as const) {
    if (typeof fn !== "function") {
      throw new ArgumentError("augment", `${what} is ${String(fn)}; expected a function of sample and generator`);
    }
  }
  return new MapDataset(split, unrecorded(transform), batches && unrecorded(batches));
}

/** A transform that autograd does not see. */
function unrecorded<A, B>(transform: Transform<A, B>): Transform<A, B> {
  return (sample, generator) => noGrad(() => inScope(() => transform(sample, generator)));
}

/**
 * Mean and standard deviation of each channel over all images of a data set, summed in float64: what `transforms.normalizeBy` takes.
 * Give it the training split, and nothing else. A std of 0 becomes 1, so that dividing by it changes nothing.
 * Samples: images [C, H, W], alone or first in [image, …]. Errors: ArgumentError for no images or different channels.
 */
export function imageStatistics(split: Pick<Dataset<Tensor | readonly unknown[]>, "length" | "get">): {
  mean: number[];
  std: number[];
} {
  const op = "imageStatistics";
  if (split.length === 0) throw new ArgumentError(op, "the data set is empty; expected at least one image");
  let total: Moments[] = [];
  for (let i = 0; i < split.length; i++) {
    const found = noGrad(() =>
      momentsOf(
        op,
        inScope(() => split.get(i)),
        i,
      ),
    );
    if (i === 0) total = found;
    else if (found.length === total.length) total = total.map((m, c) => merged(m, found[c]!));
    else throw new ArgumentError(op, `image ${i} has ${found.length} channels; expected ${total.length}, as image 0`);
  }
  const std = total.map((m) => Math.sqrt(m.squares / m.count) || 1);
  return { mean: total.map((m) => m.mean), std };
}

/** Count, mean, and sum of squared distances from it. */
interface Moments {
  readonly count: number;
  readonly mean: number;
  readonly squares: number;
}

function momentsOf(op: string, sample: unknown, index: number): Moments[] {
  const image: unknown = Array.isArray(sample) ? sample[0] : sample;
  if (!(image instanceof Tensor) || image.ndim !== 3 || image.numel === 0) {
    const is = image instanceof Tensor ? String(image.shape) : typeof image;
    throw new ArgumentError(op, `image ${index} is [${is}]; expected a tensor [channels, height, width]`);
  }
  const all = image.data();
  const count = image.numel / image.size(0);
  return Array.from({ length: image.size(0) }, (_, c) => {
    const pixels = all.subarray(c * count, (c + 1) * count);
    let sum = 0;
    for (const v of pixels) sum += v;
    const mean = sum / count;
    let squares = 0;
    for (const v of pixels) squares += (v - mean) ** 2;
    return { count, mean, squares };
  });
}

/** Chan, Golub and LeVeque, Updating Formulae and a Pairwise Algorithm for Computing Sample Variances, 1979. */
function merged(a: Moments, b: Moments): Moments {
  const count = a.count + b.count;
  const delta = b.mean - a.mean;
  return {
    count,
    mean: a.mean + (delta * b.count) / count,
    squares: a.squares + b.squares + (delta ** 2 * a.count * b.count) / count,
  };
}
