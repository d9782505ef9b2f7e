import { K } from "../backend/index.js";
import { checkOperand } from "../check.js";
import { arena, NULL } from "../runtime/arena.js";
import { formatShape } from "../shape.js";
import { isGradEnabled, type Thunk } from "../tape.js";
import { Tensor } from "../tensor.js";
import type { Ptr, Shape, Spec } from "../types.js";
import { add } from "./arithmetic.js";
import { transpose } from "./copy.js";
import { matmul, projectInto } from "./matmul.js";
import { apply, notDifferentiable } from "./op.js";
import { sumOp } from "./reduce.js";

// One layer of a recurrent network in one direction. The input's share of all steps is one product; the recurrence is one kernel call,
// and so is its gradient, which leaves the weights' gradients to one product each over all steps.
//
// R rows of all steps one after the other, N rows of the largest step, I input size, H hidden size, P size of h (H without a projection).
// Every op takes x [R, I], weightIh [G·H, I], weightHh [G·H, P] and the bias [G·H] of the input's share.

export type Maybe = Tensor | null;

/** How the rows of a sequence are ordered: `steps` steps of `batch` rows each, or of as many as `batchSizes`, not growing, tells. */
export interface Order {
  readonly steps: number;
  readonly batch: number;
  readonly batchSizes: readonly number[] | null;
}

/** What one layer and direction has learnt, in PyTorch's layout: the gates' parts one below the other. */
export interface LayerWeights {
  readonly weightIh: Tensor;
  readonly weightHh: Tensor;
  /** [G·H], both or none. */
  readonly biasIh: Maybe;
  readonly biasHh: Maybe;
  /** [P, H], an LSTM's projection. */
  readonly weightHr: Maybe;
}

export interface LayerAttrs extends Order {
  /** The class name that messages start with. */
  readonly op: string;
  /** Walk from the last step to the first. */
  readonly reverse: boolean;
}

/** `keep`: the outputs that only the gradient reads are wanted. */
export type OpAttrs = LayerAttrs & { readonly keep: boolean };

export const NO_SECOND = notDifferentiable(
  "the fused gradient is not recorded; compose the steps from linear, sigmoid and tanh",
);

export const float = (...shape: Shape): Spec => ({ shape, dtype: "float32" });

interface Sizes {
  readonly rows: number;
  readonly width: number;
  readonly hidden: number;
  readonly size: number;
}

/** R, G·H, H and P, once the operands' shapes have been checked. */
export function sizesOf(
  gates: number,
  { op, steps, batch, batchSizes }: OpAttrs,
  [x, weightIh, weightHh, bias]: readonly [Spec, Spec, Spec, Spec | null, ...(Spec | null)[]],
  states: readonly (Spec | null)[],
): Sizes {
  const rows = batchSizes === null ? steps * batch : batchSizes.reduce((a, b) => a + b, 0);
  const [width, size] = weightHh.shape as [number, number];
  const hidden = width / gates;
  const context = `weights ${formatShape(weightIh.shape)} and ${formatShape(weightHh.shape)}, ${steps} steps of up to ${batch} rows`;
  checkOperand(op, "input", x, [rows, weightIh.shape[1]!], context);
  checkOperand(op, "input weight", weightIh, [width, x.shape[1]!], context);
  checkOperand(op, "bias", bias, [width], context);
  states.forEach((state, i) => {
    checkOperand(op, "initial state", state, [batch, i === 0 ? size : hidden], context);
  });
  return { rows, width, hidden, size };
}

/** Work space of a kernel call; in front of it the steps' sizes, unless they are all alike. */
export function workspace(bytes: number, { batchSizes }: OpAttrs): readonly [sizes: Ptr, scratch: Ptr] {
  if (batchSizes === null) return [NULL, arena.scratch(bytes)];
  const head = Math.ceil(batchSizes.length / 16) * 64;
  const sizes = arena.scratch(head + bytes);
  arena.writeInts(sizes, batchSizes);
  return [sizes, (sizes + head) as Ptr];
}

export function ptr(t: Maybe): Ptr {
  return t === null || t.numel === 0 ? NULL : t.ptr;
}

/** The input's share goes where the kernel turns it into gates: into an output, or into a tensor that lives as long as `use` runs. */
export function withShare(kept: Tensor, [x, weight, , bias]: Operands, use: (gates: Tensor) => void): void {
  const own = kept.numel > 0 || x.numel === 0;
  const gates = own ? kept : Tensor.allocate([x.size(0), weight.size(0)], "float32", "recurrent");
  try {
    projectInto(gates, x, weight, bias);
    use(gates);
  } finally {
    if (!own) gates.dispose();
  }
}

/** Calls `use` with the packed hidden weights [G·H, P], or with NULL if none are kept: they are, if they stay the same and are not being trained. */
export function withPacked(weight: Tensor, { steps, batch }: OpAttrs, use: (packed: Ptr) => void): void {
  const kind = K.recurrent_form(steps, batch);
  if (kind === 0) {
    use(NULL);
    return;
  }
  const [width, size] = weight.shape as [number, number];
  const form = {
    name: `recurrent ${width} ${size} ${kind}`,
    bytes: K.recurrent_packed_bytes(kind, width, size),
    needed: false,
    learning: isGradEnabled() && weight.requiresGrad,
    fill: (to: Ptr) => K.recurrent_pack_f32(to, weight.ptr, kind, width, size),
  };
  weight.storage.withPacked(4 * weight.offset, form, use);
}

export type Operands = readonly [x: Tensor, weightIh: Tensor, weightHh: Tensor, bias: Maybe, ...others: Maybe[]];

/** Operations of the products of every row of `rows` with some matrices. */
export function productFlops(rows: Tensor, ...matrices: readonly Maybe[]): number {
  return 2 * rows.size(0) * matrices.reduce((sum, m) => sum + (m?.numel ?? 0), 0);
}

/** aᵀ b: a weight's gradient from all rows of all steps. */
export function overRows(a: Tensor, b: Tensor): Tensor {
  return matmul(transpose(a, 0, 1), b);
}

export function sumOfRows(g: Tensor): Tensor {
  return apply(sumOp, [g], { dims: [0], keepdim: false })[0];
}

/** Gradients of x, weightIh and bias from that of the input's share. */
export function shareGrads([x, weightIh, , bias]: Operands, g: () => Tensor): [Thunk, Thunk, Thunk | null] {
  return [() => matmul(g(), weightIh), () => overRows(g(), x), bias && (() => sumOfRows(g()))];
}

/** True if the tape will record an op of these inputs. */
export function recorded(...inputs: readonly Maybe[]): boolean {
  return isGradEnabled() && inputs.some((t) => t?.requiresGrad);
}

/** What the tape does not keep goes at once, not when the scope closes. */
export function release(...ts: readonly Maybe[]): void {
  for (const t of ts) t?.dispose();
}

/** b_ih + b_hh, where they only ever appear as a sum. */
export function sumOfBiases({ biasIh, biasHh }: LayerWeights): Maybe {
  return biasIh === null || biasHh === null ? null : add(biasIh, biasHh);
}
