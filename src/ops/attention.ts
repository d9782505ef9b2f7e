import { K } from "../backend/index.js";
import { checkDType } from "../check.js";
import { ShapeError } from "../errors.js";
import { forLeading, materialize } from "../layout.js";
import type { Draw, Generator } from "../random.js";
import { arena, NULL } from "../runtime/arena.js";
import { broadcastShapes, broadcastStrides, contiguousStrides, formatShape, numel } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { bytesOf, type Ptr, type Shape, type Spec } from "../types.js";
import { apply, defineOp, notDifferentiable, once } from "./op.js";
import { sumTo } from "./reduce.js";

const NAME = "scaledDotProductAttention";

export interface AttentionAttrs {
  readonly scale: number;
  /** Query i sees the keys j ≤ i + diagonal; null: all of them. */
  readonly diagonal: number | null;
  /** Whether the gradient of the bias is wanted, a matrix as large as the scores. */
  readonly biasGrad: boolean;
  readonly dropout: { readonly p: number; readonly draw: Draw } | null;
}

type Maybe = Tensor | null;

/** bias [.., L, S] is added to the scores; where allow [.., L, S] is false a key is left out. */
type Operands = readonly [q: Tensor, k: Tensor, v: Tensor, bias: Maybe, allow: Maybe];
type Specs = readonly [q: Spec, k: Spec, v: Spec, bias: Spec | null, allow: Spec | null];

interface Sizes {
  /** The leading dimensions of all operands, broadcast. */
  readonly lead: readonly number[];
  readonly l: number;
  readonly s: number;
  readonly e: number;
  readonly ev: number;
}

function sizesOf([q, k, v, bias, allow]: Specs): Sizes {
  const [l, e] = q.shape.slice(-2) as [number, number];
  const [s, ev] = v.shape.slice(-2) as [number, number];
  const lead = [k, v, bias, allow].reduce<number[]>(
    (shape, t) => (t === null ? shape : broadcastShapes(NAME, shape, t.shape.slice(0, -2))),
    q.shape.slice(0, -2),
  );
  return { lead, l, s, e, ev };
}

/** Throws unless shapes and dtypes fit each other. */
function check(specs: Specs): Sizes {
  const [q, k, v, bias, allow] = specs;
  for (const [what, t] of [["query", q] as const, ["key", k] as const, ["value", v] as const]) {
    checkDType(NAME, what, t, "float32");
    if (t.shape.length < 2) {
      throw new ShapeError(NAME, `${what} has shape ${formatShape(t.shape)}; expected [.., length, features]`);
    }
  }
  const shapes = `query ${formatShape(q.shape)}, key ${formatShape(k.shape)}, value ${formatShape(v.shape)}`;
  const features = k.shape.at(-1);
  if (features !== q.shape.at(-1)) {
    throw new ShapeError(NAME, `key has ${features} features; expected ${q.shape.at(-1)} (${shapes})`);
  }
  if (v.shape.at(-2) !== k.shape.at(-2)) {
    throw new ShapeError(NAME, `value has length ${v.shape.at(-2)}; expected ${k.shape.at(-2)} (${shapes})`);
  }
  const sizes = sizesOf(specs);
  for (const mask of [bias, allow]) {
    if (mask === null) continue;
    checkDType(NAME, "attnMask", mask, mask === bias ? "float32" : "bool");
    const scores = [sizes.l, sizes.s];
    const fits = mask.shape.slice(-2).every((n, d, last) => n === 1 || n === scores[d + 2 - last.length]);
    if (!fits) {
      throw new ShapeError(
        NAME,
        `attnMask has shape ${formatShape(mask.shape)}; expected it to broadcast to ${formatShape([...sizes.lead, ...scores])} (${shapes})`,
      );
    }
  }
  return sizes;
}

/** A stack of matrices: where it begins, steps of the leading dimensions and from row to row, all in elements. */
interface Stack {
  readonly ptr: Ptr;
  readonly steps: readonly number[];
  readonly ld: number;
  readonly bytes: number;
}

/** Runs `kernel` with the addresses of the matrices of each head. Operands whose rows do not lie in one piece are copied first. */
function forHeads(
  lead: Shape,
  operands: readonly (readonly [t: Maybe, rows: number, columns: number])[],
  kernel: (at: readonly Ptr[], ld: readonly number[], head: number) => void,
): void {
  const copies: Tensor[] = [];
  try {
    const stacks = operands.map(([t, rows, columns]): Stack => {
      if (t === null) return { ptr: NULL, steps: lead.map(() => 0), ld: 0, bytes: 0 };
      const shape = [...lead, rows, columns];
      let strides = broadcastStrides(t.shape, t.strides, shape);
      let ptr = t.ptr;
      if (columns > 1 && strides.at(-1) !== 1) {
        // Of the leading dimensions only those that the operand has itself are worth copying.
        const own = [...t.shape.slice(0, -1), columns];
        const stretched = t.alias({ shape: own, strides: broadcastStrides(t.shape, t.strides, own), offset: t.offset });
        const copy = materialize(stretched);
        stretched.dispose();
        copies.push(copy);
        strides = broadcastStrides(own, contiguousStrides(own), shape);
        ptr = copy.ptr;
      }
      return { ptr, steps: strides.slice(0, -2), ld: strides.at(-2)!, bytes: bytesOf(t.dtype) };
    });
    let head = 0;
    forLeading(
      lead,
      stacks.map((x) => x.steps),
      (offsets) =>
        kernel(
          stacks.map((x, i) => (x.ptr + offsets[i]! * x.bytes) as Ptr),
          stacks.map((x) => x.ld),
          head++,
        ),
      0,
    );
  } finally {
    for (const t of copies) t.dispose();
  }
}

/** What dropout adds to a kernel call, for one of the heads: each row of scores takes whole blocks of the draw. */
function dropoutOf(
  { dropout }: AttentionAttrs,
  { l, s }: Sizes,
  head: number,
): [number, number, number, number, number, number] {
  if (dropout === null) return [0, 0, 0, 0, 0, 0];
  const { p, draw } = dropout;
  const low = draw.c0 + head * l * Math.ceil(s / 4);
  const c1 = draw.c1 + Math.floor(low / 2 ** 32);
  return [draw.k0, draw.k1, low % 2 ** 32, c1, Math.round(p * 2 ** 31), p === 1 ? 0 : 1 / (1 - p)];
}

/** y = softmax(scale · q kᵀ + bias, where allowed) v, and the logarithm of each row's sum of exponentials, for the gradient. */
export const attentionOp = defineOp<Operands, readonly [y: Tensor, stats: Tensor], AttentionAttrs>({
  name: NAME,
  infer: (specs) => {
    const { lead, l, ev } = check(specs);
    return [
      { shape: [...lead, l, ev], dtype: "float32" },
      { shape: [...lead, l], dtype: "float32" },
    ];
  },
  strided: true,
  forward: ([y, stats], operands, attrs) => {
    const sizes = sizesOf(operands);
    const { lead, l, s, e, ev } = sizes;
    const [q, k, v, bias, allow] = operands;
    const scratch = arena.scratch(K.attention_scratch_bytes(l, s, e, ev));
    const stacks = [
      [q, l, e],
      [k, s, e],
      [v, s, ev],
      [bias, l, s],
      [allow, l, s],
    ] as const;
    forHeads(lead, stacks, ([pq, pk, pv, pb, pa], [ldq, ldk, ldv, ldb, lda], head) => {
      const py = (y.ptr + head * l * ev * 4) as Ptr;
      const ps = (stats.ptr + head * l * 4) as Ptr;
      const { diagonal, scale } = attrs;
      // biome-ignore format: one line for each kind of argument
      K.attention_f32(
        py, ps, pq!, pk!, pv!, pb!, pa!, scratch,
        l, s, e, ev, ldq!, ldk!, ldv!, ldb!, lda!, diagonal ?? s, scale,
        ...dropoutOf(attrs, sizes, head),
      );
    });
  },
  flops: ([q, k, v], [y]) => scoreFlops(k, y, q.size(-1) + v.size(-1)),
  saves: { inputs: [0, 1, 2, 3, 4], outs: [0, 1] },
  backward: ([g], operands, [y, stats], attrs) => {
    const [q, k, v, bias] = operands;
    const all = once(() => apply(attentionGradOp, [g!, y, stats, ...operands], attrs));
    const part = (i: number, like: Tensor) => () => sumTo(all()[i]!, like.shape);
    return [part(0, q), part(1, k), part(2, v), bias && attrs.biasGrad ? part(3, bias) : null, null];
  },
});

/** Of products in which every score takes part in `features` multiply-adds, those that a mask leaves out included. */
function scoreFlops(k: Tensor, y: Tensor, features: number): number {
  return 2 * numel(y.shape.slice(0, -1)) * k.size(-2) * features;
}

/** The gradients of q, k, v and, if it is wanted, of the bias; all at the broadcast leading dimensions. */
export const attentionGradOp = defineOp<
  readonly [g: Tensor, y: Tensor, stats: Tensor, ...Operands],
  readonly Tensor[],
  AttentionAttrs
>({
  name: "scaledDotProductAttention_grad",
  infer: ([, , , ...specs], { biasGrad }) => {
    const { lead, l, s, e, ev } = sizesOf(specs);
    const shapes = [[l, e], [s, e], [s, ev], ...(biasGrad ? [[l, s]] : [])];
    return shapes.map((shape) => ({ shape: [...lead, ...shape], dtype: "float32" }));
  },
  strided: true,
  forward: ([dq, dk, dv, dbias], [g, y, stats, ...operands], attrs) => {
    const sizes = sizesOf(operands);
    const { lead, l, s, e, ev } = sizes;
    const [q, k, v, bias, allow] = operands;
    const scratch = arena.scratch(K.attention_scratch_bytes(l, s, e, ev));
    const stacks = [
      [q, l, e],
      [k, s, e],
      [v, s, ev],
      [bias, l, s],
      [allow, l, s],
      [g, l, ev],
    ] as const;
    forHeads(lead, stacks, ([pq, pk, pv, pb, pa, pg], [ldq, ldk, ldv, ldb, lda, ldg], head) => {
      const own = (t: Tensor, size: number): Ptr => (t.ptr + head * size * 4) as Ptr;
      const pdb = dbias === undefined ? NULL : own(dbias, l * s);
      const { diagonal, scale } = attrs;
      // biome-ignore format: one line for each kind of argument
      K.attention_grad_f32(
        own(dq!, l * e), own(dk!, s * e), own(dv!, s * ev), pdb,
        pg!, pq!, pk!, pv!, pb!, pa!, own(y, l * ev), own(stats, l), scratch,
        l, s, e, ev, ldg!, ldq!, ldk!, ldv!, ldb!, lda!, diagonal ?? s, scale,
        ...dropoutOf(attrs, sizes, head),
      );
    });
  },
  flops: ([, y, , q, k, v]) => scoreFlops(k, y, 3 * q.size(-1) + 2 * v.size(-1)),
  backward: notDifferentiable("the fused gradient is not recorded; compose attention from matmul and softmax instead"),
});

/** Draws the dropout, runs the op and keeps only its result. */
export function attention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  masks: { readonly bias: Maybe; readonly allow: Maybe },
  attrs: Pick<AttentionAttrs, "scale" | "diagonal">,
  dropout: Dropout | null,
): Tensor {
  const { bias, allow } = masks;
  const operands: Operands = [q, k, v, bias, allow];
  const biasGrad = bias?.requiresGrad ?? false;
  const [y, stats] = apply(attentionOp, operands, { ...attrs, biasGrad, dropout: drawn(operands, dropout) });
  stats.dispose();
  return y;
}

interface Dropout {
  readonly p: number;
  readonly generator: Generator;
}

function drawn(operands: Operands, dropout: Dropout | null): AttentionAttrs["dropout"] {
  if (dropout === null || dropout.p === 0) return null;
  const { lead, l, s } = check(operands);
  return { p: dropout.p, draw: dropout.generator.draw(numel(lead) * l * Math.ceil(s / 4) * 4) };
}
