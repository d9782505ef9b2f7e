import { K } from "../backend/index.js";
import { checkDType } from "../check.js";
import { ShapeError } from "../errors.js";
import { arena } from "../runtime/arena.js";
import { formatShape } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { channelSizes } from "./norm_batch.js";
import { apply, defineOp, notDifferentiable } from "./op.js";

export interface LocalResponseNormAttrs {
  /** Neighbouring channels in a window. */
  readonly size: number;
  readonly alpha: number;
  readonly beta: number;
  readonly k: number;
}

/** x → y, and d with y = x / d^beta, which only the gradient sees. */
export const localResponseNormOp = defineOp<readonly [Tensor], readonly [y: Tensor, d: Tensor], LocalResponseNormAttrs>(
  {
    name: "local_response_norm",
    infer: ([x]) => {
      checkDType("LocalResponseNorm", "input", x, "float32");
      if (x.shape.length < 3) {
        throw new ShapeError(
          "LocalResponseNorm",
          `input has shape ${formatShape(x.shape)}; expected [N, C, …] of rank 3 or more`,
        );
      }
      return [x, x];
    },
    forward: ([y, d], [x], { size, alpha, beta, k }) => {
      K.local_response_norm_f32(y.ptr, d.ptr, x.ptr, ...channelSizes(x.shape), size, alpha, beta, k);
    },
    saves: { outs: [0, 1] },
    backward: ([g], [x], [y, d], attrs) => [() => apply(localResponseNormGradOp, [g!, x, y, d], attrs)[0]],
  },
);

export const localResponseNormGradOp = defineOp<
  readonly [g: Tensor, x: Tensor, y: Tensor, d: Tensor],
  readonly [Tensor],
  LocalResponseNormAttrs
>({
  name: "local_response_norm_grad",
  infer: ([g]) => [g],
  forward: ([dx], [g, x, y, d], { size, alpha, beta }) => {
    const [n, c, s] = channelSizes(x.shape);
    const work = arena.scratch(4 * c * s + 16);
    K.local_response_norm_grad_f32(dx.ptr, g.ptr, x.ptr, y.ptr, d.ptr, work, n, c, s, size, alpha, beta);
  },
  backward: notDifferentiable("the fused gradient is not recorded"),
});

export function localResponseNorm(x: Tensor, attrs: LocalResponseNormAttrs): Tensor {
  const [y, d] = apply(localResponseNormOp, [x], attrs);
  d.dispose();
  return y;
}
