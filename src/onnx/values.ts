import type { Tensor } from "../tensor.js";
import type { Arg, NodeView, Sequence, Value } from "./handler.js";

// What is between nodes: tensors, sequences of them, and optional values.

export type Values = readonly (Value | null)[];

export function isTensor(value: Value): value is Arg {
  return "tensor" in value;
}

export function isSequence(value: Value): value is Sequence {
  return "items" in value;
}

/** For messages. */
export function kindOf(value: Value | null | undefined): string {
  if (value === null || value === undefined) return "missing";
  return isTensor(value) ? "a tensor" : isSequence(value) ? "a sequence" : "an optional value that is not there";
}

/** All tensors in a value. */
export function tensorsIn(value: Value): readonly Tensor[] {
  if (isTensor(value)) return [value.tensor];
  return isSequence(value) ? value.items.map(({ tensor }) => tensor) : [];
}

/** The tensor at a place among some values. Errors: FormatError for anything else. */
export function argAt(
  node: NodeView,
  values: readonly (Value | null | undefined)[],
  place: number,
  what = "input",
): Arg {
  const value = values[place];
  if (value && isTensor(value)) return value;
  throw node.fail(`${what} ${place} is ${kindOf(value)}; expected a tensor`);
}

/** The number in a tensor of one element, if it is given. */
export function numberAt(node: NodeView, values: Values, place: number): number | null {
  return values[place] ? argAt(node, values, place).tensor.item() : null;
}

/** The items of the sequence at a place among the inputs. Errors: FormatError for anything else. */
export function itemsAt(node: NodeView, values: Values, place: number): readonly Arg[] {
  const value = values[place];
  if (value && isSequence(value)) return value.items;
  throw node.fail(`input ${place} is ${kindOf(value)}; expected a sequence`);
}
