import type { Dim } from "../../graph/graph.js";
import { cumprodOp } from "../../ops/cumulative.js";
import { amaxOp, aminOp, argmaxOp, argminOp, maxOp, minOp } from "../../ops/extrema.js";
import { allOp, anyOp, cumsumOp, prodOp, type ReduceAttrs, sumOp } from "../../ops/reduce.js";
import { logsumexpOp, type NormAttrs, normOp, stdOp, type VarAttrs, varOp } from "../../ops/statistics.js";
import { type Rule, rule, type Site } from "../export_rule.js";
import { cast, padded, reduce, reshape, unsqueeze } from "../export_shapes.js";
import { addSizes, fixedSizes, productOf } from "../export_sizes.js";
import type { Name, Writer } from "../export_writer.js";

function reducing(opType: string) {
  return (to: Writer, { first, attrs: { dims, keepdim } }: Site<ReduceAttrs>): Name =>
    reduce(to, opType, first, dims, keepdim);
}

/** Whether some element is true; ONNX reduces no bool, and has no maximum of nothing. */
function some(to: Writer, x: Name, { dims, keepdim }: ReduceAttrs): Name {
  return cast(to, reduce(to, "ReduceSum", cast(to, x, "int32"), dims, keepdim), "bool");
}

/** The place of an extremum in one dimension, or in all of them one after the other. */
function position(opType: string) {
  return (to: Writer, { first, attrs: { dims, keepdim }, value, out }: Site<ReduceAttrs>): Name => {
    const keepdims = keepdim ? 1 : 0;
    if (dims.length === 1) return to.narrow(to.op(opType, [first], { axis: dims[0]!, keepdims }));
    const flat = dims.length === 0 && value(0).shape.length > 0 ? unsqueeze(to, first, [-1]) : reshape(to, first, [-1]);
    const axis = dims.length === 0 ? value(0).shape.length : 0;
    return to.narrow(reshape(to, to.op(opType, [flat], { axis, keepdims: 0 }), out.dims, value(0).dims));
  };
}

function indexed(reduction: string, arg: string) {
  return (to: Writer, { first, attrs: { dim, keepdim }, value }: Site<{ dim: number; keepdim: boolean }>): Name[] => {
    if (value(0).shape.length === 0) {
      return [first, to.narrow(reshape(to, to.op(arg, [reshape(to, first, [1])], { axis: 0 }), []))];
    }
    const index = to.op(arg, [first], { axis: dim, keepdims: keepdim ? 1 : 0 });
    return [reduce(to, reduction, first, [dim], keepdim), to.narrow(index)];
  };
}

/** A size, or a product of some, as float32 without dimensions. */
function sizeAsFloat(to: Writer, dims: readonly Dim[], less = 0): Name {
  const product = productOf(dims);
  if (typeof product === "number") return to.scalar(Math.max(0, product - less));
  const size =
    product === null ? to.op("ReduceProd", [to.sizes(dims)], { keepdims: 1 }) : to.size(addSizes(product, -less));
  const one = to.op("Squeeze", [cast(to, size, "float32"), to.ints([0])]);
  return product === null && less !== 0 ? to.op("Sub", [one, to.scalar(less)]) : one;
}

function variance(to: Writer, { first, attrs: { dims, keepdim, correction }, value }: Site<VarAttrs>): Name {
  const rest = to.op("Sub", [first, reduce(to, "ReduceMean", first, dims, true)]);
  const sum = reduce(to, "ReduceSum", to.op("Mul", [rest, rest]), dims, keepdim);
  return to.op("Div", [
    sum,
    sizeAsFloat(
      to,
      dims.map((d) => value(0).dims[d]!),
      correction,
    ),
  ]);
}

function norm(to: Writer, { first, attrs: { dims, keepdim, p } }: Site<NormAttrs>): Name {
  if (p === 1) return reduce(to, "ReduceL1", first, dims, keepdim);
  if (p === 2) return reduce(to, "ReduceL2", first, dims, keepdim);
  const size = to.op("Abs", [first]);
  if (!Number.isFinite(p)) return reduce(to, p > 0 ? "ReduceMax" : "ReduceMin", size, dims, keepdim);
  const sum = reduce(to, "ReduceSum", to.op("Pow", [size, to.scalar(p)]), dims, keepdim);
  return to.op("Pow", [sum, to.scalar(1 / p)]);
}

function cumsum(to: Writer, { first, attrs: { dim, reverse }, out }: Site<{ dim: number; reverse: boolean }>): Name {
  if (out.shape.length === 0) return first;
  return to.op("CumSum", [first, to.literal("int64", [], [dim])], { reverse: reverse ? 1 : 0 });
}

/** Each step doubles how many factors an element has: itself and those so far in front of it. */
function cumprod(to: Writer, { first, attrs: { dim }, value }: Site<{ dim: number }>): Name {
  const n = fixedSizes("the dimension", [value(0).dims[dim] ?? 1])[0]!;
  let y = first;
  for (let shift = 1; shift < n; shift *= 2) {
    const pads = value(0).shape.map((_, d) => (d === dim ? ([shift, -shift] as const) : ([0, 0] as const)));
    y = to.op("Mul", [y, padded(to, y, pads, 1)]);
  }
  return y;
}

export const reductions: readonly Rule[] = [
  rule(sumOp, reducing("ReduceSum")),
  rule(prodOp, reducing("ReduceProd")),
  rule(amaxOp, reducing("ReduceMax")),
  rule(aminOp, reducing("ReduceMin")),
  rule(logsumexpOp, reducing("ReduceLogSumExp")),
  rule(allOp, (to, { first, attrs }) => to.op("Not", [some(to, to.op("Not", [first]), attrs)])),
  rule(anyOp, (to, { first, attrs }) => some(to, first, attrs)),
  rule(argmaxOp, position("ArgMax")),
  rule(argminOp, position("ArgMin")),
  rule(maxOp, indexed("ReduceMax", "ArgMax")),
  rule(minOp, indexed("ReduceMin", "ArgMin")),
  rule(varOp, variance),
  rule(stdOp, (to, site) => to.op("Sqrt", [variance(to, site)])),
  rule(normOp, norm),
  rule(cumsumOp, cumsum),
  rule(cumprodOp, cumprod),
];
