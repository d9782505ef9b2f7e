import { checkInteger, checkNumber, checkOptions } from "../check.js";
import { defaultGenerator, type Generator } from "../random.js";
import { permutation } from "../sampling.js";
import { type BatchSampler, epochGenerator } from "./sampler.js";
import { drawSeed } from "./seeds.js";

export interface BucketBatchSamplerOptions {
  /** Batches that a bucket of similar length is cut into: more mix the samples more, fewer pad less. Default 16. */
  readonly bucketBatches?: number;
  /** Mix the samples of each bucket, and the batches, anew in each epoch. Default true; else batches go from short to long. */
  readonly shuffle?: boolean;
  /** Leave the last batch out if it has fewer samples. Default false. */
  readonly dropLast?: boolean;
  /** Where the seed is drawn from. Default: `defaultGenerator`. */
  readonly generator?: Generator;
}

/**
 * Batches of samples of similar length, so that little is padded. The samples are sorted by length and cut into buckets of
 * batchSize · bucketBatches; each bucket is mixed and cut into batches, and the batches come in random order.
 */
export class BucketBatchSampler implements BatchSampler {
  readonly length: number;
  seed?: string;
  /** The samples' indices, sorted by length. */
  private readonly sorted: Int32Array;
  private readonly batchSize: number;
  private readonly bucketSize: number;

  constructor(lengths: ArrayLike<number>, batchSize: number, options: BucketBatchSamplerOptions = {}) {
    const op = "BucketBatchSampler";
    checkOptions(op, options, ["bucketBatches", "shuffle", "dropLast", "generator"]);
    this.batchSize = checkInteger(op, "batchSize", batchSize, 1);
    this.bucketSize = batchSize * checkInteger(op, "bucketBatches", options.bucketBatches ?? 16, 1);
    const sizes = Float64Array.from(lengths, (v, i) => checkNumber(op, `length ${i}`, v, 0));
    this.sorted = Int32Array.from(sizes, (_, i) => i).sort((a, b) => sizes[a]! - sizes[b]! || a - b);
    const batches = sizes.length / batchSize;
    this.length = options.dropLast === true ? Math.floor(batches) : Math.ceil(batches);
    if (options.shuffle ?? true) this.seed = drawSeed(options.generator ?? defaultGenerator);
  }

  batches(epoch: number): readonly Int32Array[] {
    const { sorted, seed } = this;
    if (seed === undefined) return this.cut(sorted);
    const n = sorted.length;
    // One permutation takes a word for each element, from a block of its own.
    const buckets = Math.ceil(n / this.bucketSize);
    const generator = epochGenerator(seed, epoch, n + this.length + 8 * (buckets + 1));
    const mixed = new Int32Array(n);
    for (let start = 0; start < n; start += this.bucketSize) {
      const bucket = sorted.subarray(start, start + this.bucketSize);
      mixed.set(
        permutation(bucket.length, generator).map((i) => bucket[i]!),
        start,
      );
    }
    const batches = this.cut(mixed);
    return Array.from(permutation(batches.length, generator), (i) => batches[i]!);
  }

  private cut(order: Int32Array): Int32Array[] {
    return Array.from({ length: this.length }, (_, b) => {
      return order.subarray(b * this.batchSize, (b + 1) * this.batchSize);
    });
  }
}
