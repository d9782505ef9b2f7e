import { checkInteger, checkNumber, checkRank } from "../../check.js";
import { makeTensor } from "../../creation.js";
import { ArgumentError } from "../../errors.js";
import { copyStrided } from "../../layout.js";
import { cat, narrow } from "../../ops/copy.js";
import { squeeze, unsqueeze } from "../../ops/view.js";
import { defaultGenerator, Generator } from "../../random.js";
import { noGrad } from "../../scoping.js";
import { adopt, Tensor } from "../../tensor.js";
import { bytesOf, type Ptr, type Shape } from "../../types.js";

// What the transforms of images share. Images are [C, H, W], and inside of a transform always a batch x [N, C, H, W].

/** A `Transform` that draws from `defaultGenerator` if it is called without a generator. */
export type SampleTransform<A, B = A> = (sample: A, generator?: Generator) => B;

/** Two numbers, the smaller one first. */
export type Range = readonly [min: number, max: number];

/** A transform of one image [C, H, W], or of a batch [N, C, H, W]; nothing is recorded for autograd, and temporaries are freed. */
export function imageTransform(op: string, run: (x: Tensor, generator: Generator) => Tensor): SampleTransform<Tensor> {
  return (image, generator = defaultGenerator) => {
    if (!(image instanceof Tensor)) {
      throw new ArgumentError(op, "sample is no Tensor; expected an image, or onImage(…) around the transform");
    }
    if (!(generator instanceof Generator)) throw new ArgumentError(op, "generator is no Generator; expected one");
    image.assertAlive(op);
    checkRank(op, "image", image.shape, 3, 4);
    return noGrad(() => {
      if (image.ndim === 4) return run(image, generator);
      const x = unsqueeze(image, 0);
      const y = run(x, generator);
      return y === x ? image : squeeze(y, 0);
    });
  };
}

/** Height and width from one size or a pair [height, width]. */
export function checkSize(op: string, size: unknown): [height: number, width: number] {
  if (typeof size === "number") return [checkInteger(op, "size", size, 1), size];
  if (!Array.isArray(size) || size.length !== 2) {
    throw new ArgumentError(op, `size is ${JSON.stringify(size)}; expected an integer or [height, width]`);
  }
  return [checkInteger(op, "height", size[0], 1), checkInteger(op, "width", size[1], 1)];
}

export function checkRange(op: string, what: string, value: unknown, min = -Infinity, max = Infinity): Range {
  if (!Array.isArray(value) || value.length !== 2) {
    throw new ArgumentError(op, `${what} is ${JSON.stringify(value)}; expected [min, max]`);
  }
  const range = [checkNumber(op, what, value[0], min, max), checkNumber(op, what, value[1], min, max)] as const;
  if (range[0] > range[1] || !range.every(Number.isFinite)) {
    throw new ArgumentError(op, `${what} is [${range.join(", ")}]; expected finite numbers, the smaller one first`);
  }
  return range;
}

/** `count` random numbers in [0, 1). */
export function uniforms(generator: Generator, count: number): Float64Array {
  return Float64Array.from(generator.words(count), (word) => word / 2 ** 32);
}

/** The place of u from [0, 1) in a range. */
export function between([min, max]: Range, u: number): number {
  return min + u * (max - min);
}

/** u from [0, 1) as an integer from 0 to n. */
export function upTo(n: number, u: number): number {
  return Math.floor(u * (n + 1));
}

/** A new tensor of numbers, in the innermost scope. */
export function values(numbers: readonly number[], shape: Shape): Tensor {
  return adopt(makeTensor(Float32Array.from(numbers), { shape }));
}

/** What `run` makes of each image of a batch, [1, C, H, W] each, joined. */
export function eachImage(x: Tensor, run: (image: Tensor, index: number) => Tensor): Tensor {
  const count = x.size(0);
  if (count === 1) return run(x, 0);
  if (count === 0) throw new ArgumentError("transforms", "the batch has no image; expected at least one");
  const images = Array.from({ length: count }, (_, n) => run(narrow(x, 0, n, 1), n));
  return cat(images, 0);
}

/** `size` rows and columns from `start` on; a view. */
export function window(x: Tensor, start: Shape, size: Shape): Tensor {
  return narrow(narrow(x, 2, start[0]!, size[0]!), 3, start[1]!, size[1]!);
}

/** A window of each image of a batch from a place of its own on, copied at once. */
export function windows(x: Tensor, start: (index: number) => Shape, size: Shape): Tensor {
  const [n, c] = x.shape as readonly [number, number];
  const out = Tensor.allocate([n, c, ...size], x.dtype, "window");
  const bytes = bytesOf(x.dtype);
  const [step = 0, ...strides] = x.strides;
  const [outStep = 0, ...outStrides] = out.strides;
  for (let i = 0; i < n; i++) {
    const [top = 0, left = 0] = start(i);
    const from = (x.ptr + (i * step + top * x.strides[2]! + left * x.strides[3]!) * bytes) as Ptr;
    const to = (out.ptr + i * outStep * bytes) as Ptr;
    copyStrided({ ptr: to, strides: outStrides }, { ptr: from, strides }, [c, ...size], x.dtype);
  }
  return adopt(out);
}

/** Half of a whole number, to the even one of two that are equally near, as Python rounds. */
export function roundedHalf(n: number): number {
  const half = Math.floor(n / 2);
  return n % 2 === 0 ? half : half + (half % 2);
}
