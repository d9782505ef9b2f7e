import { forIndex, Nd } from "./nd.js";

export interface PoolOptions {
  kernelSize?: number | number[];
  stride?: number | number[];
  padding?: number | number[];
  dilation?: number | number[];
  ceilMode?: boolean;
  countIncludePad?: boolean;
  divisorOverride?: number;
  /** In place of all of the above: adaptive pooling. */
  outputSize?: number | (number | null)[];
}

/** The inside elements of each window along one axis, and how many positions it covers with the padding. */
interface Axis {
  readonly taps: number[][];
  readonly covered: number[];
}

function axisOf(n: number, i: number, options: PoolOptions): Axis {
  const of = (v: number | number[] | undefined, fallback: number): number =>
    v === undefined ? fallback : Array.isArray(v) ? v[i]! : v;
  const taps: number[][] = [];
  const covered: number[] = [];
  if (options.outputSize !== undefined) {
    const size = Array.isArray(options.outputSize) ? options.outputSize[i]! : options.outputSize;
    const out = size ?? n;
    for (let o = 0; o < out; o++) {
      const from = Math.floor((o * n) / out);
      const to = Math.ceil(((o + 1) * n) / out);
      taps.push(Array.from({ length: to - from }, (_, k) => from + k));
      covered.push(to - from);
    }
    return { taps, covered };
  }
  const k = of(options.kernelSize, 1);
  const s = of(options.stride, k);
  const p = of(options.padding, 0);
  const d = of(options.dilation, 1);
  for (let start = -p; ; start += s) {
    const end = start + (k - 1) * d;
    // A window may stick out behind the padding only in ceil mode, and only if it begins before it.
    if (options.ceilMode ? start >= n || end - s >= n + p - 1 : end >= n + p) break;
    const all = Array.from({ length: k }, (_, j) => start + j * d);
    taps.push(all.filter((t) => t >= 0 && t < n));
    covered.push(all.filter((t) => t < n + p).length);
  }
  return { taps, covered };
}

/** Pools the last `n` dimensions: `reduce` gets a window's values, their places in the plane, and how many positions it covers. */
export function poolOracle(
  x: Nd,
  n: number,
  options: PoolOptions,
  reduce: (values: number[], places: number[], covered: number) => number,
): Nd {
  const lead = x.shape.length - n;
  const axes = x.shape.slice(lead).map((size, i) => axisOf(size, i, options));
  const plane = new Nd(x.shape.slice(lead));
  const out = new Nd([...x.shape.slice(0, lead), ...axes.map((a) => a.taps.length)]);
  forIndex(out.shape, (index, flat) => {
    let places: number[][] = [[]];
    let covered = 1;
    axes.forEach((axis, i) => {
      const o = index[lead + i]!;
      places = places.flatMap((p) => axis.taps[o]!.map((t) => [...p, t]));
      covered *= axis.covered[o]!;
    });
    const values = places.map((p) => x.get(...index.slice(0, lead), ...p));
    const at = places.map((p) => plane.at(...p));
    out.data[flat] = reduce(values, at, covered);
  });
  return out;
}

/** Sizes that reach every loop of the pooling kernels: vector blocks, tails, borders, strides above 2, and the fast windows. */
export const POOL2D_SAMPLES: readonly { name: string; shape: number[]; options: PoolOptions }[] = [
  { name: "2x2", shape: [2, 3, 8, 8], options: { kernelSize: 2 } },
  { name: "2x2, odd sizes", shape: [1, 2, 7, 23], options: { kernelSize: 2 } },
  { name: "2x2, padded", shape: [1, 2, 7, 14], options: { kernelSize: 2, padding: 1 } },
  { name: "2x2 of 2x2", shape: [3, 2, 2], options: { kernelSize: 2 } },
  { name: "2x2, ceil", shape: [1, 1, 5, 11], options: { kernelSize: 2, ceilMode: true } },
  { name: "3x3 by 2, padded", shape: [1, 2, 13, 19], options: { kernelSize: 3, stride: 2, padding: 1 } },
  { name: "3x3 by 2", shape: [2, 1, 9, 17], options: { kernelSize: 3, stride: 2 } },
  { name: "3x3 by 2, ceil", shape: [1, 1, 8, 12], options: { kernelSize: 3, stride: 2, ceilMode: true } },
  { name: "3x3 by 1, padded", shape: [1, 2, 6, 21], options: { kernelSize: 3, stride: 1, padding: 1 } },
  { name: "3x3 by 3", shape: [1, 1, 9, 20], options: { kernelSize: 3 } },
  { name: "5x4 by 2x1", shape: [1, 1, 9, 11], options: { kernelSize: [5, 4], stride: [2, 1], padding: [2, 1] } },
  { name: "1x1", shape: [1, 2, 3, 5], options: { kernelSize: 1 } },
  { name: "the whole plane", shape: [2, 3, 5, 7], options: { kernelSize: [5, 7] } },
  { name: "one element", shape: [1, 1, 1, 1], options: { kernelSize: 1 } },
  { name: "an empty batch", shape: [0, 2, 4, 4], options: { kernelSize: 2 } },
];
