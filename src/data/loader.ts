import { checkInteger, checkOptions } from "../check.js";
import { ArgumentError } from "../errors.js";
import { defaultGenerator, Generator } from "../random.js";
import { Scope } from "../runtime/scope.js";
import { permutation } from "../sampling.js";
import type { Collated } from "./collate.js";
import type { Dataset } from "./dataset.js";
import { type BatchSampler, epochGenerator, type Sampler, SequentialSampler } from "./sampler.js";
import { drawSeed } from "./seeds.js";
import { type BatchPlan, type BatchSource, generatorsOf, IndexedSource, StreamSource } from "./sources.js";
import { type IterableDataset, isStream } from "./stream.js";
import { workerPart } from "./worker_dataset.js";
import { checkWorkers, WorkerSource, Workforce } from "./workers.js";

export interface DataLoaderOptions<S, B> {
  /** Samples in a batch; the last one may have fewer. Default 1. */
  readonly batchSize?: number;
  /** Another random order in each epoch. Default false: the order of the data set. */
  readonly shuffle?: boolean;
  /** Leave the last batch out if it has fewer samples. Default false. */
  readonly dropLast?: boolean;
  /** The order of the samples, in place of `shuffle`. */
  readonly sampler?: Sampler;
  /** The batches, in place of `batchSize`, `shuffle`, `dropLast` and `sampler`. */
  readonly batchSampler?: BatchSampler;
  /** Where the seed of the orders and of the samples' generators is drawn from, when the loader is made. Default: `defaultGenerator`. */
  readonly generator?: Generator;
  /** Makes a batch of samples. Default: `data.collate`. With workers it runs in the main thread, the default one in them. */
  readonly collate?: (samples: S[]) => B;
  /**
   * Worker threads that make the batches, in Node only; the data set must be a `WorkerDataset` or a `Subset` of one. They start with each
   * pass and end with it. The batches are the same for any number. Default 0: the main thread makes them.
   */
  readonly workers?: number;
  /** Batches that each worker makes ahead. Default 2. */
  readonly prefetch?: number;
  /** Keep the workers from one pass to the next, until `dispose()`. Default false: each pass starts them anew. */
  readonly persistentWorkers?: boolean;
  /** How long a worker may take for a batch, its start included, in milliseconds; after that it counts as dead. Default 60000. */
  readonly timeout?: number;
}

const OPTIONS = ["batchSize", "shuffle", "dropLast", "sampler", "batchSampler", "generator", "collate"];
const WORKER_OPTIONS = ["workers", "prefetch", "persistentWorkers", "timeout"];
/** More would be a mistake. */
const MAX_WORKERS = 64;

/** Where a loader stands, ready for JSON. */
export interface DataLoaderState {
  /** Seed of the orders and of the samples' generators; null if nothing is random but what a sampler draws. */
  readonly seed: string | null;
  readonly epoch: number;
  /** How many of the epoch's samples have been handed out. */
  readonly position: number;
  /** Seed of the sampler or batch sampler, if there is one that has a seed. */
  readonly sampler?: string;
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
  readonly workers: number;
  private readonly options: DataLoaderOptions<S, B>;
  private readonly sampler: Sampler | undefined;
  private readonly batchSampler: BatchSampler | undefined;
  private readonly prefetch: number;
  private readonly workforce: Workforce | null;
  private seed: string | null = null;
  private epoch = 0;
  private position = 0;
  /** The state was set: the next pass goes on there instead of beginning an epoch. */
  private resumes = false;

  constructor(
    readonly dataset: Dataset<S> | IterableDataset<S>,
    options: DataLoaderOptions<S, B> = {},
  ) {
    checkOptions("DataLoader", options, [...OPTIONS, ...WORKER_OPTIONS]);
    this.options = options;
    this.batchSize = checkInteger("DataLoader", "batchSize", options.batchSize ?? 1, 1);
    this.shuffle = options.shuffle ?? false;
    this.dropLast = options.dropLast ?? false;
    this.workers = checkInteger("DataLoader", "workers", options.workers ?? 0, 0, MAX_WORKERS);
    this.prefetch = checkInteger("DataLoader", "prefetch", options.prefetch ?? 2, 1, 1024);
    const timeout = checkInteger("DataLoader", "timeout", options.timeout ?? 60_000, 1);
    this.batchSampler = options.batchSampler;
    this.sampler = options.sampler ?? (this.shuffle || isStream(dataset) ? undefined : new SequentialSampler(dataset));
    checkTogether(dataset, options);
    this.workforce = this.workers === 0 || isStream(dataset) ? null : this.workforceFor(dataset, timeout);
    if (this.shuffle || dataset.random === true) this.seed = drawSeed(options.generator ?? defaultGenerator);
  }

  /** Number of batches in an epoch. Errors: ArgumentError for a stream, which does not know it. */
  get length(): number {
    if (this.batchSampler !== undefined) return this.batchSampler.length;
    const batches = this.samples() / this.batchSize;
    return this.dropLast ? Math.floor(batches) : Math.ceil(batches);
  }

  /** Whether `length` is known: not for a stream. */
  get sized(): boolean {
    return this.batchSampler !== undefined || !isStream(this.dataset);
  }

  *[Symbol.iterator](): IterableIterator<B> {
    if (!this.resumes && this.position > 0) this.endEpoch();
    this.resumes = false;
    const { epoch } = this;
    let at = this.position;
    const source = this.open(epoch, at);
    try {
      for (;;) {
        const scope = new Scope();
        try {
          const made = source.next(scope);
          if (made === null) break;
          at += made.count;
          this.position = at;
          yield made.batch;
        } finally {
          scope.close();
        }
      }
    } finally {
      source.close();
    }
    if (this.epoch === epoch) this.endEpoch();
  }

  /** Where the loader stands: after the batch that was handed out last. */
  stateDict(): DataLoaderState {
    const { seed, epoch, position } = this;
    const sampler = this.seeded()?.seed;
    return { seed, epoch, position, ...(sampler === undefined ? {} : { sampler }) };
  }

  /**
   * Goes to where `stateDict` was taken: the next pass hands out the rest of that epoch, in the same order. A stream is iterated from its
   * beginning up to there.
   * Errors: ArgumentError for a state that does not fit this loader; nothing has changed then.
   */
  loadStateDict(state: DataLoaderState): void {
    const { seed, epoch, position, sampler } = state;
    if ((seed !== null) !== (this.seed !== null)) {
      const has = seed === null ? "no" : "a";
      const expected = "expected shuffle to be the same, and the data set as random";
      throw new ArgumentError("DataLoader", `state has ${has} seed; ${expected}`);
    }
    const seeded = this.seeded();
    if ((sampler !== undefined) !== (seeded !== undefined)) {
      const has = sampler === undefined ? "no" : "a";
      throw new ArgumentError("DataLoader", `state has ${has} seed of a sampler; expected the same kind of sampler`);
    }
    checkInteger("DataLoader", "state's epoch", epoch, 0);
    for (const s of [seed, sampler ?? null]) if (s !== null) new Generator().setState({ seed: s, offset: 0 });
    const before = seeded?.seed;
    try {
      if (seeded !== undefined) seeded.seed = sampler!;
      this.checkPosition(epoch, position);
    } catch (error) {
      if (seeded !== undefined) seeded.seed = before!;
      throw error;
    }
    this.seed = seed;
    this.epoch = epoch;
    this.position = position;
    this.resumes = true;
  }

  private checkPosition(epoch: number, position: number): void {
    const what = "state's position";
    if (isStream(this.dataset)) {
      checkInteger("DataLoader", what, position, 0);
    } else if (this.batchSampler === undefined) {
      checkInteger("DataLoader", what, position, 0, this.samples());
    } else {
      let at = 0;
      const batches = this.batchSampler.batches(epoch);
      for (let b = 0; b < batches.length && at < position; b++) at += batches[b]!.length;
      if (at !== position) {
        throw new ArgumentError(
          "DataLoader",
          `${what} is ${position}; expected the end of one of the sampler's batches`,
        );
      }
    }
  }

  /** The sampler that has a seed of its own. */
  private seeded(): { seed?: string } | undefined {
    const sampler = this.batchSampler ?? this.sampler;
    return sampler?.seed === undefined ? undefined : sampler;
  }

  /** Samples in an epoch. */
  private samples(): number {
    if (isStream(this.dataset)) {
      throw new ArgumentError("DataLoader", "a stream does not know how many samples it has");
    }
    return this.sampler?.length ?? this.dataset.length;
  }

  /** Ends workers that were kept; the next pass starts them again. */
  dispose(): void {
    this.workforce?.stop();
  }

  private workforceFor(dataset: Dataset<S>, timeout: number): Workforce {
    checkWorkers();
    const { url, options } = workerPart(dataset).dataset;
    return new Workforce({ workers: this.workers, url, options, timeout }, this.options.persistentWorkers ?? false);
  }

  private endEpoch(): void {
    this.epoch++;
    this.position = 0;
  }

  private open(epoch: number, position: number): BatchSource<B> {
    const { dataset, seed, batchSize, dropLast } = this;
    const { collate } = this.options;
    const random = dataset.random ?? false;
    const generators = generatorsOf(seed, epoch, random);
    if (isStream(dataset))
      return new StreamSource(dataset, generators, collate, { batchSize, dropLast, skip: position });
    const plans = this.plans(epoch, position, dataset.length);
    if (this.workforce === null) return new IndexedSource(dataset, plans, generators, collate);
    const { workers, prefetch } = this;
    const options = { workers, prefetch, seed: random ? seed : null, epoch };
    return new WorkerSource(this.workforce, workerPart(dataset), plans, collate, options);
  }

  /** The batches of an epoch, from a position on. */
  private *plans(epoch: number, from: number, samples: number): Iterator<BatchPlan> {
    let position = 0;
    if (this.batchSampler !== undefined) {
      for (const indices of this.batchSampler.batches(epoch)) {
        if (position >= from) yield { indices: checkIndices(indices, samples), position };
        position += indices.length;
      }
      return;
    }
    const order = checkIndices(this.order(epoch, samples), samples);
    for (position = from; position < order.length; position += this.batchSize) {
      if (this.dropLast && position + this.batchSize > order.length) return;
      yield { indices: order.subarray(position, position + this.batchSize), position };
    }
  }

  /** The samples' indices in the order of an epoch, which depends on nothing but the seeds and the epoch. */
  private order(epoch: number, samples: number): Int32Array {
    if (this.sampler !== undefined) return this.sampler.order(epoch);
    return permutation(samples, epochGenerator(this.seed!, epoch, samples));
  }
}

function checkIndices(indices: Int32Array, samples: number): Int32Array {
  const bad = indices.findIndex((i) => !(i >= 0 && i < samples));
  if (bad < 0) return indices;
  throw new ArgumentError(
    "DataLoader",
    `the sampler gives index ${indices[bad]}; expected 0 to ${samples - 1}, the data set's`,
  );
}

/** Refuses options that exclude each other. */
function checkTogether<S, B>(dataset: Dataset<S> | IterableDataset<S>, options: DataLoaderOptions<S, B>): void {
  const refuse = (one: string, others: readonly (keyof DataLoaderOptions<S, B>)[]): void => {
    const given = others.find((o) => options[o] !== undefined && options[o] !== false && options[o] !== 0);
    if (given !== undefined) throw new ArgumentError("DataLoader", `${one} excludes ${given}`);
  };
  if (isStream(dataset)) refuse("a stream", ["shuffle", "sampler", "batchSampler", "workers"]);
  if (options.batchSampler !== undefined) {
    refuse("batchSampler", ["batchSize", "shuffle", "dropLast", "sampler"]);
  }
  if (options.sampler !== undefined) refuse("sampler", ["shuffle"]);
  if ((options.workers ?? 0) === 0) refuse("a loader without workers", ["prefetch", "persistentWorkers", "timeout"]);
  for (const [name, method] of [
    ["sampler", "order"],
    ["batchSampler", "batches"],
  ] as const) {
    const given: object | undefined = options[name];
    if (given !== undefined && typeof Reflect.get(given, method) !== "function") {
      throw new ArgumentError("DataLoader", `${name} has no method ${method}; expected a ${name}`);
    }
  }
}
