import { type BatchNormAttrs, batchNormEvalOp, batchNormOp } from "../../ops/norm_batch.js";
import { type GroupNormAttrs, groupNormOp, type LayerNormAttrs, layerNormOp } from "../../ops/norm_group.js";
import { type LocalResponseNormAttrs, localResponseNormOp } from "../../ops/norm_local_response.js";
import { type RmsNormAttrs, rmsNormOp } from "../../ops/norm_rms.js";
import type { Shape } from "../../types.js";
import { type Rule, rule, type Site } from "../export_rule.js";
import { reduce, reshape } from "../export_shapes.js";
import { fixedSizes, productOf } from "../export_sizes.js";
import type { Name, Writer } from "../export_writer.js";
import { scaled } from "./elementwise.js";

type Maybe = Name | null;

function uniform(to: Writer, value: number, shape: Shape): Name {
  const count = shape.reduce((p, n) => p * n, 1);
  return to.literal("float32", shape, new Array<number>(count).fill(value));
}

/** y · weight + bias, with a value for each channel of [N, C, …]. */
function perChannel(to: Writer, y: Name, weight: Maybe, bias: Maybe, rank: number): Name {
  const behind = new Array<number>(rank - 2).fill(1);
  const aligned = (t: Name): Name => (rank === 2 ? t : reshape(to, t, [-1, ...behind]));
  const product = weight === null ? y : to.op("Mul", [y, aligned(weight)]);
  return bias === null ? product : to.op("Add", [product, aligned(bias)]);
}

function batchNormEval(to: Writer, { x, attrs, value }: Site<BatchNormAttrs>): Name {
  const [input = null, weight = null, bias = null, mean = null, variance = null] = x;
  const channels = fixedSizes("the input", value(0).dims.slice(1, 2));
  const scale = weight ?? uniform(to, 1, channels);
  const shift = bias ?? uniform(to, 0, channels);
  const epsilon = { float: attrs.eps };
  const y = to.op("BatchNormalization", [input, scale, shift, mean, variance], { epsilon });
  return attrs.activation === "relu" ? to.op("Relu", [y]) : y;
}

/** With the statistics of the batch itself, as a norm without running ones has them in evaluation too. */
function batchNorm(
  to: Writer,
  { x: [x = null, weight = null, bias = null], attrs, value }: Site<BatchNormAttrs>,
): Name[] {
  const rank = value(0).shape.length;
  const axes = value(0).shape.flatMap((_, d) => (d === 1 ? [] : [d]));
  const mean = reduce(to, "ReduceMean", x!, axes, true);
  const rest = to.op("Sub", [x, mean]);
  const variance = reduce(to, "ReduceMean", to.op("Mul", [rest, rest]), axes, true);
  const y = to.op("Div", [rest, to.op("Sqrt", [scaled(to, variance, 1, attrs.eps)])]);
  const shifted = perChannel(to, y, weight, bias, rank);
  const statistics = [mean, variance].map((t) => reshape(to, t, [-1]));
  return [attrs.activation === "relu" ? to.op("Relu", [shifted]) : shifted, ...statistics];
}

function groupNorm(
  to: Writer,
  { x: [x = null, weight = null, bias = null], attrs, value }: Site<GroupNormAttrs>,
): Name {
  const { groups, eps } = attrs;
  const { shape, dims } = value(0);
  const [channels] = fixedSizes("the input", dims.slice(1, 2)) as [number];
  // Of nothing, runtimes divide by zero.
  if (shape.includes(0)) return x!;
  const epsilon = { float: eps };
  const [one, zero] = [(n: number): Name => uniform(to, 1, [n]), (n: number): Name => uniform(to, 0, [n])];
  if (groups === channels && shape.length > 2) {
    return to.op("InstanceNormalization", [x, weight ?? one(channels), bias ?? zero(channels)], { epsilon });
  }
  if (to.opset >= 21) {
    const operands = [x, weight ?? one(channels), bias ?? zero(channels)];
    return to.op("GroupNormalization", operands, { epsilon, num_groups: groups });
  }
  const rows = reshape(to, x!, [dims[0]!, groups, productOf([channels / groups, ...dims.slice(2)])], dims);
  const y = to.op("InstanceNormalization", [rows, one(groups), zero(groups)], { epsilon });
  const back = to.op("Reshape", [y, to.op("Shape", [x])]);
  return perChannel(to, back, weight, bias, shape.length);
}

function layerNorm(
  to: Writer,
  { x: [x = null, weight = null, bias = null], attrs, value }: Site<LayerNormAttrs>,
): Name {
  if (value(0).shape.includes(0)) return x!;
  const { normalizedShape, eps } = attrs;
  const scale = weight ?? uniform(to, 1, normalizedShape);
  const attributes = { axis: -normalizedShape.length, epsilon: { float: eps } };
  return to.op("LayerNormalization", [x, scale, bias], attributes);
}

function rmsNorm(to: Writer, { x: [x = null, weight = null], attrs, value }: Site<RmsNormAttrs>): Name {
  const { normalizedShape, eps, epsOutside } = attrs;
  const rank = value(0).shape.length;
  const axes = normalizedShape.map((_, d) => rank - normalizedShape.length + d);
  const square = reduce(to, "ReduceMean", to.op("Mul", [x, x]), axes, true);
  const root = epsOutside ? scaled(to, to.op("Sqrt", [square]), 1, eps) : to.op("Sqrt", [scaled(to, square, 1, eps)]);
  const y = to.op("Div", [x, root]);
  return weight === null ? y : to.op("Mul", [y, weight]);
}

/** The window over the channels is a pooling of [N, 1, C, S]; LRN's own differs where its size is even, and wants images. */
function localResponseNorm(to: Writer, { first, attrs, value }: Site<LocalResponseNormAttrs>): Name {
  const { size, alpha, beta, k } = attrs;
  const { shape, dims } = value(0);
  if (size % 2 === 1 && shape.length === 4) {
    return to.op("LRN", [first], { size, alpha: { float: alpha }, beta: { float: beta }, bias: { float: k } });
  }
  const flat = reshape(to, to.op("Mul", [first, first]), [dims[0]!, 1, dims[1]!, -1], dims);
  const pads = [Math.floor(size / 2), 0, Math.floor((size - 1) / 2), 0];
  const mean = to.op("AveragePool", [flat], { kernel_shape: [size, 1], strides: [1, 1], pads, count_include_pad: 1 });
  const square = to.op("Reshape", [mean, to.op("Shape", [first])]);
  return to.op("Div", [first, to.op("Pow", [scaled(to, square, alpha, k), to.scalar(beta)])]);
}

export const norms: readonly Rule[] = [
  rule(batchNormEvalOp, batchNormEval),
  rule(batchNormOp, batchNorm),
  rule(groupNormOp, groupNorm),
  rule(layerNormOp, layerNorm),
  rule(rmsNormOp, rmsNorm),
  rule(localResponseNormOp, localResponseNorm),
];
