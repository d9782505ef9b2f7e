import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";
import { reduce } from "./lib/reduce.js";

// Largest and smallest elements of the middle dimension of x [outer, n, inner]; the contract is in assembly/extrema.ts.

type View = Float32Array | Int32Array;

const f32 = (): Float32Array => arena.f32;
const i32 = (): Int32Array => arena.i32;

/** Position of the first largest element, or of the first NaN. */
function findMax(m: View, at: number, n: number, step: number): number {
  let found = 0;
  let best = m[at]!;
  for (let i = 1; i < n; i++) {
    const v = m[at + i * step]!;
    if (!Number.isNaN(best) && !(v <= best)) {
      best = v;
      found = i;
    }
  }
  return found;
}

/** Position of the first smallest element, or of the first NaN. */
function findMin(m: View, at: number, n: number, step: number): number {
  let found = 0;
  let best = m[at]!;
  for (let i = 1; i < n; i++) {
    const v = m[at + i * step]!;
    if (!Number.isNaN(best) && !(v >= best)) {
      best = v;
      found = i;
    }
  }
  return found;
}

function largest(m: View, at: number, n: number, step: number): number {
  return m[at + findMax(m, at, n, step) * step]!;
}

function smallest(m: View, at: number, n: number, step: number): number {
  return m[at + findMin(m, at, n, step) * step]!;
}

export const max_f32 = reduce(f32, largest);
export const min_f32 = reduce(f32, smallest);
export const max_i32 = reduce(i32, largest);
export const min_i32 = reduce(i32, smallest);

type Find = (y: Ptr, x: Ptr, work: Ptr, outer: number, n: number, inner: number) => void;

/** The kernel that writes positions instead of values. */
function finder(view: () => View, find: typeof findMax): Find {
  return (y, x, _work, outer, n, inner) => {
    const m = view();
    const { i32: to } = arena;
    for (let o = 0; o < outer; o++) {
      for (let j = 0; j < inner; j++) {
        to[(y >>> 2) + o * inner + j] = find(m, (x >>> 2) + o * n * inner + j, n, inner);
      }
    }
  };
}

export const argmax_f32 = finder(f32, findMax);
export const argmin_f32 = finder(f32, findMin);
export const argmax_i32 = finder(i32, findMax);
export const argmin_i32 = finder(i32, findMin);
