import { checkInteger, checkNumber, checkOptions } from "../check.js";
import { ArgumentError } from "../errors.js";
import { defaultGenerator, Generator } from "../random.js";
import { permutation } from "../sampling.js";
import { drawSeed } from "./seeds.js";

/** In which order a loader takes the samples of a data set. An epoch's order depends on nothing but the seed and the epoch. */
export interface Sampler {
  /** Number of samples in an epoch. */
  readonly length: number;
  /** The samples' indices. */
  order(epoch: number): Int32Array;
  /** What random orders depend on, in decimal. A loader keeps it in its state, and sets it when the state is loaded. */
  seed?: string;
}

/** Which samples make up a loader's batches. An epoch's batches depend on nothing but the seed and the epoch. */
export interface BatchSampler {
  /** Number of batches in an epoch, the same in each. */
  readonly length: number;
  /** The samples' indices, batch by batch. */
  batches(epoch: number): readonly Int32Array[];
  /** As in `Sampler`. */
  seed?: string;
}

/** A part of an epoch's own of the stream of a seed: `count` words, of which other epochs draw none. */
export function epochGenerator(seed: string, epoch: number, count: number): Generator {
  return new Generator().setState({ seed, offset: epoch * Math.ceil(count / 4) });
}

/** An integer from 0 to n − 1, from a word of the stream. */
export function scaled(word: number, n: number): number {
  return Math.floor((word / 2 ** 32) * n);
}

interface Sized {
  readonly length: number;
}

/** The samples of a data set one after the other. */
export class SequentialSampler implements Sampler {
  constructor(private readonly dataset: Sized) {}

  get length(): number {
    return this.dataset.length;
  }

  order(): Int32Array {
    return Int32Array.from({ length: this.length }, (_, i) => i);
  }
}

export interface RandomSamplerOptions {
  /** Let a sample be drawn again. Default false. */
  readonly replacement?: boolean;
  /** Samples in an epoch. Default: as many as the data set has. */
  readonly numSamples?: number;
  /** Where the seed is drawn from. Default: `defaultGenerator`. */
  readonly generator?: Generator;
}

/**
 * The samples of a data set in random order, another in each epoch. Without replacement, `numSamples` beyond the data set's length goes
 * through it several times, each time in another order.
 */
export class RandomSampler implements Sampler {
  seed: string;
  private readonly replacement: boolean;
  private readonly numSamples: number | undefined;

  constructor(
    private readonly dataset: Sized,
    options: RandomSamplerOptions = {},
  ) {
    checkOptions("RandomSampler", options, ["replacement", "numSamples", "generator"]);
    this.replacement = options.replacement ?? false;
    this.numSamples = options.numSamples;
    if (this.numSamples !== undefined) checkInteger("RandomSampler", "numSamples", this.numSamples, 1);
    this.seed = drawSeed(options.generator ?? defaultGenerator);
  }

  get length(): number {
    return this.dataset.length === 0 ? 0 : (this.numSamples ?? this.dataset.length);
  }

  order(epoch: number): Int32Array {
    const n = this.dataset.length;
    const { length } = this;
    if (this.replacement) {
      const words = epochGenerator(this.seed, epoch, length).words(length);
      return Int32Array.from(words, (word) => scaled(word, n));
    }
    const rounds = Math.ceil(length / Math.max(n, 1));
    const out = new Int32Array(rounds * n);
    for (let r = 0; r < rounds; r++) {
      out.set(permutation(n, epochGenerator(this.seed, epoch * rounds + r, n)), r * n);
    }
    return out.subarray(0, length);
  }
}

/** Some samples of a data set, by their indices, in random order. */
export class SubsetRandomSampler implements Sampler {
  readonly length: number;
  seed: string;
  private readonly indices: Int32Array;

  constructor(indices: ArrayLike<number>, options: { readonly generator?: Generator } = {}) {
    checkOptions("SubsetRandomSampler", options, ["generator"]);
    this.indices = Int32Array.from(indices, (v, i) => checkInteger("SubsetRandomSampler", `index ${i}`, v, 0));
    this.length = this.indices.length;
    this.seed = drawSeed(options.generator ?? defaultGenerator);
  }

  order(epoch: number): Int32Array {
    const { indices, length, seed } = this;
    return permutation(length, epochGenerator(seed, epoch, length)).map((i) => indices[i]!);
  }
}

export interface WeightedRandomSamplerOptions {
  /** Let a sample be drawn again. Default true. */
  readonly replacement?: boolean;
  /** Where the seed is drawn from. Default: `defaultGenerator`. */
  readonly generator?: Generator;
}

/**
 * Draws sample i with a probability in proportion to weights[i], numSamples times in an epoch; so rare classes can be seen as often as
 * common ones. Without replacement the draws are Efraimidis and Spirakis' (2006): the largest of log(u) / weight, u uniform in (0, 1).
 * Errors: ArgumentError for weights that are negative, not finite or all 0, and without replacement for fewer positive ones than numSamples.
 */
export class WeightedRandomSampler implements Sampler {
  readonly length: number;
  seed: string;
  private readonly weights: Float64Array;
  private readonly replacement: boolean;

  constructor(weights: ArrayLike<number>, numSamples: number, options: WeightedRandomSamplerOptions = {}) {
    const op = "WeightedRandomSampler";
    checkOptions(op, options, ["replacement", "generator"]);
    this.weights = Float64Array.from(weights, (w, i) => checkNumber(op, `weight ${i}`, w, 0, Number.MAX_VALUE));
    this.length = checkInteger(op, "numSamples", numSamples, 1);
    this.replacement = options.replacement ?? true;
    const positive = this.weights.filter((w) => w > 0).length;
    const needed = this.replacement ? 1 : numSamples;
    if (positive < needed) {
      throw new ArgumentError(op, `${positive} weights are positive; expected at least ${needed}`);
    }
    this.seed = drawSeed(options.generator ?? defaultGenerator);
  }

  order(epoch: number): Int32Array {
    return this.replacement ? this.drawAgain(epoch) : this.drawOnce(epoch);
  }

  private drawAgain(epoch: number): Int32Array {
    const { length } = this;
    const largest = this.weights.reduce((a, b) => Math.max(a, b), 0);
    let sum = 0;
    // Scaled, so that the sum is finite.
    const sums = this.weights.map((w) => (sum += w / largest));
    // Two words make one uniform number fine enough for small weights among many.
    const words = epochGenerator(this.seed, epoch, 2 * length).words(2 * length);
    return Int32Array.from({ length }, (_, i) => {
      const u = (words[2 * i]! + (words[2 * i + 1]! + 0.5) / 2 ** 32) / 2 ** 32;
      return this.firstAbove(sums, u * sum);
    });
  }

  /** The first index whose sum exceeds the value; rounding up to the whole sum gives the last of positive weight. */
  private firstAbove(sums: Float64Array, value: number): number {
    let low = 0;
    let high = sums.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle]! > value) high = middle;
      else low = middle + 1;
    }
    while (this.weights[low] === 0) low--;
    return low;
  }

  private drawOnce(epoch: number): Int32Array {
    const n = this.weights.length;
    const words = epochGenerator(this.seed, epoch, n).words(n);
    const keys = this.weights.map((w, i) => (w === 0 ? -Infinity : Math.log((words[i]! + 0.5) / 2 ** 32) / w));
    const order = Int32Array.from({ length: n }, (_, i) => i);
    return order.sort((a, b) => keys[b]! - keys[a]! || a - b).subarray(0, this.length);
  }
}
