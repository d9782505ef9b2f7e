import { checkDType, checkInteger, checkNumber, checkOptions, checkRank } from "../check.js";
import { tensor } from "../creation.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { cat, constant, narrow, reshape, select } from "../ops/copy.js";
import { indexCopy, indexSelect } from "../ops/rows.js";
import { startsOf } from "../ops/view.js";
import { formatShape, sameShape } from "../shape.js";
import { Tensor } from "../tensor.js";

// Sequences of different lengths, as recurrent layers take them; what is public of it is in utils_rnn.ts.

/**
 * Sequences of different lengths without padding: the rows of step 0 of all sequences, then those of step 1 of the sequences that have
 * one, and so on, the longest sequence first. A plain object, as PyTorch's is a tuple; `packPaddedSequence` and `packSequence` make it.
 */
export interface PackedSequence {
  /** [sum of lengths, *] */
  readonly data: Tensor;
  /** How many sequences reach each step; does not grow. */
  readonly batchSizes: readonly number[];
  /** Which sequence of the batch stands at each place of the sorted order; null if they were sorted already. */
  readonly sortedIndices: readonly number[] | null;
  /** The place of each sequence of the batch in the sorted order; null if they were sorted already. */
  readonly unsortedIndices: readonly number[] | null;
}

/** Numbers of steps, one a sequence. */
export type Lengths = readonly number[] | Int32Array | Tensor;

/** True for a packed sequence; anything else that layers take is a Tensor. */
export function isPackedSequence(x: unknown): x is PackedSequence {
  return typeof x === "object" && x !== null && "batchSizes" in x && "data" in x && x.data instanceof Tensor;
}

export interface PackOptions {
  /** x is [N, T, *] instead of [T, N, *]. Default false. */
  readonly batchFirst?: boolean;
  /** Refuse lengths that are not in descending order, instead of sorting them. Default true. */
  readonly enforceSorted?: boolean;
}

/**
 * Packs a padded batch x [T, N, *] whose sequence n has lengths[n] steps; what lies beyond is ignored.
 * Errors: ArgumentError for lengths outside 1 to T, or out of order while `enforceSorted` holds.
 */
export function packPaddedSequence(x: Tensor, lengths: Lengths, options: PackOptions = {}): PackedSequence {
  const op = "packPaddedSequence";
  checkOptions(op, options, ["batchFirst", "enforceSorted"]);
  const { batchFirst = false, enforceSorted = true } = options;
  if (x.ndim < 2) throw new ShapeError(op, `input has shape ${formatShape(x.shape)}; expected rank ≥ 2`);
  const [steps, batch] = batchFirst ? [x.size(1), x.size(0)] : [x.size(0), x.size(1)];
  const order = sortLengths(op, lengthsOf(op, lengths, batch, steps), enforceSorted);
  const rows = reshape(x, [steps * batch, ...x.shape.slice(2)]);
  const index = packedRows(order, (n, t) => (batchFirst ? n * steps + t : t * batch + n));
  return { data: takeRows(rows, index), ...layoutOf(order) };
}

/** Packs sequences [Tₙ, *]; see `packPaddedSequence`. Errors: ArgumentError for none, for an empty one, or out of order. */
export function packSequence(
  sequences: readonly Tensor[],
  options: Pick<PackOptions, "enforceSorted"> = {},
): PackedSequence {
  const op = "packSequence";
  checkOptions(op, options, ["enforceSorted"]);
  checkSequences(op, sequences);
  const lengths = sequences.map((s) => s.size(0));
  const order = sortLengths(op, lengthsOf(op, lengths, lengths.length, Infinity), options.enforceSorted ?? true);
  const starts = startsOf(lengths);
  return {
    data: takeRows(
      cat(sequences, 0),
      packedRows(order, (n, t) => starts[n]! + t),
    ),
    ...layoutOf(order),
  };
}

export interface PadPackedOptions {
  /** Give [N, T, *] instead of [T, N, *]. Default false. */
  readonly batchFirst?: boolean;
  /** What stands beyond the end of a sequence. Default 0. */
  readonly paddingValue?: number;
  /** T; by default the longest length. */
  readonly totalLength?: number | null;
}

/** Undoes packing: the padded batch [T, N, *], in the order before sorting, and the lengths. */
export function padPackedSequence(
  packed: PackedSequence,
  options: PadPackedOptions = {},
): [padded: Tensor, lengths: number[]] {
  const op = "padPackedSequence";
  checkOptions(op, options, ["batchFirst", "paddingValue", "totalLength"]);
  const { batchFirst = false, paddingValue = 0, totalLength = null } = options;
  const { data, batchSizes } = packed;
  const longest = batchSizes.length;
  const steps = totalLength === null ? longest : checkInteger(op, "totalLength", totalLength, longest);
  const order = orderOf(packed);
  const batch = order.lengths.length;
  const index = packedRows(order, (n, t) => (batchFirst ? n * steps + t : t * batch + n));
  const lead = batchFirst ? [batch, steps] : [steps, batch];
  const rows = putRows(op, steps * batch, index, data, paddingValue);
  return [reshape(rows, [...lead, ...data.shape.slice(1)]), order.lengths];
}

/** The sequences of a packed batch, in the order before sorting. */
export function unpackSequence(packed: PackedSequence): Tensor[] {
  const [padded, lengths] = padPackedSequence(packed, { batchFirst: true });
  return lengths.map((n, i) => narrow(select(padded, 0, i), 0, 0, n));
}

export interface PadOptions {
  /** Give [N, T, *] instead of [T, N, *]. Default false. */
  readonly batchFirst?: boolean;
  /** What stands beyond the end of a sequence. Default 0. */
  readonly paddingValue?: number;
}

/** Sequences [Tₙ, *] as one batch [T, N, *], T the longest length. Errors: ArgumentError for no sequence. */
export function padSequence(sequences: readonly Tensor[], options: PadOptions = {}): Tensor {
  const op = "padSequence";
  checkOptions(op, options, ["batchFirst", "paddingValue"]);
  checkSequences(op, sequences);
  const { batchFirst = false, paddingValue = 0 } = options;
  const lengths = sequences.map((s) => s.size(0));
  const batch = lengths.length;
  const steps = Math.max(...lengths);
  const index = lengths.flatMap((length, n) =>
    Array.from({ length }, (_, t) => (batchFirst ? n * steps + t : t * batch + n)),
  );
  const rows = putRows(op, steps * batch, index, cat(sequences, 0), paddingValue);
  return reshape(rows, [...(batchFirst ? [batch, steps] : [steps, batch]), ...sequences[0]!.shape.slice(1)]);
}

/** The first lengths[n] steps of each sequence of a padded batch [T, N, *]; views. */
export function unpadSequence(
  padded: Tensor,
  lengths: Lengths,
  options: Pick<PadOptions, "batchFirst"> = {},
): Tensor[] {
  const op = "unpadSequence";
  checkOptions(op, options, ["batchFirst"]);
  if (padded.ndim < 2) throw new ShapeError(op, `input has shape ${formatShape(padded.shape)}; expected rank ≥ 2`);
  const dim = options.batchFirst ? 0 : 1;
  const all = lengthsOf(op, lengths, padded.size(dim), padded.size(1 - dim));
  return all.map((length, n) => narrow(select(padded, dim, n), 0, 0, length));
}

/** Sequences by descending length. */
interface Order {
  /** In the order of the batch. */
  readonly lengths: number[];
  /** See PackedSequence. */
  readonly sorted: readonly number[] | null;
}

/** Numbers of steps from 1 to `steps`, one for each of `batch` sequences. */
export function lengthsOf(op: string, lengths: Lengths, batch: number, steps: number): number[] {
  if (lengths instanceof Tensor) {
    checkDType(op, "lengths", lengths, "int32");
    checkRank(op, "lengths", lengths.shape, 1);
  }
  const list = Array.from(lengths instanceof Tensor ? lengths.data() : lengths);
  if (list.length !== batch) {
    throw new ArgumentError(op, `got ${list.length} lengths; expected ${batch}, one a sequence`);
  }
  return list.map((n, i) => checkInteger(op, `length ${i}`, n, 1, Math.min(steps, 2 ** 31 - 1)));
}

function sortLengths(op: string, lengths: number[], enforceSorted: boolean): Order {
  if (lengths.length === 0) throw new ArgumentError(op, "got no sequence; expected at least one");
  if (lengths.every((n, i) => i === 0 || n <= lengths[i - 1]!)) return { lengths, sorted: null };
  if (enforceSorted) {
    throw new ArgumentError(
      op,
      `lengths [${lengths.join(", ")}] are not in descending order; expected that, or enforceSorted: false`,
    );
  }
  const sorted = [...lengths.keys()].sort((a, b) => lengths[b]! - lengths[a]!);
  return { lengths, sorted };
}

function orderOf({ batchSizes, sortedIndices }: PackedSequence): Order {
  const descending = Array.from({ length: batchSizes[0] ?? 0 }, (_, i) => batchSizes.filter((n) => n > i).length);
  if (sortedIndices === null) return { lengths: descending, sorted: null };
  const lengths = new Array<number>(descending.length);
  sortedIndices.forEach((n, i) => {
    lengths[n] = descending[i]!;
  });
  return { lengths, sorted: sortedIndices };
}

function layoutOf({ lengths, sorted }: Order): Omit<PackedSequence, "data"> {
  const batchSizes = Array.from({ length: Math.max(...lengths) }, (_, t) => lengths.filter((n) => n > t).length);
  const unsorted = sorted === null ? null : invert(sorted);
  return { batchSizes, sortedIndices: sorted, unsortedIndices: unsorted };
}

/** The place of each value in a permutation. */
function invert(order: readonly number[]): number[] {
  const places = new Array<number>(order.length);
  order.forEach((n, i) => {
    places[n] = i;
  });
  return places;
}

/** For each row of the packed data where it comes from: `place(sequence, step)`. */
function packedRows({ lengths, sorted }: Order, place: (n: number, t: number) => number): number[] {
  const order = sorted ?? [...lengths.keys()];
  const rows: number[] = [];
  for (let t = 0; t < lengths[order[0]!]!; t++) {
    for (const n of order) {
      if (lengths[n]! <= t) break;
      rows.push(place(n, t));
    }
  }
  return rows;
}

/** Calls `use` with indices as a tensor. */
function withIndex(index: readonly number[], use: (index: Tensor) => Tensor): Tensor {
  const t = tensor(Int32Array.from(index));
  try {
    return use(t);
  } finally {
    t.dispose();
  }
}

/** Entries of one dimension in another order. */
export function reorder(x: Tensor, dim: number, order: readonly number[]): Tensor {
  return withIndex(order, (index) => indexSelect(x, index, dim));
}

function takeRows(x: Tensor, rows: readonly number[]): Tensor {
  return reorder(x, 0, rows);
}

/** `count` rows of `value`, but for those of the index, which are x's. */
function putRows(op: string, count: number, rows: readonly number[], x: Tensor, value: number): Tensor {
  checkNumber(op, "paddingValue", value);
  const empty = constant([count, ...x.shape.slice(1)], value, x.dtype);
  return withIndex(rows, (index) => indexCopy(empty, index, x, 0));
}

function checkSequences(op: string, sequences: readonly Tensor[]): void {
  const [first] = sequences;
  if (first === undefined) throw new ArgumentError(op, "got no sequence; expected at least one");
  sequences.forEach((s, i) => {
    if (s.ndim === 0 || !sameShape(s.shape.slice(1), first.shape.slice(1))) {
      throw new ShapeError(
        op,
        `sequence ${i} has shape ${formatShape(s.shape)}; expected ${formatShape(first.shape)} but for dim 0`,
      );
    }
  });
}
