import { arena } from "../../runtime/arena.js";
import type { Ptr } from "../../types.js";
import { eachRun, readGeometry } from "./lib/window.js";

// Convolution; the contract is in assembly/conv.ts.

/** One way for all shapes. */
export function conv_algorithm(_geometry: Ptr, _n: number, _cg: number, _og: number): number {
  return 0;
}

/** The weights are read as they are. */
export function conv_packed_bytes(_geometry: Ptr, _n: number, _groups: number, _cg: number, _og: number): number {
  return 0;
}

export function conv_needs_packed(_geometry: Ptr, _n: number, _cg: number, _og: number): number {
  return 0;
}

export function conv_pack_units(_groups: number, _outs: number): number {
  return 0;
}

export function conv_pack_f32(
  _packed: Ptr,
  _w: Ptr,
  _way: number,
  _cg: number,
  _og: number,
  _begin: number,
  _end: number,
): void {}

/** A unit is a channel of one image. */
export function conv_units(_geometry: Ptr, n: number, groups: number, _cg: number, og: number): number {
  return n * groups * og;
}

export function conv_f32(
  y: Ptr,
  x: Ptr,
  w: Ptr,
  _packed: Ptr,
  bias: Ptr,
  residual: Ptr,
  geometry: Ptr,
  _scratch: Ptr,
  _n: number,
  groups: number,
  cg: number,
  og: number,
  low: number,
  high: number,
  begin: number,
  end: number,
): void {
  const f = arena.f32;
  const g = readGeometry(geometry);
  const { stride } = g.width;
  const sums = new Float64Array(g.outputs);
  for (let unit = begin; unit < end; unit++) {
    const o = unit % (groups * og);
    const from = (x >>> 2) + Math.floor(unit / og) * cg * g.inputs;
    const taps = (w >>> 2) + o * cg * g.taps;
    sums.fill(bias === 0 ? 0 : f[(bias >>> 2) + o]!);
    for (let c = 0; c < cg; c++) {
      eachRun(g, (tap, input, output, count) => {
        const weight = f[taps + c * g.taps + tap]!;
        const start = from + c * g.inputs + input;
        for (let j = 0; j < count; j++) sums[output + j]! += weight * f[start + j * stride]!;
      });
    }
    const at = unit * g.outputs;
    if (residual !== 0) for (let j = 0; j < g.outputs; j++) sums[j]! += f[(residual >>> 2) + at + j]!;
    for (let j = 0; j < g.outputs; j++) f[(y >>> 2) + at + j] = Math.min(Math.max(sums[j]!, low), high);
  }
}
