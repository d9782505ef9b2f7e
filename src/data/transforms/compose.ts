import { ArgumentError } from "../../errors.js";
import { squeeze, unsqueeze } from "../../ops/view.js";
import { defaultGenerator, type Generator } from "../../random.js";
import { noGrad } from "../../scoping.js";
import { Tensor } from "../../tensor.js";
import { inScope } from "../fetch.js";
import type { Transform } from "../transform.js";
import type { SampleTransform } from "./image.js";

/**
 * One transform after the other. What lies between is freed, and nothing is recorded for autograd.
 * Errors: ArgumentError for what is no function.
 */
export function compose<A>(...transforms: readonly Transform<A>[]): SampleTransform<A>;
export function compose<A, B, C>(f: Transform<A, B>, g: Transform<B, C>): SampleTransform<A, C>;
export function compose<A, B, C, D>(f: Transform<A, B>, g: Transform<B, C>, h: Transform<C, D>): SampleTransform<A, D>;
export function compose(...transforms: readonly Transform<unknown>[]): SampleTransform<unknown> {
  transforms.forEach((t, i) => {
    checkTransform("compose", `transform ${i}`, t);
  });
  return (sample, generator = defaultGenerator) =>
    noGrad(() => transforms.reduce((s, transform) => inScope(() => transform(s, generator)), sample));
}

/** A sample that begins with an image, like [image, label]. */
export type ImageSample = readonly [image: Tensor, ...rest: unknown[]];

/** A sample that begins with an image and its mask. */
export type MaskedSample = readonly [image: Tensor, mask: Tensor, ...rest: unknown[]];

/** Changes the image of [image, label, …] and passes the rest on. Samples and batches alike. */
export function onImage(transform: Transform<Tensor>): <S extends ImageSample>(sample: S, generator?: Generator) => S {
  checkTransform("onImage", "transform", transform);
  return <S extends ImageSample>(sample: S, generator: Generator = defaultGenerator): S => {
    checkFirst("onImage", sample, 1);
    const [image, ...rest] = sample;
    // A tuple with another tensor in its first place.
    return [transform(image, generator), ...rest] as readonly unknown[] as S;
  };
}

/**
 * Changes the image and the mask of [image, mask, …] alike: both are given the same random numbers. `onMask` stands for another
 * transform of the mask that draws as many numbers, such as the same rotation with other interpolation; default: the same transform.
 * Shape: image [C, H, W], mask [C', H, W] or [H, W]; in batches with N before. Masks of integers and booleans are never interpolated.
 */
export function onBoth(
  transform: Transform<Tensor>,
  onMask: Transform<Tensor> = transform,
): <S extends MaskedSample>(sample: S, generator?: Generator) => S {
  checkTransform("onBoth", "transform", transform);
  checkTransform("onBoth", "onMask", onMask);
  return <S extends MaskedSample>(sample: S, generator: Generator = defaultGenerator): S => {
    checkFirst("onBoth", sample, 2);
    const [image, mask, ...rest] = sample;
    return noGrad(() => {
      const before = generator.getState();
      const changed = transform(image, generator);
      const after = generator.getState();
      generator.setState(before);
      try {
        const flat = mask.ndim === image.ndim - 1;
        const masked = onMask(flat ? unsqueeze(mask, -3) : mask, generator);
        return [changed, flat ? squeeze(masked, -3) : masked, ...rest] as readonly unknown[] as S;
      } finally {
        generator.setState(after);
      }
    });
  };
}

function checkTransform(op: string, what: string, transform: unknown): void {
  if (typeof transform !== "function") {
    throw new ArgumentError(op, `${what} is ${String(transform)}; expected a function of sample and generator`);
  }
}

function checkFirst(op: string, sample: unknown, tensors: number): void {
  if (Array.isArray(sample) && sample.slice(0, tensors).filter((t) => t instanceof Tensor).length === tensors) return;
  const expected = tensors === 1 ? "[image, …]" : "[image, mask, …]";
  throw new ArgumentError(op, `sample does not begin with ${tensors} tensor(s); expected ${expected}`);
}
