import { K } from "../backend/index.js";
import { checkOperand } from "../check.js";
import type { Tensor } from "../tensor.js";
import { mul } from "./arithmetic.js";
import { cat, narrow } from "./copy.js";
import { apply, defineOp, once } from "./op.js";
import {
  float,
  type LayerAttrs,
  type LayerWeights,
  type Maybe,
  NO_SECOND,
  type OpAttrs,
  overRows,
  productFlops,
  ptr,
  recorded,
  release,
  shareGrads,
  sizesOf,
  sumOfBiases,
  sumOfRows,
  withPacked,
  withShare,
  workspace,
} from "./recurrent.js";

/** The reset gate after the hidden product, which has a bias of its own. → y [R, H], h [N, H], and what the gradient reads. */
export const gruOp = defineOp<
  readonly [x: Tensor, weightIh: Tensor, weightHh: Tensor, bias: Maybe, biasHh: Maybe, h0: Maybe],
  readonly [y: Tensor, h: Tensor, gates: Tensor, candidate: Tensor, before: Tensor],
  OpAttrs
>({
  name: "gru",
  infer: (inputs, attrs) => {
    const { rows, width, hidden } = sizesOf(3, attrs, inputs, [inputs[5]]);
    checkOperand(attrs.op, "hidden bias", inputs[4], [width], `${hidden} hidden units`);
    const kept = attrs.keep ? rows : 0;
    const states = [float(rows, hidden), float(attrs.batch, hidden)];
    return [...states, float(kept, width), float(kept, hidden), float(kept, hidden)];
  },
  forward: ([y, h, kept, candidate, before], inputs, attrs) => {
    const { steps, batch, reverse } = attrs;
    const [, , weightHh, , biasHh, h0] = inputs;
    const [rows, hidden] = y.shape as [number, number];
    withShare(kept, inputs, (gates) => {
      withPacked(weightHh, attrs, (packed) => {
        const work = workspace(K.gru_scratch_bytes(steps, batch, hidden), attrs);
        const saved = [gates.ptr, ptr(candidate), ptr(before)] as const;
        const given = [weightHh.ptr, packed, ptr(biasHh), ptr(h0)] as const;
        K.gru_f32(y.ptr, h.ptr, ...saved, ...given, ...work, rows, steps, batch, hidden, +reverse, 0, batch);
      });
    });
  },
  flops: ([x, weightIh, weightHh]) => productFlops(x, weightIh, weightHh),
  saves: { inputs: [0, 1, 2], outs: [2, 3, 4] },
  backward: ([dy, dh], inputs, [, , gates, candidate, before], attrs) => {
    const [, , weightHh, , biasHh, h0] = inputs;
    const all = once(() => apply(gruGradOp, [dy, dh, gates, candidate, before, weightHh], attrs));
    const [dx, dweight, dbias] = shareGrads(inputs, () => all()[0]);
    const dbiasHh = biasHh && (() => sumOfRows(all()[1]));
    return [dx, dweight, () => overRows(all()[1], before), dbias, dbiasHh, h0 && (() => all()[2])];
  },
});

/** dhidden is the gradient of the hidden product. */
export const gruGradOp = defineOp<
  readonly [dy: Maybe, dhn: Maybe, gates: Tensor, candidate: Tensor, before: Tensor, weightHh: Tensor],
  readonly [dshare: Tensor, dhidden: Tensor, dh: Tensor],
  OpAttrs
>({
  name: "gru_grad",
  infer: ([, , gates, candidate], { batch }) => [gates, gates, float(batch, candidate.shape[1]!)],
  forward: ([dshare, dhidden, dh], [dy, dhn, gates, candidate, before, weightHh], attrs) => {
    const { steps, batch, reverse } = attrs;
    const [rows, hidden] = before.shape as [number, number];
    const work = workspace(K.gru_scratch_bytes(steps, batch, hidden), attrs);
    const given = [ptr(dy), ptr(dhn), gates.ptr, candidate.ptr, before.ptr, weightHh.ptr] as const;
    K.gru_grad_f32(dshare.ptr, dhidden.ptr, dh.ptr, ...given, ...work, rows, steps, batch, hidden, +reverse, 0, batch);
  },
  flops: ([, , gates, , , weightHh]) => productFlops(gates, weightHh),
  backward: NO_SECOND,
});

/** The reset gate before the hidden product. → y [R, H], h [N, H], and what the gradient reads. */
export const gruClassicOp = defineOp<
  readonly [x: Tensor, weightIh: Tensor, weightHh: Tensor, bias: Maybe, h0: Maybe],
  readonly [y: Tensor, h: Tensor, gates: Tensor, before: Tensor],
  OpAttrs
>({
  name: "gru_classic",
  infer: (inputs, attrs) => {
    const { rows, width, hidden } = sizesOf(3, attrs, inputs, [inputs[4]]);
    const kept = attrs.keep ? rows : 0;
    return [float(rows, hidden), float(attrs.batch, hidden), float(kept, width), float(kept, hidden)];
  },
  forward: ([y, h, kept, before], inputs, attrs) => {
    const { steps, batch, reverse } = attrs;
    const [, , weightHh, , h0] = inputs;
    const [rows, hidden] = y.shape as [number, number];
    withShare(kept, inputs, (gates) => {
      const work = workspace(K.gru_classic_scratch_bytes(steps, batch, hidden), attrs);
      const given = [gates.ptr, ptr(before), weightHh.ptr, ptr(h0)] as const;
      K.gru_classic_f32(y.ptr, h.ptr, ...given, ...work, rows, steps, batch, hidden, +reverse, 0, batch);
    });
  },
  flops: ([x, weightIh, weightHh]) => productFlops(x, weightIh, weightHh),
  saves: { inputs: [0, 1, 2], outs: [2, 3] },
  backward: ([dy, dh], inputs, [, , gates, before], attrs) => {
    const all = once(() => apply(gruClassicGradOp, [dy, dh, gates, before, inputs[2]], attrs));
    const g = (): Tensor => all()[0];
    const [dx, dweight, dbias] = shareGrads(inputs, g);
    const hidden = before.size(1);
    // The candidate's weights have seen r h instead of h.
    const dweightHh = (): Tensor => {
      const both = overRows(narrow(g(), 1, 0, 2 * hidden), before);
      const reset = mul(narrow(gates, 1, 0, hidden), before);
      return cat([both, overRows(narrow(g(), 1, 2 * hidden, hidden), reset)], 0);
    };
    return [dx, dweight, dweightHh, dbias, inputs[4] && (() => all()[1])];
  },
});

export const gruClassicGradOp = defineOp<
  readonly [dy: Maybe, dhn: Maybe, gates: Tensor, before: Tensor, weightHh: Tensor],
  readonly [dshare: Tensor, dh: Tensor],
  OpAttrs
>({
  name: "gru_classic_grad",
  infer: ([, , gates, before], { batch }) => [gates, float(batch, before.shape[1]!)],
  forward: ([dshare, dh], [dy, dhn, gates, before, weightHh], attrs) => {
    const { steps, batch, reverse } = attrs;
    const [rows, hidden] = before.shape as [number, number];
    const work = workspace(K.gru_classic_scratch_bytes(steps, batch, hidden), attrs);
    const given = [ptr(dy), ptr(dhn), gates.ptr, before.ptr, weightHh.ptr] as const;
    K.gru_classic_grad_f32(dshare.ptr, dh.ptr, ...given, ...work, rows, steps, batch, hidden, +reverse, 0, batch);
  },
  flops: ([, , gates, , weightHh]) => productFlops(gates, weightHh),
  backward: NO_SECOND,
});

/** One GRU layer. x [R, I], h0 [N, H] or null → y [R, H] and the last states [N, H]. */
export function gruLayer(
  x: Tensor,
  weights: LayerWeights,
  h0: Maybe,
  attrs: LayerAttrs & { readonly resetAfter: boolean },
): [y: Tensor, h: Tensor] {
  const { weightIh, weightHh, biasIh, biasHh } = weights;
  const { resetAfter, ...rest } = attrs;
  const keep = recorded(x, weightIh, weightHh, biasIh, biasHh, h0);
  const sum = resetAfter ? null : sumOfBiases(weights);
  const [y, h, ...kept] = resetAfter
    ? apply(gruOp, [x, weightIh, weightHh, biasIh, biasHh, h0], { ...rest, keep })
    : apply(gruClassicOp, [x, weightIh, weightHh, sum, h0], { ...rest, keep });
  release(sum, ...kept);
  return [y, h];
}
