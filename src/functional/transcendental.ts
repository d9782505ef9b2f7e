import { checkNoOptions, type NoOptions } from "../check.js";
import * as ops from "../ops/transcendental.js";
import { map } from "../ops/unary.js";
import { Tensor } from "../tensor.js";
import { float, floats, type Operand } from "./operand.js";

/** y = e^x. */
export function exp(x: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("exp", none);
  return map(ops.expOp, float(x));
}

/** y = e^x − 1, accurate near 0. */
export function expm1(x: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("expm1", none);
  return map(ops.expm1Op, float(x));
}

/** y = ln x; −infinity at 0, NaN below. */
export function log(x: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("log", none);
  return map(ops.logOp, float(x));
}

/** y = ln(1 + x), accurate near 0. */
export function log1p(x: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("log1p", none);
  return map(ops.log1pOp, float(x));
}

/** y = sin x, x in radians. */
export function sin(x: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("sin", none);
  return map(ops.sinOp, float(x));
}

/** y = cos x, x in radians. */
export function cos(x: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("cos", none);
  return map(ops.cosOp, float(x));
}

/** y = tanh x = (e^x − e^−x)/(e^x + e^−x). */
export function tanh(x: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("tanh", none);
  return map(ops.tanhOp, float(x));
}

/** y = 1/(1 + e^−x). */
export function sigmoid(x: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("sigmoid", none);
  return map(ops.sigmoidOp, float(x));
}

/** y = 2/√π ∫₀ˣ e^{−t²} dt, the Gauss error function. */
export function erf(x: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("erf", none);
  return map(ops.erfOp, float(x));
}

/** y = a^b in float32, with broadcasting. x^0 is 1; a negative base needs an integer exponent, else NaN. */
export function pow(a: Operand, b: Operand, ...none: NoOptions): Tensor {
  checkNoOptions("pow", none);
  if (a instanceof Tensor && typeof b === "number") return ops.powScalar(float(a), b);
  return ops.pow(...floats("pow", a, b));
}
