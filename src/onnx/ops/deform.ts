import { makeTensor } from "../../creation.js";
import { add, affine, mul } from "../../ops/arithmetic.js";
import { cat, narrow, permute, reshape } from "../../ops/copy.js";
import { gridSample } from "../../ops/grid_sample.js";
import { matmul } from "../../ops/matmul.js";
import { adopt, type Tensor } from "../../tensor.js";
import { as, type Inputs, maybeAt, needed, tensorAt } from "../arguments.js";
import type { Arg, NodeView, OperatorTable } from "../handler.js";
import { type Window, windowCounts, windowOf } from "../window.js";

/** Where the taps of each window lie, [1, taps, rows, columns, 2] as (row, column), before they are moved. */
function places({ kernel, stride, dilation, padding }: Window, counts: readonly number[]): Tensor {
  const [height, width] = kernel as [number, number];
  const [rows, columns] = counts as [number, number];
  const out = new Float32Array(height * width * rows * columns * 2);
  let at = 0;
  for (let i = 0; i < height * width; i++) {
    const tap = [Math.floor(i / width), i % width];
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) {
        for (const [d, o] of [r, c].entries()) out[at++] = o * stride[d]! - padding[d]![0] + tap[d]! * dilation[d]!;
      }
    }
  }
  return adopt(makeTensor(out, { shape: [1, height * width, rows, columns, 2] }));
}

/**
 * A convolution whose every tap is moved by an offset of its own and may have a share: samples at these places make columns, and those
 * a product with the kernels.
 */
function runDeformConv(node: NodeView, inputs: Inputs): [Arg] {
  const x = needed(node, inputs, 0);
  const [weight, offset] = [tensorAt(node, inputs, 1), tensorAt(node, inputs, 2)];
  if (x.tensor.ndim !== 4) throw node.fail(`input [${x.tensor.shape.join(", ")}]; expected [N, C, H, W]`);
  const [batch, channels, height, width] = x.tensor.shape as [number, number, number, number];
  const window = windowOf(node, x.tensor.shape, weight.shape.slice(2));
  const counts = windowCounts(node, x.tensor.shape, window, false);
  const [rows, columns] = counts as [number, number];
  const taps = window.kernel[0]! * window.kernel[1]!;
  const [groups, parts, outputs] = [node.int("group", 1), node.int("offset_group", 1), weight.size(0)];
  const fits = channels % parts === 0 && channels % groups === 0 && outputs % groups === 0;
  const wanted = [batch, parts * taps * 2, rows, columns];
  if (!fits || wanted.some((n, d) => n !== offset.shape[d])) {
    throw node.fail(
      `offset is [${offset.shape.join(", ")}] with ${channels} channels in ${groups} groups; ` +
        `expected [${wanted.join(", ")}], and channels that the groups divide`,
    );
  }
  const moves = permute(reshape(offset, [batch * parts, taps, 2, rows, columns]), [0, 1, 3, 4, 2]);
  const at = add(moves, places(window, counts));
  // Columns come first in a grid, and its coordinates go from −1 to 1 over the edges of the image.
  const scaled = [width, height].map((n, d) => affine(narrow(at, 4, 1 - d, 1), 2 / n, 1 / n - 1));
  const grid = reshape(cat(scaled, 4), [batch * parts, taps * rows, columns, 2]);
  const image = reshape(x.tensor, [batch * parts, channels / parts, height, width]);
  const reading = { nearest: false, padding: "zeros", alignCorners: false } as const;
  const sampled = reshape(gridSample(image, grid, reading), [batch, parts, channels / parts, taps, rows * columns]);
  const mask = maybeAt(inputs, 4);
  const shared = mask === null ? sampled : mul(sampled, reshape(mask, [batch, parts, 1, taps, rows * columns]));
  const windows = reshape(shared, [batch, groups, (channels / groups) * taps, rows * columns]);
  const product = matmul(reshape(weight, [groups, outputs / groups, -1]), windows);
  const y = reshape(product, [batch, outputs, rows, columns]);
  const bias = maybeAt(inputs, 3);
  return [as(x, bias === null ? y : add(y, reshape(bias, [outputs, 1, 1])))];
}

const DEFORM = ["dilations", "group", "kernel_shape", "offset_group", "pads", "strides"];

/** Convolutions at places that are computed. */
export const deformations: OperatorTable = {
  DeformConv: [{ since: 19, attributes: DEFORM, run: runDeformConv }],
};
