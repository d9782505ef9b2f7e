import { checkInteger, checkOptions } from "../check.js";
import { ArgumentError } from "../errors.js";
import { defaultGenerator, Generator, type GeneratorState } from "../random.js";
import { Scope } from "../runtime/scope.js";
import { permutation } from "../sampling.js";
import { forEachTensor } from "../scoping.js";
import { giveTo, noteUnscoped, type Tensor } from "../tensor.js";
import { type Collated, collate as collateSamples } from "./collate.js";
import type { Dataset } from "./dataset.js";

export interface DataLoaderOptions<S, B> {
  /** Samples in a batch; the last one may have fewer. Default 1. */
  readonly batchSize?: number;
  /** Another random order in each epoch. Default false: the order of the data set. */
  readonly shuffle?: boolean;
  /** Leave the last batch out if it has fewer samples. Default false. */
  readonly dropLast?: boolean;
  /** Where the seed of the orders is drawn from, when the loader is made. Default: `defaultGenerator`. */
  readonly generator?: Generator;
  /** Makes a batch of samples. Default: `data.collate`. */
  readonly collate?: (samples: S[]) => B;
}

/** Where a loader stands, ready for JSON. */
export interface DataLoaderState {
  /** Seed of the orders; null without shuffle. */
  readonly seed: string | null;
  readonly epoch: number;
  /** How many of the epoch's samples have been handed out. */
  readonly position: number;
}

/**
 * Cuts a data set into batches. Each pass over it is an epoch:
 *
 *     for (const [x, y] of new DataLoader(dataset, { batchSize: 64, shuffle: true })) { … }
 *
 * Every batch opens a scope, and the batch is its first content. The scope closes when the loop advances, ends, breaks or throws;
 * then the batch and all that operations made in the loop's body are freed, but for what `keep()` has moved out. So a training loop
 * needs no further care for memory. The body must be synchronous, as a scope must be.
 */
export class DataLoader<S, B = Collated<S>> implements Iterable<B> {
  readonly batchSize: number;
  readonly shuffle: boolean;
  readonly dropLast: boolean;
  private readonly collate: ((samples: S[]) => B) | undefined;
  private seed: string | null = null;
  private epoch = 0;
  private position = 0;
  /** The state was set: the next pass goes on there instead of beginning an epoch. */
  private resumes = false;

  constructor(
    readonly dataset: Dataset<S>,
    options: DataLoaderOptions<S, B> = {},
  ) {
    checkOptions("DataLoader", options, ["batchSize", "shuffle", "dropLast", "generator", "collate"]);
    this.batchSize = checkInteger("DataLoader", "batchSize", options.batchSize ?? 1, 1);
    this.shuffle = options.shuffle ?? false;
    this.dropLast = options.dropLast ?? false;
    this.collate = options.collate;
    if (this.shuffle) this.seed = drawSeed(options.generator ?? defaultGenerator);
  }

  /** Number of batches in an epoch. */
  get length(): number {
    const batches = this.dataset.length / this.batchSize;
    return this.dropLast ? Math.floor(batches) : Math.ceil(batches);
  }

  *[Symbol.iterator](): IterableIterator<B> {
    if (!this.resumes && this.position > 0) this.endEpoch();
    this.resumes = false;
    const epoch = this.epoch;
    const order = this.order(epoch);
    let at = this.position;
    while (at < order.length && !(this.dropLast && at + this.batchSize > order.length)) {
      const indices = order.subarray(at, at + this.batchSize);
      at += indices.length;
      const scope = new Scope();
      try {
        const batch = this.fetch(indices, scope);
        this.position = at;
        yield batch;
      } finally {
        scope.close();
      }
    }
    if (this.epoch === epoch) this.endEpoch();
  }

  /** Where the loader stands: after the batch that was handed out last. */
  stateDict(): DataLoaderState {
    return { seed: this.seed, epoch: this.epoch, position: this.position };
  }

  /**
   * Goes to where `stateDict` was taken: the next pass hands out the rest of that epoch, in the same order.
   * Errors: ArgumentError for a state that does not fit this loader; nothing has changed then.
   */
  loadStateDict(state: DataLoaderState): void {
    const { seed, epoch, position } = state;
    if ((seed !== null) !== this.shuffle) {
      throw new ArgumentError(
        "DataLoader",
        `state has ${seed === null ? "no" : "a"} seed; expected shuffle to be the same`,
      );
    }
    checkInteger("DataLoader", "state's epoch", epoch, 0);
    checkInteger("DataLoader", "state's position", position, 0, this.dataset.length);
    if (seed !== null) new Generator().setState({ seed, offset: 0 });
    this.seed = seed;
    this.epoch = epoch;
    this.position = position;
    this.resumes = true;
  }

  /**
   * Makes a batch in its scope. Tensors that the data set or the collate function make from data and return pass to the scope too,
   * unless they call `keep()` on them; in a synchronous loop nothing else would free them.
   */
  private fetch(indices: Int32Array, scope: Scope): B {
    const { dataset, collate } = this;
    const made = new Set<Tensor>();
    const claim = <R>(returned: R): R => {
      if (made.size > 0) {
        forEachTensor(returned, (t) => {
          if (made.delete(t)) giveTo(scope, t);
        });
      }
      return returned;
    };
    const samples = (): S[] => Array.from(indices, (i) => claim(dataset.get(i)));
    return noteUnscoped(made, () => {
      if (collate !== undefined) return claim(collate(samples()));
      // Without a function of its own, B is what the default one makes.
      return claim((dataset.getBatch?.(indices) ?? collateSamples(samples())) as B);
    });
  }

  private endEpoch(): void {
    this.epoch++;
    this.position = 0;
  }

  /** The samples' indices in the order of an epoch, which depends on nothing but the seed and the epoch. */
  private order(epoch: number): Int32Array {
    const n = this.dataset.length;
    if (this.seed === null) return Int32Array.from({ length: n }, (_, i) => i);
    const blocks = Math.ceil(n / 4);
    const state: GeneratorState = { seed: this.seed, offset: epoch * blocks };
    return permutation(n, new Generator().setState(state));
  }
}

function drawSeed(generator: Generator): string {
  const [low, high] = generator.words(2);
  return ((BigInt(high!) << 32n) | BigInt(low!)).toString();
}
