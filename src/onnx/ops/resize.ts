import { makeTensor } from "../../creation.js";
import { add } from "../../ops/arithmetic.js";
import { cast } from "../../ops/copy.js";
import { resample, type Taps } from "../../ops/upsample.js";
import { numel } from "../../shape.js";
import { adopt, type Tensor } from "../../tensor.js";
import { asElem, axisOf, type Inputs, needed, numbersAt, wordOf } from "../arguments.js";
import type { Arg, Handler, NodeView, OperatorTable } from "../handler.js";
import { type Axis, COORDINATES, NEAREST_MODES, type Reading, tapsOf } from "../resize_taps.js";

const POLICIES = ["stretch", "not_larger", "not_smaller"] as const;

/** What the older operators have no attributes for. */
const PLAIN = {
  nearest: "floor",
  antialias: false,
  excludeOutside: false,
  cubicSlope: -0.75,
  coordinates: "asymmetric",
} as const;

/** x with every axis resized; places outside get the extrapolation value. */
function resized({ tensor: x, elem }: Arg, axes: readonly Axis[], reading: Reading, extrapolation: number): Arg {
  const first = Math.max(
    0,
    axes.findIndex(({ n, m, scale }) => n !== m || scale !== 1 || reading.coordinates === "tf_crop_and_resize"),
  );
  const changing = axes.slice(first);
  const tables = changing.map((axis) =>
    axis.n === axis.m && axis.scale === 1 && isWhole(axis) ? same(axis.n) : tapsOf(axis, reading),
  );
  const to = changing.map(({ m }) => m);
  const y = resample(cast(x, "float32"), { from: x.shape.slice(first), to, tables, adjoint: false });
  return asElem(extrapolation === 0 ? y : add(y, outside(tables, to, extrapolation)), elem);
}

function isWhole({ roi: [start, end] }: Axis): boolean {
  return start === 0 && end === 1;
}

function same(n: number): Taps[] {
  return Array.from({ length: n }, (_, i) => [[i, 1]]);
}

/** The value where an output is made of nothing, 0 elsewhere. */
function outside(tables: readonly (readonly Taps[])[], to: readonly number[], value: number): Tensor {
  const values = new Float32Array(numel(to));
  for (let place = 0; place < values.length; place++) {
    let rest = place;
    for (let d = to.length - 1; d >= 0; d--) {
      if (tables[d]![rest % to[d]!]!.length === 0) values[place] = value;
      rest = Math.floor(rest / to[d]!);
    }
  }
  return adopt(makeTensor(values, { shape: to }));
}

/** Every axis of x, resized by a factor. */
function byScales(node: NodeView, x: Tensor, scales: readonly number[]): Axis[] {
  if (scales.length !== x.ndim || !scales.every((s) => s > 0)) {
    throw node.fail(`scales are [${scales.join(", ")}]; expected ${x.ndim} numbers above 0`);
  }
  // In float32, as the factors are: rounding decides about an element more or less.
  return x.shape.map((n, d) => ({ n, m: Math.floor(Math.fround(n * scales[d]!)), scale: scales[d]!, roi: [0, 1] }));
}

/** Upsample, and Resize up to version 10: x and factors, nothing else. */
function simple(scalesOf: (node: NodeView, inputs: Inputs) => readonly number[], shrinkTo: "floor" | "ceil"): Handler {
  return (node, inputs) => {
    const x = needed(node, inputs, 0);
    const scales = scalesOf(node, inputs);
    const nearest = scales.some((s) => s < 1) ? shrinkTo : "floor";
    const mode = wordOf(node, "mode", "nearest", ["nearest", "linear", "bilinear"]);
    const reading: Reading = { ...PLAIN, nearest, mode: mode === "bilinear" ? "linear" : mode };
    return [resized(x, byScales(node, x.tensor, scales), reading, 0)];
  };
}

/** Every axis of x from the inputs roi, scales and sizes, which are about those in `axes` alone. */
function axesOf(node: NodeView, x: Tensor, inputs: Inputs): Axis[] {
  const axes = node
    .ints(
      "axes",
      x.shape.map((_, d) => d),
    )
    .map((axis) => axisOf(node, axis, x.ndim));
  const [roi, scales, sizes] = [numbersAt(inputs, 1), numbersAt(inputs, 2), numbersAt(inputs, 3)];
  const given = scales ?? sizes;
  if (given === null || given.length !== axes.length) {
    throw node.fail(`scales or sizes have ${given?.length ?? 0} entries; expected ${axes.length}`);
  }
  const policy = wordOf(node, "keep_aspect_ratio_policy", "stretch", POLICIES);
  const ratios = scales ?? sizes!.map((m, i) => m / x.shape[axes[i]!]!);
  const common = policy === "not_larger" ? Math.min(...ratios) : Math.max(...ratios);
  const one = scales === null && policy !== "stretch";
  const all = byScales(
    node,
    x,
    x.shape.map((_, d) => {
      const i = axes.indexOf(d);
      return i < 0 ? 1 : one ? common : ratios[i]!;
    }),
  );
  return all.map((axis, d) => {
    const i = axes.indexOf(d);
    if (i < 0) return axis;
    const m = scales !== null ? axis.m : one ? Math.floor(common * axis.n + 0.5) : sizes![i]!;
    return { ...axis, m, roi: roi === null ? axis.roi : [roi[i]!, roi[axes.length + i]!] };
  });
}

function runResize(node: NodeView, inputs: Inputs): [Arg] {
  const x = needed(node, inputs, 0);
  const reading: Reading = {
    mode: wordOf(node, "mode", "nearest", ["nearest", "linear", "cubic"]),
    coordinates: wordOf(node, "coordinate_transformation_mode", "half_pixel", COORDINATES),
    nearest: wordOf(node, "nearest_mode", "round_prefer_floor", NEAREST_MODES),
    antialias: node.int("antialias", 0) !== 0,
    excludeOutside: node.int("exclude_outside", 0) !== 0,
    cubicSlope: node.float("cubic_coeff_a", -0.75),
  };
  return [resized(x, axesOf(node, x.tensor, inputs), reading, node.float("extrapolation_value", 0))];
}

const scalesInput = (node: NodeView, inputs: Inputs): readonly number[] => {
  needed(node, inputs, 1);
  return numbersAt(inputs, 1) ?? [];
};

const RESIZE = [
  "coordinate_transformation_mode",
  "cubic_coeff_a",
  "exclude_outside",
  "extrapolation_value",
  "mode",
  "nearest_mode",
];

/** Resizing of images. */
export const resizing: OperatorTable = {
  Upsample: [
    { since: 7, attributes: ["mode", "scales"], run: simple((node) => node.floats("scales"), "floor") },
    { since: 9, attributes: ["mode"], run: simple(scalesInput, "floor") },
  ],
  Resize: [
    { since: 10, attributes: ["mode"], run: simple(scalesInput, "ceil") },
    { since: 11, attributes: RESIZE, run: runResize },
    { since: 18, attributes: [...RESIZE, "antialias", "axes", "keep_aspect_ratio_policy"], run: runResize },
  ],
};
