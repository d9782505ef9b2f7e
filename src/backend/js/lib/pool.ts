// Windows of pooling along one axis of n elements with `on` outputs; the contract is in assembly/lib/pool.ts.

/** Sizes of x and y, then kernel, stride and padding, each as depth, height, width. */
export type Geometry = [
  d: number,
  h: number,
  w: number,
  od: number,
  oh: number,
  ow: number,
  kd: number,
  kh: number,
  kw: number,
  sd: number,
  sh: number,
  sw: number,
  pd: number,
  ph: number,
  pw: number,
];

/** The same with dilation. */
export type DilatedGeometry = [...sizes: Geometry, dd: number, dh: number, dw: number];

/** The same with what average pooling divides by. */
export type AverageGeometry = [...sizes: Geometry, pad: number, divisor: number];

/** The first tap of output i that is inside. */
export function first(i: number, n: number, on: number, s: number, p: number, d: number): number {
  if (s === 0) return Math.floor((i * n) / on);
  const at = i * s - p;
  return at >= 0 ? at : at + Math.ceil(-at / d) * d;
}

/** One past the last tap of output i that is inside. */
export function last(i: number, n: number, on: number, k: number, s: number, p: number, d: number): number {
  if (s === 0) return Math.ceil(((i + 1) * n) / on);
  return Math.min(i * s - p + (k - 1) * d + 1, n);
}
