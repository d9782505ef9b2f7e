import { K } from "../backend/index.js";
import { checkOperand } from "../check.js";
import { arena, NULL } from "../runtime/arena.js";
import { formatShape, numel } from "../shape.js";
import type { Tensor } from "../tensor.js";
import type { Spec } from "../types.js";
import { checkTrailing, type LayerNormAttrs } from "./norm_group.js";
import { apply, defineOp, notDifferentiable, once } from "./op.js";

type Maybe = Tensor | null;

export interface RmsNormAttrs extends LayerNormAttrs {
  /** Adds eps to the root instead of under it. */
  readonly epsOutside: boolean;
}

/** x, weight → y, and the mean square of each row, which only the gradient sees. */
export const rmsNormOp = defineOp<readonly [Tensor, Maybe], readonly [y: Tensor, square: Tensor], RmsNormAttrs>({
  name: "rms_norm",
  infer: ([x, weight], { op, normalizedShape }) => {
    const square: Spec = { shape: checkTrailing(op, x, normalizedShape), dtype: "float32" };
    checkOperand(op, "weight", weight, normalizedShape, `input ${formatShape(x.shape)}`);
    return [x, square];
  },
  forward: ([y, square], [x, weight], { normalizedShape, eps, epsOutside }) => {
    const n = numel(normalizedShape);
    K.rms_norm_f32(y.ptr, square.ptr, x.ptr, weight?.ptr ?? NULL, square.numel, n, eps, epsOutside ? 1 : 0);
  },
  inPlace: [0],
  saves: { outs: [1] },
  backward: ([g], [x, weight], [, square], attrs) => {
    const all = once(() => apply(rmsNormGradOp, [g!, x, weight, square], attrs));
    return [() => all()[0], () => all()[1]];
  },
});

export const rmsNormGradOp = defineOp<
  readonly [g: Tensor, x: Tensor, weight: Maybe, square: Tensor],
  readonly [dx: Tensor, dweight: Tensor],
  RmsNormAttrs
>({
  name: "rms_norm_grad",
  infer: ([g], { normalizedShape }) => [g, { shape: normalizedShape, dtype: "float32" }],
  forward: ([dx, dweight], [g, x, weight, square], { normalizedShape, eps, epsOutside }) => {
    const n = numel(normalizedShape);
    const w = weight?.ptr ?? NULL;
    // Three tables of n entries, each of whole vectors.
    const work = arena.scratch(12 * (n + 4));
    const flag = epsOutside ? 1 : 0;
    K.rms_norm_grad_f32(dx.ptr, dweight.ptr, g.ptr, x.ptr, w, square.ptr, work, square.numel, n, eps, flag);
  },
  backward: notDifferentiable(
    "the fused gradient is not recorded; compose the normalisation from mean and sqrt instead",
  ),
});

export function rmsNorm(x: Tensor, weight: Maybe, attrs: RmsNormAttrs): Tensor {
  const [y, square] = apply(rmsNormOp, [x, weight], attrs);
  square.dispose();
  return y;
}
