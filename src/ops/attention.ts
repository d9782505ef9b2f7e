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

type Placed = readonly [t: Maybe, rows: number, columns: number];

function stackOf(lead: Shape, [t, rows, columns]: Placed, copies: Tensor[]): Stack {
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
}

/**
 * Runs `kernel` with the kernels' table, the addresses of each head's matrices, and their steps from row to row. Operands whose rows do
 * not lie in one piece are copied first.
 */
function forHeads(
  lead: Shape,
  placed: readonly Placed[],
  scratchBytes: number,
  kernel: (table: Ptr, scratch: Ptr, ld: readonly number[]) => void,
): void {
  const copies: Tensor[] = [];
  try {
    const stacks = placed.map((x) => stackOf(lead, x, copies));
    const tableBytes = (4 * numel(lead) * stacks.length + 63) & ~63;
    const table = arena.scratch(tableBytes + scratchBytes);
    const addresses: number[] = [];
    forLeading(
      lead,
      stacks.map((x) => x.steps),
      (offsets) => {
        for (const [i, x] of stacks.entries()) addresses.push(x.ptr + offsets[i]! * x.bytes);
      },
      0,
    );
    arena.writeInts(table, addresses);
    kernel(
      table,
      (table + tableBytes) as Ptr,
      stacks.map((x) => x.ld),
    );
  } finally {
    for (const t of copies) t.dispose();
  }
}

/** What dropout adds to a kernel call: each row of scores takes whole blocks of the draw. */
function dropoutOf({ dropout }: AttentionAttrs): [number, number, number, number, number, number] {
  if (dropout === null) return [0, 0, 0, 0, 0, 0];
  const { p, draw } = dropout;
  return [draw.k0, draw.k1, draw.c0, draw.c1, Math.round(p * 2 ** 31), p === 1 ? 0 : 1 / (1 - p)];
}

/** y and stats may be any views whose rows lie in one piece. */
function attend(y: Tensor, stats: Tensor, operands: Operands, attrs: AttentionAttrs): void {
  const { lead, l, s, e, ev } = sizesOf(operands);
  const [q, k, v, bias, allow] = operands;
  const placed: Placed[] = [
    [y, l, ev],
    [stats, l, 1],
    [q, l, e],
    [k, s, e],
    [v, s, ev],
    [bias, l, s],
    [allow, l, s],
  ];
  const { diagonal, scale } = attrs;
  forHeads(lead, placed, K.attention_scratch_bytes(l, s, e, ev), (table, scratch, ld) => {
    const [ldy, , ldq, ldk, ldv, ldBias, ldAllow] = ld as Seven;
    // biome-ignore format: one line for each kind of argument
    K.attention_f32(
      table, scratch, l, s, e, ev, ldy, ldq, ldk, ldv, ldBias, ldAllow,
      diagonal ?? s, scale, ...dropoutOf(attrs), 0, numel(lead),
    );
  });
}

type Seven = readonly [number, number, number, number, number, number, number];

/** Gradients of q, k and v, which lie either as those do or in order, and of the bias if there is one. */
function attendGrad(
  [dq, dk, dv, dbias]: readonly [Tensor, Tensor, Tensor, Maybe],
  [g, y, stats, ...operands]: GradOperands,
  attrs: AttentionAttrs,
  alike: boolean,
): void {
  const { lead, l, s, e, ev } = sizesOf(operands);
  const [q, k, v, bias, allow] = operands;
  const placed: Placed[] = [
    [dq, l, e],
    [dk, s, e],
    [dv, s, ev],
    [dbias, l, s],
    [g, l, ev],
    [y, l, ev],
    [stats, l, 1],
    [q, l, e],
    [k, s, e],
    [v, s, ev],
    [bias, l, s],
    [allow, l, s],
  ];
  const { diagonal, scale } = attrs;
  forHeads(lead, placed, K.attention_scratch_bytes(l, s, e, ev), (table, scratch, ld) => {
    const [ldg, ldy] = ld.slice(4) as [number, number];
    const [ldq, ldk, ldv, ldBias, ldAllow] = ld.slice(7) as [number, number, number, number, number];
    // biome-ignore format: one line for each kind of argument
    K.attention_grad_f32(
      table, scratch, l, s, e, ev, ldg, ldy, ldq, ldk, ldv, ldBias, ldAllow, alike ? 1 : 0,
      diagonal ?? s, scale, ...dropoutOf(attrs), 0, numel(lead),
    );
  });
}

/** y = softmax(scale · q kᵀ + bias, where allowed) v, and the logarithm of each row's sum of exponentials, for the gradient. */
export const attentionOp = defineOp<Operands, readonly [y: Tensor, stats: Tensor], AttentionAttrs>({
  name: NAME,
  infer: (specs) => {
    const { lead, l, ev } = check(specs);
    return [
      { shape: [...lead, l, ev], dtype: "float32" },
      { shape: [...lead, l, 1], dtype: "float32" },
    ];
  },
  strided: true,
  forward: ([y, stats], operands, attrs) => attend(y, stats, operands, attrs),
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

type GradOperands = readonly [g: Tensor, y: Tensor, stats: Tensor, ...Operands];

/** The gradients of q, k, v and, if it is wanted, of the bias; all at the broadcast leading dimensions. */
export const attentionGradOp = defineOp<GradOperands, readonly Tensor[], AttentionAttrs>({
  name: "scaledDotProductAttention_grad",
  infer: ([, , , ...specs], { biasGrad }) => {
    const { lead, l, s, e, ev } = sizesOf(specs);
    const shapes = [[l, e], [s, e], [s, ev], ...(biasGrad ? [[l, s]] : [])];
    return shapes.map((shape) => ({ shape: [...lead, ...shape], dtype: "float32" }));
  },
  strided: true,
  forward: ([dq, dk, dv, dbias = null], operands, attrs) => attendGrad([dq!, dk!, dv!, dbias], operands, attrs, false),
  flops: ([, y, , q, k, v]) => scoreFlops(k, y, 3 * q.size(-1) + 2 * v.size(-1)),
  backward: notDifferentiable("the fused gradient is not recorded; compose attention from matmul and softmax instead"),
});

/** Self-attention of all heads from one projection, in its layout. */
export interface PackedAttrs extends AttentionAttrs {
  readonly heads: number;
  /** x is [N, L, …]; else [L, N, …]. */
  readonly batchFirst: boolean;
}

/** x holds the queries, keys and values of each position side by side, and in each of them the heads. */
type PackedOperands = readonly [x: Tensor, bias: Maybe, allow: Maybe];

/** The matrices [N, H, L, d] of the queries, keys and values in x, or of a result that has one part. */
function headsOf<S extends Spec>(x: S, parts: number, { heads, batchFirst }: PackedAttrs): number[] {
  const [n, l] = (batchFirst ? x.shape : [x.shape[1], x.shape[0]]) as [number, number];
  return [n, heads, l, x.shape[2]! / parts / heads];
}

/** Runs `fn` with such views of x. */
function withHeads<R>(x: Tensor, parts: number, attrs: PackedAttrs, fn: (views: readonly Tensor[]) => R): R {
  const shape = headsOf(x, parts, attrs);
  const d = shape[3]!;
  const [first, second] = x.strides as [number, number, number];
  const strides = attrs.batchFirst ? [first, d, second, 1] : [second, d, first, 1];
  const width = d * attrs.heads;
  const views = Array.from({ length: parts }, (_, i) => x.alias({ shape, strides, offset: x.offset + i * width }));
  try {
    return fn(views);
  } finally {
    for (const t of views) t.dispose();
  }
}

/** As `attentionOp`, but for x [N, L, 3E] or [L, N, 3E] and y of E features: heads are neither cut out nor put together again. */
export const packedAttentionOp = defineOp<PackedOperands, readonly [y: Tensor, stats: Tensor], PackedAttrs>({
  name: "packed_attention",
  infer: ([x, bias, allow], attrs) => {
    checkDType(NAME, "projections", x, "float32");
    const shape = headsOf(x, 3, attrs);
    const part: Spec = { shape, dtype: "float32" };
    check([part, part, part, bias, allow]);
    const [n, l] = x.shape as [number, number];
    return [
      { shape: [n, l, x.shape[2]! / 3], dtype: "float32" },
      { shape: [...shape.slice(0, 3), 1], dtype: "float32" },
    ];
  },
  forward: ([y, stats], [x, bias, allow], attrs) =>
    withHeads(y, 1, attrs, ([out]) =>
      withHeads(x, 3, attrs, ([q, k, v]) => attend(out!, stats, [q!, k!, v!, bias, allow], attrs)),
    ),
  flops: ([x], [y], { batchFirst }) => 4 * y.numel * x.size(batchFirst ? 1 : 0),
  saves: { inputs: [0, 1, 2], outs: [0, 1] },
  backward: ([g], [x, bias, allow], [y, stats], attrs) => {
    const all = once(() => apply(packedAttentionGradOp, [g!, y, stats, x, bias, allow], attrs));
    return [() => all()[0]!, bias && attrs.biasGrad ? () => sumTo(all()[1]!, bias.shape) : null, null];
  },
});

/** The gradients of x and, if it is wanted, of the bias, [N, H, L, L]. */
export const packedAttentionGradOp = defineOp<
  readonly [g: Tensor, y: Tensor, stats: Tensor, ...PackedOperands],
  readonly Tensor[],
  PackedAttrs
>({
  name: "packed_attention_grad",
  infer: ([, , , x], attrs) => {
    const [n, h, l] = headsOf(x, 3, attrs);
    return attrs.biasGrad ? [x, { shape: [n!, h!, l!, l!], dtype: "float32" }] : [x];
  },
  forward: ([dx, dbias = null], [g, y, stats, x, bias, allow], attrs) =>
    withHeads(dx!, 3, attrs, ([dq, dk, dv]) =>
      withHeads(x, 3, attrs, ([q, k, v]) =>
        withHeads(g, 1, attrs, ([gh]) =>
          withHeads(y, 1, attrs, ([yh]) =>
            attendGrad([dq!, dk!, dv!, dbias], [gh!, yh!, stats, q!, k!, v!, bias, allow], attrs, true),
          ),
        ),
      ),
    ),
  flops: ([g, , , x], _, { batchFirst }) => 10 * g.numel * x.size(batchFirst ? 1 : 0),
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
  // Nothing is drawn for operands that do not fit.
  const { lead, l, s } = check(operands);
  const drop = dropout === null ? null : drawn(lead, l, s, dropout);
  const [y, stats] = apply(attentionOp, operands, { ...attrs, biasGrad, dropout: drop });
  stats.dispose();
  return y;
}

/** The same for projections that lie side by side. */
export function packedAttention(
  x: Tensor,
  masks: { readonly bias: Maybe; readonly allow: Maybe },
  attrs: Pick<PackedAttrs, "scale" | "diagonal" | "heads" | "batchFirst">,
  dropout: Dropout | null,
): Tensor {
  const { bias, allow } = masks;
  const [n, h, l] = headsOf(x, 3, { ...attrs, biasGrad: false, dropout: null }) as [number, number, number];
  const biasGrad = bias?.requiresGrad ?? false;
  const all = { ...attrs, biasGrad, dropout: dropout === null ? null : drawn([n, h], l, l, dropout) };
  const [y, stats] = apply(packedAttentionOp, [x, bias, allow], all);
  stats.dispose();
  return y;
}

interface Dropout {
  readonly p: number;
  readonly generator: Generator;
}

/** A block of four numbers of the draw belongs to one row of scores. */
function drawn(lead: Shape, l: number, s: number, { p, generator }: Dropout): AttentionAttrs["dropout"] {
  return p === 0 ? null : { p, draw: generator.draw(numel(lead) * l * Math.ceil(s / 4) * 4) };
}
