import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";

// Arithmetic; the contract is in assembly/arithmetic.ts.

/** y [n0, n1, n2, n3] contiguous; a and b are read through element strides. */
type Broadcast = (
  y: Ptr,
  a: Ptr,
  b: Ptr,
  n0: number,
  n1: number,
  n2: number,
  n3: number,
  a0: number,
  a1: number,
  a2: number,
  a3: number,
  b0: number,
  b1: number,
  b2: number,
  b3: number,
) => void;

/** One innermost run of n elements: f[y + i] = op(f[a + i·sa], f[b + i·sb]). */
type Run = (f: Float32Array, n: number, y: number, a: number, sa: number, b: number, sb: number) => void;

/** The outer loops, once for all; each op writes its own inner loop, so that it is compiled without a call per element. */
function broadcast(run: Run): Broadcast {
  return (y, a, b, n0, n1, n2, n3, a0, a1, a2, a3, b0, b1, b2, b3) => {
    const f = arena.f32;
    let py = y >>> 2;
    for (let i0 = 0; i0 < n0; i0++) {
      for (let i1 = 0; i1 < n1; i1++) {
        let pa = (a >>> 2) + i0 * a0 + i1 * a1;
        let pb = (b >>> 2) + i0 * b0 + i1 * b1;
        for (let i2 = 0; i2 < n2; i2++) {
          run(f, n3, py, pa, a3, pb, b3);
          py += n3;
          pa += a2;
          pb += b2;
        }
      }
    }
  };
}

export const add_f32 = broadcast((f, n, y, a, sa, b, sb) => {
  for (let i = 0; i < n; i++) f[y + i] = f[a + i * sa]! + f[b + i * sb]!;
});

export const sub_f32 = broadcast((f, n, y, a, sa, b, sb) => {
  for (let i = 0; i < n; i++) f[y + i] = f[a + i * sa]! - f[b + i * sb]!;
});

export const mul_f32 = broadcast((f, n, y, a, sa, b, sb) => {
  for (let i = 0; i < n; i++) f[y + i] = f[a + i * sa]! * f[b + i * sb]!;
});

export const div_f32 = broadcast((f, n, y, a, sa, b, sb) => {
  for (let i = 0; i < n; i++) f[y + i] = f[a + i * sa]! / f[b + i * sb]!;
});

export function neg_f32(y: Ptr, x: Ptr, n: number): void {
  const f = arena.f32;
  const to = y >>> 2;
  const from = x >>> 2;
  for (let i = 0; i < n; i++) f[to + i] = -f[from + i]!;
}

export function affine_f32(y: Ptr, x: Ptr, n: number, scale: number, shift: number): void {
  const f = arena.f32;
  const to = y >>> 2;
  const from = x >>> 2;
  for (let i = 0; i < n; i++) f[to + i] = f[from + i]! * scale + shift;
}
