import * as F from "../../functional/index.js";
import { cast } from "../../ops/copy.js";
import type { Tensor } from "../../tensor.js";
import { alignable, alignedOperand, as, fixedNumber, type Inputs, needed, tensorAt } from "../arguments.js";
import { dtypeOf, elementTypeOf, isReal } from "../elements.js";
import type { Arg, Handler, NodeView, OperatorTable } from "../handler.js";
import { modulo, remainder, truncated, wrapped } from "../integers.js";

/** Two operands that broadcast; integers wrap around in their type. */
function binary(compute: (a: Tensor, b: Tensor, arg: Arg, node: NodeView) => Tensor): Handler {
  return (node, inputs) => {
    const a = needed(node, inputs, 0);
    return [as(a, wrapped(compute(a.tensor, alignedOperand(node, inputs), a, node), a.elem))];
  };
}

/** Any number of operands. */
function variadic(combine: (a: Tensor, b: Tensor) => Tensor): Handler {
  return (node, inputs) => {
    const first = needed(node, inputs, 0);
    return [
      as(
        first,
        inputs.slice(1).reduce((y, _, i) => combine(y, tensorAt(node, inputs, i + 1)), first.tensor),
      ),
    ];
  };
}

function runMean(node: NodeView, inputs: Inputs): [Arg] {
  const first = needed(node, inputs, 0);
  const sum = inputs.reduce<Tensor | null>((y, _, i) => {
    const x = tensorAt(node, inputs, i);
    return y === null ? x : F.add(y, x);
  }, null);
  return [as(first, F.mul(sum!, 1 / inputs.length))];
}

function quotient(a: Tensor, b: Tensor, { elem }: Arg): Tensor {
  return isReal(elem) ? F.div(a, b) : truncated(a, b);
}

/** fmod keeps the sign of the dividend, as C has it; otherwise it is the divisor's, as in Python. */
function rest(a: Tensor, b: Tensor, { elem }: Arg, node: NodeView): Tensor {
  const asInC = node.int("fmod", 0) === 1;
  if (!isReal(elem)) return asInC ? remainder(a, b) : modulo(a, b);
  return F.sub(a, F.mul(b, F.div(a, b, { roundingMode: asInC ? "trunc" : "floor" })));
}

/** The result has the base's type: powers of integers are computed in float32 and rounded where both are integers. */
function power(a: Tensor, b: Tensor, { elem }: Arg): Tensor {
  if (isReal(elem)) {
    const exponent = b.ndim > a.ndim ? null : fixedNumber(b);
    return F.pow(a, exponent ?? cast(b, "float32"));
  }
  const y = F.pow(cast(a, "float32"), cast(b, "float32"));
  return cast(b.dtype === "float32" ? y : F.round(y), "int32");
}

/** One operand, of floats alone. */
function real(compute: (x: Tensor) => Tensor): Handler {
  return (node, inputs) => {
    const x = needed(node, inputs, 0);
    if (!isReal(x.elem)) throw node.fail(`input is ${x.elem}; expected floats`);
    return [as(x, compute(x.tensor))];
  };
}

/** One operand of any number type. */
function unary(compute: (x: Tensor) => Tensor): Handler {
  return (node, inputs) => {
    const x = needed(node, inputs, 0);
    return [as(x, wrapped(compute(x.tensor), x.elem))];
  };
}

function runClip(node: NodeView, inputs: Inputs): [Arg] {
  const x = needed(node, inputs, 0);
  const bound = (place: number, name: string): Tensor | number | null =>
    inputs[place]?.tensor ?? (node.has(name) ? node.float(name) : null);
  const min = bound(1, "min");
  const max = bound(2, "max");
  if (min === null && max === null) return [x];
  // Two plain numbers take one pass.
  const [low, high] = [min, max].map((b) => (b === null || typeof b === "number" ? b : (fixedNumber(b) ?? b)));
  const limits = { ...(low === null ? {} : { min: low! }), ...(high === null ? {} : { max: high! }) };
  return [as(x, cast(F.clamp(x.tensor, limits), dtypeOf(x.elem)))];
}

/** Numbers of a bit pattern as wide as the type is shifted; only unsigned types are. */
function runShift(node: NodeView, inputs: Inputs): [Arg] {
  const x = needed(node, inputs, 0);
  const bits = 8 * (elementTypeOf(x.elem)?.bytes ?? 4);
  const by = tensorAt(node, inputs, 1);
  const left = node.string("direction") === "LEFT";
  const factor = cast(F.round(F.pow(2, cast(F.clamp(by, { min: 0, max: 30 }), "float32"))), "int32");
  const shifted = left ? F.mul(x.tensor, factor) : truncated(x.tensor, factor);
  return [as(x, wrapped(F.where(F.lt(by, Math.min(bits, 31)), shifted, 0), x.elem))];
}

const plain = (run: Handler): OperatorTable[string] => [{ since: 6, attributes: [], run }];

/** Arithmetic, element by element. */
export const arithmetic: OperatorTable = {
  Add: alignable(binary((a, b) => F.add(a, b))),
  Sub: alignable(binary((a, b) => F.sub(a, b))),
  Mul: alignable(binary((a, b) => F.mul(a, b))),
  Div: alignable(binary(quotient)),
  Mod: [{ since: 10, attributes: ["fmod"], run: binary(rest) }],
  Pow: alignable(binary(power)),
  BitShift: [{ since: 11, attributes: ["direction"], run: runShift }],
  Max: plain(variadic((a, b) => F.maximum(a, b))),
  Min: plain(variadic((a, b) => F.minimum(a, b))),
  Sum: plain(variadic((a, b) => F.add(a, b))),
  Mean: plain(runMean),
  Abs: plain(unary(F.abs)),
  Neg: plain(unary(F.neg)),
  Sign: plain(unary(F.sign)),
  Floor: plain(unary(F.floor)),
  Ceil: plain(unary(F.ceil)),
  Round: plain(unary(F.round)),
  Sqrt: plain(real(F.sqrt)),
  Reciprocal: plain(real(F.reciprocal)),
  Exp: plain(real(F.exp)),
  Log: plain(real(F.log)),
  Erf: plain(real(F.erf)),
  Clip: [
    { since: 6, attributes: ["min", "max"], run: runClip },
    { since: 11, attributes: [], run: runClip },
  ],
};
