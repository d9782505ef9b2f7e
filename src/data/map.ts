import { ArgumentError } from "../errors.js";
import { defaultGenerator, type Generator } from "../random.js";
import type { Collated } from "./collate.js";
import type { Dataset } from "./dataset.js";
import { inScope } from "./fetch.js";
import { type GeneratorAt, type IterableDataset, isStream } from "./stream.js";
import type { Transform } from "./transform.js";

/**
 * Another data set's samples, each passed through a function when it is asked for. The function gets a generator too: in a loader one of
 * the sample's own, from the loader's seed, the epoch and the place in the epoch, so that every epoch differs and every run repeats;
 * without a loader `defaultGenerator`.
 */
export class MapDataset<A, B> implements Dataset<B> {
  readonly random = true;
  readonly getBatch?: (indices: Int32Array, generator?: Generator) => Collated<B>;

  /** `batches` does to whole batches, as the data set makes them, what `transform` does to samples, with the generator of the first. */
  constructor(
    readonly dataset: Dataset<A>,
    private readonly transform: Transform<A, B>,
    batches?: Transform<Collated<A>, Collated<B>>,
  ) {
    checkTransform("MapDataset", transform);
    if (batches === undefined || dataset.getBatch === undefined) return;
    this.getBatch = (indices, generator = defaultGenerator) =>
      batches(
        inScope(() => dataset.getBatch!(indices, generator)),
        generator,
      );
  }

  get length(): number {
    return this.dataset.length;
  }

  get(index: number, generator: Generator = defaultGenerator): B {
    return this.transform(
      inScope(() => this.dataset.get(index, generator)),
      generator,
    );
  }
}

/** A stream's samples, each passed through a function as in `MapDataset`. */
export class MapStream<A, B> implements IterableDataset<B> {
  readonly random = true;

  constructor(
    readonly dataset: IterableDataset<A>,
    private readonly transform: Transform<A, B>,
  ) {
    checkTransform("MapStream", transform);
  }

  [Symbol.iterator](): Iterator<B> {
    return this.iterate(() => defaultGenerator);
  }

  *iterate(generatorAt: GeneratorAt): Iterator<B> {
    const { dataset, transform } = this;
    // A stream within draws from the same generator, before this one does.
    let position = 0;
    let current = defaultGenerator;
    const source = dataset.iterate?.(() => current) ?? dataset[Symbol.iterator]();
    let done = false;
    try {
      for (;;) {
        current = generatorAt(position++);
        const next = inScope(() => source.next());
        done = next.done === true;
        if (next.done) return;
        yield transform(next.value, current);
      }
    } finally {
      if (!done) source.return?.();
    }
  }
}

/**
 * Samples passed through a function when they are asked for; see `data.MapDataset`. Applied to the training part of a split it leaves the
 * other parts as they are.
 */
export function withTransform<A, B>(dataset: Dataset<A>, transform: Transform<A, B>): MapDataset<A, B>;
export function withTransform<A, B>(dataset: IterableDataset<A>, transform: Transform<A, B>): MapStream<A, B>;
export function withTransform<A, B>(
  dataset: Dataset<A> | IterableDataset<A>,
  transform: Transform<A, B>,
): MapDataset<A, B> | MapStream<A, B> {
  return isStream(dataset) ? new MapStream(dataset, transform) : new MapDataset(dataset, transform);
}

function checkTransform(op: string, transform: unknown): void {
  if (typeof transform !== "function") {
    throw new ArgumentError(op, `transform is a ${typeof transform}; expected a function of a sample and a generator`);
  }
}
