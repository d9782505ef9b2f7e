import * as F from "../../functional/index.js";
import { add, affine, div, mul, sub } from "../../ops/arithmetic.js";
import { cast, narrow, reshape } from "../../ops/copy.js";
import { matmul } from "../../ops/matmul.js";
import { repeatEach } from "../../ops/rearrange.js";
import type { Tensor } from "../../tensor.js";
import { asElem, axisOf, elemAttribute, type Inputs, maybeAt, needed, tensorAt } from "../arguments.js";
import { elementTypeOf } from "../elements.js";
import type { Arg, Elem, NodeView, OperatorTable } from "../handler.js";
import { convolved } from "./conv.js";

// Integers that stand for reals: real = (integer − zero point) · scale. Products are computed in float32: exact up to sums of 2²⁴, beyond
// that rounded like any float32.

/** A parameter of quantisation so that it broadcasts against x: one for all, one for each index of an axis, or one for each block of it. */
function spread(node: NodeView, t: Tensor, x: Tensor, axis: number, block: number): Tensor {
  const floats = cast(t, "float32");
  if (t.numel === 1) return reshape(floats, []);
  const at = axisOf(node, axis, x.ndim);
  if (block > 0) return narrow(repeatEach(floats, block, at), at, 0, x.size(at));
  if (t.ndim !== 1 || t.numel !== x.shape[at]) {
    throw node.fail(
      `scale or zero point is [${t.shape.join(", ")}]; expected one or [${x.shape[at]}], as axis ${axis}`,
    );
  }
  return reshape(
    floats,
    x.shape.map((n, d) => (d === at ? n : 1)),
  );
}

interface Along {
  readonly axis: number;
  readonly block: number;
}

function alongOf(node: NodeView): Along {
  return { axis: node.int("axis", 1), block: node.int("block_size", 0) };
}

/** The reals that x stands for. */
function dequantized(node: NodeView, x: Tensor, scale: Tensor, zero: Tensor | null, { axis, block }: Along): Tensor {
  const reals = cast(x, "float32");
  const centred = zero === null ? reals : sub(reals, spread(node, zero, x, axis, block));
  return mul(centred, spread(node, scale, x, axis, block));
}

/** The integers nearest to x / scale + zero point, ties to even, within the range of the type. */
function quantized(
  node: NodeView,
  x: Tensor,
  scale: Tensor,
  zero: Tensor | null,
  elem: Elem,
  { axis, block }: Along,
): Arg {
  const type = elementTypeOf(elem);
  if (type?.dtype !== "int32") throw node.fail(`quantisation to ${elem}; expected an integer type`);
  const steps = F.round(div(x, spread(node, scale, x, axis, block)));
  const shifted = zero === null ? steps : add(steps, spread(node, zero, x, axis, block));
  return asElem(F.clamp(shifted, { min: type.min, max: type.max }), elem);
}

export function runDequantize(node: NodeView, inputs: Inputs): [Arg] {
  const scale = needed(node, inputs, 1);
  const reals = dequantized(node, tensorAt(node, inputs, 0), scale.tensor, maybeAt(inputs, 2), alongOf(node));
  return [asElem(reals, elemAttribute(node, "output_dtype", scale.elem))];
}

export function runQuantize(node: NodeView, inputs: Inputs): [Arg] {
  const zero = inputs[2] ?? null;
  const elem = zero?.elem ?? elemAttribute(node, "output_dtype", "uint8");
  const x = cast(tensorAt(node, inputs, 0), "float32");
  return [quantized(node, x, tensorAt(node, inputs, 1), zero?.tensor ?? null, elem, alongOf(node))];
}

/** A scale and a zero point for uint8 from the range of x, which always holds 0. */
function runDynamicQuantize(node: NodeView, inputs: Inputs): Arg[] {
  const x = tensorAt(node, inputs, 0);
  const low = F.clamp(F.amin(x), { max: 0 });
  const high = F.clamp(F.amax(x), { min: 0 });
  const scale = affine(sub(high, low), 1 / 255, 0);
  const zero = F.round(F.clamp(div(F.neg(low), scale), { min: 0, max: 255 }));
  const all = { axis: 0, block: 0 };
  return [quantized(node, x, scale, zero, "uint8", all), { tensor: scale, elem: "float32" }, asElem(zero, "uint8")];
}

/** x less its zero point, which may be one for each index of an axis. */
function centred(node: NodeView, x: Tensor, zero: Tensor | null, axis: number): Tensor {
  const reals = cast(x, "float32");
  return zero === null ? reals : sub(reals, spread(node, zero, x, axis, 0));
}

function runConvInteger(node: NodeView, inputs: Inputs): [Arg] {
  const x = centred(node, tensorAt(node, inputs, 0), maybeAt(inputs, 2), 1);
  const weight = centred(node, tensorAt(node, inputs, 1), maybeAt(inputs, 3), 0);
  return [asElem(F.round(convolved(node, x, weight, null)), "int32")];
}

function runMatMulInteger(node: NodeView, inputs: Inputs): [Arg] {
  const a = centred(node, tensorAt(node, inputs, 0), maybeAt(inputs, 2), -2);
  const b = centred(node, tensorAt(node, inputs, 1), maybeAt(inputs, 3), -1);
  return [asElem(F.round(matmul(a, b)), "int32")];
}

/** Two quantised operands as reals, and how the result is quantised: inputs value, scale and zero point of each. */
function quantizedPair(
  node: NodeView,
  inputs: Inputs,
  axes: readonly [number, number],
): { operands: [Tensor, Tensor]; finish: (y: Tensor) => [Arg] } {
  const operands = axes.map((axis, i) => {
    const [value, scale, zero] = [0, 1, 2].map((k) => tensorAt(node, inputs, 3 * i + k)) as [Tensor, Tensor, Tensor];
    return dequantized(node, value, scale, zero, { axis, block: 0 });
  }) as [Tensor, Tensor];
  const zero = needed(node, inputs, 7);
  const finish = (y: Tensor): [Arg] => [
    quantized(node, y, tensorAt(node, inputs, 6), zero.tensor, zero.elem, { axis: -1, block: 0 }),
  ];
  return { operands, finish };
}

function runQLinearMatMul(node: NodeView, inputs: Inputs): [Arg] {
  const { operands, finish } = quantizedPair(node, inputs, [-2, -1]);
  return finish(matmul(...operands));
}

/** The bias is quantised with the product of the scales of input and weight. */
function runQLinearConv(node: NodeView, inputs: Inputs): [Arg] {
  const { operands, finish } = quantizedPair(node, inputs, [1, 0]);
  const bias = maybeAt(inputs, 8);
  const scale = bias && mul(reshape(tensorAt(node, inputs, 1), []), reshape(tensorAt(node, inputs, 4), [-1]));
  return finish(convolved(node, ...operands, bias && mul(cast(bias, "float32"), scale!)));
}

const CONV = ["auto_pad", "dilations", "group", "kernel_shape", "pads", "strides"];

/** Quantisation. */
export const quantization: OperatorTable = {
  DequantizeLinear: [
    { since: 10, attributes: [], run: runDequantize },
    { since: 13, attributes: ["axis"], run: runDequantize },
    { since: 21, attributes: ["axis", "block_size"], run: runDequantize },
    { since: 23, attributes: ["axis", "block_size", "output_dtype"], run: runDequantize },
  ],
  QuantizeLinear: [
    { since: 10, attributes: [], run: runQuantize },
    { since: 13, attributes: ["axis"], run: runQuantize },
    { since: 19, attributes: ["axis", "saturate"], run: runQuantize },
    { since: 21, attributes: ["axis", "block_size", "output_dtype", "saturate"], run: runQuantize },
  ],
  DynamicQuantizeLinear: [{ since: 11, attributes: [], run: runDynamicQuantize }],
  ConvInteger: [{ since: 10, attributes: CONV, run: runConvInteger }],
  MatMulInteger: [{ since: 10, attributes: [], run: runMatMulInteger }],
  QLinearConv: [{ since: 10, attributes: CONV, run: runQLinearConv }],
  QLinearMatMul: [{ since: 10, attributes: [], run: runQLinearMatMul }],
};
