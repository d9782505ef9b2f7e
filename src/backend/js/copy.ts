import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";

// Copies between strided layouts, constant fill, casts; the contract is in assembly/copy.ts.

export function copy_32(
  y: Ptr,
  x: Ptr,
  n0: number,
  n1: number,
  n2: number,
  n3: number,
  y0: number,
  y1: number,
  y2: number,
  y3: number,
  x0: number,
  x1: number,
  x2: number,
  x3: number,
): void {
  copy(arena.i32, y >>> 2, x >>> 2, n0, n1, n2, n3, y0, y1, y2, y3, x0, x1, x2, x3);
}

export function copy_8(
  y: Ptr,
  x: Ptr,
  n0: number,
  n1: number,
  n2: number,
  n3: number,
  y0: number,
  y1: number,
  y2: number,
  y3: number,
  x0: number,
  x1: number,
  x2: number,
  x3: number,
): void {
  copy(arena.u8, y, x, n0, n1, n2, n3, y0, y1, y2, y3, x0, x1, x2, x3);
}

function copy(
  m: Int32Array | Uint8Array,
  y: number,
  x: number,
  n0: number,
  n1: number,
  n2: number,
  n3: number,
  y0: number,
  y1: number,
  y2: number,
  y3: number,
  x0: number,
  x1: number,
  x2: number,
  x3: number,
): void {
  for (let i0 = 0; i0 < n0; i0++) {
    for (let i1 = 0; i1 < n1; i1++) {
      for (let i2 = 0; i2 < n2; i2++) {
        const py = y + i0 * y0 + i1 * y1 + i2 * y2;
        const px = x + i0 * x0 + i1 * x1 + i2 * x2;
        if (y3 === 1 && x3 === 1) m.copyWithin(py, px, px + n3);
        else for (let i3 = 0; i3 < n3; i3++) m[py + i3 * y3] = m[px + i3 * x3]!;
      }
    }
  }
}

export function fill_32(y: Ptr, bits: number, n: number): void {
  arena.i32.fill(bits, y >>> 2, (y >>> 2) + n);
}

export function fill_8(y: Ptr, value: number, n: number): void {
  arena.u8.fill(value, y, y + n);
}

export function cast_i32_f32(y: Ptr, x: Ptr, n: number): void {
  arena.f32.set(arena.i32.subarray(x >>> 2, (x >>> 2) + n), y >>> 2);
}

export function cast_f32_i32(y: Ptr, x: Ptr, n: number): void {
  const { f32, i32 } = arena;
  for (let i = 0; i < n; i++) {
    const v = f32[(x >>> 2) + i]!;
    i32[(y >>> 2) + i] = Math.min(Math.max(v, -(2 ** 31)), 2 ** 31 - 1);
  }
}

export function cast_bool_f32(y: Ptr, x: Ptr, n: number): void {
  arena.f32.set(arena.u8.subarray(x, x + n), y >>> 2);
}

export function cast_f32_bool(y: Ptr, x: Ptr, n: number): void {
  const { f32, u8 } = arena;
  for (let i = 0; i < n; i++) u8[y + i] = f32[(x >>> 2) + i] === 0 ? 0 : 1;
}

export function cast_bool_i32(y: Ptr, x: Ptr, n: number): void {
  arena.i32.set(arena.u8.subarray(x, x + n), y >>> 2);
}

export function cast_i32_bool(y: Ptr, x: Ptr, n: number): void {
  const { i32, u8 } = arena;
  for (let i = 0; i < n; i++) u8[y + i] = i32[(x >>> 2) + i] === 0 ? 0 : 1;
}
