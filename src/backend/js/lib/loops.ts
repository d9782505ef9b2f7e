import { arena } from "../../../runtime/arena.js";
import type { Ptr } from "../../../types.js";

// Kernels from their inner loops: the pointer arithmetic is written once, and each op is compiled without a call per element.

/** One run of n elements, f[y + i] = op(f[x + i]); y and x are indices. */
type MapRun = (f: Float32Array, n: number, y: number, x: number) => void;

/** One run of n elements, f[y + i] = op(f[a + i], f[b + i]). */
type ZipRun = (f: Float32Array, n: number, y: number, a: number, b: number) => void;

/** The kernel (y, x, n) of a function of one operand. */
export function map(run: MapRun): (y: Ptr, x: Ptr, n: number) => void {
  return (y, x, n) => run(arena.f32, n, y >>> 2, x >>> 2);
}

/** As `map`, on int32. */
export function mapI32(
  run: (m: Int32Array, n: number, y: number, x: number) => void,
): (y: Ptr, x: Ptr, n: number) => void {
  return (y, x, n) => run(arena.i32, n, y >>> 2, x >>> 2);
}

/** The kernel (y, a, b, n) of a function of two operands. */
export function zip(run: ZipRun): (y: Ptr, a: Ptr, b: Ptr, n: number) => void {
  return (y, a, b, n) => run(arena.f32, n, y >>> 2, a >>> 2, b >>> 2);
}
