import { makeTensor } from "../../creation.js";
import { conv } from "../../ops/conv.js";
import { convTranspose } from "../../ops/conv_transpose.js";
import { reshape } from "../../ops/copy.js";
import { numel } from "../../shape.js";
import { adopt, type Tensor } from "../../tensor.js";
import type { Shape } from "../../types.js";
import { as, type Inputs, maybeAt, needed, numbersAt, tensorAt, wordOf } from "../arguments.js";
import type { Arg, NodeView, OperatorTable } from "../handler.js";
import { AUTO_PADS, halves, listOf, type Side, sidesOf, WINDOW_ATTRIBUTES, windowOf } from "../window.js";

/** Convolution of x [N, C, …] with weight [O, C/G, …], its geometry from the node's attributes. */
export function convolved(node: NodeView, x: Tensor, weight: Tensor, bias: Tensor | null): Tensor {
  const { stride, dilation, padding } = windowOf(node, x.shape, weight.shape.slice(2));
  return conv(x, weight, bias, { stride, dilation, padding, groups: node.int("group", 1) });
}

function runConv(node: NodeView, inputs: Inputs): [Arg] {
  const x = needed(node, inputs, 0);
  return [as(x, convolved(node, x.tensor, tensorAt(node, inputs, 1), maybeAt(inputs, 2)))];
}

function runConvTranspose(node: NodeView, inputs: Inputs): [Arg] {
  const x = needed(node, inputs, 0);
  const weight = tensorAt(node, inputs, 1);
  const kernel = weight.shape.slice(2);
  const { stride, dilation } = windowOf(node, x.tensor.shape, kernel);
  const padding = transposedPadding(node, x.tensor.shape, kernel, stride, dilation);
  const attrs = { stride, dilation, padding, groups: node.int("group", 1) };
  return [as(x, convTranspose(x.tensor, weight, maybeAt(inputs, 2), attrs))];
}

/** What is cut off on each side; the output padding is that much less behind, and what nothing reaches counts as output padding. */
function transposedPadding(
  node: NodeView,
  input: Shape,
  kernel: Shape,
  stride: readonly number[],
  dilation: readonly number[],
): Side[] {
  const rank = kernel.length;
  const extra = listOf(node, "output_padding", rank, 0, 0);
  const auto = wordOf(node, "auto_pad", "NOTSET", AUTO_PADS);
  const given = node.ints("output_shape", []).slice(-rank);
  const same = auto === "SAME_UPPER" || auto === "SAME_LOWER";
  if (given.length === 0 && !same) {
    const sides = auto === "VALID" ? kernel.map((): Side => [0, 0]) : sidesOf(node, rank);
    return sides.map(([before, after], d) => [before, after - extra[d]!]);
  }
  return kernel.map((k, d) => {
    const n = input[d + 2]!;
    const full = (n - 1) * stride[d]! + dilation[d]! * (k - 1) + 1;
    const total = full + extra[d]! - (given[d] ?? n * stride[d]!);
    const [before] = halves(Math.max(0, total), auto === "SAME_UPPER");
    return [before, total - before - extra[d]!];
  });
}

/**
 * Adds the columns [N, C·ΠK, L] up to an image [N, C, …]: a transposed convolution in which row k of a channel's windows goes to tap k of the
 * kernel.
 */
function runCol2Im(node: NodeView, inputs: Inputs): [Arg] {
  const x = needed(node, inputs, 0);
  const image = numbersAt(inputs, 1) ?? [];
  const kernel = numbersAt(inputs, 2) ?? [];
  const rank = kernel.length;
  const taps = numel(kernel);
  const [n, rows] = x.tensor.shape as [number, number];
  if (x.tensor.ndim !== 3 || rank < 1 || rank > 3 || image.length !== rank || rows % taps !== 0) {
    throw node.fail(
      `input [${x.tensor.shape.join(", ")}], image [${image.join(", ")}], block [${kernel.join(", ")}]; ` +
        "expected [N, C·block, L], and one to three sizes for both",
    );
  }
  const stride = listOf(node, "strides", rank, 1, 1);
  const dilation = listOf(node, "dilations", rank, 1, 1);
  const sides = sidesOf(node, rank);
  const counts = image.map((size, d) => {
    const room = size + sides[d]![0] + sides[d]![1] - dilation[d]! * (kernel[d]! - 1) - 1;
    return Math.floor(room / stride[d]!) + 1;
  });
  // The convolution that leads back must leave nothing over.
  const padding = sides.map(([before], d): Side => {
    const reach = (counts[d]! - 1) * stride[d]! + dilation[d]! * (kernel[d]! - 1) + 1;
    return [before, reach - image[d]! - before];
  });
  const channels = rows / taps;
  const unit = new Float32Array(rows * taps);
  for (let row = 0; row < rows; row++) unit[row * taps + (row % taps)] = 1;
  const weight = adopt(makeTensor(unit, { shape: [rows, 1, ...kernel] }));
  const columns = reshape(x.tensor, [n, rows, ...counts]);
  return [as(x, convTranspose(columns, weight, null, { stride, dilation, padding, groups: channels }))];
}

const CONV = [...WINDOW_ATTRIBUTES, "group"];

/** Convolutions. */
export const convolutions: OperatorTable = {
  Conv: [{ since: 1, attributes: CONV, run: runConv }],
  ConvTranspose: [{ since: 1, attributes: [...CONV, "output_padding", "output_shape"], run: runConvTranspose }],
  Col2Im: [{ since: 18, attributes: ["dilations", "pads", "strides"], run: runCol2Im }],
};
