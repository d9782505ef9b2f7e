import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";

// Sampling of images at given places; the contract is in assembly/grid_sample.ts.

const REFLECTION = 2;

function unscaled(v: number, size: number, align: number): number {
  return align ? ((v + 1) / 2) * (size - 1) : ((v + 1) * size - 1) / 2;
}

function reflections(distance: number, span: number): number {
  return span > 0 ? Math.floor(distance / span) : 0;
}

/** Where along a dimension to read. */
function place(v: number, size: number, padding: number, align: number): number {
  let at = unscaled(v, size, align);
  if (padding === REFLECTION) {
    const low = align ? 0 : -0.5;
    const span = align ? size - 1 : size;
    const distance = Math.abs(at - low);
    const times = reflections(distance, span);
    const rest = distance - times * span;
    at = low + (times % 2 === 1 ? span - rest : span > 0 ? rest : 0);
  }
  return padding ? Math.min(Math.max(at, 0), size - 1) : at;
}

/** The derivative of `place`. */
function slope(v: number, size: number, padding: number, align: number): number {
  const scale = (align ? size - 1 : size) / 2;
  if (padding) {
    const p = place(v, size, padding, align);
    if (p <= 0 || p >= size - 1) return 0;
  }
  if (padding !== REFLECTION) return scale;
  const low = align ? 0 : -0.5;
  const at = unscaled(v, size, align);
  const odd = reflections(Math.abs(at - low), align ? size - 1 : size) % 2 === 1;
  return odd === at < low ? scale : -scale;
}

/** The nearest integer, of two the even one. */
function nearest(v: number): number {
  const low = Math.floor(v);
  if (v - low !== 0.5) return Math.round(v);
  return low % 2 === 0 ? low : low + 1;
}

/** Elements that a place is made of: their index in the plane, or -1 outside, and how far the place is from the first of them. */
interface Corners {
  readonly at: number[];
  fx: number;
  fy: number;
}

function findCorners(to: Corners, px: number, py: number, h: number, w: number, nearby: number): void {
  const left = nearby ? nearest(px) : Math.floor(px);
  const top = nearby ? nearest(py) : Math.floor(py);
  to.fx = nearby ? 0 : px - left;
  to.fy = nearby ? 0 : py - top;
  for (let k = 0; k < 4; k++) {
    // NaN is no place, but must be seen: it counts as the first element, with NaN as its weight.
    const x = (Number.isNaN(left) ? 0 : left) + (k & 1);
    const y = (Number.isNaN(top) ? 0 : top) + (k >> 1);
    to.at[k] = x >= 0 && x < w && y >= 0 && y < h && (k === 0 || !nearby) ? y * w + x : -1;
  }
}

/** Weight of corner k. */
function weightOf({ fx, fy }: Corners, k: number): number {
  return (k & 1 ? fx : 1 - fx) * (k & 2 ? fy : 1 - fy);
}

export function grid_sample_f32(
  y: Ptr,
  x: Ptr,
  grid: Ptr,
  n: number,
  c: number,
  h: number,
  w: number,
  count: number,
  nearby: number,
  padding: number,
  align: number,
): void {
  const f = arena.f32;
  const corners: Corners = { at: [], fx: 0, fy: 0 };
  for (let i = 0; i < n; i++) {
    for (let p = 0; p < count; p++) {
      const at = (grid >>> 2) + 2 * (i * count + p);
      findCorners(corners, place(f[at]!, w, padding, align), place(f[at + 1]!, h, padding, align), h, w, nearby);
      for (let j = i * c; j < (i + 1) * c; j++) {
        let sum = 0;
        for (let k = 0; k < 4; k++) {
          if (corners.at[k]! >= 0) sum += weightOf(corners, k) * f[(x >>> 2) + j * h * w + corners.at[k]!]!;
        }
        f[(y >>> 2) + j * count + p] = sum;
      }
    }
  }
}

export function grid_sample_input_grad_f32(
  dx: Ptr,
  g: Ptr,
  grid: Ptr,
  n: number,
  c: number,
  h: number,
  w: number,
  count: number,
  nearby: number,
  padding: number,
  align: number,
): void {
  const f = arena.f32;
  const corners: Corners = { at: [], fx: 0, fy: 0 };
  const sums = new Float64Array(c * h * w);
  for (let i = 0; i < n; i++) {
    sums.fill(0);
    for (let p = 0; p < count; p++) {
      const at = (grid >>> 2) + 2 * (i * count + p);
      findCorners(corners, place(f[at]!, w, padding, align), place(f[at + 1]!, h, padding, align), h, w, nearby);
      for (let k = 0; k < 4; k++) {
        const corner = corners.at[k]!;
        if (corner < 0) continue;
        const weight = weightOf(corners, k);
        for (let j = 0; j < c; j++) sums[j * h * w + corner]! += weight * f[(g >>> 2) + (i * c + j) * count + p]!;
      }
    }
    f.set(sums, (dx >>> 2) + i * c * h * w);
  }
}

export function grid_sample_places_grad_f32(
  dgrid: Ptr,
  g: Ptr,
  x: Ptr,
  grid: Ptr,
  n: number,
  c: number,
  h: number,
  w: number,
  count: number,
  nearby: number,
  padding: number,
  align: number,
): void {
  const f = arena.f32;
  const corners: Corners = { at: [], fx: 0, fy: 0 };
  for (let i = 0; i < n; i++) {
    for (let p = 0; p < count; p++) {
      const offset = 2 * (i * count + p);
      const [vx, vy] = [f[(grid >>> 2) + offset]!, f[(grid >>> 2) + offset + 1]!];
      findCorners(corners, place(vx, w, padding, align), place(vy, h, padding, align), h, w, nearby);
      const { fx, fy } = corners;
      let slopeX = 0;
      let slopeY = 0;
      for (let k = 0; k < (nearby ? 0 : 4); k++) {
        const corner = corners.at[k]!;
        if (corner < 0) continue;
        let sum = 0;
        for (let j = i * c; j < (i + 1) * c; j++) {
          sum += f[(g >>> 2) + j * count + p]! * f[(x >>> 2) + j * h * w + corner]!;
        }
        slopeX += (k & 1 ? sum : -sum) * (k & 2 ? fy : 1 - fy);
        slopeY += (k & 2 ? sum : -sum) * (k & 1 ? fx : 1 - fx);
      }
      f[(dgrid >>> 2) + offset] = nearby ? 0 : slopeX * slope(vx, w, padding, align);
      f[(dgrid >>> 2) + offset + 1] = nearby ? 0 : slopeY * slope(vy, h, padding, align);
    }
  }
}
