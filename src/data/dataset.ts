import { checkInteger, checkOptions } from "../check.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { select } from "../ops/copy.js";
import { defaultGenerator, type Generator } from "../random.js";
import { permutation } from "../sampling.js";
import { formatShape } from "../shape.js";
import { Tensor } from "../tensor.js";
import { type Collated, gatherRows } from "./collate.js";

/** A finite list of samples, each made when it is asked for. */
export interface Dataset<S> {
  readonly length: number;
  /**
   * The sample at an index from 0 to length − 1: tensors, numbers, booleans, typed arrays and strings, in arrays and plain objects as
   * one likes. A tensor that is made here belongs to the loader's batch; one that is kept for later calls needs `keep()`.
   * A loader gives a data set that is `random` a generator of this sample's own, from its seed, the epoch and the place in the epoch.
   */
  get(index: number, generator?: Generator): S;
  /**
   * What the default collate would make of these samples, made at once. A DataLoader without a collate of its own prefers it. A data set
   * that is `random` gets the generator of the first sample.
   */
  getBatch?(indices: Int32Array, generator?: Generator): Collated<S>;
  /** True if samples are drawn with the generator that `get` and `getBatch` are given. */
  readonly random?: boolean;
}

/** Tensors of one length, cut along their first dimension: sample i is the i-th row of each. It reads them and does not own them. */
export class TensorDataset<T extends readonly Tensor[]> implements Dataset<{ [N in keyof T]: Tensor }> {
  readonly length: number;
  readonly tensors: T;

  constructor(...tensors: T) {
    const [first] = tensors;
    if (first === undefined) throw new ArgumentError("TensorDataset", "got no tensor; expected at least one");
    tensors.forEach((t, i) => {
      if (!(t instanceof Tensor))
        throw new ArgumentError("TensorDataset", `argument ${i} is no Tensor; expected a Tensor`);
      if (t.ndim === 0 || t.shape[0] !== first.shape[0]) {
        throw new ShapeError(
          "TensorDataset",
          `tensor ${i} has shape ${formatShape(t.shape)}; expected a first dimension of ${first.shape[0] ?? "any size"}`,
        );
      }
    });
    this.tensors = tensors;
    this.length = first.size(0);
  }

  get(index: number): { [N in keyof T]: Tensor } {
    return mapTuple(this.tensors, (t) => select(t, 0, index));
  }

  getBatch(indices: Int32Array): Collated<{ [N in keyof T]: Tensor }> {
    return mapTuple(this.tensors, (t) => gatherRows(t, indices)) as Collated<{ [N in keyof T]: Tensor }>;
  }
}

function mapTuple<T extends readonly Tensor[]>(list: T, fn: (t: Tensor) => Tensor): { [N in keyof T]: Tensor } {
  return list.map(fn) as { [N in keyof T]: Tensor };
}

/** Some samples of a data set, in the order of the indices. */
export class Subset<S> implements Dataset<S> {
  readonly length: number;
  readonly getBatch?: (indices: Int32Array, generator?: Generator) => Collated<S>;
  readonly random: boolean;
  /** Indices into the data set. */
  readonly indices: Int32Array;

  constructor(
    readonly dataset: Dataset<S>,
    indices: ArrayLike<number>,
  ) {
    this.random = dataset.random ?? false;
    this.indices = Int32Array.from(indices, (index, i) =>
      checkInteger("Subset", `index ${i}`, index, 0, dataset.length - 1),
    );
    this.length = this.indices.length;
    if (dataset.getBatch !== undefined) {
      this.getBatch = (chosen, generator) =>
        dataset.getBatch!(
          chosen.map((i) => this.at(i)),
          generator,
        );
    }
  }

  get(index: number, generator?: Generator): S {
    return this.dataset.get(this.at(index), generator);
  }

  private at(index: number): number {
    return this.indices[checkInteger("Subset", "index", index, 0, this.length - 1)]!;
  }
}

/**
 * Splits a data set at random into parts of the given lengths; or, if they sum up to 1, of these fractions of it, where what rounding
 * leaves over goes to the first parts, one each.
 * Errors: ArgumentError for lengths that sum up to neither.
 */
export function randomSplit<S>(
  dataset: Dataset<S>,
  lengths: readonly number[],
  options: { generator?: Generator } = {},
): Subset<S>[] {
  checkOptions("randomSplit", options, ["generator"]);
  const counts = countsOf("randomSplit", lengths, dataset.length);
  const order = permutation(dataset.length, options.generator ?? defaultGenerator);
  let at = 0;
  return counts.map((n) => {
    at += n;
    return new Subset(dataset, order.subarray(at - n, at));
  });
}

/**
 * Splits a data set in its order, the first part first: for time series, where a random split would let the past be predicted from the
 * future. Lengths, fractions and errors are those of `randomSplit`.
 */
export function splitInOrder<S>(dataset: Dataset<S>, lengths: readonly number[]): Subset<S>[] {
  let at = 0;
  return countsOf("splitInOrder", lengths, dataset.length).map((n) => {
    at += n;
    return new Subset(
      dataset,
      Int32Array.from({ length: n }, (_, i) => at - n + i),
    );
  });
}

function countsOf(op: string, lengths: readonly number[], total: number): number[] {
  const sum = lengths.reduce((a, b) => a + b, 0);
  const whole = lengths.every((n) => Number.isInteger(n) && n >= 0);
  if (whole && sum === total) return [...lengths];
  if (Math.abs(sum - 1) > 1e-9 || lengths.some((f) => !(f >= 0))) {
    throw new ArgumentError(
      op,
      `lengths [${lengths.join(", ")}] sum up to ${sum}; expected ${total}, the data set's length, or fractions of 1`,
    );
  }
  const counts = lengths.map((f) => Math.floor(f * total));
  const rest = total - counts.reduce((a, b) => a + b, 0);
  return counts.map((n, i) => n + (i < rest ? 1 : 0));
}
