import type { AffineGridOptions, GridSampleOptions } from "../../src/functional/grid_sample.js";
import { functional as F, type Tensor } from "../../src/node.js";
import { gridSampleInputGradOp } from "../../src/ops/grid_sample.js";
import { apply } from "../../src/ops/op.js";
import { forIndex, Nd } from "../support/nd.js";
import { type InputSpec, opCase, type Sample } from "../support/op-case.js";

/** Where along n elements a coordinate lies: a triangle wave for reflection, then cut off at the ends. */
function placeOf(v: number, n: number, { paddingMode = "zeros", alignCorners = false }: GridSampleOptions): number {
  let at = alignCorners ? ((v + 1) / 2) * (n - 1) : ((v + 1) / 2) * n - 0.5;
  if (paddingMode === "zeros") return at;
  if (paddingMode === "reflection") {
    const [low, period] = alignCorners ? [0, 2 * (n - 1)] : [-0.5, 2 * n];
    const phase = period === 0 ? 0 : (((at - low) % period) + period) % period;
    at = low + Math.min(phase, period - phase);
  }
  return Math.min(Math.max(at, 0), n - 1);
}

/** How much an element is part of what is read at a place. */
function share(place: number, element: number, mode: GridSampleOptions["mode"]): number {
  if (mode === "nearest") return Math.abs(place - element) < 0.5 ? 1 : 0;
  return Math.max(0, 1 - Math.abs(place - element));
}

/** Calls `visit` for every element that has a share in a place. */
function eachShare(
  [n, , h, w]: readonly number[],
  grid: Nd,
  options: GridSampleOptions,
  visit: (image: number, place: number, row: number, column: number, weight: number) => void,
): void {
  const count = grid.shape[1]! * grid.shape[2]!;
  forIndex([n!, count], ([i, p]) => {
    const at = 2 * (i! * count + p!);
    const px = placeOf(grid.data[at]!, w!, options);
    const py = placeOf(grid.data[at + 1]!, h!, options);
    forIndex([h!, w!], ([row, column]) => {
      const weight = share(py, row!, options.mode) * share(px, column!, options.mode);
      if (weight !== 0) visit(i!, p!, row!, column!, weight);
    });
  });
}

function sampled(x: Nd, grid: Nd, options: GridSampleOptions): Nd {
  const [n, c] = x.shape as readonly [number, number];
  const y = new Nd([n, c, grid.shape[1]! * grid.shape[2]!]);
  eachShare(x.shape, grid, options, (i, p, row, column, weight) => {
    for (let j = 0; j < c; j++) y.data[y.at(i, j, p)]! += weight * x.get(i, j, row, column);
  });
  return new Nd([n, c, grid.shape[1]!, grid.shape[2]!], y.data);
}

const grid = (shape: readonly number[], reach = 1.4): InputSpec => ({ shape, low: -reach, high: reach });

const PADDINGS = ["zeros", "border", "reflection"] as const;

const samples: readonly Sample<GridSampleOptions>[] = PADDINGS.flatMap((paddingMode) =>
  [false, true].flatMap((alignCorners): Sample<GridSampleOptions>[] => {
    const options = { paddingMode, alignCorners };
    const name = `${paddingMode}${alignCorners ? ", corners aligned" : ""}`;
    return [
      { name, inputs: [{ shape: [2, 3, 4, 5] }, grid([2, 3, 5, 2])], options },
      { name: `${name}, far outside`, inputs: [{ shape: [1, 2, 3, 4] }, grid([1, 4, 3, 2], 5)], options },
      { name: `${name}, one row`, inputs: [{ shape: [1, 1, 1, 6] }, grid([1, 2, 2, 2])], options },
      {
        name: `${name}, nearest`,
        inputs: [{ shape: [1, 2, 5, 3] }, grid([1, 4, 3, 2])],
        options: { ...options, mode: "nearest" },
      },
    ];
  }),
);

const X: InputSpec = { shape: [2, 3, 4, 5] };

export const cases = [
  opCase<GridSampleOptions>({
    name: "gridSample",
    ops: ["grid_sample", "grid_sample_input_grad", "grid_sample_places_grad"],
    run: ([x, g], options) => F.gridSample(x as Tensor, g as Tensor, options),
    oracle: ([x, g], options) => sampled(x!, g!, options),
    samples: [
      ...samples,
      { name: "one element", inputs: [{ shape: [1, 1, 1, 1] }, grid([1, 1, 1, 2], 0.9)], options: {} },
      { name: "an empty batch", inputs: [{ shape: [0, 2, 3, 4] }, grid([0, 2, 2, 2])], options: {} },
      { name: "no places", inputs: [{ shape: [1, 2, 3, 4] }, grid([1, 0, 2, 2])], options: {} },
      {
        name: "infinity",
        inputs: [
          { shape: [1, 1, 1, 2], values: [1, Infinity] },
          { shape: [1, 1, 3, 2], values: [-0.6, 0, 0, 0, 9, 0] },
        ],
        options: {},
        forwardOnly: true,
      },
    ],
    errors: [
      {
        name: "another batch",
        inputs: [X, { shape: [1, 3, 3, 2] }],
        options: {},
        message: ["gridSample", "[1, 3, 3, 2]", "[2, H, W, 2]"],
      },
      {
        name: "three coordinates",
        inputs: [X, { shape: [2, 3, 3, 3] }],
        options: {},
        message: ["gridSample", "[2, 3, 3, 3]"],
      },
      {
        name: "a volume",
        inputs: [{ shape: [2, 3, 4, 5, 6] }, { shape: [2, 3, 3, 2] }],
        options: {},
        message: ["gridSample", "rank 5"],
      },
      {
        name: "an empty image",
        inputs: [{ shape: [2, 3, 0, 5] }, { shape: [2, 3, 3, 2] }],
        options: {},
        message: ["gridSample", "[2, 3, 0, 5]"],
      },
      {
        name: "a padding that does not exist",
        inputs: [X, { shape: [2, 3, 3, 2] }],
        options: { paddingMode: "circular" as "zeros" },
        message: ["gridSample", "paddingMode", "circular"],
      },
    ],
    bench: [
      {
        name: "bilinear 64 × 56²",
        inputs: [{ shape: [1, 64, 56, 56] }, grid([1, 56, 56, 2])],
        options: {},
        flops: 8 * 64 * 56 * 56,
      },
    ],
  }),
  opCase<GridSampleOptions>({
    name: "grid_sample_input_grad",
    ops: ["grid_sample_input_grad", "grid_sample_places_grad"],
    run: ([g, places], { paddingMode = "zeros", alignCorners = false }) => {
      const attrs = { nearest: false, padding: paddingMode, alignCorners, size: [2, 3, 4, 5] };
      return apply(gridSampleInputGradOp, [g as Tensor, places as Tensor], attrs)[0];
    },
    oracle: ([g, places], options) => {
      const dx = new Nd([2, 3, 4, 5]);
      const count = g!.shape[2]! * g!.shape[3]!;
      eachShare(dx.shape, places!, options, (i, p, row, column, weight) => {
        for (let j = 0; j < 3; j++) dx.data[dx.at(i, j, row, column)]! += weight * g!.data[(i * 3 + j) * count + p]!;
      });
      return dx;
    },
    samples: PADDINGS.map((paddingMode) => ({
      name: paddingMode,
      inputs: [{ shape: [2, 3, 3, 5] }, grid([2, 3, 5, 2])],
      options: { paddingMode },
    })),
  }),
  opCase<AffineGridOptions>({
    name: "affineGrid",
    ops: [],
    run: ([theta], options) => F.affineGrid(theta as Tensor, options),
    oracle: ([theta], { size: [n, , h, w], alignCorners = false }) => {
      const out = new Nd([n!, h!, w!, 2]);
      const coordinate = (i: number, size: number): number => {
        if (!alignCorners) return (2 * i + 1) / size - 1;
        return size === 1 ? 0 : (2 * i) / (size - 1) - 1;
      };
      forIndex(out.shape, ([i, row, column, k], at) => {
        const [a, b, c] = [0, 1, 2].map((d) => theta!.get(i!, k!, d)) as [number, number, number];
        out.data[at] = a * coordinate(column!, w!) + b * coordinate(row!, h!) + c;
      });
      return out;
    },
    samples: [
      { name: "edges", inputs: [{ shape: [2, 2, 3] }], options: { size: [2, 1, 3, 5] } },
      { name: "corners aligned", inputs: [{ shape: [1, 2, 3] }], options: { size: [1, 7, 4, 1], alignCorners: true } },
    ],
    errors: [
      {
        name: "another batch",
        inputs: [{ shape: [1, 2, 3] }],
        options: { size: [2, 1, 3, 5] },
        message: ["affineGrid", "[1, 2, 3]", "[2, 2, 3]"],
      },
      {
        name: "a size too few",
        inputs: [{ shape: [1, 2, 3] }],
        options: { size: [1, 3, 5] },
        message: ["affineGrid", "size", "[1, 3, 5]"],
      },
    ],
  }),
];
