import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";
import { eachRun, readGeometry } from "./lib/window.js";

// Gradient of convolution in its input; the contract is in assembly/conv_input_grad.ts.

/** As of the convolution: one way for all shapes, which reads the weights as they are. */
export {
  conv_algorithm as conv_input_grad_algorithm,
  conv_needs_packed as conv_input_grad_needs_packed,
  conv_pack_f32 as conv_input_grad_pack_f32,
  conv_packed_bytes as conv_input_grad_packed_bytes,
} from "./conv.js";

/** A unit is a channel of one image. */
export function conv_input_grad_units(_geometry: Ptr, n: number, groups: number, cg: number, _og: number): number {
  return n * groups * cg;
}

export function conv_input_grad_f32(
  dx: Ptr,
  dy: Ptr,
  w: Ptr,
  _packed: Ptr,
  geometry: Ptr,
  _scratch: Ptr,
  _n: number,
  groups: number,
  cg: number,
  og: number,
  begin: number,
  end: number,
): void {
  const f = arena.f32;
  const g = readGeometry(geometry);
  const { stride } = g.width;
  const sums = new Float64Array(g.inputs);
  for (let unit = begin; unit < end; unit++) {
    const part = Math.floor(unit / cg);
    const group = part % groups;
    const c = unit % cg;
    sums.fill(0);
    for (let o = 0; o < og; o++) {
      const from = (dy >>> 2) + (part * og + o) * g.outputs;
      const taps = (w >>> 2) + ((group * og + o) * cg + c) * g.taps;
      eachRun(g, (tap, input, output, count) => {
        const weight = f[taps + tap]!;
        const start = from + output;
        for (let j = 0; j < count; j++) sums[input + j * stride]! += weight * f[start + j]!;
      });
    }
    f.set(sums, (dx >>> 2) + unit * g.inputs);
  }
}
