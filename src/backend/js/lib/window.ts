import { arena } from "../../../runtime/arena.js";
import type { Ptr } from "../../../types.js";

/** One spatial dimension of a convolution. */
interface Axis {
  readonly input: number;
  readonly kernel: number;
  readonly output: number;
  readonly stride: number;
  readonly padding: number;
  readonly dilation: number;
}

/** The geometry that src/backend/convolution.ts writes, and what follows from it. */
export interface Geometry {
  readonly depth: Axis;
  readonly height: Axis;
  readonly width: Axis;
  /** Elements of one channel of the input and of the output, and taps of one channel of the kernel. */
  readonly inputs: number;
  readonly outputs: number;
  readonly taps: number;
}

export function readGeometry(geometry: Ptr): Geometry {
  const at = geometry >>> 2;
  const { i32 } = arena;
  const axis = (d: number): Axis => ({
    input: i32[at + d]!,
    kernel: i32[at + 3 + d]!,
    output: i32[at + 6 + d]!,
    stride: i32[at + 9 + d]!,
    padding: i32[at + 12 + d]!,
    dilation: i32[at + 15 + d]!,
  });
  const [depth, height, width] = [axis(0), axis(1), axis(2)];
  return {
    depth,
    height,
    width,
    inputs: depth.input * height.input * width.input,
    outputs: depth.output * height.output * width.output,
    taps: depth.kernel * height.kernel * width.kernel,
  };
}

/**
 * Calls `visit` for each tap and each row of outputs with the part of the row where the tap meets the input, not the padding: `count`
 * outputs from `output` on, which read from `input` on in steps of the stride.
 */
export function eachRun(g: Geometry, visit: (tap: number, input: number, output: number, count: number) => void): void {
  const { depth, height, width } = g;
  let tap = 0;
  for (let kz = 0; kz < depth.kernel; kz++) {
    for (let ky = 0; ky < height.kernel; ky++) {
      for (let kx = 0; kx < width.kernel; kx++, tap++) {
        const first = kx * width.dilation - width.padding;
        const lo = Math.max(0, Math.ceil(-first / width.stride));
        const hi = Math.min(width.output, Math.ceil((width.input - first) / width.stride));
        if (lo >= hi) continue;
        for (let oz = 0; oz < depth.output; oz++) {
          const iz = oz * depth.stride - depth.padding + kz * depth.dilation;
          if (iz < 0 || iz >= depth.input) continue;
          for (let oy = 0; oy < height.output; oy++) {
            const iy = oy * height.stride - height.padding + ky * height.dilation;
            if (iy < 0 || iy >= height.input) continue;
            const input = (iz * height.input + iy) * width.input + lo * width.stride + first;
            visit(tap, input, (oz * height.output + oy) * width.output + lo, hi - lo);
          }
        }
      }
    }
  }
}
