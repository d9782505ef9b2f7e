import { cubicWeight, merged, type Taps } from "../ops/upsample.js";

// What the outputs of ONNX's Resize are made of, one dimension by itself.

export const COORDINATES = [
  "half_pixel",
  "half_pixel_symmetric",
  "pytorch_half_pixel",
  "tf_half_pixel_for_nn",
  "align_corners",
  "asymmetric",
  "tf_crop_and_resize",
] as const;

export const NEAREST_MODES = ["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"] as const;

/** How places between the elements are read. */
export interface Reading {
  readonly mode: "nearest" | "linear" | "cubic";
  readonly coordinates: (typeof COORDINATES)[number];
  readonly nearest: (typeof NEAREST_MODES)[number];
  readonly antialias: boolean;
  /** Elements outside count nothing, instead of those at the edge once more. */
  readonly excludeOutside: boolean;
  /** Slope of the cubic at distance 1. */
  readonly cubicSlope: number;
}

/** One dimension: n elements become m, by an enlargement that need not be m / n. */
export interface Axis {
  readonly n: number;
  readonly m: number;
  readonly scale: number;
  /** The part of the dimension that tf_crop_and_resize takes, in fractions of it. */
  readonly roi: readonly [start: number, end: number];
}

/** Where output i lies among the elements; null outside of them, where tf_crop_and_resize puts a constant. */
function placeOf(i: number, { n, m, scale, roi }: Axis, { coordinates }: Reading): number | null {
  const width = scale * n;
  switch (coordinates) {
    case "align_corners":
      return width === 1 ? 0 : (i * (n - 1)) / (width - 1);
    case "asymmetric":
      return i / scale;
    case "tf_half_pixel_for_nn":
      return (i + 0.5) / scale;
    case "tf_crop_and_resize": {
      const [start, end] = roi;
      const place = width === 1 ? ((start + end) * (n - 1)) / 2 : (start + (i * (end - start)) / (width - 1)) * (n - 1);
      return place < 0 || place > n - 1 ? null : place;
    }
    case "pytorch_half_pixel":
      return width === 1 ? -0.5 : (i + 0.5) / scale - 0.5;
    case "half_pixel":
      return (i + 0.5) / scale - 0.5;
    case "half_pixel_symmetric":
      return (n / 2) * (1 - m / width) + (i + 0.5) / scale - 0.5;
  }
}

function nearestOf(place: number, mode: Reading["nearest"]): number {
  switch (mode) {
    case "floor":
      return Math.floor(place);
    case "ceil":
      return Math.ceil(place);
    case "round_prefer_floor":
      return Math.ceil(place - 0.5);
    case "round_prefer_ceil":
      return Math.floor(place + 0.5);
  }
}

/** The filter around a place, which antialiasing stretches where the image shrinks. */
function filtered(place: number, { n, scale }: Axis, { mode, antialias, excludeOutside, cubicSlope }: Reading): Taps {
  const shrink = antialias ? Math.min(scale, 1) : 1;
  const base = Math.ceil(place) - 1;
  const first = Math.floor((mode === "linear" ? -1 : -2) / shrink) + 1;
  const taps = Array.from({ length: 2 - 2 * first }, (_, k) => {
    const at = base + first + k;
    const distance = (at - place) * shrink;
    const weight = mode === "linear" ? Math.max(0, 1 - Math.abs(distance)) : cubicWeight(distance, cubicSlope);
    return [at, excludeOutside && (at < 0 || at >= n) ? 0 : weight] as const;
  });
  const sum = taps.reduce((total, [, weight]) => total + weight, 0);
  return merged(taps.map(([at, weight]) => [Math.min(Math.max(at, 0), n - 1), weight / sum] as const)).filter(
    ([, weight]) => weight !== 0,
  );
}

/** The taps of all outputs; none for one that lies outside. */
export function tapsOf(axis: Axis, reading: Reading): Taps[] {
  return Array.from({ length: axis.m }, (_, i) => {
    const place = placeOf(i, axis, reading);
    if (place === null) return [];
    if (reading.mode !== "nearest") return filtered(place, axis, reading);
    return [[Math.min(Math.max(nearestOf(place, reading.nearest), 0), axis.n - 1), 1]];
  });
}
