import { K } from "../backend/index.js";
import { checkDType, checkInteger, checkRank } from "../check.js";
import { ArgumentError } from "../errors.js";
import { arena } from "../runtime/arena.js";
import { formatShape, numel } from "../shape.js";
import type { Tensor } from "../tensor.js";
import type { Ptr } from "../types.js";
import { div } from "./arithmetic.js";
import { constant, fill, reshape } from "./copy.js";
import { checkIndices } from "./gather.js";
import { apply, defineOp, notDifferentiable } from "./op.js";
import { sliceScatter } from "./rearrange.js";
import { indexAdd, indexSelect } from "./rows.js";

type One = readonly [Tensor];

export interface EmbeddingAttrs {
  /** The row that gets no gradient, or -1. */
  readonly paddingIdx: number;
  /** Divide the gradient of each row by how often the row was read. */
  readonly scaleGradByFreq?: boolean;
}

/** Rows of a table [num, dim] for int32 indices of any shape: y[…, :] = weight[index[…], :]. */
export function embedding(index: Tensor, weight: Tensor, attrs: EmbeddingAttrs): Tensor {
  return apply(embeddingOp, [index, weight], attrs)[0];
}

export const embeddingOp = defineOp<readonly [index: Tensor, weight: Tensor], One, EmbeddingAttrs>({
  name: "embedding",
  infer: ([index, weight]) => {
    checkDType("Embedding", "index", index, "int32");
    checkDType("Embedding", "weight", weight, "float32");
    checkRank("Embedding", "weight", weight.shape, 2);
    return [{ shape: [...index.shape, weight.shape[1]!], dtype: "float32" }];
  },
  forward: ([y], [index, weight]) => {
    const [rows, dim] = [weight.size(0), weight.size(1)];
    checkIndices("Embedding", index, 0, rows, `weight ${formatShape(weight.shape)}`);
    K.index_select_32(y.ptr, weight.ptr, index.ptr, 1, index.numel, rows, dim);
  },
  saves: { inputs: [0] },
  backward: ([g], [index, weight], _, attrs) => [
    null,
    () => {
      const rows = weight.shape[0]!;
      const per = attrs.scaleGradByFreq ? div(g, occurrences(index, rows)) : g;
      return apply(embeddingGradOp, [per, index], { paddingIdx: attrs.paddingIdx, rows })[0];
    },
  ],
});

/** How often each index occurs among all of them, [..., 1]. */
function occurrences(index: Tensor, rows: number): Tensor {
  const flat = reshape(index, [-1]);
  const counts = indexAdd(constant([rows], 0), flat, constant([flat.numel], 1), 0);
  return reshape(indexSelect(counts, flat, 0), [...index.shape, 1]);
}

interface GradAttrs {
  readonly paddingIdx: number;
  readonly rows: number;
}

/** The gradients of each row, summed up in the order of the index; zero in the row of paddingIdx. */
export const embeddingGradOp = defineOp<readonly [g: Tensor, index: Tensor], One, GradAttrs>({
  name: "embedding_grad",
  infer: ([g], { rows }) => [{ shape: [rows, g.shape.at(-1)!], dtype: "float32" }],
  forward: ([y], [g, index], { rows, paddingIdx }) => {
    fill(y, 0);
    const dim = y.size(1);
    K.index_add_f32(y.ptr, index.ptr, g.ptr, 1, index.numel, rows, dim);
    if (paddingIdx >= 0) K.fill_32((y.ptr + paddingIdx * dim * 4) as Ptr, 0, dim);
  },
  saves: { inputs: [1] },
  backward: ([gg], [, index], _, { paddingIdx: p }) => [
    () => {
      const seen = p < 0 ? gg : sliceScatter(gg, constant([1, gg.size(1)], 0), 0, { start: p, end: p + 1 });
      return embedding(index, seen, { paddingIdx: p });
    },
    null,
  ],
});

/** int32 [.., classes] with 1 at each index and 0 elsewhere. `classes` -1: the largest index + 1. */
export function oneHot(index: Tensor, classes: number): Tensor {
  checkDType("oneHot", "input", index, "int32");
  checkInteger("oneHot", "numClasses", classes, -1);
  if (classes === 0 || (classes === -1 && index.numel === 0)) {
    throw new ArgumentError("oneHot", `no class for ${formatShape(index.shape)}; expected numClasses ≥ 1`);
  }
  let found = classes;
  if (classes === -1) for (const v of index.data()) found = Math.max(found, v + 1);
  return apply(oneHotOp, [index], { classes: found })[0];
}

export const oneHotOp = defineOp<readonly [Tensor], One, { classes: number }>({
  name: "oneHot",
  infer: ([index], { classes }) => [{ shape: [...index.shape, classes], dtype: "int32" }],
  forward: ([y], [index], { classes }) => {
    checkIndices("oneHot", index, 0, classes, `${classes} classes`);
    fill(y, 0);
    const one = arena.scratch(4);
    K.fill_32(one, 1, 1);
    K.scatter_32(y.ptr, index.ptr, one, numel(index.shape), 1, classes, 1, 0);
  },
  backward: notDifferentiable("its operand and its result are integers"),
});

/** The options that a lookup takes. */
export const EMBEDDING_OPTIONS = ["paddingIdx", "maxNorm", "normType", "scaleGradByFreq"];

/** The padding row counted from the start. */
export function paddingRow(paddingIdx: number | null, rows: number): number | null {
  if (paddingIdx === null) return null;
  checkInteger("Embedding", "paddingIdx", paddingIdx, -rows, rows - 1);
  return paddingIdx < 0 ? paddingIdx + rows : paddingIdx;
}
