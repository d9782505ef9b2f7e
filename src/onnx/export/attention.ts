import type { Dim } from "../../graph/graph.js";
import { type AttentionAttrs, attentionOp, type PackedAttrs, packedAttentionOp } from "../../ops/attention.js";
import { type RotaryAttrs, rotaryOp } from "../../ops/rotary.js";
import { ExportProblem } from "../export_problem.js";
import { type Rule, rule, type Site } from "../export_rule.js";
import { concat, countUp, expand, reshape, slice, swapLast, transpose, unsqueeze } from "../export_shapes.js";
import { fixedSizes } from "../export_sizes.js";
import type { Name, Writer } from "../export_writer.js";
import { scaled } from "./elementwise.js";

interface Heads {
  readonly q: Name;
  readonly k: Name;
  readonly v: Name;
  readonly bias: Name | null;
  readonly allow: Name | null;
  /** Rank of the keys, and the sizes of the scores. */
  readonly rank: number;
  readonly l: Dim;
  readonly s: Dim;
}

/** softmax(scale · q kᵀ + bias, where allowed) v. Nothing but −∞ in a row gives NaN, here as there. */
function attend(to: Writer, { q, k, v, bias, allow, rank, l, s }: Heads, attrs: AttentionAttrs): Name {
  const { scale, diagonal, dropout } = attrs;
  if (dropout !== null) throw new ExportProblem("its dropout draws random numbers");
  const products = to.op("MatMul", [scaled(to, q, scale), swapLast(to, k, rank)]);
  const biased = bias === null ? products : to.op("Add", [products, bias]);
  const causal = diagonal === null ? null : below(to, l, s, diagonal);
  const seen = allow !== null && causal !== null ? to.op("And", [allow, causal]) : (allow ?? causal);
  const scores = seen === null ? biased : to.op("Where", [seen, biased, to.scalar(-Infinity)]);
  return to.op("MatMul", [to.op("Softmax", [scores], { axis: -1 }), v]);
}

/** j ≤ i + diagonal for the rows i and columns j of a matrix, bool. */
function below(to: Writer, rows: Dim, columns: Dim, diagonal: number): Name {
  const shifted = to.op("Add", [countUp(to, rows), to.ints([diagonal])]);
  return to.op("LessOrEqual", [countUp(to, columns), unsqueeze(to, shifted, [1])]);
}

function attention(
  to: Writer,
  { x: [q, k, v, bias = null, allow = null], attrs, value, out }: Site<AttentionAttrs>,
): Name {
  const [l, s] = [value(0).dims.at(-2)!, value(1).dims.at(-2)!];
  if (s === 0) return expand(to, to.scalar(0), out.dims);
  return attend(to, { q: q!, k: k!, v: v!, bias, allow, rank: value(1).shape.length, l, s }, attrs);
}

/** Cuts the projections into heads [N, H, L, d] and puts the results together again. */
function packedAttention(
  to: Writer,
  { x: [x, bias = null, allow = null], attrs, value, out }: Site<PackedAttrs>,
): Name {
  const { heads, batchFirst } = attrs;
  const { dims } = value(0);
  const [width] = fixedSizes("the projections", dims.slice(2)) as [number];
  const d = width / 3 / heads;
  const l = dims[batchFirst ? 1 : 0]!;
  const parts = to.emit("Split", [x!, to.ints([width / 3, width / 3, width / 3])], { axis: 2 }, 3);
  const order = batchFirst ? [0, 2, 1, 3] : [1, 2, 0, 3];
  const [q, k, v] = parts.map((part) =>
    transpose(to, reshape(to, part, [dims[0]!, dims[1]!, heads, d], dims), order),
  ) as [Name, Name, Name];
  const y = attend(to, { q, k, v, bias, allow, rank: 4, l, s: l }, attrs);
  const back = transpose(to, y, batchFirst ? [0, 2, 1, 3] : [2, 0, 1, 3]);
  return reshape(to, back, out.dims, dims);
}

/** (a, b) ↦ (a·cos − b·sin, b·cos + a·sin) for each pair. */
function rotary(to: Writer, { x: [x, cos = null, sine = null], attrs, value }: Site<RotaryAttrs>): Name {
  const { interleaved, inverse } = attrs;
  const { dims } = value(0);
  const rank = dims.length;
  const [width] = fixedSizes("the input", dims.slice(-1)) as [number];
  const half = width / 2;
  const sin = inverse ? to.op("Neg", [sine]) : sine;
  const [start, step] = interleaved ? [1, 2] : [half, 1];
  const axis = rank - 1;
  const a = slice(to, x!, [{ axis, start: 0, end: interleaved ? width : half, step }]);
  const b = slice(to, x!, [{ axis, start, end: width, step }]);
  const times = (p: Name, q: Name | null): Name => to.op("Mul", [p, q]);
  const first = to.op("Sub", [times(a, cos), times(b, sin)]);
  const second = to.op("Add", [times(b, cos), times(a, sin)]);
  if (!interleaved) return concat(to, [first, second], axis);
  const pairs = [first, second].map((t) => unsqueeze(to, t, [rank]));
  return reshape(to, concat(to, pairs, rank), dims, dims);
}

export const attentions: readonly Rule[] = [
  rule(attentionOp, attention),
  rule(packedAttentionOp, packedAttention),
  rule(rotaryOp, rotary),
];
