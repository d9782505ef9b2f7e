import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";
import { type DilatedGeometry, first, last } from "./lib/pool.js";

// Max pooling of x [planes, d, h, w] to y [planes, od, oh, ow]; the contract is in assembly/maxpool.ts.

/** Place in its plane of the maximum of a window of the plane at `x`; -1 for a window without taps. NaN is above everything. */
function locate(
  f: Float32Array,
  x: number,
  h: number,
  w: number,
  [z0, z1, dd]: Axis,
  [y0, y1, dh]: Axis,
  [x0, x1, dw]: Axis,
): number {
  let at = -1;
  let m = -Infinity;
  for (let z = z0; z < z1; z += dd) {
    for (let j = y0; j < y1; j += dh) {
      const start = x + (z * h + j) * w;
      for (let k = x0; k < x1; k += dw) {
        const v = f[start + k]!;
        if (v > m || Number.isNaN(v) || at < 0) {
          m = v;
          at = start + k - x;
        }
      }
    }
  }
  return at;
}

/** First tap, end and step along one axis. */
type Axis = readonly [from: number, to: number, step: number];

/** Calls `row` for each row of outputs with the element of its first output and of its plane of x, and its windows. */
function forRows(
  y: number,
  x: number,
  planes: number,
  [d, h, w, od, oh, ow, kd, kh, kw, sd, sh, sw, pd, ph, pw, dd, dh, dw]: DilatedGeometry,
  row: (y: number, x: number, zs: Axis, ys: Axis, xs: readonly Axis[]) => void,
): void {
  const columns = Array.from(
    { length: ow },
    (_, k): Axis => [first(k, w, ow, sw, pw, dw), last(k, w, ow, kw, sw, pw, dw), dw],
  );
  for (let p = 0; p < planes; p++) {
    for (let i = 0; i < od; i++) {
      const zs: Axis = [first(i, d, od, sd, pd, dd), last(i, d, od, kd, sd, pd, dd), dd];
      for (let j = 0; j < oh; j++) {
        row(y, x, zs, [first(j, h, oh, sh, ph, dh), last(j, h, oh, kh, sh, ph, dh), dh], columns);
        y += ow;
      }
    }
    x += d * h * w;
  }
}

export function maxpool_f32(y: Ptr, x: Ptr, planes: number, ...g: DilatedGeometry): void {
  const f = arena.f32;
  const [, h, w] = g;
  forRows(y >>> 2, x >>> 2, planes, g, (to, plane, zs, ys, xs) => {
    for (let k = 0; k < xs.length; k++) {
      const at = locate(f, plane, h, w, zs, ys, xs[k]!);
      f[to + k] = at < 0 ? -Infinity : f[plane + at]!;
    }
  });
}

export function maxpool_index_i32(index: Ptr, x: Ptr, _y: Ptr, planes: number, ...g: DilatedGeometry): void {
  const { f32, i32 } = arena;
  const [, h, w] = g;
  forRows(index >>> 2, x >>> 2, planes, g, (to, plane, zs, ys, xs) => {
    for (let k = 0; k < xs.length; k++) i32[to + k] = Math.max(locate(f32, plane, h, w, zs, ys, xs[k]!), 0);
  });
}

export function maxpool_gather_f32(out: Ptr, v: Ptr, x: Ptr, _y: Ptr, planes: number, ...g: DilatedGeometry): void {
  const f = arena.f32;
  const [, h, w] = g;
  const shift = (v >>> 2) - (x >>> 2);
  forRows(out >>> 2, x >>> 2, planes, g, (to, plane, zs, ys, xs) => {
    for (let k = 0; k < xs.length; k++) {
      const at = locate(f, plane, h, w, zs, ys, xs[k]!);
      f[to + k] = at < 0 ? 0 : f[plane + shift + at]!;
    }
  });
}

export function maxpool_grad_f32(dx: Ptr, g: Ptr, x: Ptr, _y: Ptr, planes: number, ...sizes: DilatedGeometry): void {
  const f = arena.f32;
  const [d, h, w] = sizes;
  const shift = (dx >>> 2) - (x >>> 2);
  f.fill(0, dx >>> 2, (dx >>> 2) + planes * d * h * w);
  forRows(g >>> 2, x >>> 2, planes, sizes, (from, plane, zs, ys, xs) => {
    for (let k = 0; k < xs.length; k++) {
      const at = locate(f, plane, h, w, zs, ys, xs[k]!);
      if (at >= 0) f[plane + shift + at]! += f[from + k]!;
    }
  });
}

export function maxunpool_f32(y: Ptr, x: Ptr, index: Ptr, planes: number, n: number, m: number): void {
  const { f32, i32 } = arena;
  f32.fill(0, y >>> 2, (y >>> 2) + planes * m);
  for (let p = 0; p < planes; p++) {
    for (let i = p * n; i < (p + 1) * n; i++) {
      const at = i32[(index >>> 2) + i]!;
      if (at >= 0 && at < m) f32[(y >>> 2) + p * m + at] = f32[(x >>> 2) + i]!;
    }
  }
}

export function maxunpool_grad_f32(dx: Ptr, g: Ptr, index: Ptr, planes: number, n: number, m: number): void {
  const { f32, i32 } = arena;
  for (let p = 0; p < planes; p++) {
    for (let i = p * n; i < (p + 1) * n; i++) {
      const at = i32[(index >>> 2) + i]!;
      f32[(dx >>> 2) + i] = at >= 0 && at < m ? f32[(g >>> 2) + p * m + at]! : 0;
    }
  }
}
