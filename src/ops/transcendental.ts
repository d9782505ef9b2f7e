import { K } from "../backend/index.js";
import { checkDType } from "../check.js";
import { broadcastShapes } from "../shape.js";
import type { Tensor } from "../tensor.js";
import { affine, div, mul, neg } from "./arithmetic.js";
import { compare, eqOp, leOp, logicalAnd, where } from "./compare.js";
import { clone, constant, zero } from "./copy.js";
import { apply, defineOp } from "./op.js";
import { expand } from "./reduce.js";
import { elementwise, elementwiseGrad, map, reciprocalOp, rsqrtOp, sqrtOp, squareOp, zip } from "./unary.js";

export const expOp = elementwise("exp", { float32: "exp_f32", reads: "output", backward: mul });
export const expm1Op = elementwise("expm1", {
  float32: "expm1_f32",
  reads: "output",
  backward: (g, y) => mul(g, affine(y, 1, 1)),
});
export const logOp = elementwise("log", { float32: "log_f32", backward: div });
export const log1pOp = elementwise("log1p", { float32: "log1p_f32", backward: (g, x) => div(g, affine(x, 1, 1)) });
export const sinOp = elementwise("sin", { float32: "sin_f32", backward: (g, x) => mul(g, map(cosOp, x)) });
export const cosOp = elementwise("cos", { float32: "cos_f32", backward: (g, x) => neg(mul(g, map(sinOp, x))) });

export const tanhGradOp = elementwiseGrad("tanh_grad", "tanh_grad_f32", (gg, g, y) =>
  mul(gg, affine(mul(g, y), -2, 0)),
);
export const tanhOp = elementwise("tanh", {
  float32: "tanh_f32",
  prefix: "Tanh",
  reads: "output",
  backward: (g, y) => zip(tanhGradOp, g, y),
});

export const sigmoidGradOp = elementwiseGrad("sigmoid_grad", "sigmoid_grad_f32", (gg, g, y) =>
  mul(gg, mul(g, affine(y, -2, 1))),
);
export const sigmoidOp = elementwise("sigmoid", {
  float32: "sigmoid_f32",
  prefix: "Sigmoid",
  reads: "output",
  backward: (g, y) => zip(sigmoidGradOp, g, y),
});

export const erfGradOp = elementwiseGrad("erf_grad", "erf_grad_f32", (gg, g, x) =>
  mul(gg, affine(mul(zip(erfGradOp, g, x), x), -2, 0)),
);
export const erfOp = elementwise("erf", { float32: "erf_f32", backward: (g, x) => zip(erfGradOp, g, x) });

export const powScalarOp = defineOp<readonly [Tensor], readonly [Tensor], { exponent: number }>({
  name: "pow_scalar",
  infer: ([x]) => {
    checkDType("pow", "base", x, "float32");
    return [x];
  },
  forward: ([y], [x], { exponent }) => K.pow_scalar_f32(y.ptr, x.ptr, x.numel, exponent),
  inPlace: [0],
  backward: ([g], [x], _, { exponent }) => [
    () => (exponent === 0 ? constant(g.shape, 0) : mul(g, affine(powScalar(x, exponent - 1), exponent, 0))),
  ],
});

/** x^exponent; the exponents that have an op of their own take it. */
export function powScalar(x: Tensor, exponent: number): Tensor {
  switch (exponent) {
    case 1:
      return clone(x);
    case 2:
      return map(squareOp, x);
    case 3:
      return mul(map(squareOp, x), x);
    case 0.5:
      return map(sqrtOp, x);
    case -0.5:
      return map(rsqrtOp, x);
    case -1:
      return map(reciprocalOp, x);
    default:
      return apply(powScalarOp, [x], { exponent })[0];
  }
}

/** Of two operands of one shape; `pow` stretches them. */
export const powOp = defineOp<readonly [Tensor, Tensor], readonly [Tensor]>({
  name: "pow",
  infer: ([a, b]) => {
    checkDType("pow", "base", a, "float32");
    checkDType("pow", "exponent", b, "float32");
    return [a];
  },
  forward: ([y], [a, b]) => K.pow_f32(y.ptr, a.ptr, b.ptr, y.numel),
  inPlace: [0, 1],
  saves: { inputs: [0, 1], outs: [0] },
  backward: ([g], [a, b], [y]) => [
    // a^0 is constant, and so is 0^b for b ≥ 0: there 0·∞ must not turn into NaN.
    () => where(compare(eqOp, b, zero()), zero(), mul(g, mul(b, pow(a, affine(b, 1, -1))))),
    () => {
      const still = logicalAnd(compare(eqOp, a, zero()), compare(leOp, zero(), b));
      return where(still, zero(), mul(g, mul(y, map(logOp, a))));
    },
  ],
});

/** a^b, with broadcasting. */
export function pow(a: Tensor, b: Tensor): Tensor {
  const shape = broadcastShapes("pow", a.shape, b.shape);
  return apply(powOp, [expand(a, shape), expand(b, shape)], undefined)[0];
}
