import { K } from "../backend/index.js";
import { checkDType } from "../check.js";
import { ArgumentError, DTypeError, ShapeError } from "../errors.js";
import { copyStrided } from "../layout.js";
import { arena } from "../runtime/arena.js";
import { formatShape, normalizeDim, numel, sameShape, withSize } from "../shape.js";
import type { Tensor } from "../tensor.js";
import type { Shape, Spec } from "../types.js";
import { div, mul } from "./arithmetic.js";
import { compare, eqOp } from "./compare.js";
import { bitsFor, cast, constant, fill, sliceAll } from "./copy.js";
import { apply, defineOp } from "./op.js";
import { sliceScatterAll } from "./rearrange.js";
import { clamp } from "./unary.js";

type Indexed = readonly [x: Tensor, index: Tensor];
type One = readonly [Tensor];

/** Sizes before, along and after a dimension; a scalar counts as one element. */
export function around(shape: Shape, dim: number): { outer: number; n: number; inner: number } {
  return { outer: numel(shape.slice(0, dim)), n: shape[dim] ?? 1, inner: numel(shape.slice(dim + 1)) };
}

/** Refuses an index outside [low, size), naming it; `target` says what is indexed. Indices are contiguous. */
export function checkIndices(op: string, index: Tensor, low: number, size: number, target: string): void {
  const at = K.index_check_i32(index.ptr, index.numel, low, size);
  if (at < 0) return;
  const expected = size === 0 ? "no index at all" : `${low} to ${size - 1}`;
  throw new ArgumentError(
    op,
    `index ${index.data()[at]} (element ${at} of index ${formatShape(index.shape)}) is out of range; expected ${expected}, for ${target}`,
  );
}

function alongDim(shape: Shape, dim: number): string {
  return `dim ${dim} of ${formatShape(shape)}`;
}

/** The same sizes but for `dim`. */
function fitsAround(a: Shape, b: Shape, dim: number): boolean {
  return a.length === b.length && a.every((n, d) => d === dim || n === b[d]);
}

function checkIndexed(op: string, x: Spec, index: Spec, dim: number): void {
  checkDType(op, "index", index, "int32");
  if (!fitsAround(x.shape, index.shape, dim)) {
    throw new ShapeError(
      op,
      `index has shape ${formatShape(index.shape)}; expected ${formatShape(x.shape)} but for dim ${dim}`,
    );
  }
}

function checkSameDType(op: string, src: Spec, x: Spec): void {
  if (src.dtype !== x.dtype) throw new DTypeError(op, `source is ${src.dtype}; expected ${x.dtype}, as the input`);
}

/** The first `sizes[d]` indices of every dimension but `dim`; the tensor itself if that is all of it. */
function clipAround(op: string, what: string, x: Tensor, sizes: Shape, dim: number | null): Tensor {
  const bad = x.ndim !== sizes.length || sizes.some((n, d) => d !== dim && n > x.shape[d]!);
  if (bad) {
    const but = dim === null ? "" : ` but for dim ${dim}`;
    throw new ShapeError(
      op,
      `index has shape ${formatShape(sizes)}; expected rank ${x.ndim} and no size above ${what}'s ${formatShape(x.shape)}${but}`,
    );
  }
  const clipped = x.shape.map((n, d) => (d === dim ? n : sizes[d]!));
  return sameShape(clipped, x.shape) ? x : sliceAll(x, firstOf(clipped));
}

function firstOf(sizes: Shape): { starts: number[]; sizes: Shape; steps: number[] } {
  return { starts: sizes.map(() => 0), sizes, steps: sizes.map(() => 1) };
}

/** y[i][j][k] = x[i][index[i][j][k]][k] for dim 1 of three; index may be smaller than x in the other dimensions. */
export function gather(x: Tensor, index: Tensor, dim: number): Tensor {
  const d = normalizeDim("gather", dim, x.ndim);
  return apply(gatherOp, [clipAround("gather", "the input", x, index.shape, d), index], { dim: d })[0];
}

export const gatherOp = defineOp<Indexed, One, { dim: number }>({
  name: "gather",
  infer: ([x, index], { dim }) => {
    checkIndexed("gather", x, index, dim);
    return [{ shape: index.shape, dtype: x.dtype }];
  },
  forward: ([y], [x, index], { dim }) => {
    const { outer, n, inner } = around(x.shape, dim);
    checkIndices("gather", index, 0, n, alongDim(x.shape, dim));
    const kernel = x.dtype === "bool" ? K.gather_8 : K.gather_32;
    kernel(y.ptr, x.ptr, index.ptr, outer, around(index.shape, dim).n, n, inner);
  },
  saves: { inputs: [1] },
  backward: ([g], [x, index], _, { dim }) => [
    () => apply(gatherGradOp, [g, index], { dim, size: x.shape[dim] ?? 1 })[0],
    null,
  ],
});

/** Adjoint of gather: what was read more than once sums up. */
export const gatherGradOp = defineOp<Indexed, One, { dim: number; size: number }>({
  name: "gather_grad",
  infer: ([g], { dim, size }) => [{ shape: withSize(g.shape, dim, size), dtype: g.dtype }],
  forward: ([y], [g, index], { dim, size }) => {
    fill(y, 0);
    const { outer, n, inner } = around(g.shape, dim);
    K.scatter_add_f32(y.ptr, index.ptr, g.ptr, outer, n, size, inner);
  },
  saves: { inputs: [1] },
  backward: ([gg], [, index], _, { dim }) => [() => gather(gg, index, dim), null],
});

type Source = Tensor | number;

/** A copy of x with y[i][index[i][j][k]][k] = src[i][j][k] for dim 1 of three; where targets repeat, the last one stays. */
export function scatter(x: Tensor, index: Tensor, src: Source, dim: number): Tensor {
  return scattered("scatter", x, index, src, dim, (to, i, from, d) => {
    const value = typeof from === "number" ? from : 0;
    return apply(scatterOp, [to, i, typeof from === "number" ? null : from], { dim: d, value })[0];
  });
}

/** Runs a scatter on the part of x that the index spans, and puts it back into x. */
function scattered<S extends Source>(
  op: string,
  x: Tensor,
  index: Tensor,
  src: S | Tensor,
  dim: number,
  run: (to: Tensor, index: Tensor, src: S | Tensor, dim: number) => Tensor,
): Tensor {
  const d = normalizeDim(op, dim, x.ndim);
  const to = clipAround(op, "the input", x, index.shape, d);
  const from = typeof src === "number" ? src : clipAround(op, "the source", src, index.shape, null);
  const y = run(to, index, from, d);
  return to === x ? y : sliceScatterAll(x, y, firstOf(y.shape));
}

export const scatterOp = defineOp<
  readonly [x: Tensor, index: Tensor, src: Tensor | null],
  One,
  { dim: number; value: number }
>({
  name: "scatter",
  infer: ([x, index, src], { dim }) => {
    checkIndexed("scatter", x, index, dim);
    if (src !== null) checkSameDType("scatter", src, x);
    return [x];
  },
  forward: ([y], [x, index, src], { dim, value }) => {
    const { outer, n, inner } = around(x.shape, dim);
    checkIndices("scatter", index, 0, n, alongDim(x.shape, dim));
    copyStrided(y, x, x.shape, x.dtype);
    const m = around(index.shape, dim).n;
    const kernel = x.dtype === "bool" ? K.scatter_8 : K.scatter_32;
    if (src !== null) {
      kernel(y.ptr, index.ptr, src.ptr, outer, m, n, inner, 1);
      return;
    }
    const one = arena.scratch(4);
    (x.dtype === "bool" ? K.fill_8 : K.fill_32)(one, bitsFor(x.dtype, value), 1);
    kernel(y.ptr, index.ptr, one, outer, m, n, inner, 0);
  },
  saves: { inputs: [1] },
  backward: ([g], [, index], _, { dim }) => [() => scatter(g, index, 0, dim), null, () => gather(g, index, dim)],
});

/** x plus src at the indexed places, as in `scatter`; repeated targets sum up, in the order of src. */
export function scatterAdd(x: Tensor, index: Tensor, src: Tensor, dim: number): Tensor {
  return scattered(
    "scatterAdd",
    x,
    index,
    src,
    dim,
    (to, i, from, d) => apply(scatterAddOp, [to, i, from], { dim: d })[0],
  );
}

export const scatterAddOp = defineOp<readonly [x: Tensor, index: Tensor, src: Tensor], One, { dim: number }>({
  name: "scatterAdd",
  infer: ([x, index, src], { dim }) => {
    checkDType("scatterAdd", "input", x, "float32", "int32");
    checkIndexed("scatterAdd", x, index, dim);
    checkSameDType("scatterAdd", src, x);
    return [x];
  },
  forward: ([y], [x, index, src], { dim }) => {
    const { outer, n, inner } = around(x.shape, dim);
    checkIndices("scatterAdd", index, 0, n, alongDim(x.shape, dim));
    copyStrided(y, x, x.shape, x.dtype);
    const kernel = x.dtype === "int32" ? K.scatter_add_i32 : K.scatter_add_f32;
    kernel(y.ptr, index.ptr, src.ptr, outer, around(index.shape, dim).n, n, inner);
  },
  saves: { inputs: [1] },
  backward: ([g], [, index], _, { dim }) => [() => g, null, () => gather(g, index, dim)],
});

export type ScatterReduction = "sum" | "mean" | "amax" | "amin";

/** Reduces x (unless it is left out) and all sources with the same target; see `functional.scatterReduce`. */
export function scatterReduce(
  x: Tensor,
  index: Tensor,
  src: Tensor,
  { dim, reduce, includeSelf }: { dim: number; reduce: ScatterReduction; includeSelf: boolean },
): Tensor {
  const start = reduce === "amax" ? -Infinity : reduce === "amin" ? Infinity : 0;
  const base = includeSelf ? x : scatter(x, index, start, dim);
  if (reduce === "amax" || reduce === "amin") {
    return scattered("scatterReduce", base, index, src, dim, (to, i, from, d) => {
      return apply(scatterExtremeOp, [to, i, from], { dim: d, largest: reduce === "amax" })[0];
    });
  }
  const total = scatterAdd(base, index, src, dim);
  if (reduce === "sum") return total;
  const ones = scatter(constant(x.shape, 1), index, includeSelf ? 1 : 0, dim);
  const counts = scatterAdd(ones, index, constant(index.shape, 1), dim);
  return div(total, counts);
}

export const scatterExtremeOp = defineOp<
  readonly [x: Tensor, index: Tensor, src: Tensor],
  One,
  { dim: number; largest: boolean }
>({
  name: "scatterReduce",
  infer: ([x, index, src], { dim }) => {
    checkDType("scatterReduce", "input", x, "float32");
    checkIndexed("scatterReduce", x, index, dim);
    checkSameDType("scatterReduce", src, x);
    return [x];
  },
  forward: ([y], [x, index, src], { dim, largest }) => {
    const { outer, n, inner } = around(x.shape, dim);
    checkIndices("scatterReduce", index, 0, n, alongDim(x.shape, dim));
    copyStrided(y, x, x.shape, x.dtype);
    const kernel = largest ? K.scatter_max_f32 : K.scatter_min_f32;
    kernel(y.ptr, index.ptr, src.ptr, outer, around(index.shape, dim).n, n, inner);
  },
  saves: { outs: [0] },
  backward: ([g], [x, index, src], [y], { dim }) => {
    // Those that reached the extreme share its gradient evenly.
    const hits = (t: Tensor, extreme: Tensor): Tensor => cast(compare(eqOp, t, extreme), "float32");
    const own = (): Tensor => hits(x, y);
    const others = (): Tensor => hits(src, gather(y, index, dim));
    const share = (): Tensor => div(g, clamp(scatterAdd(own(), index, others(), dim), 1, Infinity));
    return [() => mul(share(), own()), null, () => mul(gather(share(), index, dim), others())];
  },
});
