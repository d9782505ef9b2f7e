import { checkNumber, checkOptions } from "../check.js";
import { makeTensor } from "../creation.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { padSequence } from "../nn/packed.js";
import { noGrad } from "../scoping.js";
import { adopt, Tensor } from "../tensor.js";
import { collate, type NumberArray } from "./collate.js";

export interface PadCollateOptions {
  /** What stands behind the end of a sequence, such as the number of `<pad>`. Default 0. */
  readonly padding?: number;
  /** Give [N, T, *]; else [T, N, *]. Default true. */
  readonly batchFirst?: boolean;
}

/** A batch of sequences of different lengths. */
export type PaddedSequences = [padded: Tensor, lengths: Int32Array];

/** What `padCollate` makes of samples of type S. */
export type Padded<S> = S extends Tensor | NumberArray
  ? PaddedSequences
  : S extends number | boolean
    ? Tensor
    : S extends string
      ? string[]
      : S extends object
        ? { [K in keyof S]: Padded<S[K]> }
        : never;

/**
 * A collate function for sequences of different lengths. Typed arrays of length Tₙ and tensors [Tₙ, *] are sequences: they become
 * [padded, lengths] with padded [N, T, *], T being the longest length. Numbers, booleans and strings are labels, which become what
 * `collate` makes of them; arrays and plain objects are gone through place by place.
 *
 *     const loader = new DataLoader(pairs, { batchSize: 32, collate: padCollate() });
 *     for (const [[source, sourceLengths], [target, targetLengths]] of loader) { … }
 *
 * Errors: ShapeError for scalar tensors and for sequences that differ in more than their length; ArgumentError for samples of different
 * form.
 */
export function padCollate(options: PadCollateOptions = {}): <S>(samples: readonly S[]) => Padded<S> {
  checkOptions("padCollate", options, ["padding", "batchFirst"]);
  const padding = checkNumber("padCollate", "padding", options.padding ?? 0);
  const batchFirst = options.batchFirst ?? true;
  // The branches follow the cases of the type, which the compiler cannot see.
  return <S>(samples: readonly S[]): Padded<S> =>
    noGrad(() => padAny(samples, "sample", { padding, batchFirst }) as Padded<S>);
}

type Options = Required<PadCollateOptions>;

function padAny(samples: readonly unknown[], where: string, options: Options): unknown {
  const first = samples[0];
  if (samples.length === 0) throw new ArgumentError("padCollate", "got no sample; expected at least one");
  if (first instanceof Tensor) return padTensors(samples, where, options);
  if (isNumberArray(first)) return padArrays(samples, first, where, options);
  if (typeof first !== "object" || first === null) return collate(samples);
  const form = Object.getPrototypeOf(first);
  if (!Array.isArray(first) && form !== Object.prototype) {
    throw new ArgumentError("padCollate", `${where} is a ${String(form?.constructor?.name)}, which has no batch`);
  }
  const keys = Object.keys(first);
  samples.forEach((sample, i) => {
    const fits = typeof sample === "object" && sample !== null && Object.getPrototypeOf(sample) === form;
    if (!fits || Object.keys(sample).join() !== keys.join()) {
      throw new ArgumentError(
        "padCollate",
        `${where} has another form in sample ${i} than in sample 0; expected [${keys.join(", ")}]`,
      );
    }
  });
  const part = (key: string): unknown =>
    padAny(
      samples.map((sample): unknown => Reflect.get(sample as object, key)),
      Array.isArray(first) ? `${where}[${key}]` : `${where}.${key}`,
      options,
    );
  return Array.isArray(first) ? keys.map(part) : Object.fromEntries(keys.map((key) => [key, part(key)]));
}

function padTensors(samples: readonly unknown[], where: string, { padding, batchFirst }: Options): PaddedSequences {
  const first = samples[0] as Tensor;
  const tensors = samples.map((sample, i) => {
    if (!(sample instanceof Tensor) || sample.dtype !== first.dtype) {
      throw new ArgumentError(
        "padCollate",
        `${where} is no ${first.dtype} tensor in sample ${i}; expected one, as in sample 0`,
      );
    }
    sample.assertAlive("padCollate");
    if (sample.ndim === 0) {
      throw new ShapeError(
        "padCollate",
        `${where} is a scalar in sample ${i}; expected a sequence [T, …], or a number for a label`,
      );
    }
    return sample;
  });
  return [padSequence(tensors, { batchFirst, paddingValue: padding }), Int32Array.from(tensors, (t) => t.size(0))];
}

function padArrays(
  samples: readonly unknown[],
  first: NumberArray,
  where: string,
  { padding, batchFirst }: Options,
): PaddedSequences {
  const arrays = samples.map((sample, i) => {
    if (isNumberArray(sample) && sample.constructor === first.constructor) return sample;
    throw new ArgumentError(
      "padCollate",
      `${where} is no ${first.constructor.name} in sample ${i}; expected one, as in sample 0`,
    );
  });
  const lengths = Int32Array.from(arrays, (a) => a.length);
  const [batch, steps] = [arrays.length, Math.max(...lengths)];
  const joined = new Float64Array(batch * steps).fill(padding);
  arrays.forEach((a, n) => {
    if (batchFirst) joined.set(a, n * steps);
    else for (let t = 0; t < a.length; t++) joined[t * batch + n] = a[t]!;
  });
  const floating = first instanceof Float32Array || first instanceof Float64Array;
  const shape = batchFirst ? [batch, steps] : [steps, batch];
  return [adopt(makeTensor(joined, { shape, dtype: floating ? "float32" : "int32" })), lengths];
}

function isNumberArray(v: unknown): v is NumberArray {
  return ArrayBuffer.isView(v) && !(v instanceof DataView || v instanceof BigInt64Array || v instanceof BigUint64Array);
}
