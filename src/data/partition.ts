import { checkInteger, checkOptions } from "../check.js";
import { makeTensor } from "../creation.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { defaultGenerator, type Generator } from "../random.js";
import { permutation } from "../sampling.js";
import { formatShape } from "../shape.js";
import { adopt, Tensor } from "../tensor.js";
import type { Dataset } from "./dataset.js";
import { DataLoader } from "./loader.js";
import { type BatchSampler, epochGenerator, scaled } from "./sampler.js";
import { drawSeed } from "./seeds.js";

/**
 * Every stretch of a long sequence of tokens, with the same stretch one token later: what a language model reads and what it should say.
 * Sample: [input [numSteps], target [numSteps]], int32; sample i begins at token i.
 */
export class TokenDataset implements Dataset<[input: Tensor, target: Tensor]> {
  readonly length: number;
  readonly tokens: Int32Array;

  /** `tokens` is a tensor int32 [T] or a list of integers; it is copied. */
  constructor(
    tokens: Tensor | ArrayLike<number>,
    readonly numSteps: number,
  ) {
    checkInteger("TokenDataset", "numSteps", numSteps, 1);
    if (tokens instanceof Tensor && tokens.ndim !== 1) {
      throw new ShapeError("TokenDataset", `tokens are ${formatShape(tokens.shape)}; expected [T]`);
    }
    const list = tokens instanceof Tensor ? tokens.data() : tokens;
    this.tokens = Int32Array.from(list, (v, i) => checkInteger("TokenDataset", `token ${i}`, v, -(2 ** 31)));
    this.length = Math.max(this.tokens.length - numSteps, 0);
  }

  get(index: number): [input: Tensor, target: Tensor] {
    const at = Int32Array.of(index);
    return [adopt(makeTensor(this.cut(at, 0))), adopt(makeTensor(this.cut(at, 1)))];
  }

  getBatch(indices: Int32Array): [inputs: Tensor, targets: Tensor] {
    const shape = [indices.length, this.numSteps];
    return [adopt(makeTensor(this.cut(indices, 0), { shape })), adopt(makeTensor(this.cut(indices, 1), { shape }))];
  }

  private cut(indices: Int32Array, later: number): Int32Array {
    const out = new Int32Array(indices.length * this.numSteps);
    indices.forEach((index, row) => {
      const start = checkInteger("TokenDataset", "index", index, 0, this.length - 1) + later;
      out.set(this.tokens.subarray(start, start + this.numSteps), row * this.numSteps);
    });
    return out;
  }
}

export interface PartitionOptions {
  /**
   * Leave out up to numSteps − 1 tokens at the beginning, another number in each epoch, so that stretches do not always begin at the same
   * tokens. Default true; for validation false.
   */
  readonly randomOffset?: boolean;
  /** Where the loader's seed is drawn from. Default: `defaultGenerator`. */
  readonly generator?: Generator;
}

/** Where the stretches of each batch begin. */
abstract class Partition implements BatchSampler {
  abstract readonly length: number;
  seed?: string;

  constructor(
    op: string,
    protected readonly tokens: number,
    protected readonly batchSize: number,
    protected readonly numSteps: number,
    options: PartitionOptions,
    /** Is anything random, even without an offset? */
    random: boolean,
  ) {
    checkOptions(op, options, ["randomOffset", "generator"]);
    checkInteger(op, "batchSize", batchSize, 1);
    this.offsets = (options.randomOffset ?? true) ? numSteps : 1;
    if (random || this.offsets > 1) this.seed = drawSeed(options.generator ?? defaultGenerator);
  }

  /** Offsets that there may be. Each epoch has as many batches as with the largest. */
  protected readonly offsets: number;

  abstract batches(epoch: number): readonly Int32Array[];

  /** Errors: ArgumentError if there is not one batch. */
  protected checkBatches(op: string, batches: number): number {
    if (batches >= 1) return batches;
    const { tokens, batchSize, numSteps } = this;
    throw new ArgumentError(op, `${tokens} tokens make no batch of ${batchSize} stretches of ${numSteps} steps`);
  }
}

class SequentialPartition extends Partition {
  readonly length: number;

  constructor(tokens: number, batchSize: number, numSteps: number, options: PartitionOptions) {
    super("sequentialBatches", tokens, batchSize, numSteps, options, false);
    this.length = this.checkBatches("sequentialBatches", Math.floor(this.perRow(this.offsets - 1) / numSteps));
  }

  /** Tokens of each row of the batch. */
  private perRow(offset: number): number {
    return Math.floor((this.tokens - 1 - offset) / this.batchSize);
  }

  batches(epoch: number): readonly Int32Array[] {
    const { batchSize, numSteps, seed, offsets } = this;
    const offset = seed === undefined ? 0 : scaled(epochGenerator(seed, epoch, 1).words(1)[0]!, offsets);
    const perRow = this.perRow(offset);
    return Array.from({ length: this.length }, (_, b) =>
      Int32Array.from({ length: batchSize }, (_, row) => offset + row * perRow + b * numSteps),
    );
  }
}

class RandomPartition extends Partition {
  readonly length: number;

  constructor(tokens: number, batchSize: number, numSteps: number, options: PartitionOptions) {
    super("randomBatches", tokens, batchSize, numSteps, options, true);
    this.length = this.checkBatches("randomBatches", Math.floor(this.stretches(this.offsets - 1) / batchSize));
  }

  private stretches(offset: number): number {
    return Math.floor((this.tokens - 1 - offset) / this.numSteps);
  }

  batches(epoch: number): readonly Int32Array[] {
    const { batchSize, numSteps, seed, offsets } = this;
    // A block for the offset, and one word for each stretch.
    const generator = epochGenerator(seed!, epoch, 4 + this.stretches(0));
    const offset = scaled(generator.words(1)[0]!, offsets);
    const order = permutation(this.stretches(offset), generator);
    return Array.from({ length: this.length }, (_, b) =>
      order.subarray(b * batchSize, (b + 1) * batchSize).map((stretch) => offset + stretch * numSteps),
    );
  }
}

type TokenLoader = DataLoader<[input: Tensor, target: Tensor], [inputs: Tensor, targets: Tensor]>;

/**
 * Batches for truncated back-propagation through a long text: inputs and targets int32 [batchSize, numSteps], targets one token later.
 * The text is cut into batchSize rows, and each row of a batch goes on where the same row of the batch before it ended, so that a
 * recurrent network's state carries over. What makes no whole batch is left out. (d2l.ai, section 9.3: sequential partitioning.)
 * Errors: ArgumentError for fewer tokens than one batch.
 */
export function sequentialBatches(
  tokens: Tensor | ArrayLike<number>,
  batchSize: number,
  numSteps: number,
  options: PartitionOptions = {},
): TokenLoader {
  const dataset = new TokenDataset(tokens, numSteps);
  const batchSampler = new SequentialPartition(dataset.tokens.length, batchSize, numSteps, options);
  return new DataLoader(dataset, { batchSampler });
}

/**
 * Batches of stretches of a long text in random order: inputs and targets int32 [batchSize, numSteps], targets one token later. The
 * stretches do not overlap; what makes no whole batch is left out. (d2l.ai, section 9.3: random partitioning.)
 * Errors: ArgumentError for fewer tokens than one batch.
 */
export function randomBatches(
  tokens: Tensor | ArrayLike<number>,
  batchSize: number,
  numSteps: number,
  options: PartitionOptions = {},
): TokenLoader {
  const dataset = new TokenDataset(tokens, numSteps);
  const batchSampler = new RandomPartition(dataset.tokens.length, batchSize, numSteps, options);
  return new DataLoader(dataset, { batchSampler });
}
