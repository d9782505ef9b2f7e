import { arena } from "../../../runtime/arena.js";
import type { Ptr } from "../../../types.js";

// What recurrent layers share; the order of rows is told in assembly/lib/recurrent.ts. All positions are indices of floats.

/** The m rows of a step, from `row` on. */
type Step = (row: number, m: number) => void;

/** Visits the steps in order, or from the last to the first. */
export function walk(sizes: Ptr, rows: number, steps: number, n: number, backwards: boolean, step: Step): void {
  const counts = arena.i32.subarray(sizes >>> 2, (sizes >>> 2) + steps);
  let row = backwards ? rows : 0;
  for (let s = 0; s < steps; s++) {
    const m = sizes === 0 ? n : counts[backwards ? steps - 1 - s : s]!;
    if (backwards) row -= m;
    step(row, m);
    if (!backwards) row += m;
  }
}

/** Rows [begin, end) of y ← those of x, or zeros without an x. */
export function assign(y: Ptr, x: Ptr, width: number, begin: number, end: number): void {
  const f = arena.f32;
  const [to, from, count] = [(y >>> 2) + begin * width, (x >>> 2) + begin * width, (end - begin) * width];
  if (x === 0) f.fill(0, to, to + count);
  else f.copyWithin(to, from, from + count);
}

/** sums[j] += Σ_p f[a + p] · f[w + j · k + p] for n rows of w. */
export function addDots(f: Float32Array, sums: Float64Array, a: number, w: number, n: number, k: number): void {
  for (let j = 0; j < n; j++) {
    let s = 0;
    for (let p = 0; p < k; p++) s += f[a + p]! * f[w + j * k + p]!;
    sums[j]! += s;
  }
}

/** sums[j] += Σ_p f[a + p] · f[w + p · n + j] for k rows of w. */
export function addRows(f: Float32Array, sums: Float64Array, a: number, w: number, n: number, k: number): void {
  for (let p = 0; p < k; p++) {
    const v = f[a + p]!;
    for (let j = 0; j < n; j++) sums[j]! += v * f[w + p * n + j]!;
  }
}
