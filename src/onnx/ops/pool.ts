import { makeTensor } from "../../creation.js";
import * as F from "../../functional/index.js";
import { mul } from "../../ops/arithmetic.js";
import { avgPool } from "../../ops/avgpool.js";
import { conv } from "../../ops/conv.js";
import { cast, constant, reshape } from "../../ops/copy.js";
import { scatter } from "../../ops/gather.js";
import { type FixedWindows, maxPool, maxPoolIndex } from "../../ops/maxpool.js";
import { pad } from "../../ops/pad.js";
import { indexSelect } from "../../ops/rows.js";
import { powScalar } from "../../ops/transcendental.js";
import { numel } from "../../shape.js";
import { adopt, type Tensor } from "../../tensor.js";
import type { Shape } from "../../types.js";
import { as, type Inputs, needed, numbersAt, tensorAt } from "../arguments.js";
import type { Arg, NodeView, OperatorTable } from "../handler.js";
import { listOf, type Side, sidesOf, WINDOW_ATTRIBUTES, type Window, windowCounts, windowOf } from "../window.js";

/** The windows of a pooling node, and how many there are. With auto_pad nothing is left to round up. */
function poolWindow(node: NodeView, x: Tensor): { window: Window; counts: number[]; ceil: boolean } {
  const window = windowOf(node, x.shape, node.ints("kernel_shape"));
  const ceil = node.int("ceil_mode", 0) !== 0 && node.string("auto_pad", "NOTSET") === "NOTSET";
  return { window, counts: windowCounts(node, x.shape, window, ceil), ceil };
}

/** The same windows for the fused ops, which take the same padding on both sides and at most half a kernel of it. */
function fusedWindow({ kernel, stride, dilation, padding }: Window, ceilMode: boolean): FixedWindows | null {
  if (padding.some(([before, after], d) => before !== after || 2 * before > kernel[d]!)) return null;
  return { kernel, stride, dilation, padding: padding.map(([before]) => before), ceilMode };
}

/** What stands in front of and behind each dimension if the windows are to cover everything exactly; cut off where it is negative. */
function coveringPads(x: Tensor, { kernel, stride, dilation, padding }: Window, counts: readonly number[]): Side[] {
  const spatial = kernel.map((k, d): Side => {
    const reach = (counts[d]! - 1) * stride[d]! + dilation[d]! * (k - 1) + 1;
    const [before] = padding[d]!;
    return [before, reach - before - x.shape[d + 2]!];
  });
  return [[0, 0], [0, 0], ...spatial];
}

/** Windows that need no padding. */
function bare({ kernel, stride, dilation }: Window): FixedWindows {
  return { kernel, stride, dilation, padding: kernel.map(() => 0), ceilMode: false };
}

/** Σ over each window; the padding counts as 0. */
function sumPool(x: Tensor, window: Window, counts: readonly number[]): Tensor {
  const padded = pad(x, coveringPads(x, window, counts), "constant", 0);
  if (window.dilation.every((d) => d === 1)) {
    return avgPool(padded, { windows: bare(window), countIncludePad: true, divisorOverride: 1 });
  }
  const [n, c, ...spatial] = padded.shape as [number, number, ...number[]];
  const ones = constant([1, 1, ...window.kernel], 1);
  const attrs = { ...bare(window), padding: window.kernel.map((): Side => [0, 0]), groups: 1 };
  return reshape(conv(reshape(padded, [n * c, 1, ...spatial]), ones, null, attrs), [n, c, ...counts]);
}

/** 1 / the number of elements that count in each window, [1, 1, …]. */
function shares(input: Shape, window: Window, counts: readonly number[], withPadding: boolean): Tensor {
  let all = [1];
  counts.forEach((count, d) => {
    const [before, after] = withPadding ? window.padding[d]! : [0, 0];
    const own = Array.from({ length: count }, (_, i) => {
      const first = i * window.stride[d]! - window.padding[d]![0];
      const places = Array.from({ length: window.kernel[d]! }, (_, k) => first + k * window.dilation[d]!);
      return places.filter((p) => p >= -before && p < input[d + 2]! + after).length;
    });
    all = all.flatMap((a) => own.map((b) => a * b));
  });
  return adopt(
    makeTensor(
      all.map((n) => 1 / n),
      { shape: [1, 1, ...counts] },
    ),
  );
}

function runAveragePool(node: NodeView, inputs: Inputs): [Arg] {
  const x = needed(node, inputs, 0);
  const { window, counts, ceil } = poolWindow(node, x.tensor);
  const countIncludePad = node.int("count_include_pad", 0) !== 0;
  const windows = fusedWindow(window, ceil);
  if (windows !== null && window.dilation.every((d) => d === 1)) {
    return [as(x, avgPool(x.tensor, { windows, countIncludePad, divisorOverride: null }))];
  }
  const sums = sumPool(x.tensor, window, counts);
  return [as(x, mul(sums, shares(x.tensor.shape, window, counts, countIncludePad)))];
}

function runLpPool(node: NodeView, inputs: Inputs): [Arg] {
  const x = needed(node, inputs, 0);
  const { window, counts } = poolWindow(node, x.tensor);
  const p = node.int("p", 2);
  const sums = sumPool(powScalar(F.abs(x.tensor), p), window, counts);
  // Nothing is below 0; relu's gradient at 0 is 0, where the root's would be infinite.
  return [as(x, powScalar(F.relu(sums), 1 / p))];
}

function runMaxPool(node: NodeView, inputs: Inputs): (Arg | undefined)[] {
  const given = needed(node, inputs, 0);
  const x = cast(given.tensor, "float32");
  const { window, counts, ceil } = poolWindow(node, x);
  const fused = fusedWindow(window, ceil);
  const sides = fused === null ? coveringPads(x, window, counts) : null;
  const padded = sides === null ? x : pad(x, sides, "constant", -Infinity);
  const windows = fused ?? bare(window);
  const y = maxPool(padded, windows);
  const result = as(given, cast(y, given.tensor.dtype));
  if (node.outputs < 2) return [result];
  const places = maxPoolIndex(padded, y, windows);
  const before = sides === null ? window.kernel.map(() => 0) : sides.slice(2).map(([front]) => front);
  const table = placeTable(padded.shape.slice(2), x.shape.slice(2), before, node.int("storage_order", 0) !== 0);
  const inPlane = reshape(indexSelect(table, reshape(places, [-1]), 0), places.shape);
  const [n, c, ...spatial] = x.shape as [number, number, ...number[]];
  const starts = Int32Array.from({ length: n * c }, (_, plane) => plane * numel(spatial));
  const offsets = adopt(makeTensor(starts, { shape: [n, c, ...spatial.map(() => 1)] }));
  return [result, { tensor: F.add(inPlane, offsets), elem: "int64" }];
}

/** For each place of a padded plane its number in the plane itself, counted along rows, or along columns. */
function placeTable(padded: Shape, plane: Shape, before: readonly number[], columns: boolean): Tensor {
  const order = plane.map((_, d) => (columns ? d : plane.length - 1 - d));
  const table = Int32Array.from({ length: numel(padded) }, (_, place) => {
    const at = new Array<number>(plane.length);
    let rest = place;
    for (let d = plane.length - 1; d >= 0; d--) {
      at[d] = Math.min(Math.max((rest % padded[d]!) - before[d]!, 0), plane[d]! - 1);
      rest = Math.floor(rest / padded[d]!);
    }
    let number = 0;
    let step = 1;
    for (const d of order) {
      number += at[d]! * step;
      step *= plane[d]!;
    }
    return number;
  });
  return adopt(makeTensor(table));
}

/** Indices count in the whole output of the natural size; a larger output_shape adds zeros behind. */
function runMaxUnpool(node: NodeView, inputs: Inputs): [Arg] {
  const x = needed(node, inputs, 0);
  const indices = tensorAt(node, inputs, 1);
  const kernel = node.ints("kernel_shape");
  const rank = kernel.length;
  const stride = listOf(node, "strides", rank, 1, 1);
  const sides = sidesOf(node, rank);
  const { shape } = x.tensor;
  if (shape.length !== rank + 2) throw node.fail(`input [${shape.join(", ")}]; expected ${rank} spatial sizes`);
  const natural = kernel.map((k, d) => (shape[d + 2]! - 1) * stride[d]! + k - sides[d]![0] - sides[d]![1]);
  const full = [...shape.slice(0, 2), ...natural];
  const flat = scatter(constant([numel(full)], 0), reshape(indices, [-1]), reshape(x.tensor, [-1]), 0);
  const y = reshape(flat, full);
  const wanted = numbersAt(inputs, 2) ?? full;
  if (wanted.length !== full.length)
    throw node.fail(`output_shape is [${wanted.join(", ")}]; expected ${full.length} sizes`);
  const grown = full.map((size, d): Side => [0, wanted[d]! - size]);
  return [as(x, pad(y, grown, "constant", 0))];
}

/** A reduction over all spatial dimensions, which stay as sizes of 1. */
function overall(reduce: (x: Tensor, dim: number[], node: NodeView) => Tensor) {
  return (node: NodeView, inputs: Inputs): [Arg] => {
    const x = needed(node, inputs, 0);
    if (x.tensor.ndim < 3)
      throw node.fail(`input [${x.tensor.shape.join(", ")}]; expected [N, C, …] of rank 3 or more`);
    return [as(x, reduce(x.tensor, x.tensor.shape.map((_, d) => d).slice(2), node))];
  };
}

/** By pooling where that is known, which exported models came from: means are then the same to the last bit. */
const runGlobalAverage = overall((x, dim) => {
  const averages = { windows: { outputSize: dim.map(() => 1) }, countIncludePad: true, divisorOverride: null };
  return dim.length <= 3 && x.numel > 0 ? avgPool(x, averages) : F.mean(x, { dim, keepdim: true });
});
const runGlobalMax = overall((x, dim) => F.amax(x, { dim, keepdim: true }));
const runGlobalLp = overall((x, dim, node) => F.norm(x, { p: node.int("p", 2), dim, keepdim: true }));

const POOL = [...WINDOW_ATTRIBUTES, "ceil_mode"];

/** Pooling. */
export const pooling: OperatorTable = {
  AveragePool: [{ since: 1, attributes: [...POOL, "count_include_pad"], run: runAveragePool }],
  LpPool: [{ since: 2, attributes: [...POOL, "p"], run: runLpPool }],
  MaxPool: [{ since: 1, attributes: [...POOL, "storage_order"], run: runMaxPool }],
  MaxUnpool: [{ since: 9, attributes: ["kernel_shape", "pads", "strides"], run: runMaxUnpool }],
  GlobalAveragePool: [{ since: 1, attributes: [], run: runGlobalAverage }],
  GlobalMaxPool: [{ since: 1, attributes: [], run: runGlobalMax }],
  GlobalLpPool: [{ since: 2, attributes: ["p"], run: runGlobalLp }],
};
