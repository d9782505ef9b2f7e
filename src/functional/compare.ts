import { checkNoOptions, type NoOptions } from "../check.js";
import * as ops from "../ops/compare.js";
import { cast } from "../ops/copy.js";
import { absOp, map } from "../ops/unary.js";
import { noGrad } from "../scoping.js";
import type { Tensor } from "../tensor.js";
import { float, type Operand, promoted } from "./operand.js";

/** a = b as bool, with broadcasting; NaN equals nothing. */
export function eq(a: Operand, b: Operand, ...none: NoOptions): Tensor {
  checkNoOptions("eq", none);
  return ops.compare(ops.eqOp, ...promoted("eq", a, b));
}

/** a ≠ b as bool, with broadcasting. */
export function ne(a: Operand, b: Operand, ...none: NoOptions): Tensor {
  checkNoOptions("ne", none);
  return ops.compare(ops.neOp, ...promoted("ne", a, b));
}

/** a < b as bool, with broadcasting. */
export function lt(a: Operand, b: Operand, ...none: NoOptions): Tensor {
  checkNoOptions("lt", none);
  return ops.compare(ops.ltOp, ...promoted("lt", a, b));
}

/** a ≤ b as bool, with broadcasting. */
export function le(a: Operand, b: Operand, ...none: NoOptions): Tensor {
  checkNoOptions("le", none);
  return ops.compare(ops.leOp, ...promoted("le", a, b));
}

/** a > b as bool, with broadcasting. */
export function gt(a: Operand, b: Operand, ...none: NoOptions): Tensor {
  checkNoOptions("gt", none);
  const [x, y] = promoted("gt", a, b);
  return ops.compare(ops.ltOp, y, x);
}

/** a ≥ b as bool, with broadcasting. */
export function ge(a: Operand, b: Operand, ...none: NoOptions): Tensor {
  checkNoOptions("ge", none);
  const [x, y] = promoted("ge", a, b);
  return ops.compare(ops.leOp, y, x);
}

/** True where x is not a number; nowhere for int32 and bool. */
export function isnan(x: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("isnan", none);
  return ne(x, x);
}

/** True where x is ∞ or −∞; nowhere for int32 and bool. */
export function isinf(x: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("isinf", none);
  return noGrad(() => eq(map(absOp, float(x)), Infinity));
}

/** True where x is neither NaN nor infinite; everywhere for int32 and bool. */
export function isfinite(x: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("isfinite", none);
  return noGrad(() => lt(map(absOp, float(x)), Infinity));
}

/** Both are true, with broadcasting; what is no bool counts as true unless it is 0. */
export function logicalAnd(a: Tensor, b: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("logicalAnd", none);
  return ops.logicalAnd(cast(a, "bool"), cast(b, "bool"));
}

/** At least one is true, with broadcasting; what is no bool counts as true unless it is 0. */
export function logicalOr(a: Tensor, b: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("logicalOr", none);
  return ops.logicalOr(cast(a, "bool"), cast(b, "bool"));
}

/** True where x is false or 0. */
export function logicalNot(x: Tensor, ...none: NoOptions): Tensor {
  checkNoOptions("logicalNot", none);
  return ops.logicalNot(cast(x, "bool"));
}

/** a where the bool `condition` is true, b elsewhere, with broadcasting of all three. Errors: DTypeError if the condition is no bool. */
export function where(condition: Tensor, a: Operand, b: Operand, ...none: NoOptions): Tensor {
  checkNoOptions("where", none);
  return ops.where(condition, ...promoted("where", a, b));
}
