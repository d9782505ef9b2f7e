import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";
import { eachRun, readGeometry } from "./lib/window.js";

// Gradient of convolution in its weights; the contract is in assembly/conv_weight_grad.ts.

/** Plain loops, for every shape. */
export function conv_weight_grad_algorithm(_geometry: Ptr, _n: number, _cg: number, _og: number): number {
  return 0;
}

/** A unit is an output. */
export function conv_weight_grad_units(_geometry: Ptr, _n: number, groups: number, _cg: number, og: number): number {
  return groups * og;
}

export function conv_weight_grad_f32(
  dw: Ptr,
  dy: Ptr,
  x: Ptr,
  geometry: Ptr,
  _scratch: Ptr,
  n: number,
  groups: number,
  cg: number,
  og: number,
  begin: number,
  end: number,
): void {
  const f = arena.f32;
  const g = readGeometry(geometry);
  const { stride } = g.width;
  const sums = new Float64Array(g.taps);
  for (let o = begin; o < end; o++) {
    const group = Math.floor(o / og);
    for (let c = 0; c < cg; c++) {
      sums.fill(0);
      for (let i = 0; i < n; i++) {
        const xs = (x >>> 2) + ((i * groups + group) * cg + c) * g.inputs;
        const gs = (dy >>> 2) + (i * groups * og + o) * g.outputs;
        eachRun(g, (tap, input, output, count) => {
          let sum = 0;
          for (let j = 0; j < count; j++) sum += f[gs + output + j]! * f[xs + input + j * stride]!;
          sums[tap]! += sum;
        });
      }
      f.set(sums, (dw >>> 2) + (o * cg + c) * g.taps);
    }
  }
}
