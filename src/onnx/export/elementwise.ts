import { addOp, affineOp, divOp, maximumOp, minimumOp, mulOp, negOp, subOp } from "../../ops/arithmetic.js";
import { eqOp, leOp, logicalAndOp, logicalNotOp, logicalOrOp, ltOp, neOp, whereOp } from "../../ops/compare.js";
import { castOp, contiguousOp } from "../../ops/copy.js";
import { maskedFillOp } from "../../ops/mask.js";
import type { Inputs, Op } from "../../ops/op.js";
import {
  cosOp,
  erfOp,
  expm1Op,
  expOp,
  log1pOp,
  logOp,
  powOp,
  powScalarOp,
  sigmoidOp,
  sinOp,
  tanhOp,
} from "../../ops/transcendental.js";
import {
  absOp,
  ceilOp,
  clampOp,
  floorOp,
  reciprocalOp,
  reluOp,
  roundOp,
  rsqrtOp,
  signOp,
  sqrtOp,
  squareOp,
} from "../../ops/unary.js";
import type { Tensor } from "../../tensor.js";
import type { DType } from "../../types.js";
import { type Rule, rule } from "../export_rule.js";
import { cast } from "../export_shapes.js";
import { codeOf, type Name, type Writer } from "../export_writer.js";

/** An op that ONNX has under a name of its own. */
function same<I extends Inputs, O extends readonly Tensor[]>(op: Op<I, O, void>, opType: string): Rule {
  return rule(op, (to, { x }) => to.op(opType, x));
}

/** Bounds as operands; none where it is infinite. */
export function clip(to: Writer, x: Name, min: number, max: number, dtype: DType = "float32"): Name {
  const bound = (v: number): Name | null => {
    if (!Number.isFinite(v)) return null;
    return to.scalar(dtype === "int32" ? Math.min(Math.max(v, -(2 ** 31)), 2 ** 31 - 1) : v, dtype);
  };
  return to.op("Clip", [x, bound(min), bound(max)]);
}

/** scale · x + shift. */
export function scaled(to: Writer, x: Name, scale: number, shift = 0): Name {
  const product = scale === 1 ? x : to.op("Mul", [x, to.scalar(scale)]);
  return shift === 0 ? product : to.op("Add", [product, to.scalar(shift)]);
}

const maskedFill = rule(maskedFillOp, (to, { x: [x = null, mask = null], attrs: { value }, out: { dtype } }) => {
  if (dtype !== "bool") return to.op("Where", [mask, to.scalar(value, dtype), x]);
  return value === 0 ? to.op("And", [x, to.op("Not", [mask])]) : to.op("Or", [x, mask]);
});

/** A factor or summand that divides by a size is computed from it. */
const affine = rule(
  affineOp,
  (to, { first, attrs: { scale, shift }, node: { symbolic = [] } }) => {
    const operand = (name: string, value: number): Name => {
      const found = symbolic.find(({ path }) => path[0] === name);
      if (found === undefined) return to.scalar(value);
      const size = cast(to, to.size(found.size), "float32");
      const one = to.op("Squeeze", [size, to.ints([0])]);
      return found.inverse ? to.op("Reciprocal", [one]) : one;
    };
    if (symbolic.length === 0) return scaled(to, first, scale, shift);
    return to.op("Add", [to.op("Mul", [first, operand("scale", scale)]), operand("shift", shift)]);
  },
  ["scale", "shift"],
);

export const elementwise: readonly Rule[] = [
  same(addOp, "Add"),
  same(subOp, "Sub"),
  same(mulOp, "Mul"),
  same(divOp, "Div"),
  same(minimumOp, "Min"),
  same(maximumOp, "Max"),
  same(negOp, "Neg"),
  same(eqOp, "Equal"),
  rule(neOp, (to, { x }) => to.op("Not", [to.op("Equal", x)])),
  same(ltOp, "Less"),
  same(leOp, "LessOrEqual"),
  same(logicalAndOp, "And"),
  same(logicalOrOp, "Or"),
  same(logicalNotOp, "Not"),
  same(whereOp, "Where"),
  same(expOp, "Exp"),
  rule(expm1Op, (to, { x }) => to.op("Sub", [to.op("Exp", x), to.scalar(1)])),
  same(logOp, "Log"),
  rule(log1pOp, (to, { first }) => to.op("Log", [scaled(to, first, 1, 1)])),
  same(sinOp, "Sin"),
  same(cosOp, "Cos"),
  same(tanhOp, "Tanh"),
  same(sigmoidOp, "Sigmoid"),
  same(erfOp, "Erf"),
  rule(powScalarOp, (to, { first, attrs: { exponent } }) => to.op("Pow", [first, to.scalar(exponent)])),
  same(powOp, "Pow"),
  same(absOp, "Abs"),
  same(signOp, "Sign"),
  same(floorOp, "Floor"),
  same(ceilOp, "Ceil"),
  same(roundOp, "Round"),
  same(sqrtOp, "Sqrt"),
  rule(rsqrtOp, (to, { x }) => to.op("Reciprocal", [to.op("Sqrt", x)])),
  same(reciprocalOp, "Reciprocal"),
  rule(squareOp, (to, { first }) => to.op("Mul", [first, first])),
  same(reluOp, "Relu"),
  rule(clampOp, (to, { first, attrs: { min, max }, out }) => clip(to, first, min, max, out.dtype)),
  maskedFill,
  affine,
  // Views and copies differ in memory only.
  rule(contiguousOp, (_, { first }) => first),
  rule(castOp, (to, { first, attrs: { dtype } }) => to.op("Cast", [first], { to: codeOf(dtype) })),
];
