import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";
import { eachRun, readGeometry } from "./lib/window.js";

// Convolution; the contract is in assembly/conv.ts.

export function conv_f32(
  y: Ptr,
  x: Ptr,
  w: Ptr,
  bias: Ptr,
  geometry: Ptr,
  _scratch: Ptr,
  n: number,
  groups: number,
  cg: number,
  og: number,
  relu: number,
): void {
  const f = arena.f32;
  const g = readGeometry(geometry);
  const { stride } = g.width;
  const sums = new Float64Array(g.outputs);
  for (let i = 0; i < n; i++) {
    for (let o = 0; o < groups * og; o++) {
      const group = Math.floor(o / og);
      const from = (x >>> 2) + (i * groups + group) * cg * g.inputs;
      const taps = (w >>> 2) + o * cg * g.taps;
      sums.fill(bias === 0 ? 0 : f[(bias >>> 2) + o]!);
      for (let c = 0; c < cg; c++) {
        eachRun(g, (tap, input, output, count) => {
          const weight = f[taps + c * g.taps + tap]!;
          const start = from + c * g.inputs + input;
          for (let j = 0; j < count; j++) sums[output + j]! += weight * f[start + j * stride]!;
        });
      }
      const to = (y >>> 2) + (i * groups * og + o) * g.outputs;
      for (let j = 0; j < g.outputs; j++) f[to + j] = relu ? Math.max(sums[j]!, 0) : sums[j]!;
    }
  }
}
