import { checkDType } from "../check.js";
import { makeTensor } from "../creation.js";
import { ArgumentError } from "../errors.js";
import { cast } from "../ops/copy.js";
import { adopt, Tensor } from "../tensor.js";
import type { DType } from "../types.js";

/** A tensor, or a number in its place. */
export type Operand = Tensor | number;

/**
 * Both operands as tensors of one dtype, under PyTorch's promotion: float32 before int32 before bool, and a number takes the tensor's
 * dtype unless it is a fraction beside an int32 or any number beside a bool. Two bools meet as int32.
 */
export function promoted(op: string, a: Operand, b: Operand): [Tensor, Tensor] {
  const float = isFloat(op, a) || isFloat(op, b);
  const number = typeof a === "number" && typeof b === "number";
  const dtype: DType = float || number ? "float32" : "int32";
  return [operand(a, dtype), operand(b, dtype)];
}

/** Whether an operand makes the result a float: a float32 tensor or a fraction. */
export function isFloat(op: string, x: Operand): boolean {
  if (x instanceof Tensor) return x.dtype === "float32";
  if (typeof x !== "number") throw new ArgumentError(op, `operand is ${String(x)}; expected a tensor or a number`);
  return !Number.isInteger(x);
}

function operand(x: Operand, dtype: DType): Tensor {
  return x instanceof Tensor ? cast(x, dtype) : adopt(makeTensor(x, { dtype }));
}

/** Tensors to be joined, in one dtype: float32 if there is one, else int32 before bool. */
export function alike(tensors: readonly Tensor[]): readonly Tensor[] {
  const dtypes = new Set(tensors.map((t) => t.dtype));
  const dtype = (["float32", "int32", "bool"] as const).find((d) => dtypes.has(d)) ?? "float32";
  return dtypes.size > 1 ? tensors.map((t) => cast(t, dtype)) : tensors;
}

/** Both operands in float32. */
export function floats(op: string, a: Operand, b: Operand): [Tensor, Tensor] {
  isFloat(op, a);
  isFloat(op, b);
  return [operand(a, "float32"), operand(b, "float32")];
}

/** int32 and bool become float32, as PyTorch promotes them for functions whose values are no integers. */
export function float(x: Tensor): Tensor {
  return cast(x, "float32");
}

/** Targets 1 and −1, which may be int32, as float32. */
export function signs(op: string, target: Tensor): Tensor {
  checkDType(op, "target", target, "float32", "int32");
  return cast(target, "float32");
}

/** A tensor that may be left out. */
export type Optional = Tensor | null | undefined;

/** What may follow the tensors of a call: the options alone, or an optional bias before them. */
export type BiasAndOptions<O> = [options?: O] | [bias: Optional, options?: O];

/** As `BiasAndOptions`, for an optional weight and bias before options that cannot be left out. */
export type WeightBiasAndOptions<O> =
  | [options: O]
  | [weight: Optional, options: O]
  | [weight: Optional, bias: Optional, options: O];

/** The optional tensors of a call, null where one is left out, and the options, which stand behind the last one given. */
export function splitOptions<O extends object>(
  rest: readonly (Optional | O)[],
): { readonly tensors: readonly (Tensor | null)[]; readonly options: O | undefined } {
  const isOptions = (v: Optional | O): v is O => v !== null && v !== undefined && !(v instanceof Tensor);
  return { tensors: rest.map((v) => (v instanceof Tensor ? v : null)), options: rest.find(isOptions) };
}
