import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";
import { type AverageGeometry, first, last } from "./lib/pool.js";

// Average pooling of x [planes, d, h, w] to y [planes, od, oh, ow]; the contract is in assembly/avgpool.ts.

/** Start, end and counted size of output i's window along one axis. */
type Axis = readonly [from: number, to: number, counted: number];

function axis(i: number, n: number, on: number, k: number, s: number, p: number, pad: number): Axis {
  const from = first(i, n, on, s, p, 1);
  const to = last(i, n, on, k, s, p, 1);
  const start = i * s - p;
  return [from, to, pad === 0 || s === 0 ? to - from : Math.min(start + k, n + p) - start];
}

/** Calls `row` for each row of outputs with the elements of its first output and of its plane of x, and its windows. */
function forRows(
  y: number,
  x: number,
  planes: number,
  [d, h, w, od, oh, ow, kd, kh, kw, sd, sh, sw, pd, ph, pw, pad]: AverageGeometry,
  row: (y: number, x: number, zs: Axis, ys: Axis, xs: readonly Axis[]) => void,
): void {
  const columns = Array.from({ length: ow }, (_, k) => axis(k, w, ow, kw, sw, pw, pad));
  for (let p = 0; p < planes; p++) {
    for (let i = 0; i < od; i++) {
      const zs = axis(i, d, od, kd, sd, pd, pad);
      for (let j = 0; j < oh; j++) {
        row(y, x, zs, axis(j, h, oh, kh, sh, ph, pad), columns);
        y += ow;
      }
    }
    x += d * h * w;
  }
}

export function avgpool_f32(y: Ptr, x: Ptr, planes: number, ...g: AverageGeometry): void {
  const f = arena.f32;
  const [, h, w] = g;
  const divisor = g[16];
  forRows(y >>> 2, x >>> 2, planes, g, (to, plane, [z0, z1, deep], [y0, y1, high], xs) => {
    for (let o = 0; o < xs.length; o++) {
      const [x0, x1, wide] = xs[o]!;
      let s = 0;
      for (let z = z0; z < z1; z++) {
        for (let j = y0; j < y1; j++) {
          const start = plane + (z * h + j) * w;
          for (let k = x0; k < x1; k++) s += f[start + k]!;
        }
      }
      f[to + o] = s / (divisor || deep * high * wide);
    }
  });
}

export function avgpool_grad_f32(dx: Ptr, g: Ptr, planes: number, ...sizes: AverageGeometry): void {
  const f = arena.f32;
  const [d, h, w] = sizes;
  const divisor = sizes[16];
  f.fill(0, dx >>> 2, (dx >>> 2) + planes * d * h * w);
  forRows(g >>> 2, dx >>> 2, planes, sizes, (from, plane, [z0, z1, deep], [y0, y1, high], xs) => {
    for (let o = 0; o < xs.length; o++) {
      const [x0, x1, wide] = xs[o]!;
      const v = f[from + o]! / (divisor || deep * high * wide);
      for (let z = z0; z < z1; z++) {
        for (let j = y0; j < y1; j++) {
          const start = plane + (z * h + j) * w;
          for (let k = x0; k < x1; k++) f[start + k]! += v;
        }
      }
    }
  });
}
