import * as ops from "../ops/arithmetic.js";
import { cast } from "../ops/copy.js";
import { Tensor } from "../tensor.js";
import { floats, type Operand, promoted } from "./operand.js";

export type { Operand } from "./operand.js";

/** True for x ∘ number where a fused multiply-add does it in one pass. */
function isAffine(x: Operand, c: Operand): boolean {
  return x instanceof Tensor && typeof c === "number" && x.dtype === "float32";
}

/** y = a + b, with broadcasting. int32 stays int32. */
export function add(a: Operand, b: Operand): Tensor {
  if (isAffine(a, b)) return ops.affine(a as Tensor, 1, b as number);
  if (isAffine(b, a)) return ops.affine(b as Tensor, 1, a as number);
  return ops.add(...promoted("add", a, b));
}

/** y = a − b, with broadcasting. int32 stays int32. */
export function sub(a: Operand, b: Operand): Tensor {
  if (isAffine(a, b)) return ops.affine(a as Tensor, 1, -(b as number));
  if (isAffine(b, a)) return ops.affine(b as Tensor, -1, a as number);
  return ops.sub(...promoted("sub", a, b));
}

/** y = a · b, element by element, with broadcasting. int32 stays int32. */
export function mul(a: Operand, b: Operand): Tensor {
  if (isAffine(a, b)) return ops.affine(a as Tensor, b as number, 0);
  if (isAffine(b, a)) return ops.affine(b as Tensor, a as number, 0);
  return ops.mul(...promoted("mul", a, b));
}

/** y = a / b in float32, with broadcasting. */
export function div(a: Operand, b: Operand): Tensor {
  return ops.div(...floats("div", a, b));
}

/** The smaller operand, with broadcasting; NaN in either gives NaN. Where both are equal the gradient is split evenly. */
export function minimum(a: Operand, b: Operand): Tensor {
  return ops.minimum(...promoted("minimum", a, b));
}

/** The larger operand, with broadcasting; NaN in either gives NaN. Where both are equal the gradient is split evenly. */
export function maximum(a: Operand, b: Operand): Tensor {
  return ops.maximum(...promoted("maximum", a, b));
}

/** y = −x. int32 stays int32. */
export function neg(x: Tensor): Tensor {
  return ops.neg(x.dtype === "bool" ? cast(x, "int32") : x);
}
