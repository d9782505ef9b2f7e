import { K } from "../backend/index.js";
import { checkDType } from "../check.js";
import { arena } from "../runtime/arena.js";
import type { Tensor } from "../tensor.js";
import type { Ptr } from "../types.js";
import { mul, neg, sub } from "./arithmetic.js";
import { apply, defineOp } from "./op.js";
import { expand, span, sum } from "./reduce.js";
import { expOp } from "./transcendental.js";
import { map } from "./unary.js";

type Unary = readonly [Tensor];
type Binary = readonly [Tensor, Tensor];
type One = readonly [Tensor];

interface Along {
  readonly dim: number;
}

/** Runs a kernel over [outer, n, inner], given its pointers but for the work space. */
function along(x: Tensor, dim: number, run: (work: Ptr, outer: number, n: number, inner: number) => void): void {
  const { outer, n, inner } = span(x.shape, x.ndim === 0 ? [] : [dim]);
  run(arena.scratch(8 * inner), outer, n, inner);
}

/** Σ over one dimension, at its old shape. */
function spreadSum(x: Tensor, dim: number): Tensor {
  return expand(sum(x, { dims: x.ndim === 0 ? [] : [dim], keepdim: true }), x.shape);
}

export const softmaxOp = defineOp<Unary, One, Along>({
  name: "softmax",
  infer: ([x]) => {
    checkDType("Softmax", "input", x, "float32");
    return [x];
  },
  forward: ([y], [x], { dim }) => along(x, dim, (work, o, n, i) => K.softmax_f32(y.ptr, x.ptr, work, o, n, i)),
  inPlace: [0],
  saves: { inputs: [], outs: [0] },
  backward: ([g], _, [y], attrs) => [() => softmaxGrad(g, y, attrs)],
});

/** dx = y ⊙ (g − Σ g ⊙ y). */
export const softmaxGradOp = defineOp<Binary, One, Along>({
  name: "softmax_grad",
  infer: ([g]) => [g],
  forward: ([dx], [g, y], { dim }) =>
    along(g, dim, (work, o, n, i) => K.softmax_grad_f32(dx.ptr, g.ptr, y.ptr, work, o, n, i)),
  backward: ([gg], [g, y], _, attrs) => [
    () => softmaxGrad(gg, y, attrs),
    () => {
      const own = mul(gg, sub(g, spreadSum(mul(g, y), attrs.dim)));
      return sub(own, mul(g, spreadSum(mul(gg, y), attrs.dim)));
    },
  ],
});

function softmaxGrad(g: Tensor, y: Tensor, attrs: Along): Tensor {
  return apply(softmaxGradOp, [g, y], attrs)[0];
}

export const logSoftmaxOp = defineOp<Unary, One, Along>({
  name: "logSoftmax",
  infer: ([x]) => {
    checkDType("LogSoftmax", "input", x, "float32");
    return [x];
  },
  forward: ([y], [x], { dim }) => along(x, dim, (work, o, n, i) => K.log_softmax_f32(y.ptr, x.ptr, work, o, n, i)),
  inPlace: [0],
  saves: { inputs: [], outs: [0] },
  backward: ([g], _, [y], attrs) => [() => apply(logSoftmaxGradOp, [g, y], attrs)[0]],
});

/** dx = g − e^y·Σ g. */
export const logSoftmaxGradOp = defineOp<Binary, One, Along>({
  name: "log_softmax_grad",
  infer: ([g]) => [g],
  forward: ([dx], [g, y], { dim }) =>
    along(g, dim, (work, o, n, i) => K.log_softmax_grad_f32(dx.ptr, g.ptr, y.ptr, work, o, n, i)),
  backward: ([gg], [g, y], _, { dim }) => [
    () => sub(gg, spreadSum(mul(gg, map(expOp, y)), dim)),
    () => neg(mul(mul(gg, map(expOp, y)), spreadSum(g, dim))),
  ],
});

/** e^x / Σ e^x along a dimension. */
export function softmax(x: Tensor, dim: number): Tensor {
  return apply(softmaxOp, [x], { dim })[0];
}

/** x − ln Σ e^x along a dimension. */
export function logSoftmax(x: Tensor, dim: number): Tensor {
  return apply(logSoftmaxOp, [x], { dim })[0];
}
