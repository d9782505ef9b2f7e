import { arena } from "../../../runtime/arena.js";
import type { Ptr } from "../../../types.js";

// The walk over two broadcast operands; the contract is in assembly/lib/broadcast.ts.

/** y [n0, n1, n2, n3] contiguous; a and b are read through element strides. */
export type Broadcast = (
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

/** One innermost run of n elements: y[py + i] = op(x[pa + i·sa], x[pb + i·sb]); all are indices. */
export type Run<X, Y> = (x: X, y: Y, n: number, py: number, pa: number, sa: number, pb: number, sb: number) => void;

/** The outer loops, once for all; each op writes its own inner loop, so that it is compiled without a call per element. */
function walk<X, Y>(inputs: () => X, outputs: () => Y, inShift: number, outShift: number, run: Run<X, Y>): Broadcast {
  return (y, a, b, n0, n1, n2, n3, a0, a1, a2, a3, b0, b1, b2, b3) => {
    const from = inputs();
    const to = outputs();
    let py = y >>> outShift;
    for (let i0 = 0; i0 < n0; i0++) {
      for (let i1 = 0; i1 < n1; i1++) {
        let pa = (a >>> inShift) + i0 * a0 + i1 * a1;
        let pb = (b >>> inShift) + i0 * b0 + i1 * b1;
        for (let i2 = 0; i2 < n2; i2++) {
          run(from, to, n3, py, pa, a3, pb, b3);
          py += n3;
          pa += a2;
          pb += b2;
        }
      }
    }
  };
}

const f32 = (): Float32Array => arena.f32;
const i32 = (): Int32Array => arena.i32;
const u8 = (): Uint8Array => arena.u8;

export function broadcastF32(run: Run<Float32Array, Float32Array>): Broadcast {
  return walk(f32, f32, 2, 2, run);
}

export function broadcastI32(run: Run<Int32Array, Int32Array>): Broadcast {
  return walk(i32, i32, 2, 2, run);
}

/** float32 in, bool out. */
export function compareF32(run: Run<Float32Array, Uint8Array>): Broadcast {
  return walk(f32, u8, 2, 0, run);
}

/** int32 in, bool out. */
export function compareI32(run: Run<Int32Array, Uint8Array>): Broadcast {
  return walk(i32, u8, 2, 0, run);
}

/** bool in, bool out. */
export function broadcastBool(run: Run<Uint8Array, Uint8Array>): Broadcast {
  return walk(u8, u8, 0, 0, run);
}
