import { K } from "../backend/index.js";
import { checkOperand } from "../check.js";
import type { Tensor } from "../tensor.js";
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
  withPacked,
  withShare,
  workspace,
} from "./recurrent.js";

/** The formula is in nn/recurrent.ts. → y [R, P], h [N, P], c [N, H], and what the gradient reads. */
export const lstmOp = defineOp<
  readonly [x: Tensor, weightIh: Tensor, weightHh: Tensor, bias: Maybe, projection: Maybe, h0: Maybe, c0: Maybe],
  readonly [y: Tensor, h: Tensor, c: Tensor, gates: Tensor, hBefore: Tensor, cBefore: Tensor, full: Tensor],
  OpAttrs
>({
  name: "lstm",
  infer: (inputs, attrs) => {
    const [, , , , projection, h0, c0] = inputs;
    const { rows, width, hidden, size } = sizesOf(4, attrs, inputs, [h0, c0]);
    checkOperand(attrs.op, "projection", projection, [size, hidden], `${hidden} hidden units`);
    const { batch, keep } = attrs;
    const kept = keep ? rows : 0;
    const full = float(projection === null ? 0 : kept, hidden);
    const states = [float(rows, size), float(batch, size), float(batch, hidden)];
    return [...states, float(kept, width), float(kept, size), float(kept, hidden), full];
  },
  forward: ([y, h, c, kept, hBefore, cBefore, full], inputs, attrs) => {
    const { steps, batch, reverse } = attrs;
    const [, , weightHh, , projection, h0, c0] = inputs;
    const hidden = c.size(1);
    const proj = projection === null ? 0 : h.size(1);
    withShare(kept, inputs, (gates) => {
      withPacked(weightHh, attrs, (packed) => {
        const work = workspace(K.lstm_scratch_bytes(steps, batch, hidden, proj), attrs);
        const saved = [gates.ptr, ptr(hBefore), ptr(cBefore), ptr(full)] as const;
        const given = [weightHh.ptr, packed, ptr(projection), ptr(h0), ptr(c0)] as const;
        const counts = [y.size(0), steps, batch, hidden, proj, +reverse, 0, batch] as const;
        K.lstm_f32(y.ptr, h.ptr, c.ptr, ...saved, ...given, ...work, ...counts);
      });
    });
  },
  flops: ([x, weightIh, weightHh, , projection]) => productFlops(x, weightIh, weightHh, projection),
  saves: { inputs: [0, 1, 2, 4], outs: [3, 4, 5, 6] },
  backward: ([dy, dh, dc], inputs, [, , , gates, hBefore, cBefore, full], attrs) => {
    const [, , weightHh, , projection, h0, c0] = inputs;
    const all = once(() => apply(lstmGradOp, [dy, dh, dc, gates, cBefore, weightHh, projection], attrs));
    const g = (): Tensor => all()[0];
    const [dx, dweight, dbias] = shareGrads(inputs, g);
    const dprojection = projection && (() => overRows(all()[3], full));
    return [
      dx,
      dweight,
      () => overRows(g(), hBefore),
      dbias,
      dprojection,
      h0 && (() => all()[1]),
      c0 && (() => all()[2]),
    ];
  },
});

export const lstmGradOp = defineOp<
  readonly [dy: Maybe, dhn: Maybe, dcn: Maybe, gates: Tensor, cBefore: Tensor, weightHh: Tensor, projection: Maybe],
  readonly [dshare: Tensor, dh: Tensor, dc: Tensor, dproj: Tensor],
  OpAttrs
>({
  name: "lstm_grad",
  infer: ([, , , gates, cBefore, weightHh, projection], { batch }) => {
    const size = weightHh.shape[1]!;
    const rows = projection === null ? 0 : gates.shape[0]!;
    return [gates, float(batch, size), float(batch, cBefore.shape[1]!), float(rows, size)];
  },
  forward: ([dshare, dh, dc, dproj], [dy, dhn, dcn, gates, cBefore, weightHh, projection], attrs) => {
    const { steps, batch, reverse } = attrs;
    const hidden = dc.size(1);
    const proj = projection === null ? 0 : dh.size(1);
    const work = workspace(K.lstm_scratch_bytes(steps, batch, hidden, proj), attrs);
    const given = [ptr(dy), ptr(dhn), ptr(dcn), gates.ptr, cBefore.ptr, weightHh.ptr, ptr(projection)] as const;
    const counts = [gates.size(0), steps, batch, hidden, proj, +reverse, 0, batch] as const;
    K.lstm_grad_f32(dshare.ptr, dh.ptr, dc.ptr, ptr(dproj), ...given, ...work, ...counts);
  },
  flops: ([, , , gates, , weightHh, projection]) => productFlops(gates, weightHh, projection),
  backward: NO_SECOND,
});

/** One LSTM layer. x [R, I], h0 [N, P], c0 [N, H] or null → y [R, P] and the last states [N, P] and [N, H]. */
export function lstmLayer(
  x: Tensor,
  weights: LayerWeights,
  h0: Maybe,
  c0: Maybe,
  attrs: LayerAttrs,
): [y: Tensor, h: Tensor, c: Tensor] {
  const bias = sumOfBiases(weights);
  const inputs = [x, weights.weightIh, weights.weightHh, bias, weights.weightHr, h0, c0] as const;
  const [y, h, c, ...kept] = apply(lstmOp, inputs, { ...attrs, keep: recorded(...inputs) });
  release(bias, ...kept);
  return [y, h, c];
}
