import type { Ptr } from "../../../types.js";

type View = Float32Array | Int32Array;

/** The result for n elements from index `at` on, `step` apart. */
type Column<V, P extends unknown[]> = (x: V, at: number, n: number, step: number, ...rest: P) => number;

/** The kernel that reduces the middle dimension of x [outer, n, inner] to y [outer, inner] with one call per result. */
export function reduce<V extends View, P extends unknown[]>(
  view: () => V,
  column: Column<V, P>,
): (y: Ptr, x: Ptr, outer: number, n: number, inner: number, ...rest: P) => void {
  return (y, x, outer, n, inner, ...rest) => {
    const m = view();
    const to = y >>> 2;
    const from = x >>> 2;
    for (let o = 0; o < outer; o++) {
      for (let j = 0; j < inner; j++) m[to + o * inner + j] = column(m, from + o * n * inner + j, n, inner, ...rest);
    }
  };
}
