import type { InterpolateOptions } from "../../src/functional/upsample.js";
import { functional as F, type Tensor } from "../../src/node.js";
import { resample, type Taps } from "../../src/ops/upsample.js";
import { forIndex, Nd } from "../support/nd.js";
import { type InputSpec, opCase, type Sample } from "../support/op-case.js";

const DIMS: Readonly<Record<string, string>> = {
  linear: "linear",
  bilinear: "linear",
  trilinear: "linear",
  bicubic: "cubic",
};

/** The size of one dimension, and the step between outputs. */
function sizeOf(n: number, d: number, options: InterpolateOptions): [m: number, step: number] {
  const at = (value: number | readonly number[]): number => (typeof value === "number" ? value : value[d]!);
  const factor = options.scaleFactor ?? null;
  const m = factor === null ? at(options.size!) : Math.floor(n * at(factor));
  if (options.alignCorners) return [m, m > 1 ? (n - 1) / (m - 1) : 0];
  return [m, factor === null || options.recomputeScaleFactor ? n / m : 1 / at(factor)];
}

/** Keys' cubic with the slope a at distance 1, from its conditions: 1 at 0, zeros at 1 and 2, smooth. */
function keys(distance: number, a: number): number {
  const t = Math.abs(distance);
  if (t < 1) return (a + 2) * t ** 3 - (a + 3) * t ** 2 + 1;
  return t < 2 ? a * (t ** 3 - 5 * t ** 2 + 8 * t - 4) : 0;
}

/** How much output i is made of element j: the filter around the output's place, elements beyond the edge given to the edge. */
function weightMatrix(n: number, d: number, options: InterpolateOptions): Nd {
  const [m, step] = sizeOf(n, d, options);
  const weights = new Nd([m, n]);
  const mode = options.mode ?? "nearest";
  const filter = DIMS[mode] ?? mode;
  forIndex([m, n], ([i, j]) => {
    const place = options.alignCorners ? step * i! : step * (i! + 0.5) - 0.5;
    let weight = 0;
    if (filter === "nearest") weight = Math.min(Math.floor(i! * step), n - 1) === j ? 1 : 0;
    else if (filter === "nearest-exact") weight = Math.min(Math.floor((i! + 0.5) * step), n - 1) === j ? 1 : 0;
    else if (filter === "area") {
      const [from, to] = [Math.floor((i! * n) / m), Math.ceil(((i! + 1) * n) / m)];
      weight = j! >= from && j! < to ? 1 / (to - from) : 0;
    } else if (options.antialias) {
      const width = Math.max(step, 1);
      const distance = (j! - place) / width;
      weight = filter === "linear" ? Math.max(0, 1 - Math.abs(distance)) : keys(distance, -0.5);
    } else {
      for (let k = j === 0 ? -4 : j!; k <= (j === n - 1 ? n + 3 : j!); k++) {
        weight += filter === "linear" ? Math.max(0, 1 - Math.abs(place - k)) : keys(place - k, -0.75);
      }
    }
    weights.set(weight, i!, j!);
  });
  if (options.antialias) {
    for (let i = 0; i < m; i++) {
      const row = weights.data.subarray(i * n, (i + 1) * n);
      const sum = row.reduce((a, b) => a + b, 0);
      row.forEach((w, j) => {
        row[j] = w / sum;
      });
    }
  }
  return weights;
}

function oracle(x: Nd, options: InterpolateOptions): Nd {
  return x.shape.slice(2).reduce((image: Nd, n, d) => {
    const weights = weightMatrix(n, d, options);
    const y = new Nd(image.shape.map((size, k) => (k === d + 2 ? weights.shape[0]! : size)));
    forIndex(y.shape, (index, at) => {
      const from = [...index];
      for (let j = 0; j < n; j++) {
        from[d + 2] = j;
        const weight = weights.get(index[d + 2]!, j);
        if (weight !== 0) y.data[at]! += weight * image.get(...from);
      }
    });
    return y;
  }, x);
}

const sample = (
  name: string,
  shape: readonly number[],
  options: InterpolateOptions,
  forwardOnly = false,
): Sample<InterpolateOptions> => ({ name, inputs: [{ shape }], options, forwardOnly });

/** Both ways to lay out a mode's grid. */
const aligned = (name: string, shape: readonly number[], options: InterpolateOptions): Sample<InterpolateOptions>[] => [
  sample(name, shape, options),
  sample(`${name}, corners aligned`, shape, { ...options, alignCorners: true }),
];

const X: InputSpec = { shape: [1, 2, 4, 5] };

const error = (name: string, x: InputSpec, options: InterpolateOptions, ...message: string[]) => ({
  name,
  inputs: [x],
  options,
  message: ["Upsample", ...message],
});

interface Tables {
  readonly tables: readonly (readonly Taps[])[];
}

/** Each output is what its taps say, one dimension after the other; here over the last two. */
function byTables(x: Nd, { tables }: Tables): Nd {
  const y = new Nd([...x.shape.slice(0, -2), ...tables.map((t) => t.length)]);
  forIndex(y.shape, (index, at) => {
    const [i, j] = index.slice(-2) as [number, number];
    for (const [row, a] of tables[0]![i]!) {
      for (const [column, b] of tables[1]![j]!) {
        y.data[at]! += a * b * x.get(...index.slice(0, -2), row, column);
      }
    }
  });
  return y;
}

const ROWS: readonly Taps[] = [
  [[2, 0.5]],
  [],
  [
    [0, -1],
    [1, 2],
    [3, 0.25],
  ],
  [[3, 1]],
  [
    [3, 0.5],
    [0, 0.5],
  ],
];
const COLUMNS: readonly Taps[] = [
  [
    [0, 0.5],
    [4, 0.5],
  ],
  [[2, 3]],
  [],
];

const tabled = (name: string, shape: readonly number[], ...tables: (readonly Taps[])[]): Sample<Tables> => ({
  name,
  inputs: [{ shape }],
  options: { tables },
});

const whole = (n: number): Taps[] => Array.from({ length: n }, (_, i) => [[i, 1]]);

export const cases = [
  opCase<Tables>({
    name: "resample by tables",
    ops: ["resample"],
    run: ([x], { tables }) =>
      resample(x as Tensor, { tables, from: x!.shape.slice(-2), to: tables.map((t) => t.length), adjoint: false }),
    oracle: ([x], options) => byTables(x!, options),
    samples: [
      tabled("both dimensions, some outputs of nothing", [2, 3, 4, 5], ROWS, COLUMNS),
      tabled("one dimension", [3, 4, 5], whole(4), COLUMNS),
      tabled("no other dimensions", [4, 6], ROWS, whole(6)),
      tabled("nothing to do", [2, 4, 5], whole(4), whole(5)),
    ],
    errors: [],
  }),
  opCase<InterpolateOptions>({
    name: "interpolate",
    ops: ["resample"],
    run: ([x], options) => F.interpolate(x as Tensor, options),
    oracle: ([x], options) => oracle(x!, options),
    samples: [
      sample("nearest, doubled", [2, 3, 4, 5], { scaleFactor: 2 }),
      sample("nearest, one element", [1, 1, 1], { size: 5 }),
      sample("nearest, smaller", [1, 2, 9, 7], { size: [4, 3] }),
      sample("nearest, one dimension", [2, 3, 17], { size: 40 }),
      sample("nearest, three dimensions", [1, 2, 2, 3, 4], { size: [4, 3, 9] }),
      sample("nearest, scale taken at its word", [1, 1, 7], { scaleFactor: 1.3 }),
      sample("nearest, scale recomputed", [1, 1, 7], { scaleFactor: 1.3, recomputeScaleFactor: true }),
      sample("nearest, nothing to do", [1, 2, 3, 4], { size: [3, 4] }),
      sample("nearest-exact, larger", [1, 2, 5, 6], { size: [8, 11], mode: "nearest-exact" }),
      sample("nearest-exact, smaller", [1, 2, 9, 8], { scaleFactor: 0.5, mode: "nearest-exact" }),
      ...aligned("linear, larger", [2, 3, 5], { size: 12, mode: "linear" }),
      ...aligned("linear, smaller", [1, 5, 13], { size: 4, mode: "linear" }),
      ...aligned("linear, to one element", [1, 2, 5], { size: 1, mode: "linear" }),
      ...aligned("linear, from one element", [1, 2, 1], { size: 3, mode: "linear" }),
      ...aligned("bilinear, doubled", [2, 3, 4, 5], { scaleFactor: 2, mode: "bilinear" }),
      ...aligned("bilinear, one way each", [1, 2, 9, 4], { size: [5, 17], mode: "bilinear" }),
      ...aligned("bilinear, one dimension only", [1, 2, 3, 19], { size: [7, 19], mode: "bilinear" }),
      sample("bilinear, factors", [1, 5, 4, 6], { scaleFactor: [1.6, 0.7], mode: "bilinear" }),
      sample("bilinear, factors recomputed", [1, 1, 4, 6], {
        scaleFactor: [1.6, 0.7],
        mode: "bilinear",
        recomputeScaleFactor: true,
      }),
      sample("bilinear, antialias", [1, 2, 11, 8], { size: [4, 13], mode: "bilinear", antialias: true }),
      ...aligned("bicubic, larger", [1, 2, 4, 5], { size: [9, 8], mode: "bicubic" }),
      ...aligned("bicubic, smaller", [1, 2, 9, 8], { size: [4, 5], mode: "bicubic" }),
      sample("bicubic, tiny", [1, 1, 2, 1], { size: [5, 3], mode: "bicubic" }),
      sample("bicubic, antialias", [1, 1, 12, 9], { size: [5, 4], mode: "bicubic", antialias: true }),
      ...aligned("trilinear", [1, 2, 2, 3, 4], { size: [5, 2, 7], mode: "trilinear" }),
      sample("area", [1, 2, 7, 5], { size: [3, 2], mode: "area" }),
      sample("area, factor", [1, 2, 9], { scaleFactor: 0.4, mode: "area" }),
      sample("many planes", [7, 9, 20, 30], { scaleFactor: 2, mode: "bilinear" }, true),
      sample("an empty batch", [0, 2, 3, 4], { scaleFactor: 2, mode: "bilinear" }),
      {
        name: "NaN and infinity",
        inputs: [{ shape: [1, 1, 4], values: [NaN, 1, 2, Infinity] }],
        options: { scaleFactor: 3 },
        forwardOnly: true,
      },
    ],
    errors: [
      error("neither size nor factor", X, {}, "neither", "size", "scaleFactor"),
      error("both size and factor", X, { size: 2, scaleFactor: 2 }, "both"),
      error("a mode that does not exist", X, { size: 2, mode: "cubic" as "area" }, "mode", "cubic"),
      error("a mode for another rank", X, { size: 2, mode: "linear" }, "linear", "rank 4", "3"),
      error("rank", { shape: [4, 5] }, { size: 2 }, "rank 2"),
      error("aligned corners of nearest", X, { size: 2, alignCorners: false }, "alignCorners", "nearest"),
      error("antialias of nearest", X, { size: 2, antialias: true }, "antialias", "nearest"),
      error("recomputed without a factor", X, { size: 2, recomputeScaleFactor: true }, "recomputeScaleFactor"),
      error("a size too many", X, { size: [2, 3, 4] }, "size", "[2, 3, 4]", "2"),
      error("size 0", X, { size: 0 }, "size", "0"),
      error("a factor of 0", X, { scaleFactor: 0 }, "scaleFactor", "0"),
      error("a factor that leaves nothing", X, { scaleFactor: 0.1 }, "[0, 0]", "[4, 5]"),
      error("an empty image", { shape: [1, 2, 0, 5] }, { size: 3 }, "[0, 5]"),
      error("integers", { ...X, dtype: "int32" }, { size: 2 }, "int32"),
      error("an option that does not exist", X, { size: 2, align: true } as InterpolateOptions, "align"),
    ],
    bench: (["nearest", "bilinear", "bicubic"] as const).map((mode) => ({
      name: `${mode} 64 × 56² to 112²`,
      inputs: [{ shape: [1, 64, 56, 56] }],
      options: { scaleFactor: 2, mode },
      bytes: 4 * 5 * 64 * 56 * 56,
    })),
  }),
];
