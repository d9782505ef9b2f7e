import { makeTensor } from "../creation.js";
import { ArgumentError } from "../errors.js";
import * as ops from "../ops/arithmetic.js";
import { cast } from "../ops/copy.js";
import { adopt, Tensor } from "../tensor.js";

/** A tensor, or a number in its place. */
export type Operand = Tensor | number;

/** Both operands as float32 tensors; a number becomes a scalar. int32 and bool tensors are converted, as PyTorch promotes them. */
function operands(op: string, a: Operand, b: Operand): [Tensor, Tensor] {
  return [operand(op, a), operand(op, b)];
}

function operand(op: string, x: Operand): Tensor {
  if (x instanceof Tensor) return cast(x, "float32");
  if (typeof x !== "number") throw new ArgumentError(op, `operand is ${String(x)}; expected a tensor or a number`);
  return adopt(makeTensor(x));
}

/** y = a + b, with broadcasting. */
export function add(a: Operand, b: Operand): Tensor {
  if (a instanceof Tensor && typeof b === "number" && a.dtype === "float32") return ops.affine(a, 1, b);
  return ops.add(...operands("add", a, b));
}

/** y = a − b, with broadcasting. */
export function sub(a: Operand, b: Operand): Tensor {
  if (a instanceof Tensor && typeof b === "number" && a.dtype === "float32") return ops.affine(a, 1, -b);
  return ops.sub(...operands("sub", a, b));
}

/** y = a · b, element by element, with broadcasting. */
export function mul(a: Operand, b: Operand): Tensor {
  if (a instanceof Tensor && typeof b === "number" && a.dtype === "float32") return ops.affine(a, b, 0);
  return ops.mul(...operands("mul", a, b));
}

/** y = a / b, with broadcasting. */
export function div(a: Operand, b: Operand): Tensor {
  return ops.div(...operands("div", a, b));
}

/** y = −x. */
export function neg(x: Tensor): Tensor {
  return ops.neg(x);
}
