import { makeTensor } from "../creation.js";
import { Buffer } from "../nn/parameter.js";
import { cast, reshape } from "../ops/copy.js";
import { adopt, type Tensor } from "../tensor.js";
import { dtypeOf, elementType } from "./elements.js";
import type { Arg, Elem, Handler, NodeView, OperatorVersion } from "./handler.js";

// What handlers do with their inputs and outputs again and again.

export type Inputs = readonly (Arg | null)[];

/** The input at a place. Errors: FormatError if the node leaves it out. */
export function needed(node: NodeView, inputs: Inputs, place: number): Arg {
  const arg = inputs[place];
  if (arg === null || arg === undefined) throw node.fail(`input ${place} is missing; expected a tensor`);
  return arg;
}

/** The tensor of an input that a node must have. */
export function tensorAt(node: NodeView, inputs: Inputs, place: number): Tensor {
  return needed(node, inputs, place).tensor;
}

/** The tensor of an input that a node may leave out. */
export function maybeAt(inputs: Inputs, place: number): Tensor | null {
  return inputs[place]?.tensor ?? null;
}

/** The values of an input that says how to compute, or null where it is left out or empty. */
export function numbersAt(inputs: Inputs, place: number): number[] | null {
  const tensor = maybeAt(inputs, place);
  return tensor === null || tensor.numel === 0 ? null : Array.from(tensor.data());
}

/** The numbers of an input that lists sizes or axes; null where it is left out, and an empty list where it is empty. */
export function listAt(inputs: Inputs, place: number): number[] | null {
  const tensor = maybeAt(inputs, place);
  return tensor === null ? null : Array.from(tensor.data());
}

/** The value of a tensor of one element that is the model's own: no input has a say in it. Null for others. */
export function fixedNumber(tensor: Tensor): number | null {
  return tensor instanceof Buffer && tensor.numel === 1 ? tensor.item() : null;
}

/** A list of sizes, as ONNX's operators give and take it. */
export function sizesArg(values: readonly number[]): Arg {
  return { tensor: adopt(makeTensor(Int32Array.from(values))), elem: "int64" };
}

/** A result with the element type of an input. */
export function as({ elem }: Arg, tensor: Tensor): Arg {
  return { tensor, elem };
}

/** A tensor as a value of an element type. */
export function asElem(tensor: Tensor, elem: Elem): Arg {
  return { tensor: cast(tensor, dtypeOf(elem)), elem };
}

/** The element type that an attribute names by its number; the default where the attribute is absent or 0. */
export function elemAttribute(node: NodeView, name: string, byDefault: Elem): Elem {
  const code = node.int(name, 0);
  if (code === 0) return byDefault;
  const type = elementType(code);
  if (type === undefined) throw node.fail(`${name} is ${code}; expected an element type that the library has`);
  return type.elem;
}

export function float32(tensor: Tensor): Arg {
  return { tensor, elem: "float32" };
}

/** An axis counted from the front. Errors: FormatError if there is no such one. */
export function axisOf(node: NodeView, axis: number, rank: number): number {
  const at = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || at < 0 || at >= rank) {
    throw node.fail(`axis is ${axis}; expected an integer from ${-rank} to ${rank - 1}`);
  }
  return at;
}

/** An attribute that is one of a few words. */
export function wordOf<T extends string>(node: NodeView, name: string, byDefault: T, allowed: readonly T[]): T {
  const value = node.string(name, byDefault);
  const found = allowed.find((a) => a === value);
  if (found === undefined) throw node.fail(`${name} is "${value}"; expected one of ${allowed.join(", ")}`);
  return found;
}

/** The second operand, with the dimensions after those from `axis` on that operator sets before 7 aligned it with. */
export function alignedOperand(node: NodeView, inputs: Inputs): Tensor {
  const b = tensorAt(node, inputs, 1);
  if (!node.has("axis")) return b;
  const rank = tensorAt(node, inputs, 0).ndim;
  const behind = rank - axisOf(node, node.int("axis"), rank) - b.ndim;
  return reshape(b, [...b.shape, ...new Array<number>(Math.max(0, behind)).fill(1)]);
}

/** Versions of an operator of two operands: NumPy's broadcasting came with operator set 7. */
export function alignable(run: Handler): readonly OperatorVersion[] {
  return [
    { since: 1, attributes: ["axis", "broadcast"], run },
    { since: 7, attributes: [], run },
  ];
}
