import { K } from "../backend/index.js";
import { checkDType } from "../check.js";
import { arena } from "../runtime/arena.js";
import { broadcastShapes, contiguousStrides } from "../shape.js";
import type { Tensor } from "../tensor.js";
import type { Ptr } from "../types.js";
import { runBroadcast } from "./arithmetic.js";
import { bitsFor, cast, contiguous, fill } from "./copy.js";
import { apply, defineOp, notDifferentiable } from "./op.js";
import { sumTo } from "./reduce.js";

type Unary = readonly [Tensor];
type Masked = readonly [x: Tensor, mask: Tensor];
type One = readonly [Tensor];

/** x with `value` wherever the mask is true; both broadcast. */
export function maskedFill(x: Tensor, mask: Tensor, value: number): Tensor {
  return apply(maskedFillOp, [x, mask], { value })[0];
}

export const maskedFillOp = defineOp<Masked, One, { value: number }>({
  name: "maskedFill",
  infer: ([x, mask]) => {
    checkDType("maskedFill", "mask", mask, "bool");
    return [{ shape: broadcastShapes("maskedFill", x.shape, mask.shape), dtype: x.dtype }];
  },
  strided: true,
  forward: ([y], [x, mask], { value }) => {
    const bits = bitsFor(x.dtype, value);
    const kernel = x.dtype === "bool" ? K.masked_fill_8 : K.masked_fill_32;
    runBroadcast((...operands) => kernel(...operands, bits), y, x, mask);
  },
  inPlace: [0],
  saves: { inputs: [1] },
  backward: ([g], [x, mask]) => [() => sumTo(maskedFill(g, mask, 0), x.shape), null],
});

/** The indices of all elements that are not 0, row-major, [count, rank] int32. */
export function nonzero(x: Tensor): Tensor {
  const mask = contiguous(cast(x, "bool"));
  return apply(nonzeroOp, [mask], { count: countOf(apply(countTrueOp, [mask], undefined)[0]) })[0];
}

/** The value of a tensor that only tells a size: that it is read is seen like any other read. */
export function countOf(scalar: Tensor): number {
  const count = scalar.item();
  scalar.dispose();
  return count;
}

/** How many elements are true; the size of other ops' results is an op of its own so that a trace knows what it depends on. */
export const countTrueOp = defineOp<Unary, One>({
  name: "count_true",
  infer: ([x]) => {
    checkDType("nonzero", "input", x, "bool");
    return [{ shape: [], dtype: "int32" }];
  },
  forward: ([y], [x]) => fill(y, K.count_bool(x.ptr, x.numel)),
  backward: notDifferentiable("its result is a count"),
});

export const nonzeroOp = defineOp<Unary, One, { count: number }>({
  name: "nonzero",
  infer: ([x], { count }) => {
    checkDType("nonzero", "input", x, "bool");
    return [{ shape: [count, x.shape.length], dtype: "int32" }];
  },
  forward: ([y], [x], { count }) => {
    const flat = arena.scratch(count * 4);
    K.nonzero_bool(flat, x.ptr, x.numel);
    contiguousStrides(x.shape).forEach((step, d) => {
      K.unravel_i32((y.ptr + d * 4) as Ptr, flat, count, x.shape[d]!, step, x.ndim);
    });
  },
  backward: notDifferentiable("its result is indices"),
});
