import { K } from "../backend/index.js";
import { checkDType, checkRank } from "../check.js";
import { ShapeError } from "../errors.js";
import { formatShape, numel } from "../shape.js";
import type { Tensor } from "../tensor.js";
import type { Shape, Spec } from "../types.js";
import { apply, defineOp, notDifferentiable } from "./op.js";

// Sampling of images x [N, C, H, W] at places grid [N, Q…, 2], Q two sizes; the output is [N, C, Q…].

type One = readonly [Tensor];

/** What lies outside of the image, as the kernels number it. */
export const GRID_PADDINGS = ["zeros", "border", "reflection"] as const;

export interface GridSampling {
  readonly nearest: boolean;
  readonly padding: (typeof GRID_PADDINGS)[number];
  readonly alignCorners: boolean;
}

/** What kernels take: sizes, the number of places, and how to read. */
function callOf(
  image: Shape,
  grid: Shape,
  { nearest, padding, alignCorners }: GridSampling,
): [n: number, c: number, h: number, w: number, count: number, nearby: number, padding: number, align: number] {
  const [n, c, h, w] = image as readonly [number, number, number, number];
  const count = numel(grid.slice(1, -1));
  return [n, c, h, w, count, nearest ? 1 : 0, GRID_PADDINGS.indexOf(padding), alignCorners ? 1 : 0];
}

function inferSampled(x: Spec, grid: Spec): Spec {
  checkDType("gridSample", "input", x, "float32");
  checkDType("gridSample", "grid", grid, "float32");
  checkRank("gridSample", "input", x.shape, 4);
  checkRank("gridSample", "grid", grid.shape, 4);
  if (grid.shape[0] !== x.shape[0] || grid.shape[3] !== 2) {
    throw new ShapeError(
      "gridSample",
      `grid has shape ${formatShape(grid.shape)}; expected [${x.shape[0]}, H, W, 2] (input ${formatShape(x.shape)})`,
    );
  }
  if (x.shape.slice(2).includes(0)) {
    throw new ShapeError("gridSample", `input has shape ${formatShape(x.shape)}; expected an image of sizes ≥ 1`);
  }
  return { shape: [x.shape[0]!, x.shape[1]!, ...grid.shape.slice(1, -1)], dtype: "float32" };
}

/** y[n, c, q] = x[n, c] at grid[n, q]. */
export const gridSampleOp = defineOp<readonly [Tensor, Tensor], One, GridSampling>({
  name: "grid_sample",
  infer: ([x, grid]) => [inferSampled(x, grid)],
  forward: ([y], [x, grid], attrs) => K.grid_sample_f32(y.ptr, x.ptr, grid.ptr, ...callOf(x.shape, grid.shape, attrs)),
  backward: ([g], [x, grid], _, attrs) => [
    () => apply(gridSampleInputGradOp, [g, grid], { ...attrs, size: x.shape })[0],
    () => placesGrad(g, x, grid, attrs),
  ],
});

/** Spreads g over the elements that each place is made of: the adjoint in x. */
export const gridSampleInputGradOp = defineOp<readonly [Tensor, Tensor], One, GridSampling & { size: Shape }>({
  name: "grid_sample_input_grad",
  infer: (_, { size }) => [{ shape: size, dtype: "float32" }],
  forward: ([dx], [g, grid], attrs) =>
    K.grid_sample_input_grad_f32(dx.ptr, g.ptr, grid.ptr, ...callOf(attrs.size, grid.shape, attrs)),
  backward: ([gg], [g, grid], _, attrs) => [() => gridSample(gg, grid, attrs), () => placesGrad(g, gg, grid, attrs)],
});

/** Σ over channels of g times the slope of x at each place. */
export const gridSamplePlacesGradOp = defineOp<readonly [Tensor, Tensor, Tensor], One, GridSampling>({
  name: "grid_sample_places_grad",
  infer: ([, , grid]) => [grid],
  forward: ([dgrid], [g, x, grid], attrs) =>
    K.grid_sample_places_grad_f32(dgrid.ptr, g.ptr, x.ptr, grid.ptr, ...callOf(x.shape, grid.shape, attrs)),
  backward: notDifferentiable("the second derivative in the places jumps from element to element"),
});

function placesGrad(g: Tensor, x: Tensor, grid: Tensor, attrs: GridSampling): Tensor {
  return apply(gridSamplePlacesGradOp, [g, x, grid], attrs)[0];
}

export function gridSample(x: Tensor, grid: Tensor, { nearest, padding, alignCorners }: GridSampling): Tensor {
  return apply(gridSampleOp, [x, grid], { nearest, padding, alignCorners })[0];
}
