import * as F from "../../functional/index.js";
import type { Tensor } from "../../tensor.js";
import { alignable, alignedOperand, as, asElem, type Inputs, needed, tensorAt } from "../arguments.js";
import { elementTypeOf } from "../elements.js";
import type { Arg, Handler, NodeView, OperatorTable } from "../handler.js";
import { bitsOf, fromBits, wrapped } from "../integers.js";

/** Two operands that broadcast, with a bool result. */
function relation(compute: (a: Tensor, b: Tensor) => Tensor): Handler {
  return (node, inputs) => [asElem(compute(tensorAt(node, inputs, 0), alignedOperand(node, inputs)), "bool")];
}

function predicate(compute: (x: Tensor, node: NodeView) => Tensor): Handler {
  return (node, inputs) => [asElem(compute(tensorAt(node, inputs, 0), node), "bool")];
}

function isInfinite(x: Tensor, node: NodeView): Tensor {
  const above = F.eq(x, Infinity);
  const below = F.eq(x, -Infinity);
  if (node.int("detect_positive", 1) === 0) {
    return node.int("detect_negative", 1) === 0 ? F.logicalAnd(above, below) : below;
  }
  return node.int("detect_negative", 1) === 0 ? above : F.logicalOr(above, below);
}

/** A choice of any type: bools are chosen among as integers. */
function runWhere(node: NodeView, inputs: Inputs): [Arg] {
  const a = needed(node, inputs, 1);
  return [asElem(F.where(tensorAt(node, inputs, 0), a.tensor, tensorAt(node, inputs, 2)), a.elem)];
}

/** Integers are combined bit by bit, in as many bits as their type has. */
function bitwise(combine: (...bits: readonly Tensor[]) => Tensor): Handler {
  return (node, inputs) => {
    const a = needed(node, inputs, 0);
    const bits = Math.min(32, 8 * (elementTypeOf(a.elem)?.bytes ?? 4));
    const operands = inputs.map((_, i) => bitsOf(tensorAt(node, inputs, i), bits));
    return [as(a, wrapped(fromBits(combine(...operands)), a.elem))];
  };
}

const differ = (a: Tensor, b: Tensor): Tensor => F.ne(a, b);

/** Comparisons, logic, choices and bits, element by element. */
export const logic: OperatorTable = {
  Equal: alignable(relation((a, b) => F.eq(a, b))),
  Less: alignable(relation((a, b) => F.lt(a, b))),
  LessOrEqual: [{ since: 12, attributes: [], run: relation((a, b) => F.le(a, b)) }],
  Greater: alignable(relation((a, b) => F.gt(a, b))),
  GreaterOrEqual: [{ since: 12, attributes: [], run: relation((a, b) => F.ge(a, b)) }],
  And: alignable(relation((a, b) => F.logicalAnd(a, b))),
  Or: alignable(relation((a, b) => F.logicalOr(a, b))),
  Xor: alignable(relation(differ)),
  Not: [{ since: 1, attributes: [], run: predicate((x) => F.logicalNot(x)) }],
  IsNaN: [{ since: 9, attributes: [], run: predicate((x) => F.isnan(x)) }],
  IsInf: [{ since: 10, attributes: ["detect_negative", "detect_positive"], run: predicate(isInfinite) }],
  Where: [{ since: 9, attributes: [], run: runWhere }],
  BitwiseAnd: [{ since: 18, attributes: [], run: bitwise((a, b) => F.logicalAnd(a!, b!)) }],
  BitwiseOr: [{ since: 18, attributes: [], run: bitwise((a, b) => F.logicalOr(a!, b!)) }],
  BitwiseXor: [{ since: 18, attributes: [], run: bitwise((a, b) => differ(a!, b!)) }],
  BitwiseNot: [{ since: 18, attributes: [], run: bitwise((x) => F.logicalNot(x!)) }],
};
