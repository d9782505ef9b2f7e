import { makeTensor } from "../../creation.js";
import * as F from "../../functional/index.js";
import { cast } from "../../ops/copy.js";
import { pad } from "../../ops/pad.js";
import { adopt, type Tensor } from "../../tensor.js";
import { as, axisOf, type Inputs, listAt, needed, numbersAt, tensorAt, wordOf } from "../arguments.js";
import type { Arg, NodeView, OperatorTable } from "../handler.js";

function runConcat(node: NodeView, inputs: Inputs): [Arg] {
  const first = needed(node, inputs, 0);
  const tensors = inputs.map((_, i) => tensorAt(node, inputs, i));
  return [as(first, F.cat(tensors, { dim: axisOf(node, node.int("axis"), first.tensor.ndim) }))];
}

/** Parts of the sizes that are given, or of one size; if that does not go up, the last one is smaller. */
function runSplit(node: NodeView, inputs: Inputs): Arg[] {
  const x = needed(node, inputs, 0);
  const dim = axisOf(node, node.int("axis", 0), x.tensor.ndim);
  const n = x.tensor.size(dim);
  const count = node.int("num_outputs", node.outputs);
  const given = node.has("split") ? node.ints("split") : listAt(inputs, 1);
  if ((given?.length ?? count) !== node.outputs)
    throw node.fail(`${given?.length ?? count} parts for ${node.outputs} outputs`);
  const size = Math.ceil(n / count);
  const sizes = given ?? Array.from({ length: count }, (_, i) => Math.max(0, Math.min(size, n - i * size)));
  return F.split(x.tensor, { splitSizeOrSections: sizes, dim }).map((part) => as(x, part));
}

/** x[start:end:step] of one dimension as Python has it, with negative steps too. */
function sliced(x: Tensor, dim: number, start: number, end: number, step: number): Tensor {
  const n = x.size(dim);
  const clipped = (v: number, low: number, high: number): number => Math.min(Math.max(v < 0 ? v + n : v, low), high);
  if (step > 0) return F.slice(x, { dim, start: clipped(start, 0, n), end: clipped(end, 0, n), step });
  const from = clipped(start, -1, n - 1);
  const count = Math.max(0, Math.ceil((from - clipped(end, -1, n - 1)) / -step));
  if (count === 0) return F.narrow(x, { dim, start: 0, length: 0 });
  return F.flip(F.slice(x, { dim, start: from + (count - 1) * step, end: from + 1, step: -step }), { dims: dim });
}

function runSlice(node: NodeView, inputs: Inputs): [Arg] {
  const x = needed(node, inputs, 0);
  const listed = (place: number, name: string): readonly number[] | null =>
    node.has(name) ? node.ints(name) : listAt(inputs, place);
  const starts = listed(1, "starts");
  const ends = listed(2, "ends");
  if (starts === null || ends === null || starts.length !== ends.length) {
    throw node.fail("starts and ends are missing, or not as many as each other");
  }
  const axes = listed(3, "axes") ?? starts.map((_, i) => i);
  const steps = listAt(inputs, 4) ?? starts.map(() => 1);
  const bad = steps.includes(0) || axes.length !== starts.length || steps.length !== starts.length;
  if (bad)
    throw node.fail(`axes [${axes.join(", ")}] and steps [${steps.join(", ")}] do not fit ${starts.length} starts`);
  const y = axes.reduce(
    (t, axis, i) => sliced(t, axisOf(node, axis, t.ndim), starts[i]!, ends[i]!, steps[i]!),
    x.tensor,
  );
  return [as(x, y)];
}

/** Where a position outside [0, n) is read from. */
const SOURCES = {
  edge: (i: number, n: number) => Math.min(Math.max(i, 0), n - 1),
  wrap: (i: number, n: number) => ((i % n) + n) % n,
  reflect: (i: number, n: number) => {
    if (n === 1) return 0;
    const period = 2 * (n - 1);
    const at = ((i % period) + period) % period;
    return at < n ? at : period - at;
  },
} as const;

const PAD_MODES = ["constant", "reflect", "edge", "wrap"] as const;

/** The values of the other modes are gathered from the input itself, so that any amount can be padded. */
function runPad(node: NodeView, inputs: Inputs): [Arg] {
  const x = needed(node, inputs, 0);
  const rank = x.tensor.ndim;
  const mode = wordOf(node, "mode", "constant", PAD_MODES);
  const given = node.has("pads") ? node.ints("pads") : listAt(inputs, 1);
  const axes = (listAt(inputs, 3) ?? Array.from({ length: rank }, (_, d) => d)).map((a) => axisOf(node, a, rank));
  if (given?.length !== 2 * axes.length)
    throw node.fail(`pads are [${given?.join(", ")}]; expected ${2 * axes.length}`);
  const pads = x.tensor.shape.map((_, d): [number, number] => {
    const i = axes.indexOf(d);
    return i < 0 ? [0, 0] : [given[i]!, given[i + axes.length]!];
  });
  if (mode === "constant") {
    const value = numbersAt(inputs, 2)?.[0] ?? node.float("value", 0);
    return [as(x, pad(x.tensor, pads, mode, value))];
  }
  const y = pads.reduce((t, [before, after], dim) => {
    if (before === 0 && after === 0) return t;
    const n = t.size(dim);
    if (n === 0) throw node.fail(`dimension ${dim} is empty; expected something to pad it with`);
    const from = Int32Array.from({ length: Math.max(0, n + before + after) }, (_, i) => SOURCES[mode](i - before, n));
    return F.indexSelect(t, adopt(makeTensor(from)), { dim });
  }, x.tensor);
  return [as(x, y)];
}

/** Cuts or pads dimensions around their centre; an odd rest goes to the end. */
function runCenterCropPad(node: NodeView, inputs: Inputs): [Arg] {
  const x = needed(node, inputs, 0);
  const { ndim, shape } = x.tensor;
  const sizes = listAt(inputs, 1) ?? [];
  const axes = node.ints(
    "axes",
    shape.map((_, d) => d),
  );
  if (axes.length !== sizes.length) throw node.fail(`${sizes.length} sizes for ${axes.length} axes`);
  const pads = shape.map((): [number, number] => [0, 0]);
  for (const [i, axis] of axes.entries()) {
    const d = axisOf(node, axis, ndim);
    const surplus = sizes[i]! - shape[d]!;
    const before = surplus < 0 ? -Math.floor(-surplus / 2) : Math.floor(surplus / 2);
    pads[d] = [before, surplus - before];
  }
  return [as(x, pad(x.tensor, pads, "constant", 0))];
}

/** The elements at which the condition holds; without an axis those of the flattened input. */
function runCompress(node: NodeView, inputs: Inputs): [Arg] {
  const x = needed(node, inputs, 0);
  const from = node.has("axis") ? x.tensor : F.reshape(x.tensor, { shape: [-1] });
  const dim = axisOf(node, node.int("axis", 0), from.ndim);
  const found = F.nonzero(cast(tensorAt(node, inputs, 1), "bool"));
  return [as(x, F.indexSelect(from, F.reshape(found, { shape: [-1] }), { dim }))];
}

/** Parts of tensors, and more around them. */
export const slices: OperatorTable = {
  Concat: [{ since: 4, attributes: ["axis"], run: runConcat }],
  Split: [
    { since: 2, attributes: ["axis", "split"], run: runSplit },
    { since: 13, attributes: ["axis"], run: runSplit },
    { since: 18, attributes: ["axis", "num_outputs"], run: runSplit },
  ],
  Slice: [
    { since: 1, attributes: ["axes", "starts", "ends"], run: runSlice },
    { since: 10, attributes: [], run: runSlice },
  ],
  Pad: [
    { since: 2, attributes: ["mode", "pads", "value"], run: runPad },
    { since: 11, attributes: ["mode"], run: runPad },
  ],
  CenterCropPad: [{ since: 18, attributes: ["axes"], run: runCenterCropPad }],
  Compress: [{ since: 9, attributes: ["axis"], run: runCompress }],
};
