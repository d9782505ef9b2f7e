import { K } from "../backend/index.js";
import { checkOperand } from "../check.js";
import { arena, NULL } from "../runtime/arena.js";
import { formatShape } from "../shape.js";
import { isGradEnabled } from "../tape.js";
import type { Tensor } from "../tensor.js";
import type { Ptr, Shape, Spec } from "../types.js";
import { add, mul } from "./arithmetic.js";
import { cat, narrow, transpose } from "./copy.js";
import { linear, matmul } from "./matmul.js";
import { apply, defineOp, notDifferentiable, once } from "./op.js";
import { sumOp } from "./reduce.js";

// One layer of a recurrent network in one direction. The input's share of all steps is one product; the recurrence is one kernel call,
// and so is its gradient, which leaves the weights' gradients to one product each.
//
// R rows of all steps one after the other, N rows of the largest step, I input size, H hidden size, P size of h (H without a projection).

type Maybe = Tensor | null;

/** How the rows of a sequence are ordered: `steps` steps of `batch` rows each, or of as many as `batchSizes`, not growing, tells. */
export interface Order {
  readonly steps: number;
  readonly batch: number;
  readonly batchSizes: readonly number[] | null;
}

/** The weights of one layer and direction, in PyTorch's layout: the gates' parts one below the other. */
export interface LayerWeights {
  /** [G·H, I] */
  readonly weightIh: Tensor;
  /** [G·H, P] */
  readonly weightHh: Tensor;
  /** [G·H], both or none. */
  readonly biasIh: Maybe;
  readonly biasHh: Maybe;
  /** [P, H], an LSTM's projection. */
  readonly weightHr: Maybe;
}

interface SequenceAttrs extends Order {
  /** The class name that messages start with. */
  readonly op: string;
  /** Walk from the last step to the first. */
  readonly reverse: boolean;
  /** Keep what the gradient needs. */
  readonly keep: boolean;
}

const NO_SECOND = notDifferentiable(
  "the fused gradient is not recorded; compose the steps from linear, sigmoid and tanh",
);

const float = (...shape: Shape): Spec => ({ shape, dtype: "float32" });

/** R, H and P, once the operands' shapes have been checked. */
function sizesOf(
  gates: number,
  { op, steps, batch, batchSizes }: SequenceAttrs,
  x: Spec,
  weight: Spec,
  states: readonly (Spec | null)[],
): { rows: number; hidden: number; size: number } {
  const rows = batchSizes === null ? steps * batch : batchSizes.reduce((a, b) => a + b, 0);
  const width = weight.shape[0]!;
  const size = weight.shape[1]!;
  const context = `weight ${formatShape(weight.shape)}, ${steps} steps of up to ${batch} rows`;
  checkOperand(op, "input's share", x, [rows, width], context);
  const hidden = width / gates;
  [size, hidden].forEach((n, i) => {
    checkOperand(op, i === 0 ? "h0" : "c0", states[i] ?? null, [batch, n], context);
  });
  return { rows, hidden, size };
}

/** Work space of a kernel call; in front of it the steps' sizes, unless they are all alike. */
function workspace(bytes: number, { batchSizes }: SequenceAttrs): { sizes: Ptr; scratch: Ptr } {
  if (batchSizes === null) return { sizes: NULL, scratch: arena.scratch(bytes) };
  const head = Math.ceil(batchSizes.length / 16) * 64;
  const sizes = arena.scratch(head + bytes);
  arena.i32.set(batchSizes, sizes >>> 2);
  return { sizes, scratch: (sizes + head) as Ptr };
}

function ptr(t: Maybe): Ptr {
  return t === null || t.numel === 0 ? NULL : t.ptr;
}

/** aᵀ b: a weight's gradient from all rows of all steps. */
function overRows(a: Tensor, b: Tensor): Tensor {
  return matmul(transpose(a, 0, 1), b);
}

/** What the tape does not keep goes at once, not when the scope closes. */
function release(...ts: readonly Maybe[]): void {
  for (const t of ts) t?.dispose();
}

function recorded(...inputs: readonly Maybe[]): boolean {
  return isGradEnabled() && inputs.some((t) => t?.requiresGrad);
}

/** b_ih + b_hh, where they only ever appear as a sum. */
function sumOfBiases({ biasIh, biasHh }: LayerWeights): Maybe {
  return biasIh === null || biasHh === null ? null : add(biasIh, biasHh);
}

/** x [R, H], weight [H, H], h0 → y [R, H], h [N, H], and the states before each step. */
export const rnnOp = defineOp<
  readonly [x: Tensor, weight: Tensor, h0: Maybe],
  readonly [y: Tensor, h: Tensor, before: Tensor],
  SequenceAttrs & { readonly relu: boolean }
>({
  name: "rnn",
  infer: ([x, weight, h0], attrs) => {
    const { rows, hidden } = sizesOf(1, attrs, x, weight, [h0]);
    return [x, float(attrs.batch, hidden), float(attrs.keep ? rows : 0, hidden)];
  },
  forward: ([y, h, before], [x, weight, h0], attrs) => {
    const [rows, hidden] = x.shape as [number, number];
    const { steps, batch, reverse, relu } = attrs;
    const { sizes, scratch } = workspace(K.rnn_scratch_bytes(batch, hidden), attrs);
    const counts = [rows, steps, batch, hidden, +reverse, +relu] as const;
    K.rnn_f32(y.ptr, h.ptr, ptr(before), x.ptr, weight.ptr, ptr(h0), sizes, scratch, ...counts);
  },
  saves: { inputs: [1], outs: [0, 2] },
  backward: ([dy, dh], [, weight, h0], [y, , before], attrs) => {
    const all = once(() => apply(rnnGradOp, [dy, dh, y, weight], attrs));
    return [() => all()[0], () => overRows(all()[0], before), h0 && (() => all()[1])];
  },
});

export const rnnGradOp = defineOp<
  readonly [dy: Maybe, dhn: Maybe, y: Tensor, weight: Tensor],
  readonly [dx: Tensor, dh: Tensor],
  SequenceAttrs & { readonly relu: boolean }
>({
  name: "rnn_grad",
  infer: ([, , y, weight], { batch }) => [y, float(batch, weight.shape[1]!)],
  forward: ([dx, dh], [dy, dhn, y, weight], attrs) => {
    const [rows, hidden] = y.shape as [number, number];
    const { steps, batch, reverse, relu } = attrs;
    const { sizes, scratch } = workspace(K.rnn_scratch_bytes(batch, hidden), attrs);
    const counts = [rows, steps, batch, hidden, +reverse, +relu] as const;
    K.rnn_grad_f32(dx.ptr, dh.ptr, ptr(dy), ptr(dhn), y.ptr, weight.ptr, sizes, scratch, ...counts);
  },
  backward: NO_SECOND,
});

/** One RNN layer. x [R, I], h0 [N, H] or null → y [R, H] and the last states [N, H]. */
export function rnnLayer(
  x: Tensor,
  weights: LayerWeights,
  h0: Maybe,
  attrs: Order & { readonly op: string; readonly reverse: boolean; readonly relu: boolean },
): [y: Tensor, h: Tensor] {
  const bias = sumOfBiases(weights);
  const share = linear(x, weights.weightIh, bias);
  const keep = recorded(share, weights.weightHh, h0);
  const [y, h, before] = apply(rnnOp, [share, weights.weightHh, h0], { ...attrs, keep });
  release(bias, share, before);
  return [y, h];
}

/** x [R, 4H], weight [4H, P], projection [P, H], h0 [N, P], c0 [N, H] → y [R, P], h [N, P], c [N, H], and what the gradient reads. */
export const lstmOp = defineOp<
  readonly [x: Tensor, weight: Tensor, projection: Maybe, h0: Maybe, c0: Maybe],
  readonly [y: Tensor, h: Tensor, c: Tensor, gates: Tensor, hBefore: Tensor, cBefore: Tensor, full: Tensor],
  SequenceAttrs
>({
  name: "lstm",
  infer: ([x, weight, projection, h0, c0], attrs) => {
    const { rows, hidden, size } = sizesOf(4, attrs, x, weight, [h0, c0]);
    checkOperand(attrs.op, "projection", projection, [size, hidden], `weight ${formatShape(weight.shape)}`);
    const { batch } = attrs;
    const kept = attrs.keep ? rows : 0;
    return [
      float(rows, size),
      float(batch, size),
      float(batch, hidden),
      float(kept, 4 * hidden),
      float(kept, size),
      float(kept, hidden),
      float(projection === null ? 0 : kept, hidden),
    ];
  },
  forward: ([y, h, c, gates, hBefore, cBefore, full], [x, weight, projection, h0, c0], attrs) => {
    const { steps, batch, reverse } = attrs;
    const hidden = c.size(1);
    const proj = projection === null ? 0 : h.size(1);
    const { sizes, scratch } = workspace(K.lstm_scratch_bytes(batch, hidden, proj), attrs);
    const kept = [ptr(gates), ptr(hBefore), ptr(cBefore), ptr(full)] as const;
    const given = [x.ptr, weight.ptr, ptr(projection), ptr(h0), ptr(c0)] as const;
    const counts = [y.size(0), steps, batch, hidden, proj, +reverse] as const;
    K.lstm_f32(y.ptr, h.ptr, c.ptr, ...kept, ...given, sizes, scratch, ...counts);
  },
  saves: { inputs: [1, 2], outs: [3, 4, 5, 6] },
  backward: ([dy, dh, dc], [, weight, projection, h0, c0], [, , , gates, hBefore, cBefore, full], attrs) => {
    const all = once(() => apply(lstmGradOp, [dy, dh, dc, gates, cBefore, weight, projection], attrs));
    return [
      () => all()[0],
      () => overRows(all()[0], hBefore),
      projection && (() => overRows(all()[3], full)),
      h0 && (() => all()[1]),
      c0 && (() => all()[2]),
    ];
  },
});

export const lstmGradOp = defineOp<
  readonly [dy: Maybe, dhn: Maybe, dcn: Maybe, gates: Tensor, cBefore: Tensor, weight: Tensor, projection: Maybe],
  readonly [dx: Tensor, dh: Tensor, dc: Tensor, dproj: Tensor],
  SequenceAttrs
>({
  name: "lstm_grad",
  infer: ([, , , gates, cBefore, weight, projection], { batch }) => {
    const size = weight.shape[1]!;
    const rows = projection === null ? 0 : gates.shape[0]!;
    return [gates, float(batch, size), float(batch, cBefore.shape[1]!), float(rows, size)];
  },
  forward: ([dx, dh, dc, dproj], [dy, dhn, dcn, gates, cBefore, weight, projection], attrs) => {
    const { steps, batch, reverse } = attrs;
    const hidden = dc.size(1);
    const proj = projection === null ? 0 : dh.size(1);
    const { sizes, scratch } = workspace(K.lstm_scratch_bytes(batch, hidden, proj), attrs);
    const given = [ptr(dy), ptr(dhn), ptr(dcn), gates.ptr, cBefore.ptr, weight.ptr, ptr(projection)] as const;
    const counts = [gates.size(0), steps, batch, hidden, proj, +reverse] as const;
    K.lstm_grad_f32(dx.ptr, dh.ptr, dc.ptr, ptr(dproj), ...given, sizes, scratch, ...counts);
  },
  backward: NO_SECOND,
});

/** One LSTM layer. x [R, I], h0 [N, P], c0 [N, H] or null → y [R, P] and the last states [N, P] and [N, H]. */
export function lstmLayer(
  x: Tensor,
  weights: LayerWeights,
  h0: Maybe,
  c0: Maybe,
  attrs: Order & { readonly op: string; readonly reverse: boolean },
): [y: Tensor, h: Tensor, c: Tensor] {
  const bias = sumOfBiases(weights);
  const share = linear(x, weights.weightIh, bias);
  const { weightHh, weightHr } = weights;
  const keep = recorded(share, weightHh, weightHr, h0, c0);
  const [y, h, c, ...kept] = apply(lstmOp, [share, weightHh, weightHr, h0, c0], { ...attrs, keep });
  release(bias, share, ...kept);
  return [y, h, c];
}

/** Reset after the hidden product. x [R, 3H], weight [3H, H], bias [3H], h0 [N, H] → y [R, H], h [N, H], and what the gradient reads. */
export const gruOp = defineOp<
  readonly [x: Tensor, weight: Tensor, bias: Maybe, h0: Maybe],
  readonly [y: Tensor, h: Tensor, gates: Tensor, before: Tensor],
  SequenceAttrs
>({
  name: "gru",
  infer: ([x, weight, bias, h0], attrs) => {
    const { rows, hidden } = sizesOf(3, attrs, x, weight, [h0]);
    checkOperand(attrs.op, "bias", bias, [3 * hidden], `weight ${formatShape(weight.shape)}`);
    const kept = attrs.keep ? rows : 0;
    return [float(rows, hidden), float(attrs.batch, hidden), float(kept, 4 * hidden), float(kept, hidden)];
  },
  forward: ([y, h, gates, before], [x, weight, bias, h0], attrs) => {
    const { steps, batch, reverse } = attrs;
    const [rows, hidden] = y.shape as [number, number];
    const { sizes, scratch } = workspace(K.gru_scratch_bytes(batch, hidden), attrs);
    const given = [x.ptr, weight.ptr, ptr(bias), ptr(h0)] as const;
    const counts = [rows, steps, batch, hidden, +reverse] as const;
    K.gru_f32(y.ptr, h.ptr, ptr(gates), ptr(before), ...given, sizes, scratch, ...counts);
  },
  saves: { inputs: [1], outs: [2, 3] },
  backward: ([dy, dh], [, weight, bias, h0], [, , gates, before], attrs) => {
    const all = once(() => apply(gruGradOp, [dy, dh, gates, before, weight], attrs));
    return [
      () => all()[0],
      () => overRows(all()[1], before),
      bias && (() => apply(sumOp, [all()[1]], { dims: [0], keepdim: false })[0]),
      h0 && (() => all()[2]),
    ];
  },
});

export const gruGradOp = defineOp<
  readonly [dy: Maybe, dhn: Maybe, gates: Tensor, before: Tensor, weight: Tensor],
  readonly [dx: Tensor, du: Tensor, dh: Tensor],
  SequenceAttrs
>({
  name: "gru_grad",
  infer: ([, , , before, weight], { batch }) => {
    const [width, hidden] = weight.shape as [number, number];
    const rows = before.shape[0]!;
    return [float(rows, width), float(rows, width), float(batch, hidden)];
  },
  forward: ([dx, du, dh], [dy, dhn, gates, before, weight], attrs) => {
    const { steps, batch, reverse } = attrs;
    const [rows, hidden] = before.shape as [number, number];
    const { sizes, scratch } = workspace(K.gru_scratch_bytes(batch, hidden), attrs);
    const given = [ptr(dy), ptr(dhn), gates.ptr, before.ptr, weight.ptr] as const;
    const counts = [rows, steps, batch, hidden, +reverse] as const;
    K.gru_grad_f32(dx.ptr, du.ptr, dh.ptr, ...given, sizes, scratch, ...counts);
  },
  backward: NO_SECOND,
});

/** Reset before the hidden product. x [R, 3H], weight [3H, H], h0 [N, H] → y [R, H], h [N, H], and what the gradient reads. */
export const gruClassicOp = defineOp<
  readonly [x: Tensor, weight: Tensor, h0: Maybe],
  readonly [y: Tensor, h: Tensor, gates: Tensor, before: Tensor],
  SequenceAttrs
>({
  name: "gru_classic",
  infer: ([x, weight, h0], attrs) => {
    const { rows, hidden } = sizesOf(3, attrs, x, weight, [h0]);
    const kept = attrs.keep ? rows : 0;
    return [float(rows, hidden), float(attrs.batch, hidden), float(kept, 3 * hidden), float(kept, hidden)];
  },
  forward: ([y, h, gates, before], [x, weight, h0], attrs) => {
    const { steps, batch, reverse } = attrs;
    const [rows, hidden] = y.shape as [number, number];
    const { sizes, scratch } = workspace(K.gru_classic_scratch_bytes(batch, hidden), attrs);
    const given = [x.ptr, weight.ptr, ptr(h0)] as const;
    const counts = [rows, steps, batch, hidden, +reverse] as const;
    K.gru_classic_f32(y.ptr, h.ptr, ptr(gates), ptr(before), ...given, sizes, scratch, ...counts);
  },
  saves: { inputs: [1], outs: [2, 3] },
  backward: ([dy, dh], [, weight, h0], [, , gates, before], attrs) => {
    const all = once(() => apply(gruClassicGradOp, [dy, dh, gates, before, weight], attrs));
    const hidden = before.size(1);
    // The candidate's weights have seen r h instead of h.
    const weightGrad = (): Tensor => {
      const both = overRows(narrow(all()[0], 1, 0, 2 * hidden), before);
      const reset = mul(narrow(gates, 1, 0, hidden), before);
      return cat([both, overRows(narrow(all()[0], 1, 2 * hidden, hidden), reset)], 0);
    };
    return [() => all()[0], weightGrad, h0 && (() => all()[1])];
  },
});

export const gruClassicGradOp = defineOp<
  readonly [dy: Maybe, dhn: Maybe, gates: Tensor, before: Tensor, weight: Tensor],
  readonly [dx: Tensor, dh: Tensor],
  SequenceAttrs
>({
  name: "gru_classic_grad",
  infer: ([, , gates, before], { batch }) => [gates, float(batch, before.shape[1]!)],
  forward: ([dx, dh], [dy, dhn, gates, before, weight], attrs) => {
    const { steps, batch, reverse } = attrs;
    const [rows, hidden] = before.shape as [number, number];
    const { sizes, scratch } = workspace(K.gru_classic_scratch_bytes(batch, hidden), attrs);
    const given = [ptr(dy), ptr(dhn), gates.ptr, before.ptr, weight.ptr] as const;
    const counts = [rows, steps, batch, hidden, +reverse] as const;
    K.gru_classic_grad_f32(dx.ptr, dh.ptr, ...given, sizes, scratch, ...counts);
  },
  backward: NO_SECOND,
});

/** One GRU layer. x [R, I], h0 [N, H] or null → y [R, H] and the last states [N, H]. */
export function gruLayer(
  x: Tensor,
  weights: LayerWeights,
  h0: Maybe,
  attrs: Order & { readonly op: string; readonly reverse: boolean; readonly resetAfter: boolean },
): [y: Tensor, h: Tensor] {
  const { weightIh, weightHh, biasIh, biasHh } = weights;
  const { resetAfter, ...rest } = attrs;
  const sum = resetAfter ? null : sumOfBiases(weights);
  const share = linear(x, weightIh, resetAfter ? biasIh : sum);
  const keep = recorded(share, weightHh, resetAfter ? biasHh : null, h0);
  const [y, h, ...kept] = resetAfter
    ? apply(gruOp, [share, weightHh, biasHh, h0], { ...rest, keep })
    : apply(gruClassicOp, [share, weightHh, h0], { ...rest, keep });
  release(sum, share, ...kept);
  return [y, h];
}
