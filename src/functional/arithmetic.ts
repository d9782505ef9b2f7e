import { checkNoOptions, checkNumber, checkOneOf, checkOptions, type NoOptions } from "../check.js";
import * as ops from "../ops/arithmetic.js";
import { cast } from "../ops/copy.js";
import { Tensor } from "../tensor.js";
import { floats, isFloat, type Operand, promoted } from "./operand.js";
import { abs, floor, sign } from "./unary.js";

export type { Operand } from "./operand.js";

/** True for x ∘ number where a fused multiply-add does it in one pass. */
function isAffine(x: Operand, c: Operand): boolean {
  return x instanceof Tensor && typeof c === "number" && x.dtype === "float32";
}

export interface AlphaOptions {
  /** Factor of the second operand. Default 1. */
  readonly alpha?: number;
}

/** alpha · b. */
function scaled(op: string, b: Operand, options: AlphaOptions): Operand {
  checkOptions(op, options, ["alpha"]);
  const alpha = checkNumber(op, "alpha", options.alpha ?? 1);
  return alpha === 1 ? b : typeof b === "number" ? alpha * b : mul(b, alpha);
}

/** y = a + alpha · b, with broadcasting. int32 stays int32. */
export function add(a: Operand, b: Operand, options: AlphaOptions = {}): Tensor {
  return sum(a, scaled("add", b, options));
}

function sum(a: Operand, b: Operand): Tensor {
  if (isAffine(a, b)) return ops.affine(a as Tensor, 1, b as number);
  if (isAffine(b, a)) return ops.affine(b as Tensor, 1, a as number);
  return ops.add(...promoted("add", a, b));
}

/** y = a − alpha · b, with broadcasting. int32 stays int32. */
export function sub(a: Operand, b: Operand, options: AlphaOptions = {}): Tensor {
  return difference(a, scaled("sub", b, options));
}

function difference(a: Operand, b: Operand): Tensor {
  if (isAffine(a, b)) return ops.affine(a as Tensor, 1, -(b as number));
  if (isAffine(b, a)) return ops.affine(b as Tensor, -1, a as number);
  return ops.sub(...promoted("sub", a, b));
}

/** y = a · b, element by element, with broadcasting. int32 stays int32. */
export function mul(a: Operand, b: Operand, ...none: NoOptions): Tensor {
  checkNoOptions("mul", none);
  if (isAffine(a, b)) return ops.affine(a as Tensor, b as number, 0);
  if (isAffine(b, a)) return ops.affine(b as Tensor, a as number, 0);
  return ops.mul(...promoted("mul", a, b));
}

export interface DivOptions {
  /** "floor" rounds the quotient down, "trunc" towards 0; its gradient is 0 then. Default null: it is not rounded. */
  readonly roundingMode?: "floor" | "trunc" | null;
}

/** y = a / b in float32, with broadcasting. A rounded quotient of integers is int32. */
export function div(a: Operand, b: Operand, options: DivOptions = {}): Tensor {
  checkOptions("div", options, ["roundingMode"]);
  const quotient = ops.div(...floats("div", a, b));
  if (options.roundingMode === undefined || options.roundingMode === null) return quotient;
  const mode = checkOneOf("div", "roundingMode", options.roundingMode, ["floor", "trunc"]);
  const down = floor(mode === "floor" ? quotient : abs(quotient));
  const rounded = mode === "floor" ? down : ops.mul(sign(quotient), down);
  return isFloat("div", a) || isFloat("div", b) ? rounded : cast(rounded, "int32");
}

/** The smaller operand, with broadcasting; NaN in either gives NaN. Where both are equal the gradient is split evenly. */
export function minimum(a: Operand, b: Operand, ...none: NoOptions): Tensor {
  checkNoOptions("minimum", none);
  return ops.minimum(...promoted("minimum", a, b));
}

/** The larger operand, with broadcasting; NaN in either gives NaN. Where both are equal the gradient is split evenly. */
export function maximum(a: Operand, b: Operand, ...none: NoOptions): Tensor {
  checkNoOptions("maximum", none);
  return ops.maximum(...promoted("maximum", a, b));
}

/** y = −x. int32 stays int32. */
export function neg(x: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("neg", none);
  return ops.neg(x.dtype === "bool" ? cast(x, "int32") : x);
}
