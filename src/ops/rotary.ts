import { K } from "../backend/index.js";
import { checkDType, checkOperand } from "../check.js";
import { ShapeError } from "../errors.js";
import { formatShape, numel } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { apply, defineOp } from "./op.js";

export interface RotaryAttrs {
  /** Pairs are neighbours; else they are half a row apart. */
  readonly interleaved: boolean;
  /** Turn back. */
  readonly inverse: boolean;
}

/** Turns the pairs of x [.., length, dim] by angles whose cosines and sines, [length, dim/2], are constants. */
export const rotaryOp = defineOp<readonly [x: Tensor, cos: Tensor, sin: Tensor], readonly [Tensor], RotaryAttrs>({
  name: "rotaryEmbedding",
  infer: ([x, cos, sin]) => {
    const op = "rotaryEmbedding";
    checkDType(op, "input", x, "float32");
    const [length, dim] = x.shape.slice(-2);
    if (length === undefined || dim === undefined || dim % 2 !== 0) {
      throw new ShapeError(
        op,
        `input has shape ${formatShape(x.shape)}; expected [.., length, an even number of features]`,
      );
    }
    checkOperand(op, "cosines", cos, [length, dim / 2], `input ${formatShape(x.shape)}`);
    checkOperand(op, "sines", sin, [length, dim / 2], `input ${formatShape(x.shape)}`);
    return [x];
  },
  forward: ([y], [x, cos, sin], { interleaved, inverse }) => {
    const [length, half] = cos.shape as [number, number];
    const outer = numel(x.shape.slice(0, -2));
    K.rotary_f32(y.ptr, x.ptr, cos.ptr, sin.ptr, outer, length, half, Number(interleaved), inverse ? -1 : 1);
  },
  saves: { inputs: [1, 2] },
  backward: ([g], [, cos, sin], _, attrs) => [
    () => turn(g, cos, sin, { ...attrs, inverse: !attrs.inverse }),
    null,
    null,
  ],
});

function turn(x: Tensor, cos: Tensor, sin: Tensor, attrs: RotaryAttrs): Tensor {
  return apply(rotaryOp, [x, cos, sin], attrs)[0];
}

/** Turns each pair by its position's angle. */
export function rotate(x: Tensor, cos: Tensor, sin: Tensor, interleaved: boolean): Tensor {
  return turn(x, cos, sin, { interleaved, inverse: false });
}
