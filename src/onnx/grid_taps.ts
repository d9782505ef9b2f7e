import * as F from "../functional/index.js";
import { add, affine, mul, sub } from "../ops/arithmetic.js";
import { logicalAnd } from "../ops/compare.js";
import { cast, reshape, select } from "../ops/copy.js";
import { gather } from "../ops/gather.js";
import type { GRID_PADDINGS } from "../ops/grid_sample.js";
import { maskedFill } from "../ops/mask.js";
import { expand } from "../ops/reduce.js";
import { contiguousStrides, numel } from "../shape.js";
import type { Tensor } from "../tensor.js";

// Sampling at places in any number of dimensions and by cubics, over functional ops: what the fused op does not have.

export interface GridReading {
  readonly mode: "nearest" | "linear" | "cubic";
  readonly padding: (typeof GRID_PADDINGS)[number];
  readonly alignCorners: boolean;
}

/** One neighbour along one dimension: its place, [N, Q], whether it counts, and its weight. */
interface Tap {
  readonly place: Tensor;
  readonly inside: Tensor | null;
  readonly weight: Tensor | null;
}

/** Slope of the cubic at distance 1. */
const SLOPE = -0.75;

/** Keys' cubic at a distance up to 1 (near) or from 1 to 2. */
function cubic(x: Tensor, near: boolean): Tensor {
  const square = mul(x, x);
  if (near) return affine(mul(square, affine(x, SLOPE + 2, -(SLOPE + 3))), 1, 1);
  const inner = affine(mul(affine(x, 1, -5), x), 1, 8);
  return affine(mul(inner, x), SLOPE, -4 * SLOPE);
}

/** Coordinates brought back into the image by mirroring at its outer elements' centres or edges. */
function reflected(x: Tensor, n: number, alignCorners: boolean): Tensor {
  const low = alignCorners ? 0 : -0.5;
  const span = alignCorners ? n - 1 : n;
  if (span === 0) return affine(x, 0, 0);
  const distance = F.abs(affine(x, 1, -low));
  const turns = F.floor(affine(distance, 1 / span, 0));
  const rest = sub(distance, affine(turns, span, 0));
  const odd = F.ne(sub(turns, affine(F.floor(affine(turns, 0.5, 0)), 2, 0)), 0);
  return affine(F.where(odd, affine(rest, -1, span), rest), 1, low);
}

function padded(x: Tensor, n: number, { padding, alignCorners }: GridReading): Tensor {
  if (padding === "zeros") return x;
  const within = padding === "reflection" ? reflected(x, n, alignCorners) : x;
  return F.clamp(within, { min: 0, max: n - 1 });
}

/** The neighbours of coordinates in one dimension of n elements. */
function tapsOf(coordinates: Tensor, n: number, reading: GridReading): Tap[] {
  const { mode, padding, alignCorners } = reading;
  const x = alignCorners ? affine(coordinates, (n - 1) / 2, (n - 1) / 2) : affine(coordinates, n / 2, (n - 1) / 2);
  // A cubic pads each of its neighbours, the others the place that they are around.
  const place = mode === "cubic" ? x : padded(x, n, reading);
  const tap = (at: Tensor, weight: Tensor | null): Tap => {
    const own = mode === "cubic" ? padded(at, n, reading) : at;
    const inside = padding === "zeros" ? logicalAnd(F.ge(own, 0), F.le(own, n - 1)) : null;
    return { place: cast(F.clamp(own, { min: 0, max: n - 1 }), "int32"), inside, weight };
  };
  if (mode === "nearest") return [tap(F.round(place), null)];
  const first = F.floor(place);
  const ratio = sub(place, first);
  if (mode === "linear") {
    return [tap(first, affine(ratio, -1, 1)), tap(affine(first, 1, 1), ratio)];
  }
  return [-1, 0, 1, 2].map((k) => tap(affine(first, 1, k), cubic(F.abs(affine(ratio, 1, -k)), k === 0 || k === 1)));
}

/** x [N, C, …] at grid [N, Q…, D], whose coordinates go from −1 to 1, the last dimension first → [N, C, Q…]. */
export function sampleAnywhere(x: Tensor, grid: Tensor, reading: GridReading): Tensor {
  const [batch, channels, ...sizes] = x.shape as [number, number, ...number[]];
  const outputs = grid.shape.slice(1, -1);
  const count = numel(outputs);
  const flat = reshape(x, [batch, channels, numel(sizes)]);
  const strides = contiguousStrides(sizes);
  const perAxis = sizes.map((n, d) =>
    tapsOf(reshape(select(grid, -1, sizes.length - 1 - d), [batch, count]), n, reading),
  );
  // All combinations of one neighbour for each dimension.
  let corners: { place: Tensor; factors: readonly Tap[] }[] = [];
  perAxis.forEach((taps, d) => {
    const scaled = taps.map((tap) => ({ tap, step: F.mul(tap.place, strides[d]!) }));
    if (d === 0) corners = scaled.map(({ tap, step }) => ({ place: step, factors: [tap] }));
    else {
      corners = corners.flatMap(({ place, factors }) =>
        scaled.map(({ tap, step }) => ({ place: add(place, step), factors: [...factors, tap] })),
      );
    }
  });
  const parts = corners.map(({ place, factors }) => {
    const index = expand(reshape(place, [batch, 1, count]), [batch, channels, count]);
    return factors.reduce(
      (value, { weight, inside }) => {
        const weighted = weight === null ? value : mul(value, reshape(weight, [batch, 1, count]));
        return inside === null ? weighted : maskedFill(weighted, F.logicalNot(reshape(inside, [batch, 1, count])), 0);
      },
      gather(flat, index, 2),
    );
  });
  return reshape(parts.reduce(add), [batch, channels, ...outputs]);
}
