import { K } from "../backend/index.js";
import type { Tensor } from "../tensor.js";
import { projectInto } from "./matmul.js";
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
  workspace,
} from "./recurrent.js";

type RnnAttrs = OpAttrs & { readonly relu: boolean };

/** h' = act(weightIh x + bias + weightHh h) → y [R, H], h [N, H], and the states before each step. */
export const rnnOp = defineOp<
  readonly [x: Tensor, weightIh: Tensor, weightHh: Tensor, bias: Maybe, h0: Maybe],
  readonly [y: Tensor, h: Tensor, before: Tensor],
  RnnAttrs
>({
  name: "rnn",
  infer: (inputs, attrs) => {
    const { rows, hidden } = sizesOf(1, attrs, inputs, [inputs[4]]);
    return [float(rows, hidden), float(attrs.batch, hidden), float(attrs.keep ? rows : 0, hidden)];
  },
  forward: ([y, h, before], [x, weightIh, weightHh, bias, h0], attrs) => {
    const { steps, batch, reverse, relu } = attrs;
    const [rows, hidden] = y.shape as [number, number];
    projectInto(y, x, weightIh, bias);
    withPacked(weightHh, attrs, (packed) => {
      const work = workspace(K.rnn_scratch_bytes(steps, batch, hidden), attrs);
      const given = [weightHh.ptr, packed, ptr(h0)] as const;
      K.rnn_f32(y.ptr, h.ptr, ptr(before), ...given, ...work, rows, steps, batch, hidden, +reverse, +relu, 0, batch);
    });
  },
  flops: ([x, weightIh, weightHh]) => productFlops(x, weightIh, weightHh),
  saves: { inputs: [0, 1, 2], outs: [0, 2] },
  backward: ([dy, dh], inputs, [y, , before], attrs) => {
    const all = once(() => apply(rnnGradOp, [dy, dh, y, inputs[2]], attrs));
    const g = (): Tensor => all()[0];
    const [dx, dweight, dbias] = shareGrads(inputs, g);
    return [dx, dweight, () => overRows(g(), before), dbias, inputs[4] && (() => all()[1])];
  },
});

export const rnnGradOp = defineOp<
  readonly [dy: Maybe, dhn: Maybe, y: Tensor, weightHh: Tensor],
  readonly [dshare: Tensor, dh: Tensor],
  RnnAttrs
>({
  name: "rnn_grad",
  infer: ([, , y], { batch }) => [y, float(batch, y.shape[1]!)],
  forward: ([dshare, dh], [dy, dhn, y, weightHh], attrs) => {
    const { steps, batch, reverse, relu } = attrs;
    const [rows, hidden] = y.shape as [number, number];
    const work = workspace(K.rnn_scratch_bytes(steps, batch, hidden), attrs);
    const given = [ptr(dy), ptr(dhn), y.ptr, weightHh.ptr] as const;
    K.rnn_grad_f32(dshare.ptr, dh.ptr, ...given, ...work, rows, steps, batch, hidden, +reverse, +relu, 0, batch);
  },
  flops: ([, , y, weightHh]) => productFlops(y, weightHh),
  backward: NO_SECOND,
});

/** One RNN layer. x [R, I], h0 [N, H] or null → y [R, H] and the last states [N, H]. */
export function rnnLayer(
  x: Tensor,
  weights: LayerWeights,
  h0: Maybe,
  attrs: LayerAttrs & { readonly relu: boolean },
): [y: Tensor, h: Tensor] {
  const bias = sumOfBiases(weights);
  const inputs = [x, weights.weightIh, weights.weightHh, bias, h0] as const;
  const [y, h, before] = apply(rnnOp, inputs, { ...attrs, keep: recorded(...inputs) });
  release(bias, before);
  return [y, h];
}
