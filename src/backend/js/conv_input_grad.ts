import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";
import { eachRun, readGeometry } from "./lib/window.js";

// Gradient of convolution in its input; the contract is in assembly/conv_input_grad.ts.

export function conv_input_grad_f32(
  dx: Ptr,
  dy: Ptr,
  w: Ptr,
  geometry: Ptr,
  _scratch: Ptr,
  n: number,
  groups: number,
  cg: number,
  og: number,
): void {
  const f = arena.f32;
  const g = readGeometry(geometry);
  const { stride } = g.width;
  const sums = new Float64Array(g.inputs);
  for (let i = 0; i < n; i++) {
    for (let c = 0; c < groups * cg; c++) {
      const group = Math.floor(c / cg);
      sums.fill(0);
      for (let o = group * og; o < (group + 1) * og; o++) {
        const from = (dy >>> 2) + (i * groups * og + o) * g.outputs;
        const taps = (w >>> 2) + (o * cg + (c % cg)) * g.taps;
        eachRun(g, (tap, input, output, count) => {
          const weight = f[taps + tap]!;
          const start = from + output;
          for (let j = 0; j < count; j++) sums[input + j * stride]! += weight * f[start + j]!;
        });
      }
      f.set(sums, (dx >>> 2) + (i * groups * cg + c) * g.inputs);
    }
  }
}
