import { type ConvActivation, type ConvAttrs, convOp } from "../../ops/conv.js";
import { convTransposeOp } from "../../ops/conv_transpose.js";
import { detOp } from "../../ops/linalg.js";
import { type LinearAttrs, linearOp, matmulOp } from "../../ops/matmul.js";
import { foldOp, type UnfoldAttrs, unfoldOp } from "../../ops/unfold.js";
import type { Attributes } from "../export_proto.js";
import { type Rule, rule, type Site } from "../export_rule.js";
import { batched, padded, reshape, swapLast, transpose } from "../export_shapes.js";
import { fixedSizes } from "../export_sizes.js";
import type { Name, Writer } from "../export_writer.js";
import { clip } from "./elementwise.js";

function linear(to: Writer, { x: [x = null, w = null, b = null], attrs, value }: Site<LinearAttrs>): Name {
  let y: Name;
  if (value(0).shape.length === 2) y = to.op("Gemm", [x, w, b], { transB: 1 });
  else {
    const product = to.op("MatMul", [x, swapLast(to, w!, 2)]);
    y = b === null ? product : to.op("Add", [product, b]);
  }
  return attrs.activation === "relu" ? to.op("Relu", [y]) : y;
}

/** The windows of a convolution as attributes; `behind` is what is padded at the end. */
function windowAttributes({ stride, padding, dilation, groups }: ConvAttrs, behind: readonly number[]): Attributes {
  return { strides: stride, dilations: dilation, group: groups, pads: [...padding.map((p) => p[0]), ...behind] };
}

function conv(
  to: Writer,
  {
    x: [x = null, w = null, b = null, residual = null],
    attrs,
    value,
  }: Site<{ window: ConvAttrs; activation: ConvActivation }>,
): Name {
  const { window, activation } = attrs;
  const attributes = windowAttributes(
    window,
    window.padding.map((p) => p[1]),
  );
  const full = window.stride.length + 2;
  const y = batched(to, x!, value(0).shape.length, full, (batch) => to.op("Conv", [batch, w, b], attributes));
  const sum = residual === null ? y : to.op("Add", [y, residual]);
  if (activation === "none") return sum;
  return activation === "relu" ? to.op("Relu", [sum]) : clip(to, sum, 0, 6);
}

/** Where less is cut off behind than in front, ONNX calls it padding of the output. */
function transposedAttributes(window: ConvAttrs): Attributes {
  const { padding } = window;
  const even = windowAttributes(
    window,
    padding.map((p) => Math.max(p[0], p[1])),
  );
  return { ...even, output_padding: padding.map((p) => Math.max(0, p[0] - p[1])) };
}

/** Padding of the output beyond the stride is no attribute: the whole product is cut, or continued with zeros, before the bias. */
function convTranspose(to: Writer, { x: [x = null, w = null, b = null], attrs, value }: Site<ConvAttrs>): Name {
  const { padding, stride } = attrs;
  const full = stride.length + 2;
  const rank = value(0).shape.length;
  if (padding.every(([before, after], d) => before - after < stride[d]!)) {
    return batched(to, x!, rank, full, (batch) => to.op("ConvTranspose", [batch, w, b], transposedAttributes(attrs)));
  }
  const whole = { ...attrs, padding: padding.map(() => [0, 0] as const) };
  return batched(to, x!, rank, full, (batch) => {
    const y = to.op("ConvTranspose", [batch, w], transposedAttributes(whole));
    const cut = padded(to, y, [[0, 0], [0, 0], ...padding.map(([before, after]) => [-before, -after] as const)], 0);
    const behind = stride.map(() => 1);
    return b === null ? cut : to.op("Add", [cut, reshape(to, b, [-1, ...behind])]);
  });
}

/** Kernels [C·K, 1, K…] of which each copies one element of its window. */
function pickers(to: Writer, channels: number, kernel: readonly number[]): Name {
  const taps = kernel.reduce((p, n) => p * n, 1);
  const one = Array.from({ length: taps * taps }, (_, i) => (i % (taps + 1) === 0 ? 1 : 0));
  const all = Array.from({ length: channels }, () => one).flat();
  return to.literal("float32", [channels * taps, 1, ...kernel], all);
}

/** How many windows an image has in each dimension. */
function countsOf({ kernel, stride, padding, dilation, size }: UnfoldAttrs): number[] {
  return kernel.map((k, d) => {
    const reach = dilation[d]! * (k - 1) + 1;
    return Math.floor((size[d]! + padding[d]![0] + padding[d]![1] - reach) / stride[d]!) + 1;
  });
}

/** Rows and then columns of the windows are picked out of the padded image: [.., K, Q, K, Q]. */
function unfold(to: Writer, { first, attrs, value, out }: Site<UnfoldAttrs>): Name {
  const { kernel, stride, padding, dilation } = attrs;
  const { dims } = value(0);
  const lead = dims.length - 2;
  const counts = countsOf(attrs);
  const pads = [...dims.slice(0, lead).map(() => [0, 0] as const), ...padding];
  const picked = kernel.reduce<Name>(
    (x, k, d) => {
      const count = counts[d]!;
      const places = Array.from(
        { length: k * count },
        (_, i) => Math.floor(i / count) * dilation[d]! + (i % count) * stride[d]!,
      );
      return to.op("Gather", [x, to.literal("int64", [k, count], places)], { axis: lead + 2 * d });
    },
    padded(to, first, pads, 0),
  );
  const order = [...dims.slice(0, lead).keys(), lead, lead + 2, lead + 1, lead + 3];
  return reshape(to, transpose(to, picked, order), out.dims, dims);
}

function fold(to: Writer, { first, attrs, value, out }: Site<UnfoldAttrs>): Name {
  const { kernel, stride, padding, dilation, size } = attrs;
  const [channels] = fixedSizes("the image", out.dims.slice(-3, -2)) as [number];
  const rows = fixedSizes("the input", value(0).dims.slice(-2, -1));
  const counts = countsOf(attrs);
  // What the windows leave over at the end of the image.
  const exact = counts.map((n, d) => (n - 1) * stride[d]! + dilation[d]! * (kernel[d]! - 1) + 1 - padding[d]![0]);
  const ends = size.map((n, d) => exact[d]! - n);
  const window = { ...attrs, groups: channels, padding: padding.map((p, d) => [p[0], ends[d]!] as const) };
  const attributes = {
    ...windowAttributes(
      window,
      ends.map((n) => Math.max(n, 0)),
    ),
    output_padding: ends.map((n) => Math.max(-n, 0)),
  };
  const lead = value(0).dims.slice(0, -2);
  const columns = reshape(to, first, [...lead, ...rows, ...counts], value(0).dims);
  return batched(to, columns, value(0).shape.length, 3, (x) =>
    to.op("ConvTranspose", [x, pickers(to, channels, kernel)], attributes),
  );
}

export const products: readonly Rule[] = [
  rule(linearOp, linear),
  rule(matmulOp, (to, { x }) => to.op("MatMul", x)),
  rule(convOp, conv),
  rule(convTransposeOp, convTranspose),
  rule(unfoldOp, unfold),
  rule(foldOp, fold),
  rule(detOp, (to, { x }) => to.op("Det", x)),
];
