import type { Generator } from "../random.js";
import { Scope } from "../runtime/scope.js";
import { type Collated, collate as collateSamples } from "./collate.js";
import type { Dataset } from "./dataset.js";
import { claiming, fetchSamples } from "./fetch.js";
import { sampleGenerators } from "./seeds.js";
import type { IterableDataset } from "./stream.js";

/** The samples of one batch. */
export interface BatchPlan {
  readonly indices: Int32Array;
  /** How many samples of the epoch come before it. */
  readonly position: number;
}

/** One pass over a data set. */
export interface BatchSource<B> {
  /** The next batch, as the scope's first content; null at the end. */
  next(scope: Scope): { readonly batch: B; readonly count: number } | null;
  close(): void;
}

/** What makes batches: the loader's function, or the default one. */
export type Collate<S, B> = ((samples: S[]) => B) | undefined;

/** Generators for the samples from a position of the epoch on; null if the samples need none. */
export type GeneratorsFrom = (position: number, count: number) => Generator[] | null;

export function generatorsOf(seed: string | null, epoch: number, random: boolean): GeneratorsFrom {
  if (seed === null || !random) return () => null;
  return (position, count) => sampleGenerators(seed, epoch, position, count);
}

/** Makes a batch where it is asked for. */
export class IndexedSource<S, B> implements BatchSource<B> {
  constructor(
    private readonly dataset: Dataset<S>,
    private readonly plans: Iterator<BatchPlan>,
    private readonly generators: GeneratorsFrom,
    private readonly collate: Collate<S, B>,
  ) {}

  next(scope: Scope): { batch: B; count: number } | null {
    const plan = this.plans.next();
    if (plan.done === true) return null;
    const { indices, position } = plan.value;
    const drawn = this.generators(position, indices.length);
    const batch = makeBatch(this.dataset, indices, drawn, this.collate, scope);
    return { batch, count: indices.length };
  }

  close(): void {}
}

/** A batch of these samples. `failed` learns the index of one that cannot be made. */
export function makeBatch<S, B>(
  dataset: Dataset<S>,
  indices: Int32Array,
  generators: readonly Generator[] | null,
  collate: Collate<S, B>,
  scope: Scope,
  failed?: (index: number) => void,
): B {
  return claiming(scope, (claim) => {
    const samples = (): S[] => fetchSamples(dataset, indices, generators, claim, failed);
    if (collate !== undefined) return collate(samples());
    const batch: Collated<S> = dataset.getBatch?.(indices, generators?.[0]) ?? collateSamples(samples());
    // Without a function of its own, B is what the default one makes.
    return batch as B;
  });
}

/** Cuts a stream into batches. */
export class StreamSource<S, B> implements BatchSource<B> {
  private readonly samples: Iterator<S>;
  private current: Generator | null = null;
  private position = 0;
  private ended = false;

  constructor(
    dataset: IterableDataset<S>,
    private readonly generators: GeneratorsFrom,
    private readonly collate: Collate<S, B>,
    private readonly cut: { readonly batchSize: number; readonly dropLast: boolean; readonly skip: number },
  ) {
    this.samples = dataset.iterate?.(() => this.generator()) ?? dataset[Symbol.iterator]();
  }

  /** That of the sample which is being made; a stream that is not random never asks for it. */
  private generator(): Generator {
    this.current ??= this.generators(this.position, 1)![0]!;
    return this.current;
  }

  next(scope: Scope): { batch: B; count: number } | null {
    while (this.position < this.cut.skip && !this.ended) this.skip();
    return claiming(scope, (claim) => {
      const samples: S[] = [];
      while (samples.length < this.cut.batchSize) {
        const next = this.pull();
        if (next.done === true) break;
        samples.push(claim(next.value));
      }
      const count = samples.length;
      if (count === 0 || (this.cut.dropLast && count < this.cut.batchSize)) return null;
      const { collate } = this;
      const batch = collate !== undefined ? collate(samples) : (collateSamples(samples) as B);
      return claim({ batch, count });
    });
  }

  /** Samples that were handed out before are made again, and freed. */
  private skip(): void {
    const scope = new Scope();
    try {
      claiming(scope, () => {
        const next = this.pull();
        return next.done === true ? null : next.value;
      });
    } finally {
      scope.close();
    }
  }

  private pull(): IteratorResult<S> {
    this.current = null;
    // If the stream throws, it has ended by itself.
    let ended = true;
    try {
      const next = this.samples.next();
      ended = next.done === true;
      return next;
    } finally {
      this.ended = ended;
      if (!ended) this.position++;
    }
  }

  close(): void {
    if (!this.ended) this.samples.return?.();
    this.ended = true;
  }
}
