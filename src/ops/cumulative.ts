import { K } from "../backend/index.js";
import { checkDType } from "../check.js";
import { normalizeDim } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { around } from "./gather.js";
import { apply, defineOp, notDifferentiable } from "./op.js";

type One = readonly [Tensor];

/** Running products along a dimension. */
export function cumprod(x: Tensor, dim: number): Tensor {
  return apply(cumprodOp, [x], { dim: normalizeDim("cumprod", dim, x.ndim) })[0];
}

export const cumprodOp = defineOp<readonly [Tensor], One, { dim: number }>({
  name: "cumprod",
  infer: ([x]) => {
    checkDType("cumprod", "input", x, "float32");
    return [x];
  },
  forward: ([y], [x], { dim }) => {
    const { outer, n, inner } = around(x.shape, dim);
    K.cumprod_f32(y.ptr, x.ptr, outer, n, inner);
  },
  backward: ([g], [x], _, attrs) => [() => apply(cumprodGradOp, [g, x], attrs)[0]],
});

export const cumprodGradOp = defineOp<readonly [g: Tensor, x: Tensor], One, { dim: number }>({
  name: "cumprod_grad",
  infer: ([g]) => [g],
  forward: ([dx], [g, x], { dim }) => {
    const { outer, n, inner } = around(x.shape, dim);
    K.cumprod_grad_f32(dx.ptr, g.ptr, x.ptr, outer, n, inner);
  },
  backward: notDifferentiable("its kernel mixes all pairs of a line; the second derivative has not been written"),
});
