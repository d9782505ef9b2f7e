import { K } from "../backend/index.js";
import { checkDType } from "../check.js";
import { ShapeError } from "../errors.js";
import { arena } from "../runtime/arena.js";
import { formatShape, numel } from "../shape.js";
import type { Tensor } from "../tensor.js";
import type { Ptr, Shape, Spec } from "../types.js";
import { apply, defineOp } from "./op.js";

// Resampling of images to another size. It is linear, and works dimension by dimension: a table of places and weights for each of them is
// all there is to it, and the transposed tables are the gradient.

/** What users choose from: filters with their number of dimensions, and adaptive average pooling. */
export const INTERPOLATION_MODES = [
  "nearest",
  "nearest-exact",
  "linear",
  "bilinear",
  "bicubic",
  "trilinear",
  "area",
] as const;

export type InterpolationMode = (typeof INTERPOLATION_MODES)[number];

export const INTERPOLATE_OPTIONS = ["size", "scaleFactor", "mode", "alignCorners", "recomputeScaleFactor", "antialias"];

/** How values between the elements are found. */
export type Filter = "nearest" | "nearest-exact" | "linear" | "cubic";

interface Resizing {
  /** Spatial sizes of the image and of the result. */
  readonly from: Shape;
  readonly to: Shape;
  /** Sends gradients of the result back to the image. */
  readonly adjoint: boolean;
}

export interface Resampling extends Resizing {
  readonly filter: Filter;
  /** Whether the centres of the outer elements coincide, instead of their outer edges. */
  readonly alignCorners: boolean;
  /** Widens the filter where the image shrinks. */
  readonly antialias: boolean;
  /** Enlargement by which places are found; null for that of the sizes. */
  readonly scales: readonly (number | null)[];
}

/** Resampling by tables that somebody else has made. */
export interface TableResampling extends Resizing {
  /** For each dimension, what its outputs are made of. */
  readonly tables: readonly (readonly Taps[])[];
}

/** What an output is made of. */
export type Taps = readonly (readonly [place: number, weight: number])[];

/** y = x resampled: x [N, C, from…] → y [N, C, to…], or for the adjoint the other way. */
export const resampleOp = defineOp<readonly [Tensor], readonly [Tensor], Resampling | TableResampling>({
  name: "resample",
  infer: ([x], attrs) => [inferResampled(x, attrs)],
  forward: ([y], [x], attrs) => runPasses(y, x, passesOf(attrs)),
  saves: { inputs: [] },
  backward: ([g], _, __, attrs) => [() => resample(g, { ...attrs, adjoint: !attrs.adjoint })],
});

export function resample(x: Tensor, attrs: Resampling | TableResampling): Tensor {
  return apply(resampleOp, [x], attrs)[0];
}

function inferResampled(x: Spec, { from, to, adjoint }: Resizing): Spec {
  checkDType("Upsample", "input", x, "float32");
  if ([...from, ...to].some((n) => n < 1)) {
    throw new ShapeError("Upsample", `cannot make ${formatShape(to)} of ${formatShape(from)}; expected sizes ≥ 1`);
  }
  return { shape: [...x.shape.slice(0, -from.length), ...(adjoint ? from : to)], dtype: "float32" };
}

/** Resampling of one dimension, between others: [before, n, inner] → [before, m, inner] in every plane. */
interface Pass {
  readonly before: number;
  readonly n: number;
  readonly m: number;
  readonly inner: number;
  readonly outputs: readonly Taps[];
}

/** What the outputs of each dimension are made of. */
export function axisTaps(attrs: Resampling | TableResampling): { n: number; m: number; outputs: readonly Taps[] }[] {
  const { from, to, adjoint } = attrs;
  const [source, target] = adjoint ? [to, from] : [from, to];
  return source.map((n, axis) => {
    const taps = "tables" in attrs ? attrs.tables[axis]! : tapsOf(from[axis]!, to[axis]!, attrs.scales[axis]!, attrs);
    return { n, m: target[axis]!, outputs: adjoint ? transposed(taps, target[axis]!) : taps };
  });
}

/** One pass for each dimension that changes, in the order that keeps what is between them small. */
function passesOf(attrs: Resampling | TableResampling): Pass[] {
  const axes = axisTaps(attrs).map((taps, axis) => ({ axis, ...taps }));
  const source = axes.map(({ n }) => n);
  const changing = axes.filter(({ n, outputs }) => !isIdentity(outputs, n));
  // First what shrinks, rows before columns; then what grows, columns, the slowest to work on, before rows.
  const rank = ({ axis, n, m }: (typeof axes)[number]): number => (m < n ? axis - source.length : source.length - axis);
  changing.sort((a, b) => rank(a) - rank(b));
  const sizes = [...source];
  return (changing.length > 0 ? changing : axes.slice(0, 1)).map(({ axis, ...pass }) => {
    sizes[axis] = pass.m;
    return { ...pass, before: numel(sizes.slice(0, axis)), inner: numel(sizes.slice(axis + 1)) };
  });
}

function isIdentity(outputs: readonly Taps[], n: number): boolean {
  return (
    outputs.length === n && outputs.every((taps, i) => taps.length === 1 && taps[0]![0] === i && taps[0]![1] === 1)
  );
}

function transposed(outputs: readonly Taps[], n: number): Taps[] {
  const inputs = Array.from({ length: n }, (): [number, number][] => []);
  outputs.forEach((taps, i) => {
    for (const [place, weight] of taps) inputs[place]!.push([i, weight]);
  });
  return inputs;
}

/** Floats between two passes that stay in the cache: planes are worked on in blocks of so many. */
const BLOCK = 32768;

function runPasses(y: Tensor, x: Tensor, passes: readonly Pass[]): void {
  const elements = passes.map(({ before, m, inner }) => before * m * inner);
  const [first] = passes as readonly [Pass, ...Pass[]];
  const input = first.before * first.n * first.inner;
  const output = elements.at(-1)!;
  const planes = x.numel / input;
  const between = elements.slice(0, -1).reduce((most, n) => Math.max(most, n), 0);
  const block = between === 0 ? planes : Math.min(planes, Math.ceil(BLOCK / between));
  const tables = passes.map(
    ({ outputs }) => outputs.length + 1 + 2 * outputs.reduce((sum, { length }) => sum + length, 0),
  );
  const scratch = arena.scratch(4 * (tables.reduce((a, b) => a + b, 0) + (passes.length - 1) * block * between));
  let at: number = scratch;
  const written = passes.map(({ outputs }, k) => {
    const table = writeTable(at as Ptr, outputs);
    at += 4 * tables[k]!;
    return table;
  });
  for (let plane = 0; plane < planes; plane += block) {
    const count = Math.min(block, planes - plane);
    let source = (x.ptr + 4 * plane * input) as Ptr;
    passes.forEach(({ before, n, m, inner }, k) => {
      const target = (k === passes.length - 1 ? y.ptr + 4 * plane * output : at + 4 * k * block * between) as Ptr;
      K.resample_f32(target, source, ...written[k]!, count * before, n, m, inner);
      source = target;
    });
  }
}

/** The table as the kernel reads it: where each output's taps start, then all places, then all weights. */
function writeTable(at: Ptr, outputs: readonly Taps[]): [starts: Ptr, places: Ptr, weights: Ptr] {
  const taps = outputs.flat();
  const places = (at + 4 * (outputs.length + 1)) as Ptr;
  const weights = (places + 4 * taps.length) as Ptr;
  let start = 0;
  const starts = [0, ...outputs.map(({ length }) => (start += length))];
  arena.writeInts(at, starts);
  arena.writeInts(
    places,
    taps.map(([place]) => place),
  );
  arena.writeFloats(
    weights,
    taps.map(([, weight]) => weight),
  );
  return [at, places, weights];
}

type How = Pick<Resampling, "filter" | "alignCorners" | "antialias">;

/** The taps of m outputs on n elements. */
function tapsOf(n: number, m: number, scale: number | null, { filter, alignCorners, antialias }: How): Taps[] {
  const step = alignCorners ? (m > 1 ? (n - 1) / (m - 1) : 0) : scale === null ? n / m : 1 / scale;
  return Array.from({ length: m }, (_, i) => {
    if (filter === "nearest" || filter === "nearest-exact") return [[nearest(i, n, step, filter), 1]];
    if (antialias) return smoothed(step * (i + 0.5), n, step, filter);
    const place = alignCorners ? step * i : step * (i + 0.5) - 0.5;
    return filter === "linear" ? linear(n === m ? i : place, n) : cubic(place, n);
  });
}

/** In float32, as in PyTorch: rounding decides between two elements. */
function nearest(i: number, n: number, step: number, filter: "nearest" | "nearest-exact"): number {
  const place = Math.fround((filter === "nearest" ? i : i + 0.5) * Math.fround(step));
  return Math.min(Math.floor(place), n - 1);
}

function linear(place: number, n: number): Taps {
  const clamped = Math.min(Math.max(place, 0), n - 1);
  const first = Math.floor(clamped);
  if (first === n - 1) return [[first, 1]];
  return [
    [first, 1 - (clamped - first)],
    [first + 1, clamped - first],
  ];
}

/** The four neighbours, weighted by Keys' cubic; those outside are the elements at the edge. */
function cubic(place: number, n: number): Taps {
  const first = Math.floor(place);
  return merged(
    [-1, 0, 1, 2].map((k) => [Math.min(Math.max(first + k, 0), n - 1), cubicWeight(place - first - k, -0.75)] as const),
  );
}

/** One tap for each place. */
export function merged(taps: Taps): Taps {
  const sums = new Map<number, number>();
  for (const [place, weight] of taps) sums.set(place, (sums.get(place) ?? 0) + weight);
  return [...sums];
}

/** Keys, "Cubic convolution interpolation for digital image processing", 1981; `a` is the slope at distance 1. */
export function cubicWeight(distance: number, a: number): number {
  const x = Math.abs(distance);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? ((x - 5) * x + 8) * x * a - 4 * a : 0;
}

/** The filter around a centre, in coordinates of edges, stretched by the step where the image shrinks, and cut off at the ends. */
function smoothed(centre: number, n: number, step: number, filter: Filter): Taps {
  const stretch = Math.max(step, 1);
  const support = (filter === "linear" ? 1 : 2) * stretch;
  const first = Math.max(Math.trunc(centre - support + 0.5), 0);
  const last = Math.min(Math.trunc(centre + support + 0.5), n);
  const taps = Array.from({ length: last - first }, (_, k) => {
    const distance = (first + k - centre + 0.5) / stretch;
    const weight = filter === "linear" ? Math.max(0, 1 - Math.abs(distance)) : cubicWeight(distance, -0.5);
    return [first + k, weight] as const;
  });
  const sum = taps.reduce((total, [, weight]) => total + weight, 0);
  return taps.map(([place, weight]) => [place, weight / sum]);
}
