import { K } from "../backend/index.js";
import { checkInteger } from "../check.js";
import { ArgumentError, DTypeError, ShapeError } from "../errors.js";
import { copyStrided, rowMajor } from "../layout.js";
import { formatShape, normalizeDim, normalizeDims, numel, sameShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { bytesOf, type Ptr } from "../types.js";
import {
  cat,
  constant,
  permute,
  reshape,
  type SliceAttrs,
  type SliceOptions,
  sliceAll,
  slicedLayout,
  sliceRange,
} from "./copy.js";
import { apply, defineOp } from "./op.js";
import { expand } from "./reduce.js";
import { unsqueeze } from "./view.js";

type Unary = readonly [Tensor];
type One = readonly [Tensor];

/** Joins tensors of one shape along a new dimension. */
export function stack(xs: readonly Tensor[], dim: number): Tensor {
  const first = xs[0];
  if (first === undefined) throw new ArgumentError("stack", "got no tensor; expected at least one");
  const d = normalizeDim("stack", dim, first.ndim + 1);
  xs.forEach((x, k) => {
    if (!sameShape(x.shape, first.shape)) {
      throw new ShapeError(
        "stack",
        `tensor ${k} has shape ${formatShape(x.shape)}; expected ${formatShape(first.shape)}, as tensor 0`,
      );
    }
    if (x.dtype !== first.dtype) {
      throw new DTypeError("stack", `tensor ${k} is ${x.dtype}; expected ${first.dtype}, as tensor 0`);
    }
  });
  return cat(
    xs.map((x) => unsqueeze(x, d)),
    d,
  );
}

/** Reverses the order along the given dimensions; a copy. */
export function flip(x: Tensor, dim: number | readonly number[]): Tensor {
  return apply(flipOp, [x], { dims: normalizeDims("flip", dim, x.ndim) })[0];
}

export const flipOp = defineOp<Unary, One, { dims: readonly number[] }>({
  name: "flip",
  infer: ([x]) => [x],
  strided: true,
  forward: ([y], [x], { dims }) => {
    if (x.numel === 0) return;
    // The same elements, read from the last one backwards.
    const last = dims.reduce((p, d) => p + (x.shape[d]! - 1) * x.strides[d]!, 0);
    const strides = x.strides.map((s, d) => (dims.includes(d) ? -s : s));
    copyStrided(y, { ptr: (x.ptr + last * bytesOf(x.dtype)) as Ptr, strides }, x.shape, x.dtype);
  },
  saves: { inputs: [] },
  backward: ([g], _, __, { dims }) => [() => flip(g, dims)],
});

/** Shifts along dimensions; what leaves at the end comes back at the start. Without `dims` the flattened tensor is shifted. */
export function roll(x: Tensor, shifts: number | readonly number[], dims?: number | readonly number[] | null): Tensor {
  const by = typeof shifts === "number" ? [shifts] : shifts;
  for (const s of by) checkInteger("roll", "shift", s, -(2 ** 31));
  if (dims === undefined || dims === null) {
    if (by.length !== 1) throw new ArgumentError("roll", `${by.length} shifts without dims; expected one`);
    return reshape(roll(reshape(x, [-1]), by, 0), x.shape);
  }
  const along = (typeof dims === "number" ? [dims] : dims).map((d) => normalizeDim("roll", d, x.ndim));
  if (along.length !== by.length) {
    throw new ArgumentError("roll", `shifts [${by.join(", ")}] for dims [${along.join(", ")}]; expected one a dim`);
  }
  const total = x.shape.map(() => 0);
  along.forEach((d, i) => {
    total[d] = total[d]! + by[i]!;
  });
  return rolled(x, total);
}

function rolled(x: Tensor, shifts: readonly number[]): Tensor {
  return apply(rollOp, [x], { shifts: shifts.map((s, d) => modulo(s, x.shape[d]!)) })[0];
}

function modulo(a: number, n: number): number {
  return n === 0 ? 0 : ((a % n) + n) % n;
}

export const rollOp = defineOp<Unary, One, { shifts: readonly number[] }>({
  name: "roll",
  infer: ([x]) => [x],
  strided: true,
  forward: ([y], [x], { shifts }) => {
    // Each shifted dimension falls into two runs; every combination of runs is one block copy.
    const bytes = bytesOf(x.dtype);
    const copyBlocks = (dim: number, from: number, to: number, sizes: number[]): void => {
      if (dim === x.ndim) {
        const dst = { ptr: (y.ptr + to * bytes) as Ptr, strides: y.strides };
        copyStrided(dst, { ptr: (x.ptr + from * bytes) as Ptr, strides: x.strides }, sizes, x.dtype);
        return;
      }
      const n = x.shape[dim]!;
      const s = shifts[dim]!;
      copyBlocks(dim + 1, from, to + s * y.strides[dim]!, [...sizes, n - s]);
      if (s > 0) copyBlocks(dim + 1, from + (n - s) * x.strides[dim]!, to, [...sizes, s]);
    };
    copyBlocks(0, 0, 0, []);
  },
  saves: { inputs: [] },
  backward: ([g], _, __, { shifts }) => [
    () =>
      rolled(
        g,
        shifts.map((s) => -s),
      ),
  ],
});

/** Copies of the whole tensor side by side, `counts[d]` in dimension d; more counts than dimensions add leading ones. */
export function repeat(op: string, x: Tensor, counts: readonly number[]): Tensor {
  for (const n of counts) checkInteger(op, "count", n, 0);
  const lead = counts.length - x.ndim;
  if (lead < 0) {
    throw new ArgumentError(
      op,
      `counts [${counts.join(", ")}] for ${formatShape(x.shape)}; expected one a dim or more`,
    );
  }
  const shape = [...new Array<number>(lead).fill(1), ...x.shape];
  const pairs = reshape(
    x,
    shape.flatMap((n) => [1, n]),
  );
  const stretched = expand(
    pairs,
    shape.flatMap((n, d) => [counts[d]!, n]),
  );
  return reshape(
    stretched,
    shape.map((n, d) => n * counts[d]!),
  );
}

/** Every element `count` times in a row, along one dimension. */
export function repeatEach(x: Tensor, count: number, dim: number): Tensor {
  checkInteger("repeatInterleave", "repeats", count, 0);
  const d = normalizeDim("repeatInterleave", dim, x.ndim);
  const stretched = expand(
    unsqueeze(x, d + 1),
    x.shape.flatMap((n, i) => (i === d ? [n, count] : [n])),
  );
  return reshape(
    stretched,
    x.shape.map((n, i) => (i === d ? n * count : n)),
  );
}

/** Rotates the plane of two dimensions by k quarter turns, from the first towards the second. */
export function rot90(x: Tensor, k: number, dims: readonly number[]): Tensor {
  checkInteger("rot90", "k", k, -(2 ** 31));
  const [a, b] = dims.map((d) => normalizeDim("rot90", d, x.ndim));
  if (dims.length !== 2 || a === undefined || b === undefined || a === b) {
    throw new ArgumentError("rot90", `dims are [${dims.join(", ")}]; expected two different ones`);
  }
  const order = x.shape.map((_, d) => (d === a ? b : d === b ? a : d));
  switch (modulo(k, 4)) {
    case 1:
      return permute(flip(x, b), order);
    case 2:
      return flip(x, [a, b]);
    case 3:
      return flip(permute(x, order), b);
    default:
      return reshape(x, x.shape);
  }
}

/** A copy of x with a slice of it replaced by `src`. All ranges have been checked. */
export function sliceScatterAll(x: Tensor, src: Tensor, attrs: SliceAttrs): Tensor {
  return apply(sliceScatterOp, [x, src], attrs)[0];
}

/** A copy of x with x[start:end:step] of one dimension replaced by `src`, of that slice's shape. */
export function sliceScatter(x: Tensor, src: Tensor, dim: number, range: SliceOptions): Tensor {
  return sliceScatterAll(x, src, sliceRange("sliceScatter", x.shape, dim, range));
}

export const sliceScatterOp = defineOp<readonly [Tensor, Tensor], One, SliceAttrs>({
  name: "sliceScatter",
  infer: ([x, src], { sizes }) => {
    if (!sameShape(src.shape, sizes) || src.dtype !== x.dtype) {
      throw new ShapeError(
        "sliceScatter",
        `source is ${src.dtype} ${formatShape(src.shape)}; expected ${x.dtype} ${formatShape(sizes)}, as the slice`,
      );
    }
    return [x];
  },
  strided: true,
  forward: ([y], [x, src], attrs) => {
    copyStrided(y, x, x.shape, x.dtype);
    const to = slicedLayout(rowMajor(y.shape), attrs);
    const at = (y.ptr + to.offset * bytesOf(y.dtype)) as Ptr;
    copyStrided({ ptr: at, strides: to.strides }, src, src.shape, src.dtype);
  },
  saves: { inputs: [] },
  backward: ([g], [, src], _, attrs) => [
    () => sliceScatterAll(g, constant(src.shape, 0), attrs),
    () => sliceAll(g, attrs),
  ],
});

interface BandAttrs {
  /** The lowest and the highest kept diagonal. */
  readonly low: number;
  readonly high: number;
}

/** The last two dimensions on and below a diagonal, zero above it. */
export function tril(x: Tensor, diagonal: number): Tensor {
  return band("tril", x, { low: -Infinity, high: diagonal });
}

/** The last two dimensions on and above a diagonal, zero below it. */
export function triu(x: Tensor, diagonal: number): Tensor {
  return band("triu", x, { low: diagonal, high: Infinity });
}

function band(op: string, x: Tensor, { low, high }: BandAttrs): Tensor {
  if (x.ndim < 2) throw new ShapeError(op, `input has shape ${formatShape(x.shape)}; expected rank ≥ 2`);
  const diagonal = low === -Infinity ? high : low;
  checkInteger(op, "diagonal", diagonal, -(2 ** 31));
  const [rows, cols] = [x.size(-2), x.size(-1)];
  return banded(x, { low: Math.max(low, -rows), high: Math.min(high, cols) });
}

function banded(x: Tensor, attrs: BandAttrs): Tensor {
  return apply(bandOp, [x], attrs)[0];
}

export const bandOp = defineOp<Unary, One, BandAttrs>({
  name: "band",
  infer: ([x]) => [x],
  forward: ([y], [x], { low, high }) => {
    const [rows, cols] = [x.size(-2), x.size(-1)];
    const keep = x.dtype === "bool" ? K.band_8 : K.band_32;
    keep(y.ptr, x.ptr, numel(x.shape.slice(0, -2)), rows, cols, low, high);
  },
  saves: { inputs: [] },
  backward: ([g], _, __, attrs) => [() => banded(g, attrs)],
});
